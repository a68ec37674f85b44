"""Who may use which number, and since when: the right-to-use inventory behind every A (ATIS-1000074, STI-057).

A table of grants: a number or a range, the customer, where the right comes from (ordered, ported, delegated, a
letter of authorisation), and from when to when it holds. A port in or out changes the attestation at its date,
because the date stands here and is asked at each call; nobody has to remember it. Reading the text is here; opening
the file is `proxy.lists`' business.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from policy.lists import MAX_NUMBERS, NumberSet, Quarantined, entry

COLUMNS = ("number", "customer", "source", "valid_from", "valid_to")
MAX_NAME = 64
"""Characters of a customer's name."""
OWN = "own"
"""The source of numbers that the settings list as ours, without a date."""

_NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MAX_NAME}}}").fullmatch
_SOURCE = re.compile(r"[a-z][a-z -]{0,31}").fullmatch


class Grant(NamedTuple):
    """One right to use numbers."""

    first: str
    last: str
    """Both included, of one length."""
    customer: str
    source: str = ""
    begin: float = float("-inf")
    end: float = float("inf")
    """Unix seconds: it holds from `begin` on, and no longer from `end` on."""

    def holds(self, utc: float) -> bool:
        """Whether it holds at this moment."""
        return self.begin <= utc < self.end


class Inventory:
    """All grants, and the operator's own numbers; built once, asked at each call that leaves."""

    __slots__ = ("_exact", "_spans", "_own", "count")

    def __init__(self, grants: Iterable[Grant] = (), own: NumberSet | None = None) -> None:
        """own: numbers that are ours whoever of us calls."""
        exact: dict[str, list[Grant]] = {}
        ranges: dict[int, list[Grant]] = {}
        self.count = 0
        for grant in grants:
            self.count += 1
            if grant.first == grant.last:
                exact.setdefault(grant.first, []).append(grant)
            else:
                ranges.setdefault(len(grant.first), []).append(grant)
        self._exact = {number: tuple(found) for number, found in exact.items()}
        # By length: the first numbers in order, their grants, and the highest last number so far, which says how far
        # back an overlapping range may begin.
        self._spans: dict[int, tuple[list[str], list[Grant], list[str]]] = {}
        for length, found in ranges.items():
            found.sort(key=lambda one: (one.first, one.last))
            highest: list[str] = []
            for grant in found:
                highest.append(max(grant.last, highest[-1]) if highest else grant.last)
            self._spans[length] = ([one.first for one in found], found, highest)
        self._own = own if own is not None else NumberSet()

    def grants(self, tn: str) -> tuple[Grant, ...]:
        """Every grant of a number, whenever it holds; the narrower ones first."""
        found = list(self._exact.get(tn, ()))
        if (spans := self._spans.get(len(tn))) is not None:
            firsts, ranges, highest = spans
            at = bisect_right(firsts, tn) - 1
            while at >= 0 and highest[at] >= tn:
                if ranges[at].last >= tn:
                    found.append(ranges[at])
                at -= 1
        if tn in self._own:
            found.append(Grant(tn, tn, "", OWN))
        return tuple(found)

    def find(self, tn: str, utc: float, customer: str | None = None) -> Grant | None:
        """The grant of a number that holds now; of this customer, if one is named. The operator's own numbers are
        every customer's: a trunk that is not told apart is ours.
        """
        for grant in self.grants(tn):
            if grant.holds(utc) and (customer is None or grant.customer == customer or grant.source == OWN):
                return grant
        return None

    def conflicts(self) -> tuple[str, ...]:
        """First numbers that two customers have at one time: one of them is wrong."""
        found = []
        firsts = (first for starts, _, _ in self._spans.values() for first in starts)
        for number in dict.fromkeys((*self._exact, *firsts)):
            grants = [one for one in self.grants(number) if one.source != OWN]
            if any(
                one.customer != other.customer and one.begin < other.end and other.begin < one.end
                for place, one in enumerate(grants)
                for other in grants[:place]
            ):
                found.append(number)
        return tuple(found)


def moment(text: str) -> float:
    """A date (its first moment, UTC) or a time with its zone, as Unix seconds. Raises ValueError with the reason."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a date is written 2026-05-31, a time 2026-05-31T12:00:00-05:00") from None
    if found.tzinfo is None:
        if len(text.strip()) > 10:
            raise ValueError("a time needs its zone")
        found = found.replace(tzinfo=UTC)
    return found.timestamp()


def parse(text: str) -> tuple[tuple[Grant, ...], tuple[Quarantined, ...]]:
    """A file with the columns of COLUMNS in any order (customer, source and dates may be missing); `#` begins a comment
    line. `valid_to` is the day, or the moment, from which the right no longer holds. Lines that cannot be read are set
    apart, never guessed: an A must not rest on a guess. Never raises.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    numbered = [(at, line) for at, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    if not numbered:
        return (), ()
    rows = _rows(numbered)
    at, head = next(rows)
    names = [name.strip().lower() for name in head]
    if "number" not in names or len(set(names)) != len(names):
        return (), (Quarantined(at, lines[at - 1][:80], f"the first line names the columns: {','.join(COLUMNS)}"),)
    found: list[Grant] = []
    bad: list[Quarantined] = []
    for at, cells in rows:
        if len(found) == MAX_NUMBERS:
            bad.append(Quarantined(at, "", f"from here on: an inventory holds {MAX_NUMBERS:,} lines at most"))
            break
        try:
            if len(cells) > len(names):
                raise ValueError("there are more values than columns")
            found.append(_grant({name: cell.strip() for name, cell in zip(names, cells, strict=False)}))
        except ValueError as error:
            bad.append(Quarantined(at, lines[at - 1][:80], str(error)))
    return tuple(found), tuple(bad)


def _rows(numbered: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Each line with its cells: a quoted cell ends with its line."""
    for at, line in numbered:
        try:
            yield at, next(csv.reader([line], strict=True), [])
        except csv.Error:
            yield at, []


def _grant(row: dict[str, str]) -> Grant:
    if not row.get("number"):
        raise ValueError("there is no number")
    item = entry(row["number"])
    if isinstance(item, str) and item.endswith("*"):
        raise ValueError("a prefix is no right to use: write a range")
    first, last = item if isinstance(item, tuple) else (item, item)
    customer, source = row.get("customer", ""), row.get("source", "").lower()
    if customer and _NAME(customer) is None:
        raise ValueError("not the name of a customer")
    if source == OWN or (source and _SOURCE(source) is None):
        raise ValueError("a source is a word, such as ordered, ported, delegated or loa")
    begin = moment(row["valid_from"]) if row.get("valid_from") else float("-inf")
    end = moment(row["valid_to"]) if row.get("valid_to") else float("inf")
    if end <= begin:
        raise ValueError("it ends before it begins")
    return Grant(first, last, customer, source, begin, end)
