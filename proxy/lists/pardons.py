"""Pardons: numbers that were blocked by mistake, taken off the lists whatever is imported afterwards.

A pardon is no free pass: a number that was blocked may have been shown by somebody else, so its calls are judged like
all others, but what the lists said of it before that day does not count any more (47 CFR 64.1200(k)(8), TRAP-95). A
campaign's notice of a later day counts again. One line a pardon, in `pardons.csv` in the folder of the lists.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from policy.casebook import Casebook
from policy.complaints import Complaints
from policy.lists import CampaignList, NumberSet
from proxy.lists.kinds import FOLDER

NAME = "pardons.csv"
MAX_FILE = 16 * 1024 * 1024
"""Octets: some 200,000 pardons. Each was written by a person."""
NANP = 11
"""Digits of a number of the North American plan, with its country code: there a prefix has an end."""


class Pardon(NamedTuple):
    """One number, taken off."""

    number: str
    """Canonical digits."""
    utc: float
    by: str = ""
    why: str = ""


Pardons = Mapping[str, Pardon]


def kept(state: Path | None) -> dict[str, Pardon]:
    """The pardons below a state folder, the latest of each number. A line that cannot be read is passed over: it was
    cut off by a crash. Raises OSError.
    """
    path = state / FOLDER / NAME if state is not None else None
    if path is None or not path.exists():
        return {}
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        text = stream.read(MAX_FILE)
    found = {}
    for row in csv.reader(text.splitlines()):
        try:
            number, utc, by, why = row
            found[number] = Pardon(number, float(utc), by, why)
        except ValueError:
            continue
    return found


def add(state: Path, pardon: Pardon) -> None:
    """Write a pardon down for good. Raises OSError."""
    path = state / FOLDER / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    out = StringIO()
    cells = (pardon.number, f"{pardon.utc:.0f}", *(" ".join(word.split()) for word in (pardon.by, pardon.why)))
    csv.writer(out, lineterminator="\n").writerow(cells)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        size = os.fstat(file).st_size
        torn = size and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, (b"\n" if torn else b"") + out.getvalue().encode())
        os.fsync(file)
    finally:
        os.close(file)


def spared(numbers: NumberSet, pardons: Pardons) -> NumberSet:
    """A list without the pardoned numbers. Ranges and prefixes of the North American plan are cut around them; of other
    plans a prefix stays, because nobody knows how long its numbers are.
    """
    for number in pardons:
        if number not in numbers:
            continue
        prefixes, ranges = set(numbers.prefixes), []
        for prefix in numbers.prefixes:
            if number.startswith(prefix) and prefix[0] == "1" and len(number) == NANP:
                prefixes.discard(prefix)
                ranges += _around(prefix.ljust(NANP, "0"), prefix.ljust(NANP, "9"), number)
        for first, last in numbers.ranges:
            inside = len(first) == len(number) and first <= number <= last
            ranges += _around(first, last, number) if inside else [(first, last)]
        numbers = NumberSet(numbers.exact - {number}, frozenset(prefixes), tuple(ranges))
    return numbers


def _around(first: str, last: str, number: str) -> list[tuple[str, str]]:
    """A range without one of its numbers."""
    width, here = len(number), int(number)
    below, above = f"{here - 1:0{width}}", f"{here + 1:0{width}}"
    return [pair for pair in ((first, below), (above, last)) if pair[0] <= pair[1]]


def forgiven(campaigns: CampaignList, pardons: Pardons) -> CampaignList:
    """What is known of campaigns, without what was told of a number before its pardon. (A long table still tells of the
    campaign that it named.)
    """
    if not pardons:
        return campaigns
    entries = list(campaigns.entries)
    tables = []
    for table in campaigns.packed:
        # It is silent about such a number, and what was told later stands beside it.
        known = {number: table.of(number) for number in pardons}
        entries += [one for told in known.values() for one in told]
        tables.append(table.without(frozenset(number for number, told in known.items() if told)))
    left = tuple(one for one in entries if not _before(pardons, one.number, one.notified))
    return CampaignList(left, tuple(tables))


def cleared(casebook: Casebook, pardons: Pardons) -> Casebook:
    """The same of what else recognises campaigns."""
    if not pardons:
        return casebook
    return Casebook(
        one
        for one in casebook.traits
        if one.kind != "number" or not _before(pardons, one.value.lstrip("+"), one.notified)
    )


def excused(complaints: Complaints, pardons: Pardons) -> Complaints:
    """The same of complaints."""
    if not pardons:
        return complaints
    return Complaints({tn: one for tn, one in complaints.told.items() if not _before(pardons, tn, one.last)})


def _before(pardons: Pardons, number: str, notified: float) -> bool:
    pardon = pardons.get(number)
    return pardon is not None and notified <= pardon.utc
