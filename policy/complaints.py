"""What people complained of, as the FTC and the FCC publish it: numbers, how often, and when last.

Anybody may complain of any number, and a robocaller shows the numbers of others: a complaint is a hint of low weight,
fades as a listed number does, and never refuses a call. Reading the published tables is here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from policy.letter import moment
from policy.lists import Quarantined, number
from policy.told import DAY, FADED_DAYS, FULL_DAYS, faded
from shaken.number import nanp_fault

LEAST = 2
"""Complaints of a number before they say anything: one may be a slip of the finger."""
MOST = 2_000_000
"""Numbers that are kept, some 300 MB: twice what a year of both tables holds."""
MAX_ROWS = 20_000_000
NUMBERS = ("company_phone_number", "company-phone-number", "caller id number", "caller_id_number", "number", "caller")
"""How the column of the number is called: by the FTC, by the FCC, by us."""
DATES = (
    "created_date", "created-date", "ticket created", "ticket_created", "violation_date", "violation-date",
    "date of issue", "issue_date", "last",
)  # fmt: skip
COUNTS = ("complaints",)
HEADING = ("number", "complaints", "last")


class Told(NamedTuple):
    """The complaints of one number."""

    times: int
    last: float
    """When the last one was made, Unix seconds."""


class Complaints:
    """Numbers that were complained of."""

    __slots__ = ("told",)

    def __init__(self, told: Mapping[str, Told]) -> None:
        self.told = dict(told)

    def __len__(self) -> int:
        return len(self.told)

    def of(self, caller: str | None, utc: float) -> tuple[Told, float] | None:
        """What was told of a caller, and how much of it still counts (1.0 to 0.0); None: nothing that does."""
        told = self.told.get(caller) if caller is not None else None
        if told is None:
            return None
        times, last = told
        if times < LEAST or utc < last:
            return None
        if (old := utc - last) <= FULL_DAYS * DAY:
            return told, 1.0
        factor = faded(int(old // DAY), FULL_DAYS, FADED_DAYS)
        return (told, factor) if factor else None


class Reading(NamedTuple):
    """What a table gave."""

    told: dict[str, Told]
    rows: int
    nobody: int
    """Rows without a number, or with one that cannot be: nobody can be found by it."""
    quarantined: tuple[Quarantined, ...]


def parse(texts: Iterable[str]) -> Reading:
    """Tables with a heading, together; a row that stands in two of them counts once. Raises ValueError where a heading
    has no column for the number or the day.
    """
    found: dict[str, Told] = {}
    seen: set[int] = set()
    bad: list[Quarantined] = []
    rows = nobody = 0
    for text in texts:
        lines = csv.reader(text.removeprefix("\ufeff").splitlines())
        try:
            head = [cell.strip().lower() for cell in next(lines, [])]
            at, day, counted = (_column(head, names) for names in (NUMBERS, DATES, COUNTS))
            if at is None or day is None:
                raise ValueError("the heading names no column of the number, or none of the day")
            for place, cells in enumerate(lines, 2):
                if not cells:
                    continue
                rows += 1
                if rows > MAX_ROWS:
                    raise ValueError(f"more than {MAX_ROWS:,} rows")
                mark = hash(tuple(cells))
                if mark in seen:
                    continue
                seen.add(mark)
                if len(cells) <= max(at, day):
                    bad.append(Quarantined(place, ",".join(cells)[:80], "columns are missing"))
                    continue
                caller = _caller(cells[at])
                if caller is None:
                    nobody += 1
                    continue
                try:
                    last = _moment(cells[day])
                    count = int(cells[counted]) if counted is not None else 1
                except (ValueError, IndexError) as error:
                    bad.append(Quarantined(place, ",".join(cells)[:80], str(error)))
                    continue
                before = found.get(caller)
                if before is not None:
                    found[caller] = Told(before.times + count, max(before.last, last))
                elif len(found) < MOST:
                    found[caller] = Told(count, last)
        except csv.Error as error:
            raise ValueError(f"not CSV ({error})") from error
    return Reading(found, rows, nobody, tuple(bad))


def written(told: Mapping[str, Told]) -> Iterator[str]:
    """The same in our own columns."""
    yield ",".join(HEADING)
    for caller, one in sorted(told.items()):
        yield f"+{caller},{one.times},{_day(one.last)}"


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _caller(text: str) -> str | None:
    try:
        found = number(text.strip())
    except ValueError:
        return None
    return found if len(found) >= 7 and nanp_fault(found) is None else None


def _moment(text: str) -> float:
    """The day of `2024-03-01 12:34:56`, `03/01/2024 08:29:13 AM +0000` and the like: the time of day says nothing."""
    return moment(text.strip().replace("T", " ").partition(" ")[0])


def _day(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).date().isoformat()
