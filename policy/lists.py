"""Immutable number sets and the list of known campaigns: built once, asked often, swapped whole.

Numbers are strings of digits with their country code and no plus (`12025550123`); a short code stands as it
is dialled. Reading the operator's text into a set is here too (text in, value out); opening files is
`proxy.lists`' business.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policy.campaigns import label_key
from policy.told import FADED_DAYS, FULL_DAYS, LABEL_DAYS, Entry, Hit, Timeline, best, joined

if TYPE_CHECKING:
    from policy.packed import Packed

MAX_NUMBERS = 2_000_000
"""Lines of one list: about 200 MB of Python strings. Larger registries are mapped bitmaps, not number
sets."""

_RANGE = re.compile(r"\+?([0-9]{7,15})\s*(?:-|\.\.)\s*\+?([0-9]{7,15})\Z").match
_PATTERN = re.compile(r"(\+?[0-9]+)([xX]+)\Z").match
_AREA_LINE = re.compile(r"([2-9][0-9]{2}),([0-9]{7})\Z").match
_SEPARATORS = str.maketrans("", "", " \t-.()")


# --- number sets ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberSet:
    """Exact numbers, prefixes and ranges; `tn in numbers` is all that one does with it."""

    exact: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    """Anchored at the country code, so `1202` never matches inside a number of another country (TRAP-47)."""
    ranges: tuple[tuple[str, str], ...] = ()
    """First and last number, both included, of equal length. Strings, so that leading zeros survive
    (TRAP-48)."""
    _lengths: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _spans: dict[int, tuple[list[str], list[str]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lengths", tuple(sorted({len(prefix) for prefix in self.prefixes})))
        spans: dict[int, tuple[list[str], list[str]]] = {}
        for first, last in sorted(self.ranges):
            firsts, lasts = spans.setdefault(len(first), ([], []))
            if lasts and first <= lasts[-1]:
                lasts[-1] = max(last, lasts[-1])
            else:
                firsts.append(first)
                lasts.append(last)
        object.__setattr__(self, "_spans", spans)

    @classmethod
    def of(cls, *items: str) -> NumberSet:
        """From the forms that a list file may hold; raises ValueError with the reason for any other."""
        return _built(entry(item) for item in items)

    def __contains__(self, tn: str | None) -> bool:
        if tn in self.exact:
            return True
        if not tn or not (self._lengths or self._spans):
            return False
        prefixes = self.prefixes
        for length in self._lengths:
            if tn[:length] in prefixes:
                return True
        if span := self._spans.get(len(tn)):
            at = bisect_right(span[0], tn) - 1
            return at >= 0 and tn <= span[1][at]
        return False

    def __len__(self) -> int:
        """How many entries were listed (a prefix or a range counts as one)."""
        return len(self.exact) + len(self.prefixes) + len(self.ranges)

    def __or__(self, other: NumberSet) -> NumberSet:
        return NumberSet(self.exact | other.exact, self.prefixes | other.prefixes, self.ranges + other.ranges)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A line that is not enforced, because it cannot be read with certainty."""

    line: int
    text: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}: {self.text!r}"


def number(text: str) -> str:
    """One written number in canonical digits; raises ValueError with the reason.

    Ten digits are NANP. Without a plus only NANP numbers and short codes are taken: `442079460000` could be
    a mistyped anything.
    """
    digits = text if text[1:].isdigit() else text.translate(_SEPARATORS)  # nearly all are written plainly
    plus = digits.startswith("+")
    digits = digits[plus:]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("not a number")
    if plus:
        if not 7 <= len(digits) <= 15 or digits[0] == "0":
            raise ValueError("after a plus stand 7 to 15 digits with the country code first")
        return digits
    if len(digits) == 10 and digits[0] >= "2":
        return "1" + digits
    if (len(digits) == 11 and digits[0] == "1") or 2 <= len(digits) <= 6:
        return digits
    raise ValueError("write a plus and the country code")


def entry(text: str) -> str | tuple[str, str]:
    """One item of a list: a number, a prefix (`1202555*`), or a range (`12025550100-12025550199`,
    `202555XXXX`).

    A prefix is given back with its star, a range as a pair. Raises ValueError with the reason.
    """
    text = text.strip()
    if text.endswith("*"):
        prefix = text[:-1].translate(_SEPARATORS)
        digits = prefix.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            raise ValueError("not a prefix")
        # `202*` would be Egypt, and whoever wrote it meant Washington.
        if not prefix.startswith("+") and digits[0] != "1":
            raise ValueError("write the prefix with a plus and its country code")
        return digits + "*"
    if line := _AREA_LINE(text):
        return "1" + line[1] + line[2]
    if _RANGE(text):
        first, last = (number(side.strip()) for side in re.split(r"-|\.\.", text, maxsplit=1))
        if len(first) != len(last) or first > last:
            raise ValueError("a range goes from a lower to a higher number of the same length")
        return (first, last)
    if pattern := _PATTERN(text.translate(_SEPARATORS)):
        digits, tail = pattern[1], len(pattern[2])
        return (number(digits + "0" * tail), number(digits + "9" * tail))
    return number(text)


def parse_numbers(text: str) -> tuple[NumberSet, tuple[Quarantined, ...]]:
    """A list file: one item a line, `#` begins a comment. Lines that cannot be read are set apart, never
    guessed. Never raises."""
    items: list[str | tuple[str, str]] = []
    bad: list[Quarantined] = []
    for at, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if len(items) == MAX_NUMBERS:
            bad.append(Quarantined(at, "", f"from here on: a list holds {MAX_NUMBERS:,} items at most"))
            break
        try:
            items.append(entry(line))
        except ValueError as error:
            bad.append(Quarantined(at, line[:80], str(error)))
    return _built(items), tuple(bad)


def _built(items: Iterable[str | tuple[str, str]]) -> NumberSet:
    exact: set[str] = set()
    prefixes: set[str] = set()
    ranges: set[tuple[str, str]] = set()
    for item in items:
        if isinstance(item, tuple):
            ranges.add(item)
        elif item.endswith("*"):
            prefixes.add(item[:-1])
        else:
            exact.add(item)
    return NumberSet(frozenset(exact), frozenset(prefixes), tuple(sorted(ranges)))


# --- campaigns ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CampaignList:
    """Numbers and labels of known campaigns. Time is an argument: an entry counts from its notice on, and
    fades."""

    entries: tuple[Entry, ...] = ()
    packed: tuple[Packed, ...] = ()
    """Long tables, which are asked where they lie."""
    unlisted: bool = False
    """Nobody who asks is in a long table: they are asked for names of campaigns only."""
    _by_number: dict[str, Timeline] = field(init=False, repr=False, compare=False)
    _by_label: dict[str, Timeline] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers: dict[str, list[Entry]] = {}
        labels: dict[str, list[Entry]] = {}
        for item in self.entries:
            numbers.setdefault(item.number, []).append(item)
            labels.setdefault(label_key(item.campaign), []).append(item)
        object.__setattr__(self, "_by_number", {key: Timeline(found) for key, found in numbers.items()})
        object.__setattr__(self, "_by_label", {key: Timeline(found) for key, found in labels.items()})

    def match(self, caller: str | None, utc: float) -> Hit | None:
        """What is known at `utc` about this number; a hit of factor 0.0 is history, not evidence."""
        if caller is None:
            return None
        line = self._by_number.get(caller)
        told = None
        if not self.unlisted:
            for one in self.packed:
                if (more := one.number(caller, utc)) is not None:
                    told = joined(told, more)
        if told is None:
            return None if line is None else line.hit(utc)
        known = told if line is None else joined(line.standing(utc), told)
        return None if known is None else best(known, utc, FULL_DAYS, FADED_DAYS)

    def recognise(self, label: str, utc: float) -> Hit | None:
        """What is known at `utc` about this campaign, whatever number it calls from."""
        line = self._by_label.get(key := label_key(label))
        known = None if line is None else line.standing(utc)
        for one in self.packed:
            known = joined(known, one.label(key, utc))
        return None if known is None else best(known, utc, LABEL_DAYS, LABEL_DAYS + 1)

    def of(self, number: str) -> tuple[Entry, ...]:
        """All that is told of a number."""
        found = tuple(one for one in self.entries if one.number == number)
        return sum((one.of(number) for one in self.packed), found)

    def __len__(self) -> int:
        return len(self.entries) + sum(map(len, self.packed))

    def __or__(self, other: CampaignList) -> CampaignList:
        return CampaignList(self.entries + other.entries, self.packed + other.packed)
