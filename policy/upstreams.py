"""Upstreams that nothing is taken from: blocked by the operator with a reason and a date (47 CFR 64.1200(k)(4)), or
struck off the Robocall Mitigation Database (47 CFR 64.6305).

A copy of that database speaks for a week; an older one refuses nobody (REG-042). Reading the text is here.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import NamedTuple

RMD_DAYS = 7
DAY = 86_400.0
MOST = 200_000
"""Rows: ten times the database of 2025."""
STRUCK = frozenset(("removed", "deficient", "withdrawn"))
NUMBERS = ("number", "rmd_number", "filing number", "rmd number")
STATUS = ("status", "filing status")


OPENS_MONTH, DUE_MONTH = 2, 3
"""A certification from 1 February on counts for this year's 1 March (47 CFR 64.6305, in force since 5 February
2026)."""


def recertify_by(certified: float) -> float:
    """When the next yearly certification is due after one of this moment: 1 March, to its end in UTC."""
    when = datetime.fromtimestamp(certified, UTC)
    year = when.year + (when.month >= OPENS_MONTH)
    return datetime(year, DUE_MONTH, 2, tzinfo=UTC).timestamp()


class Block(NamedTuple):
    """Why nothing is taken from an upstream, and when. Unix seconds."""

    slug: str
    why: str
    since: float
    until: float = float("inf")


def parse_rmd(text: str) -> dict[str, str]:
    """Filing number -> status, of a CSV with these two columns under one of their names. Raises ValueError."""
    lines = csv.reader(text.lstrip("\ufeff").splitlines())
    head = [cell.strip().lower() for cell in next(lines, [])]
    number = next((at for at, name in enumerate(head) if name in NUMBERS), None)
    status = next((at for at, name in enumerate(head) if name in STATUS), None)
    if number is None or status is None:
        raise ValueError("the heading needs the columns number and status")
    found: dict[str, str] = {}
    for cells in lines:
        if len(cells) > max(number, status) and cells[number].strip():
            if len(found) >= MOST:
                raise ValueError(f"more than {MOST:,} rows")
            found[cells[number].strip().upper()] = cells[status].strip().lower()
    return found


def unlisted(filing: str, database: dict[str, str], as_of: float) -> Block | None:
    """The block of an upstream with this filing number; None: it is listed, or the database has nothing to say."""
    if not filing or not database:
        return None
    status = database.get(filing.upper())
    if status is not None and status not in STRUCK:
        return None
    said = f"is {status} in" if status is not None else "does not stand in"
    why = f"{filing} {said} the Robocall Mitigation Database"
    return Block("upstream-unlisted", why, as_of, as_of + RMD_DAYS * DAY)
