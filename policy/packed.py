"""A long table of traced calls as one block of octets, asked where it lies: no object a number, and one copy for all
processes that map the same file. Who builds and maps it is `proxy.lists.traced`.

**The layout.** A head of `HEAD` octets, then columns of fixed width, each beginning at a whole number of eight octets:

    firsts     Q   the number of every `PAGE`th row, so that a look at the numbers is a look at one page of them
    marks      B   a bit for each number, at its remainder (`spread`): for most callers this one look is all
    numbers    Q   of each row; rows are sorted by number, then by notice, then as the tables had them
    notified   d   Unix seconds; called d: of the call
    told       I   place in `told` of the text: campaign, source, confidence, origin, cites
    freshest   I   of the rows of this number up to this one: the row that is freshest
    sure       I   of those that may be enforced; `NOBODY`: there is none
    sources    I   place in `sources` of the text: who told something that may be enforced
    known      d   the steps of the campaigns: when something of one changed, and then the same three

and JSON text: `told`, `sources`, and `labels`, which gives the steps of each campaign from one place up to another.
Numbers are in the machine's own order: a file of another machine is refused.
"""

from __future__ import annotations

import json
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

from policy.told import Entry, Standing, enough

MAGIC = 0x32544352  # "RCT2"; its octets also tell the order of the machine that wrote them
HEAD = 64
PAGE = 512
"""Numbers between two of the first column: 4 KB, a page of the system."""
MARKS = 2
"""Octets of marks for each row: sixteen bits, so that one stranger of sixteen is looked up for nothing at most."""
NOBODY = 0xFFFF_FFFF
MOST_ROWS = 100_000_000
"""Four gigabytes. Places of rows are 32 bits, and their marks are held while a table is built."""
MOST_TEXT = 64 * 1024 * 1024
"""Octets of the text, which each process reads: some hundred thousand campaigns, origins and sources."""
LATEST = 1e11
"""No time is later, Unix seconds: what is, was never written by us."""

_HEADER = struct.Struct("=IIIIQI")


class Head(NamedTuple):
    """What the head says of the rest."""

    rows: int
    numbers: int
    """Different ones."""
    steps: int
    text: int
    """Octets of the JSON text."""
    check: int
    """CRC-32 of the text."""

    def packed(self) -> bytes:
        return _HEADER.pack(MAGIC, *self).ljust(HEAD, b"\0")


class Column(NamedTuple):
    """Where a column lies, and the form of its values."""

    form: str
    begins: int
    ends: int


ROWS = ("numbers", "notified", "called", "told", "freshest", "sure", "sources")
STEPS = ("known", "known freshest", "known sure", "known sources")
_FORMS = {"firsts": "Q", "marks": "B", "numbers": "Q", "notified": "d", "called": "d", "known": "d"}
"""Of the columns that are not of 32-bit numbers."""


def columns(rows: int, steps: int) -> dict[str, Column]:
    """The columns of so many rows and steps, by name. The last one is the text, whose end is not told."""
    looked = {"firsts": -(-rows // PAGE), "marks": MARKS * rows}
    counts = looked | dict.fromkeys(ROWS, rows) | dict.fromkeys(STEPS, steps)
    found, at = {}, HEAD
    for name, count in counts.items():
        form = _FORMS.get(name, "I")
        ends = at + count * struct.calcsize(form)
        found[name] = Column(form, at, ends)
        at = (ends + 7) // 8 * 8
    return found | {"text": Column("B", at, at)}


def spread(rows: int) -> int:
    """By what a number is divided for the place of its mark: the remainder."""
    return 8 * MARKS * rows - 1


Facts = tuple[str, str, str, str, str]
"""What a row says besides its number and times: campaign, source, confidence, origin, cites."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is not of fixed width."""

    told: tuple[Facts, ...] = ()
    sources: tuple[frozenset[str], ...] = ()
    labels: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By the key of a campaign: its steps, from and up to."""

    def written(self) -> bytes:
        said = {
            "told": self.told, "sources": [sorted(some) for some in self.sources], "labels": dict(self.labels),
        }  # fmt: skip
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    @classmethod
    def read(cls, octets: bytes, steps: int) -> Text:
        """Raises ValueError."""
        try:
            said = json.loads(octets.decode("utf-8", "surrogatepass"))
            told = tuple((str(a), str(b), str(c), str(d), str(e)) for a, b, c, d, e in said["told"])
            sources = tuple(frozenset(map(str, some)) for some in said["sources"])
            labels = {str(key): (int(one), int(other)) for key, (one, other) in said["labels"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError("its text is damaged") from error
        if not all(0 <= one < other <= steps for one, other in labels.values()):
            raise ValueError("its text is damaged")
        return cls(told, sources, labels)


class Packed:
    """A long table. Never written; a row that makes no sense tells nothing."""

    __slots__ = (
        "head", "_buffer", "_text", "_firm", "_skipped", "_spread", "_marks", "_firsts", "_numbers", "_notified",
        "_called", "_told", "_rows", "_known", "_steps",
    )  # fmt: skip

    def __init__(self, buffer: memoryview, skipped: frozenset[str] = frozenset()) -> None:
        """`buffer`: the whole file; `skipped`: numbers that it is silent about. Raises ValueError with what is wrong
        with it; rows are not looked at."""
        if len(buffer) < HEAD:
            raise ValueError("it is too short")
        magic, *figures = _HEADER.unpack_from(buffer)
        if magic != MAGIC:
            raise ValueError("it is no packed table, or was made on another kind of machine or by another version")
        head = self.head = Head(*figures)
        if not head.rows or not head.steps:
            raise ValueError("it is empty")
        if head.rows > MOST_ROWS or head.text > MOST_TEXT:
            raise ValueError(f"it has {head.rows:,} rows and {head.text:,} octets of text, which is too much")
        laid = columns(head.rows, head.steps)
        begins = laid.pop("text").begins
        if begins + head.text != len(buffer):
            raise ValueError(f"it is {len(buffer):,} octets long and should be {begins + head.text:,}")
        self._buffer, text = buffer, bytes(buffer[begins:])
        if crc32(text) != head.check:
            raise ValueError("its text is damaged")
        self._text = Text.read(text, head.steps)
        self._firm = tuple(map(enough, self._text.sources))
        self._skipped = skipped
        part: dict[str, Any] = {
            name: buffer[one.begins : one.ends].cast(one.form)  # type: ignore[call-overload]  # Q, d or I
            for name, one in laid.items()
        }
        self._spread, self._marks = spread(head.rows), part["marks"]
        # Whoever has a mark is looked for in the first column: held, 8 MB at most, because that is three times as fast.
        self._firsts, self._numbers = part["firsts"].tolist(), part["numbers"]
        self._notified, self._called, self._told = part["notified"], part["called"], part["told"]
        self._rows = part["freshest"], part["sure"], part["sources"]
        self._known = part["known"]
        self._steps = part["known freshest"], part["known sure"], part["known sources"]

    def without(self, numbers: frozenset[str]) -> Packed:
        """The same, silent about these numbers. (Of their campaigns it still tells.)"""
        return Packed(self._buffer, self._skipped | numbers)

    def number(self, caller: str, utc: float) -> Standing | None:
        """What is told of a number at `utc`."""
        try:
            place = (number := int(caller)) % self._spread
            if not self._marks[place >> 3] >> (place & 7) & 1:
                return None
            begin, end = self._range(number)
            # `int` reads more than we write: blanks, underscores, leading zeros.
            if begin == end or str(number) != caller or caller in self._skipped:
                return None
            at = bisect_right(self._notified, utc, begin, end) - 1
            return self._standing(at, *self._rows) if at >= begin else None
        except (ValueError, IndexError):  # no number; or a damaged row
            return None

    def label(self, key: str, utc: float) -> Standing | None:
        """What is told at `utc` of the campaign with this key (`policy.campaigns.label_key`)."""
        steps = self._text.labels.get(key)
        if steps is None:
            return None
        at = bisect_right(self._known, utc, *steps) - 1
        try:
            return self._standing(at, *self._steps) if at >= steps[0] else None
        except (ValueError, IndexError):  # a damaged row
            return None

    def of(self, number: str) -> tuple[Entry, ...]:
        """All that is told of a number, in the order in which it became known."""
        try:
            begin, end = self._range(int(number))
            found = tuple(self._entry(row) for row in range(begin, end))
        except (ValueError, IndexError):
            return ()
        return found if number not in self._skipped and all(one.number == number for one in found) else ()

    def __len__(self) -> int:
        return self.head.rows

    def __iter__(self) -> Iterator[str]:
        """The number of each row; one that several rows tell of comes several times."""
        return map(str, self._numbers)

    def _range(self, number: int) -> tuple[int, int]:
        """The rows of a number, from and up to."""
        numbers = self._numbers
        page = bisect_left(self._firsts, number)
        begin = bisect_left(numbers, number, max(page - 1, 0) * PAGE, min(page * PAGE, len(numbers)))
        if begin == len(numbers) or numbers[begin] != number:
            return 0, 0
        end = begin + 1
        if end < len(numbers) and numbers[end] == number:
            end = bisect_right(numbers, number, end)
        return begin, end

    def _standing(self, at: int, fresh: memoryview, sures: memoryview, told: memoryview) -> Standing:
        """Raises ValueError, IndexError."""
        row, other, sources = fresh[at], sures[at], told[at]
        freshest = self._entry(row)
        sure = freshest if other == row else None if other == NOBODY else self._entry(other)
        return Standing(
            freshest.fresh_from, freshest, sure.fresh_from if sure is not None else 0.0, sure,
            self._text.sources[sources], self._firm[sources],
        )  # fmt: skip

    def _entry(self, row: int) -> Entry:
        """Raises ValueError, IndexError."""
        notified, called = self._notified[row], self._called[row]
        if not (0 <= notified <= LATEST and 0 <= called <= LATEST):
            raise ValueError("a damaged row")
        campaign, source, confidence, origin, cites = self._text.told[self._told[row]]
        return Entry(str(self._numbers[row]), campaign, notified, called, source, confidence, origin, cites)
