"""What the Reassigned Numbers Database said of numbers: was a number given up since the day on which its holder agreed
to be called, or was last reached (47 CFR 64.1200(m))?

The database is asked by the operator, who pays for it; its answers come in as a file, and each row is the record of one
query: number, the date that was asked about, the answer, and when. `yes`: permanently given up on that day or later, so
an agreement of that day is another person's now. `no`: it was not. `no data`: the database does not reach back so far,
which it may only say of days before 27 January 2021. The latest answer about an agreement counts; new months are told
on the 15th, and a number rests at least 45 days before somebody else gets it, so an answer serves for a month
(REG-077).

The safe harbour (REG-078) stands on the latest query having said `no` before the call: rows are never dropped by a
newer one of another date.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from policy.letter import moment
from policy.lists import Quarantined, number

Said = Literal["yes", "no", "no data"]
DAY = 86_400.0
BEGAN = datetime(2021, 1, 27, tzinfo=UTC).timestamp()
"""The database knows nothing of days before."""
SERVES_DAYS = 31
"""Days after which an answer says nothing: a month has been told since."""
MAX_ROWS = 5_000_000
COLUMNS = ("number", "date", "answer", "asked")
ANSWERS: dict[str, Said] = {"yes": "yes", "no": "no", "no data": "no data", "no_data": "no data", "nodata": "no data"}


class Query(NamedTuple):
    """One question to the database, and its answer."""

    number: str
    date: float
    """The day that was asked about, its beginning in UTC."""
    answer: Said
    asked: float
    """When it was asked, Unix seconds."""


class Reassigned:
    """All answers, by number. Asked for each call of ours that rests on somebody's agreement."""

    __slots__ = ("_by_number", "_count")

    def __init__(self, queries: Iterable[Query] = ()) -> None:
        by_number: dict[str, list[Query]] = defaultdict(list)
        for query in queries:
            by_number[query.number].append(query)
        self._by_number = {tn: tuple(sorted(found, key=lambda one: one.asked)) for tn, found in by_number.items()}
        self._count = sum(map(len, self._by_number.values()))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Query]:
        for found in self._by_number.values():
            yield from found

    def given_up(self, tn: str, agreed: float, utc: float) -> bool:
        """Was this number given up since a moment, as far as is known at another? A `yes` about that day or a later one
        counts for ever, whatever was said before: numbers are not given back."""
        day = agreed // DAY * DAY
        for one in self._by_number.get(tn, ()):
            if one.answer == "yes" and one.date >= day and one.asked <= utc:
                return True
        return False

    def relied(self, tn: str, agreed: float, utc: float) -> Query | None:
        """The query that a call may rely on: the latest before it, about the day of the agreement or an earlier one,
        if it said `no` and is not older than `SERVES_DAYS`; None: there is none (REG-078)."""
        latest = None
        for one in self._by_number.get(tn, ()):
            if one.date <= agreed and one.asked <= utc:
                latest = one
        if latest is None or latest.answer != "no" or utc - latest.asked > SERVES_DAYS * DAY:
            return None
        return latest


def parse(text: str) -> tuple[list[Query], list[Quarantined]]:
    """A CSV of answers with the columns number, date, answer and asked. Rows that cannot be read, or cannot be true,
    are set apart. Never raises."""
    found: list[Query] = []
    bad: list[Quarantined] = []
    rows = csv.reader(text.removeprefix("\ufeff").splitlines())
    place: dict[str, int] | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
                continue
            if place is None:
                place = {cell.strip().casefold(): at for at, cell in enumerate(cells)}
                if missing := [name for name in COLUMNS if name not in place]:
                    return [], [Quarantined(rows.line_num, ",".join(cells)[:80], f"no column {missing[0]}")]
                continue
            if len(found) == MAX_ROWS:
                bad.append(Quarantined(rows.line_num, "", f"from here on: a file holds {MAX_ROWS:,} rows"))
                break
            try:
                found.append(_query({name: cells[at].strip() for name, at in place.items() if at < len(cells)}))
            except ValueError as error:
                bad.append(Quarantined(rows.line_num, ",".join(cells)[:80], str(error)))
    except csv.Error as error:
        bad.append(Quarantined(rows.line_num, "", f"from here on: no CSV ({error})"))
    return found, bad


def _query(row: dict[str, str]) -> Query:
    tn = number(row.get("number", ""))
    answer = ANSWERS.get(row.get("answer", "").casefold())
    if answer is None:
        raise ValueError("an answer is yes, no or no data")
    date, asked = moment(row.get("date", "")), moment(row.get("asked", ""))
    if date > asked:
        raise ValueError("it was asked before the day that it is about")
    if answer == "no data" and date >= BEGAN:
        raise ValueError("the database says no data of days before 2021-01-27 only")
    return Query(tn, date // DAY * DAY, answer, asked)


def written(queries: Iterable[Query]) -> Iterator[str]:
    """The lines of a file that `parse` reads, heading first."""
    yield ",".join(COLUMNS)
    for one in queries:
        day = datetime.fromtimestamp(one.date, UTC).date()
        asked = datetime.fromtimestamp(one.asked, UTC).isoformat()
        yield f"+{one.number},{day},{one.answer},{asked}"
