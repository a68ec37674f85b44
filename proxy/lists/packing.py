"""Rows of traced calls into one file that can be asked where it lies (`policy.packed` has its layout).

Some two hundred megabytes of memory are held, and two octets a row: rows are sorted by number in runs on the disk
(`sorting`), and what is told of a campaign is brought together by its moments, which are few in most tables.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator
from contextlib import closing
from functools import reduce
from itertools import groupby
from pathlib import Path
from zlib import crc32

from policy.campaigns import label_key
from policy.packed import MARKS, MOST_ROWS, NOBODY, PAGE, ROWS, STEPS, Column, Facts, Head, Text, columns, spread
from policy.told import VOICES
from proxy.lists.files import ListError
from proxy.lists.sorting import RUN, Sorter

MOST_TOLD = 200_000
"""Campaigns with their sources, origins and so on: each process holds them."""
MOMENTS = 250_000
"""Moments of campaigns that are held while the rows go by: a hundred megabytes."""
WRITTEN = 64 * 1024
"""Values of a column that are written at a time."""

_ROW = struct.Struct(">QdQdI")
"""Number, notified, place in the tables, call, what is told: sorted by the first three. (No time is before 1970, and
the octets of such numbers are in their order.)"""
_MOMENT = struct.Struct(">IddqIdqII")
"""Campaign, notified, the two candidates, the sources."""

Candidate = tuple[float, int, int]
"""A row: from when on it is fresh, the place in the tables with a minus, and its own. The highest one is the best."""
NONE: Candidate = (-1.0, 0, NOBODY)
Moment = tuple[Candidate, Candidate, int]
"""Of what is told of a campaign at one time: the freshest row, the freshest that may be enforced, and the sources."""


class Sources:
    """Sets of sources by their place; the first one is empty."""

    def __init__(self) -> None:
        self.sets: list[frozenset[str]] = [frozenset()]
        self._places = {self.sets[0]: 0}
        self._joined: dict[tuple[int, int], int] = {}

    def of(self, facts: Facts) -> int:
        """The source of a row, if it helps to refuse a call (`Entry.voices`)."""
        _, source, confidence, _, _ = facts
        return self._place(frozenset((source,))) if confidence == "high" and VOICES.get(source, 1) else 0

    def joined(self, one: int, other: int) -> int:
        """Both sets together."""
        place = self._joined.get((one, other))
        if place is None:
            place = self._joined[one, other] = self._place(self.sets[one] | self.sets[other])
        return place

    def _place(self, some: frozenset[str]) -> int:
        if (place := self._places.get(some)) is None:
            place = self._places[some] = len(self.sets)
            self.sets.append(some)
        return place


class Moments:
    """What is told of campaigns, by the moment of the notice."""

    def __init__(self, folder: Path, sources: Sources, most: int = MOMENTS) -> None:
        self.count = 0
        """Steps are no more than these."""
        self._sorter = Sorter(_MOMENT.size, folder)
        self._sources, self._most = sources, most
        self._held: dict[tuple[int, float], Moment] = {}

    def add(self, label: int, notified: float, row: Candidate, voice: int) -> None:
        key = label, notified
        before = self._held.get(key)
        if before is None:
            if len(self._held) == self._most:
                self._spill()
            self._held[key] = row, (row if voice else NONE), voice
            return
        freshest, sure, voices = before
        known = voices if voice in (0, voices) else self._sources.joined(voices, voice)
        if row > freshest or (voice and row > sure) or known != voices:
            self._held[key] = max(row, freshest), max(row, sure) if voice else sure, known

    def _joined(self, one: Moment, other: Moment) -> Moment:
        return max(one[0], other[0]), max(one[1], other[1]), self._sources.joined(one[2], other[2])

    def _spill(self) -> None:
        for key, (freshest, sure, voices) in self._held.items():
            self._sorter.add(_MOMENT.pack(*key, *freshest, *sure, voices))
        self.count += len(self._held)
        self._held.clear()

    def whole(self) -> None:
        """No more of them come."""
        self._spill()

    def close(self) -> None:
        self._sorter.close()

    def steps(self) -> Iterator[tuple[int, tuple[float, int, int, int]]]:
        """In order: the campaign, and since when, the freshest row, the freshest that may be enforced, the sources.
        What changed nothing is left out."""
        for label, records in groupby(map(_MOMENT.unpack, self._sorter.ordered()), key=lambda record: record[0]):
            freshest = sure = NONE
            voices, before = 0, None
            for notified, same in groupby(records, key=lambda record: record[1]):
                some = reduce(self._joined, ((one[2:5], one[5:8], one[8]) for one in same))
                # Of what was told before, an equally fresh row stays.
                freshest = some[0] if some[0][0] > freshest[0] else freshest
                sure = some[1] if some[1][0] > sure[0] else sure
                voices = self._sources.joined(voices, some[2])
                if before != (before := (freshest[2], sure[2], voices)):
                    yield label, (notified, *before)


class Packing:
    """Rows under way into a file. Close it whatever happens."""

    def __init__(self, folder: Path, run: int = RUN, moments: int = MOMENTS) -> None:
        """`folder`: where they are kept meanwhile; `run`, `moments`: how many in memory. Raises OSError, as all of it
        may."""
        self.rows = 0
        self._folder, self._moments = folder, moments
        self._sorter = Sorter(_ROW.size, folder, run)
        self._told: dict[Facts, int] = {}

    def close(self) -> None:
        """Let go of what is kept meanwhile."""
        self._sorter.close()

    def take(self, number: int, notified: float, called: float, facts: Facts) -> None:
        """Add a row. Raises ListError where there are too many."""
        told = self._told.get(facts)
        if told is None:
            told = self._told[facts] = len(self._told)
            if told == MOST_TOLD:
                raise ListError(f"more than {MOST_TOLD:,} campaigns, sources and origins: is each in its column?")
        if self.rows == MOST_ROWS:
            raise ListError(f"more than {MOST_ROWS:,} rows")
        self._sorter.add(_ROW.pack(number, notified, self.rows, called, told))
        self.rows += 1

    def write(self, path: Path) -> Head:
        """All rows in order, and step by step what is known of their numbers and campaigns. (Whoever gives the file its
        name syncs it before.)"""
        facts = tuple(self._told)
        keys: dict[str, int] = {}
        labels = [keys.setdefault(label_key(one[0]), len(keys)) for one in facts]
        sources = Sources()
        with (
            closing(Moments(self._folder, sources, self._moments)) as moments,
            path.open("w+b", buffering=0) as opened,
        ):
            file = opened.fileno()
            numbers = self._write_rows(file, [sources.of(one) for one in facts], labels, sources, moments)
            moments.whole()
            laid = columns(self.rows, moments.count)
            places = _write_steps(file, laid, moments)
            told = Text(facts, tuple(sources.sets), dict(zip(keys, places, strict=True)))
            text = told.written()
            _put(file, text, laid["text"].begins)
            head = Head(self.rows, numbers, moments.count, len(text), crc32(text))
            _put(file, head.packed(), 0)
        return head

    def _write_rows(
        self, file: int, voices: list[int], labels: list[int], sources: Sources, moments: Moments
    ) -> int:
        """The columns of the rows; how many numbers they are of."""
        laid = columns(self.rows, 0)
        out = Writer(file, laid, ROWS)
        first = Writer(file, laid, ("firsts",))
        marks, among = bytearray(MARKS * self.rows), spread(self.rows)
        last, count = -1, 0
        fresh_from = sure_from = 0.0
        freshest = sure = known = 0
        for row, record in enumerate(self._sorter.ordered()):
            number, notified, place, called, told = _ROW.unpack(record)
            voice = voices[told]
            fresh = called if called > notified else notified
            if number != last:
                last, count = number, count + 1
                mark = number % among
                marks[mark >> 3] |= 1 << (mark & 7)
                fresh_from, freshest, sure, known = fresh, row, NOBODY, 0
            elif fresh > fresh_from:
                fresh_from, freshest = fresh, row
            if voice:
                if sure == NOBODY or fresh > sure_from:
                    sure_from, sure = fresh, row
                known = voice if known == voice else sources.joined(known, voice)
            if not row % PAGE:
                first.add((number,))
            out.add((number, notified, called, told, freshest, sure, known))
            moments.add(labels[told], notified, (fresh, -place, row), voice)
        out.flush()
        first.flush()
        _put(file, marks, laid["marks"].begins)
        return count


def _write_steps(file: int, laid: dict[str, Column], moments: Moments) -> list[tuple[int, int]]:
    """The columns of the campaigns' steps; where those of each are, from and up to."""
    out = Writer(file, laid, STEPS)
    places: list[tuple[int, int]] = []
    for at, (label, step) in enumerate(moments.steps()):
        if label == len(places):
            places.append((at, at))
        places[label] = places[label][0], at + 1
        out.add(step)
    out.flush()
    return places


def _put(file: int, octets: bytes | bytearray, at: int) -> None:
    """Write all of it: what the disk takes at a time may be less. Raises OSError."""
    rest = memoryview(octets)
    while rest:
        done = os.pwrite(file, rest, at)
        rest, at = rest[done:], at + done


class Writer:
    """Some columns of a file, written side by side."""

    def __init__(self, file: int, laid: dict[str, Column], names: tuple[str, ...]) -> None:
        self._file = file
        self._places = [laid[name].begins for name in names]
        self._forms = [laid[name].form for name in names]
        self._held: list[tuple[float, ...]] = []

    def add(self, values: tuple[float, ...]) -> None:
        """One value of each column. Raises OSError."""
        self._held.append(values)
        if len(self._held) == WRITTEN:
            self.flush()

    def flush(self) -> None:
        for at, values in enumerate(zip(*self._held, strict=True)):
            octets = array(self._forms[at], values).tobytes()
            _put(self._file, octets, self._places[at])
            self._places[at] += len(octets)
        self._held.clear()
