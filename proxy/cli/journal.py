"""`journal verify`: does the chain of the journal hold, and where are rows missing for a reason that it knows?"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.clock import iso
from proxy.settings import Settings, SettingsError, load
from proxy.storage.find import JournalError, verified


def journal_of(journal: str | None, config: str | None) -> tuple[Path | None, Settings | None]:
    """The journal that is meant, and the configuration if one was named. No path: complained."""
    settings: Settings | None = None
    if config is not None:
        try:
            settings = load(Path(config))
        except SettingsError as error:
            complain(str(error))
            return None, None
    if journal is not None:
        return Path(journal), settings
    path = settings.paths.journal if settings is not None else None
    if path is None:
        complain("which journal? give --journal FILE, or --config FILE with paths.journal")
    return path, settings


def verify(journal: str | None, config: str | None, head: str, as_json: bool) -> int:
    """0 only if the chain holds."""
    path, _ = journal_of(journal, config)
    if path is None:
        return USAGE
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("links", total=None)
            found = verified(path, head, lambda done, whole: bar.update(task, completed=done, total=whole))
    except JournalError as error:
        return complain(str(error))
    if as_json:
        print(json.dumps({
            "holds": not found.faults, "links": found.links, "calls": found.calls, "head": found.head,
            "faults": found.faults, "renewed": found.renewed,
            "gaps": [
                {"why": why, "from": start, "to": end, "rows": lost or None} for why, start, end, lost in found.gaps
            ],
        }))  # fmt: skip
    else:
        for fault in found.faults:
            print(f"FAULT  {fault}")
        for why, start, end, rows in found.gaps:
            lost = f"{rows} row(s)" if rows else "rows that waited to be written may be missing"
            print(f"gap    {iso(start)} to {iso(end)}: {why}; {lost}")
        if found.renewed:
            print(f"{found.renewed} link(s) were masked or emptied by the rules of [journal]")
        said = "the chain holds" if not found.faults else "THE CHAIN DOES NOT HOLD"
        print(f"{said}: {found.links} link(s), {found.calls} call(s), head {found.head}")
    return NEGATIVE if found.faults else OK
