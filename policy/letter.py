"""Reading a table of traced calls, like Attachment A of the FTC's letter of 27 November 2023, from CSV.

Text in, Table out: nothing is guessed, nothing is lost. A row that cannot be read with certainty is set
apart with its line number, and the table says whether all the rows that the letter promises are there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from policy.campaigns import named
from policy.grounds import cited
from policy.lists import CampaignList, Quarantined, number
from policy.told import Entry

MAX_ROWS = 200_000
"""A thousand times the largest letter seen; keeps a wrong file from filling the memory. Longer tables are packed
(`policy.packed`)."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "notified": ("notified", "itg_notification_date", "date of itg notification", "notification date"),
    "called": ("called", "call_date", "date of call", "last_seen"),
    "caller": ("caller", "caller_id", "caller id", "number", "calling number"),
    "campaign": ("campaign", "robocall campaign identifier", "campaign identifier"),
    "confidence": ("confidence",),
    "origin": ("origin",),
    "source": ("source",),
    "cites": ("cites", "citation", "violation", "apparent violation"),
    "evidence": ("evidence", "recording_url", "recording", "link to robocall recording"),
}
"""Our names, and what others call the same column. Only the first four are needed, `called` not even that."""

CONFIDENCE = ("high", "medium", "low", "recovered")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

HEAD_LINES = 40
"""Among so many first lines stands how many rows are promised."""
KNOWN_ROWS = 50_000
"""Rows without their numbers that are remembered while a table is read: those of long tables are much alike."""

_EXPECTED = re.compile(r"#\s*expected[: ]\s*([0-9]{1,9})\b", re.I).match
_LINES = re.compile(r"\r\n?|\n").split
_AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\Z").match


@dataclass(frozen=True, slots=True)
class Row:
    """One traced call."""

    position: int
    """Its place in the letter, from 1."""
    line: int
    notified: float
    """Unix seconds; a date alone is its midnight, UTC."""
    called: float
    caller: str
    campaign: str
    written: str
    """The campaign as the file writes it, verbatim (REG-025)."""
    confidence: str = "high"
    origin: str = ""
    source: str = "itg"
    cites: str = ""
    """The paragraph that it is said to break (`policy.grounds.CITATIONS`)."""
    evidence: str = ""
    """Where a recording is said to be. Shown, never fetched."""

    def entry(self) -> Entry:
        """As the campaign list holds it: known from its notice on."""
        return Entry(
            self.caller, self.campaign, self.notified, self.called, self.source, self.confidence, self.origin,
            self.cites,
        )  # fmt: skip


class Told(NamedTuple):
    """What a row says besides its number."""

    notified: float
    called: float
    campaign: str
    source: str
    confidence: str
    origin: str
    cites: str
    written: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Table:
    """What a file of traced calls holds."""

    rows: tuple[Row, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    expected: int | None = None

    @property
    def parsed(self) -> int:
        return len(self.rows)

    @property
    def ok(self) -> bool:
        """Nothing set apart, and as many rows as were promised."""
        return not self.quarantined and (self.expected is None or self.parsed == self.expected)

    def reconciled(self) -> str:
        """The line for the operator: `expected 125, parsed 125`."""
        promised = "" if self.expected is None else f"expected {self.expected}, "
        apart = f", {len(self.quarantined)} set apart" if self.quarantined else ""
        return f"{promised}parsed {self.parsed}{apart}"

    def campaigns(self) -> CampaignList:
        """The rows as a list that can be asked."""
        return CampaignList(tuple(row.entry() for row in self.rows))


def parse(text: str, expected: int | None = None) -> Table:
    """Read a table of traced calls. Never raises.

    `expected`: how many rows the letter promises; without it a head comment `# expected 125` counts.
    """
    rows: list[Row] = []
    bad: list[Quarantined] = []
    lines = _LINES(text.removeprefix("\ufeff"))
    if expected is None:
        expected = promised(lines[:HEAD_LINES])
    for item in each(line + "\n" for line in uncommented(lines)):
        if len(rows) == MAX_ROWS:
            line = item.line if isinstance(item, Quarantined) else item[0]
            bad.append(Quarantined(line, "", f"from here on: a table holds {MAX_ROWS:,} rows"))
            break
        if isinstance(item, Quarantined):
            bad.append(item)
            continue
        line, caller, told = item
        rows.append(
            Row(
                len(rows) + len(bad) + 1, line, told.notified, told.called, caller, told.campaign, told.written,
                told.confidence, told.origin, told.source, told.cites, told.evidence,
            )  # fmt: skip
        )
    return Table(tuple(rows), tuple(bad), expected)


def promised(head: Iterable[str]) -> int | None:
    """How many rows the first lines promise."""
    return next((int(found[1]) for line in head if (found := _EXPECTED(line))), None)


def uncommented(lines: Iterable[str]) -> Iterator[str]:
    """Comment lines become empty, so that line numbers stay true."""
    return ("" if line.startswith("#") else line for line in lines)


def each(lines: Iterable[str]) -> Iterator[tuple[int, str, Told] | Quarantined]:
    """The rows of a table one after another, however long it is: line, number, and what is told of it. `lines`: with
    their ends, without comments. Never raises."""
    reader = csv.reader(lines)
    place: dict[str, int] | None = None
    known: dict[tuple[str, ...], Told] = {}
    at = 0
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if place is None:
                place = _head(cells)
                if not {"notified", "caller", "campaign"} <= place.keys():
                    why = "no heading with date of notification, caller and campaign"
                    yield Quarantined(reader.line_num, _cut(cells), why)
                    return
                at = place["caller"]
                continue
            written = cells[at] if at < len(cells) else ""
            try:
                caller = number(written.strip())
                if len(caller) < 7:
                    raise ValueError("the caller is no full number")
                cells[at] = ""
                key = tuple(cells)
                if (told := known.get(key)) is None:
                    told = _told(cells, place)
                    if len(known) == KNOWN_ROWS:
                        known.clear()
                    known[key] = told
                yield reader.line_num, caller, told
            except ValueError as error:
                if written:
                    cells[at] = written
                yield Quarantined(reader.line_num, _cut(cells), str(error))
    except csv.Error as error:
        yield Quarantined(reader.line_num, "", f"from here on: not CSV ({error})")


def _head(cells: list[str]) -> dict[str, int]:
    given = {" ".join(cell.split()).casefold(): at for at, cell in reversed(list(enumerate(cells)))}
    return {ours: given[name] for ours, names in COLUMNS.items() for name in reversed(names) if name in given}


def _told(cells: list[str], place: dict[str, int]) -> Told:
    """One row without its number; raises ValueError with what is wrong with it."""

    def cell(name: str) -> str:
        at = place.get(name)
        return cells[at].strip() if at is not None and at < len(cells) else ""

    if not (written := cell("campaign")):
        raise ValueError("no campaign")
    notified = moment(cell("notified"))
    called = moment(cell("called")) if cell("called") else notified
    if called > notified:
        raise ValueError("the call is later than its notification")
    confidence = cell("confidence").casefold() or "high"
    if confidence not in CONFIDENCE:
        raise ValueError(f"confidence is one of {', '.join(CONFIDENCE)}")
    return Told(
        notified, called, named(written), cell("source").casefold() or "itg", confidence, cell("origin"),
        cited(cell("cites")) if cell("cites") else "", written, cell("evidence"),
    )  # fmt: skip


def moment(text: str) -> float:
    """Unix seconds of `2023-09-08`, `9/8/2023` or `2023-09-08T12:00:00Z` (UTC where no zone is named);
    raises ValueError."""
    try:
        if found := _AMERICAN(text):
            when = datetime(int(found[3]), int(found[1]), int(found[2]), tzinfo=UTC)
        else:
            when = datetime.fromisoformat(text)
            when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        seconds = when.timestamp()
    except (ValueError, OverflowError):
        raise ValueError("no date of the form 2023-09-08 or 9/8/2023") from None
    if not EARLIEST <= seconds < LATEST:
        raise ValueError("a date outside this century")
    return seconds


def _cut(cells: list[str]) -> str:
    return ",".join(cells)[:80]
