"""`peer list|drain|enable|force`: what a running ringwarden knows of its peers, and orders to it, by its admin API."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from rich.console import Console
from rich.table import Table

from proxy.cli import NEGATIVE, OK, complain

DEFAULT = "127.0.0.1:9495"
SECONDS = 5.0
MAX_ANSWER = 4 * 1024 * 1024
WIDE = 400
"""Columns that a line may have: no name of a host (253) with all the rest is longer."""
COLOURS = {"up": "green", "unknown": "yellow", "failing": "yellow", "held": "yellow", "rising": "yellow"}


def peer(task: str, name: str | None, state: str | None, config: str | None, admin: str | None, as_json: bool) -> int:
    """0: done; and for `list`, that each peer has a hop that calls can use. 1: one has none."""
    where = admin or DEFAULT
    if config is not None and admin is None:
        from proxy.cli.run import read

        settings = read(config)
        if settings is None:
            return complain("the configuration cannot be read")
        if settings.admin is None:
            return complain(f"{config} has no [admin] address, so nobody can be asked")
        host = f"[{settings.admin.host}]" if ":" in settings.admin.host else settings.admin.host
        where = f"{host}:{settings.admin.port}"
    try:
        if task == "list":
            rows = ask(where, "/peers")
        else:
            path = f"/peers/{urllib.parse.quote(name or '', safe='')}/{task}"
            rows = ask(where, path, {"state": state} if state else {})
    except OSError as error:
        return complain(f"{where} does not answer ({error}): is ringwarden running, and is this its [admin] address?")
    except ValueError as error:
        return complain(str(error))
    print(json.dumps({"peers": rows}, indent=2)) if as_json else show(rows)
    if task != "list":
        return OK
    well = {row["peer"] for row in rows if row["usable"]}
    return OK if all(row["peer"] in well for row in rows) else NEGATIVE


def ask(where: str, path: str, body: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The rows that the admin address gives. Raises OSError when nobody answers, ValueError with a complaint."""
    request = urllib.request.Request(
        f"http://{where}{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json"},
    )
    # No proxy of the environment: this is our own machine or our own network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            found = json.loads(answer.read(MAX_ANSWER))
    except urllib.error.HTTPError as error:
        try:
            raise ValueError(str(json.loads(error.read(MAX_ANSWER))["error"])) from None
        except (KeyError, TypeError, json.JSONDecodeError):
            raise ValueError(f"{where} answered {error.code}: is it ringwarden's admin address?") from None
    if not isinstance(found, dict) or not isinstance(found.get("peers"), list):
        raise ValueError(f"{where} is not ringwarden's admin address")
    return list(found["peers"])


def show(rows: list[dict[str, Any]]) -> None:
    """A table: one line a target, whole. A terminal that is narrower breaks it itself; a program reads it all."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("peer", "side", "prio", "weight", "target", "state", "for", "calls", "ping", "last failure"):
        table.add_column(heading, justify="right" if heading in ("prio", "weight", "for", "ping") else "left")
    for row in rows:
        state = str(row["state"])
        colour = COLOURS.get(state, "red")
        order = {"drain": "drained", "up": "forced up", "down": "forced down"}.get(str(row["order"]), "")
        trip = row["round_trip_ms"]
        table.add_row(
            str(row["peer"]), str(row["side"]), str(row["priority"]), str(row["weight"]), str(row["target"]),
            f"[{colour}]{state}[/]", span(float(row["seconds"])), order or ("yes" if row["usable"] else "last"),
            "" if trip is None else f"{trip:.1f} ms", str(row["why"]),
        )  # fmt: skip
    Console(width=WIDE, height=len(rows)).print(table)  # rich asks for both, or takes 80 of a dumb terminal


def span(seconds: float) -> str:
    """A time as a person says it: 12 s, 3 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
