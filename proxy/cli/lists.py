"""`lists import`: read a table of traced calls, reconcile it with what it promises, and keep it as a campaign list."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

from policy.letter import Table
from proxy import lists
from proxy.cli import NEGATIVE, OK, complain

HEADING = ("notified", "called", "caller", "campaign", "confidence", "origin", "source", "evidence")


def bring_in(file: str | None, expected: int | None, out: str | None, as_json: bool) -> int:
    """0 only if all rows that were promised are there and can be read."""
    try:
        found = lists.import_letter(Path(file), expected) if file is not None else lists.bundled()
    except lists.ListError as error:
        return complain(str(error))
    if as_json:
        print(
            json.dumps(
                {
                    "expected": found.expected,
                    "parsed": found.parsed,
                    "ok": found.ok,
                    "numbers": len({row.caller for row in found.rows}),
                    "campaigns": len({row.campaign for row in found.rows}),
                    "set_apart": [str(item) for item in found.quarantined],
                }
            )
        )
    else:
        for item in found.quarantined:
            print(f"set apart: {item}")
        print(
            f"{found.reconciled()}: {len({row.caller for row in found.rows})} numbers,"
            f" {len({row.campaign for row in found.rows})} campaigns"
        )
    if out is not None and found.rows:
        try:
            write(Path(out), found)
        except OSError as error:
            return complain(f"cannot write {out}: {error.strerror}")
    return OK if found.ok else NEGATIVE


def write(path: Path, table: Table) -> None:
    """The table in our own columns, whole or not at all. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", newline="", encoding="utf-8") as stream:
        stream.write(f"# expected {table.parsed}\n")
        rows = csv.writer(stream)
        rows.writerow(HEADING)
        for row in table.rows:
            rows.writerow(
                (
                    day(row.notified),
                    day(row.called),
                    "+" + row.caller,
                    row.campaign,
                    row.confidence,
                    row.origin,
                    row.source,
                    row.evidence,
                )
            )
    draft.replace(path)


def day(utc: float) -> str:
    """A date as the list writes it."""
    return datetime.fromtimestamp(utc, UTC).date().isoformat()
