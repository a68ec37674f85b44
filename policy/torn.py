"""Reading a table of traced calls from the text of a scanned letter, where its rows are torn apart.

What a text recogniser makes of such a page: rows that stand whole, with damaged cells; or columns one after the other,
a block of dates, a block of numbers, a block of campaigns between scraps of links and paragraphs. Nothing is guessed: a
column is put back by position only where all three have the same length, a campaign counts if the letter itself lists
its name, a damaged date if its neighbours leave one reading. Each row has a confidence, and what is not at least medium
is set apart with its line and the reason.

Confidence: `high`, each cell as the text has it; `medium`, a cell was repaired by one of the rules here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from policy.campaigns import ALIASES, label_key, named
from policy.letter import MAX_ROWS, Row, Table, moment
from policy.lists import Quarantined, number
from shaken.number import nanp_fault

MAX_LINE = 400
"""Characters of a line that are looked at."""

_DATE = r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
_DATES = re.compile(rf"\s*({_DATE})\s+({_DATE})\s*(?:\s(\+?[0-9]{{10,11}})\s+(\S.*))?\Z").match
_NUMBER = re.compile(r"\s*(\+?1?[2-9][0-9]{9})\s*\Z").match
_CELL = re.compile(r"\s*([A-Z][A-Za-z0-9|]\S*.*)").match
_BODY = re.compile(r"\s*([a-z][A-Za-z0-9 /-]*?)(?=\s*(?:§|16\s|http|\Z)|\s+tach)").match
_SCRAP = re.compile(r"§|\b16 C|https?:|tachments/|\|").search
_TAIL = re.compile(r"-[A-Z][0-9]\Z").search
_PROMISED = re.compile(r"\b([1-9][0-9]{0,5})\s+(?:[a-z-]+\s+){0,4}calls\b").search
_ZERO = re.compile(r"\A0(?=/)")


def looks_torn(text: str) -> bool:
    """Are there lines that begin with two dates? Then `parse` may find rows in it."""
    return any(_DATES(line[:MAX_LINE]) for line in text.splitlines())


@dataclass(slots=True)
class _Found:
    """One row as far as it is known."""

    line: int
    notified: str
    called: str
    caller: str = ""
    cell: str | None = None
    """The campaign cell as written; None: lost."""
    campaign: str = ""
    repaired: list[str] = field(default_factory=list)
    fault: str = ""

    @property
    def text(self) -> str:
        return " ".join(filter(None, (self.notified, self.called, self.caller, self.cell)))[:80]


@dataclass(slots=True)
class _Sheet:
    """A page whose columns stand one after the other."""

    rows: list[_Found]
    numbers: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)
    """As written, and the name that it was read as."""


def parse(text: str, expected: int | None = None, known: Iterable[str] = ()) -> Table:
    """Read the table in a letter's text. Never raises.

    `expected`: how many rows there must be; without it the number of calls that the letter speaks of counts. `known`:
    names of campaigns besides those that the letter lists.
    """
    lines = [line[:MAX_LINE] for line in text.replace("\f", "\n").split("\n")]
    names = _Names([*_listed(lines), *known])
    rows = list(_rows(lines, names))[:MAX_ROWS]
    _mend(rows)
    _agree(rows)
    if expected is None and (promised := _PROMISED(" ".join(text.split()))):
        expected = int(promised[1])
    read: list[Row] = []
    bad: list[Quarantined] = []
    for at, one in enumerate(rows, 1):
        try:
            read.append(_row(one, at))
        except ValueError as error:
            bad.append(Quarantined(one.line, one.text, str(error)))
    return Table(tuple(read), tuple(bad), expected)


# --- names ----------------------------------------------------------------------------------------


def _listed(lines: Sequence[str]) -> Iterator[str]:
    """The names of campaigns that the letter lists before its table, a line each."""
    listing = False
    for at, line in enumerate(lines):
        said = " ".join(line.split())
        if _DATES(line):
            return
        if said.endswith(":") and "campaign" in " ".join(lines[max(0, at - 2) : at + 1]).casefold():
            listing = True
        elif listing and said:
            if len(said.split()) > 4 or said.endswith((".", ",")):
                return
            yield said


class _Names:
    """What a cell may say."""

    def __init__(self, names: Iterable[str]) -> None:
        # The recogniser's favourite slip, in the list of names too.
        righted = [named(name.replace("lmpers", "Impers")) for name in names]
        self.by_key = {label_key(name): name for name in righted}
        self.longest_first = sorted(self.by_key, key=len, reverse=True)
        self.aliases = {label_key(alias): name for alias, name in ALIASES.items()}

    def read(self, cell: str) -> tuple[str, str]:
        """The name that a cell begins with, and how it had to be repaired; two empty texts where there is none."""
        words = cell.split()
        for count in range(min(len(words), 5), 0, -1):
            key = label_key(" ".join(words[:count]))
            if key in self.by_key:
                return self.by_key[key], ""
            if key in self.aliases:
                return self.aliases[key], f"campaign read from {' '.join(words[:count])!r}"
        said = words[0] if words else ""
        if said.endswith("-") and len(said) > 5:
            whole = [key for key in self.by_key if key.startswith(label_key(said))]
            if len(whole) == 1:
                return self.by_key[whole[0]], f"campaign read from {said!r}"
        return self.near(said)

    def near(self, said: str) -> tuple[str, str]:
        """The one name that differs by a slip of the recogniser; a tie is nobody's. What stands at the end (-P2) must
        be the same, it tells campaigns apart."""
        tail = _TAIL(said)
        slips = sorted(
            (distance(label_key(said), key), key)
            for key in self.by_key
            if _tail_of(self.by_key[key]) == (tail[0] if tail else "") and abs(len(key) - len(said)) <= len(key) // 8
        )
        if slips and slips[0][0] <= len(slips[0][1]) // 8 and (len(slips) == 1 or slips[1][0] > slips[0][0]):
            return self.by_key[slips[0][1]], f"campaign read from {said!r}"
        return "", ""

    def torn(self, head: str, body: str) -> str:
        """The name of a cell that was torn into two lines: capitals and end in the first, the rest in the second."""
        found = []
        for name in self.by_key.values():
            rest, end = name[1 : 1 + len(body)], name[1 + len(body) :]
            if name[0] == head[0] and rest == body:
                found.append((name, end))
        whole = [name for name, end in found if end and head.endswith(end)]
        if len(whole) == 1:
            return whole[0]
        # Without its end the body would fit several names: then it is none.
        return found[0][0] if len(found) == 1 and not found[0][1] else ""


def _tail_of(name: str) -> str:
    found = _TAIL(name)
    return found[0] if found else ""


def distance(one: str, other: str) -> int:
    """Letters to be changed, added or left out between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, another in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != another))
    return row[-1]


# --- rows -----------------------------------------------------------------------------------------


def _rows(lines: Sequence[str], names: _Names) -> Iterator[_Found]:
    """Every row of the text in its order: whole ones, and those of columns that were put together again."""
    sheet: _Sheet | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if found := _DATES(line):
            one = _Found(at, found[1], found[2])
            if found[3] is None:
                if sheet is None or sheet.numbers or sheet.cells:
                    if sheet is not None:
                        yield from _together(sheet)
                    sheet = _Sheet([])
                sheet.rows.append(one)
                continue
            if sheet is not None:
                yield from _together(sheet)
                sheet = None
            one.caller = found[3]
            cut = _SCRAP(found[4])
            one.cell = (found[4][: cut.start()] if cut else found[4]).strip()
            one.campaign, repair = names.read(found[4])
            one.repaired += [repair] if repair else []
            yield one
        elif sheet is not None:
            if number_alone := _NUMBER(line):
                sheet.numbers.append(number_alone[1])
            elif cell := _CELL(line):
                at += _cell(cell[1], lines[at] if at < len(lines) else "", sheet, names)
    if sheet is not None:
        yield from _together(sheet)


def _cell(line: str, following: str, sheet: _Sheet, names: _Names) -> int:
    """Take the campaign cell that begins on a line; 1 where the line after it is a part of it."""
    name, _ = names.read(line)
    cut = _SCRAP(line)
    said = (line[: cut.start()] if cut else line).strip()
    if name:
        sheet.cells.append((said, name))
        # The cell's own letters again, without the first one.
        scrap = following.split()[:1]
        return int(bool(scrap) and len(scrap[0]) > 3 and label_key(name[1:]).startswith(label_key(scrap[0])))
    body = _BODY(following)
    if body and (whole := names.torn(said, body[1].strip())):
        sheet.cells.append((f"{said} {body[1].strip()}", whole))
        return 1
    sheet.cells.append((said, ""))
    return int(body is not None)


def _together(sheet: _Sheet) -> Iterator[_Found]:
    """The rows of a page whose columns are whole; where one is shorter nobody knows what belongs to what."""
    rows, numbers, cells = sheet.rows, sheet.numbers, sheet.cells
    if len(rows) == len(numbers):
        for one, caller in zip(rows, numbers, strict=True):
            one.caller = caller
    fault = ""
    if len(rows) != len(numbers):
        fault = f"its page has {len(rows)} dates and {len(numbers)} numbers: which belong together is unknown"
    elif len(rows) != len(cells):
        fault = f"its page has {len(rows)} rows and {len(cells)} campaigns: which belong together is unknown"
    for at, one in enumerate(rows):
        one.fault = fault
        if not fault:
            said, one.campaign = cells[at]
            one.cell = said
            if one.campaign and label_key(one.campaign) != label_key(said.partition("  ")[0]) and not label_key(
                said
            ).startswith(label_key(one.campaign)):
                one.repaired.append(f"campaign read from {said[:40]!r}")
        yield one


def _mend(rows: Sequence[_Found]) -> None:
    """Repair a month that was read as 0, where the rows around leave one possibility: the newest notice stands first,
    and no call is later than its notice. The same slip in both dates of a row is the same digit."""
    for at, one in enumerate(rows):
        if not (_ZERO.search(one.notified) or _ZERO.search(one.called)):
            continue
        above = next((time for other in reversed(rows[:at]) if (time := _time(other.notified)) is not None), None)
        below = next((time for other in rows[at + 1 :] if (time := _time(other.notified)) is not None), None)
        fitting = []
        for digit in "123456789":
            notified, called = _ZERO.sub(digit, one.notified), _ZERO.sub(digit, one.called)
            told, time = _time(notified), _time(called)
            if told is None or time is None or time > told:
                continue
            if (above is None or told <= above) and (below is None or told >= below):
                fitting.append((notified, called))
        if len(fitting) == 1 and below is not None:
            one.repaired.append(f"dates read from {one.notified} {one.called}")
            one.notified, one.called = fitting[0]


def _time(text: str) -> float | None:
    try:
        return moment(text)
    except ValueError:
        return None


def _agree(rows: Sequence[_Found]) -> None:
    """A number that columns put to two campaigns shows that they were put together wrongly."""
    campaigns: dict[str, set[str]] = defaultdict(set)
    for one in rows:
        if one.caller and one.campaign:
            campaigns[one.caller[-10:]].add(label_key(one.campaign))
    for one in rows:
        if not one.fault and len(campaigns[one.caller[-10:]]) > 1:
            one.fault = "its number stands with two campaigns"


def _row(one: _Found, position: int) -> Row:
    """The row, or ValueError with what is wrong with it."""
    if one.fault:
        raise ValueError(one.fault)
    caller = number(one.caller)
    if (fault := nanp_fault(caller)) is not None:
        raise ValueError(f"no such number: {fault}")
    if not one.campaign:
        raise ValueError("its campaign cannot be read" if one.cell else "its campaign is lost")
    notified, called = moment(one.notified), moment(one.called)
    if called > notified:
        raise ValueError("the call is later than its notification")
    return Row(
        position, one.line, notified, called, caller, one.campaign, one.cell or "",
        "medium" if one.repaired else "high", "; ".join(("torn text", *one.repaired)),
    )  # fmt: skip
