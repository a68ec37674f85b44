"""`duties`: what the rules ask of an operator in this role, and what the configuration does about it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from policy.duties import answers
from proxy.cli import NEGATIVE, OK, complain
from proxy.duties import facts, requests
from proxy.settings import SettingsError, load

WIDTH = 140


def duties(config: str, as_json: bool) -> int:
    """Print the table. 0: none is open; 1: one is."""
    try:
        settings = load(Path(config))
    except SettingsError as error:
        return complain(str(error))
    utc = time.time()
    known = facts(settings, utc)
    if known.telemarketing:
        known = known._replace(requests=requests(settings, utc))
    told = answers(known)
    if as_json:
        print(json.dumps({"role": settings.role, "duties": [one._asdict() for one in told]}, ensure_ascii=False))
    elif not told:
        print(f"role {settings.role}: the rules of these paragraphs speak to providers and to those who telemarket")
    else:
        out = Console(highlight=False)
        if not out.is_terminal:
            out = Console(width=WIDTH, highlight=False)
        table = Table(title=f"role {settings.role}", title_justify="left", box=None, pad_edge=False)
        for head in ("duty", "stands on", "state", "what is done, or to be done"):
            table.add_column(head, overflow="fold")
        for one in told:
            table.add_row(one.name, one.ground, one.state, one.said)
        out.print(table, markup=False)
    return NEGATIVE if any(one.state == "open" for one in told) else OK
