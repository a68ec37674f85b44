"""`report` and `shadow report`: the journal over a time, as a table, JSON or CSV."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from rich.console import Console
from rich.table import Table

from policy.duties import requested
from proxy.cli import OK, USAGE, complain
from proxy.cli.journal import journal_of
from proxy.cli.records import forms, span
from proxy.cli.sold import book_of, widened
from proxy.duties import requests
from proxy.storage.find import JournalError, since
from proxy.storage.reports import REPORTS, Report, as_objects, shadow
from proxy.storage.telling import lines, told

WIDTH = 160
"""Columns where nobody looks at a terminal that would have some of its own."""


def report(args: Namespace) -> int:
    """Print one report."""
    path, settings = journal_of(args.journal, args.config)
    if path is None:
        return USAGE
    where, values = "1", tuple[str, ...]()
    try:
        start, end = span(args.since, args.until, args.days, time.time())
        if args.kind == "blocked":
            if args.line is None:
                return complain("whose calls? name the called number: --line NUMBER")
            values = forms(args.line, settings)
            where = "direction = 'inbound' AND action IN ('reject', 'divert')"
            where += f" AND callee IN ({','.join('?' * len(values))})"
        elif args.kind == "campaign":
            where = "campaign <> ''"
        made = (shadow if args.kind == "shadow" else REPORTS[args.kind])(since(path, start, end, where, values))
    except (ValueError, JournalError) as error:
        return complain(str(error))
    if args.kind == "dnc":
        made = widened(made, book_of(settings))
        if settings is not None:
            made = made._replace(remarks=(*made.remarks, requested(requests(settings, end), end)))
    shown(made, args.format, f"{args.kind}: {told(start)} to {told(end)}")
    return OK


def shown(made: Report, form: str, title: str) -> None:
    """A report as the reader wants it."""
    if form == "json":
        print(json.dumps({"title": title, "rows": as_objects(made), "remarks": made.remarks}, ensure_ascii=False))
        return
    if form == "csv":
        print("\n".join(lines(as_objects(made), "csv", made.columns)))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=WIDTH, highlight=False)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for place, head in enumerate(made.columns):
        figures = all(isinstance(row[place], int | float | None) for row in made.rows)
        table.add_column(head, justify="right" if figures else "left", overflow="fold")
    for row in made.rows:
        table.add_row(*("-" if value in (None, "") else str(value) for value in row))
    console.print(table if made.rows else f"{title}: nothing", markup=False)
    for remark in made.remarks:
        console.print(remark, markup=False)
