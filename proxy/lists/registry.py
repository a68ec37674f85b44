"""The national do-not-call registry as a file: built from the registry's own, and mapped by every process.

Building holds one area code in memory (10 MB) and the index (4 MB), whatever the list is long; an area that the files
come back to is read again from the draft. A full list replaces its areas and no others, a change list is applied to
what is known, and all other areas come from the bitmap that was there before (REG-071, REG-072).

Mapped pages belong to the system, so that all workers share one copy. A file that is in use is never written: a new one
takes its name (`proxy.lists.shelf`).
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from policy.dnc import (
    AREAS,
    AREAS_AT,
    BLOCK,
    BLOCKS_AT,
    CLEAR,
    FIRST,
    HEAD,
    INDEX_AT,
    MARKED,
    PLACES,
    Bitmap,
    Head,
    block,
    marks,
)
from policy.lists import Quarantined
from proxy.lists.areacodes import Batch, Reading, batches
from proxy.lists.mapping import map_as

_EMPTY = bytes([CLEAR]) * 10_000
_NOBODY = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class Built:
    """What became of the files."""

    numbers: int
    blocks: int
    areas: int
    size: int
    lines: int
    refused: int
    bad: tuple[Quarantined, ...] = field(repr=False, default=())
    replaced: Mapping[int, tuple[int, int]] = field(repr=False, default_factory=dict)
    """Areas of the base that came as a full list -> how many numbers they had, and have now."""


def mapped(path: Path) -> Bitmap:
    """The registry of a file. Raises ListError."""
    return map_as(path, Bitmap)


def build(files: Sequence[tuple[Path, int]], draft: Path, base: Bitmap | None, reading: Reading) -> Built:
    """Write a new bitmap. `files`: each with the day (since 1970) of which it is; `base`: what was known before.

    Raises ListError, OSError; then the draft is worth nothing.
    """
    with draft.open("w+b", buffering=0) as file:
        writer = _Writer(file.fileno(), base)
        for path, day in files:
            for batch in batches(path, reading):
                writer.take(batch, day, reading)
        head = writer.finish()
        os.fsync(file.fileno())
    return Built(
        head.numbers, head.blocks, writer.areas, head.size, reading.lines, reading.refused, tuple(reading.bad),
        writer.replaced(),
    )  # fmt: skip


def _held(block: bytes | memoryview) -> int:
    """How many numbers are listed in a block."""
    return int.from_bytes(block, "little").bit_count()


class _Writer:
    """A draft under way: blocks are written as their area is left, the head and the index at the end."""

    def __init__(self, file: int, base: Bitmap | None) -> None:
        self._file, self._base = file, base
        self._known = base.days() if base is not None else {}
        self._days = array("I", bytes(4 * AREAS))
        self._index = array("I", [BLOCKS_AT]) * PLACES
        self._counts = [0] * AREAS
        self._end = BLOCKS_AT + BLOCK  # after the empty block
        self._free: list[int] = []
        self._area = -1
        self._marks = bytearray()
        self._refused: set[int] = set()
        self._full: set[int] = set()

    @property
    def areas(self) -> int:
        return sum(1 for day in self._days if day)

    def replaced(self) -> dict[int, tuple[int, int]]:
        """What became of the areas of the base that came as a full list. Only their blocks are counted there."""
        base = self._base
        if base is None:
            return {}
        return {
            area: (sum(map(_held, base.blocks(area).values())), self._counts[area])
            for area in sorted(self._full.intersection(self._known))
        }

    def take(self, batch: Batch, day: int, reading: Reading) -> None:
        area = batch.area
        if batch.change:
            known = self._days[area] or self._known.get(area)
            if known is None or known > day:
                if area not in self._refused:
                    self._refused.add(area)
                    why = "no full list is loaded" if known is None else "what is loaded is newer"
                    reading.refuse(0, b"%03d" % area, f"a change list of this area, but {why}")
                return
        else:
            self._full.add(area)
        if area != self._area:
            self._leave()
            self._enter(area, batch.change)
        self._days[area] = day
        place, mark = self._marks, CLEAR if batch.removed else MARKED
        for number in batch.numbers:
            place[number] = mark

    def _enter(self, area: int, change: bool) -> None:
        self._area = area
        place = self._marks = bytearray(_EMPTY * 1000)
        if self._days[area]:
            start = FIRST + area * 1000
            for exchange in range(1000):
                if (at := self._index[start + exchange]) != BLOCKS_AT:
                    place[exchange * 10_000 : (exchange + 1) * 10_000] = marks(os.pread(self._file, BLOCK, at))
        elif change and self._base is not None:
            for exchange, old in self._base.blocks(area).items():
                place[exchange * 10_000 : (exchange + 1) * 10_000] = marks(old)

    def _leave(self) -> None:
        area, self._area = self._area, -1
        if area < 0:
            return
        place = self._marks
        self._counts[area] = place.count(MARKED)
        for exchange in range(1000):
            one = place[exchange * 10_000 : (exchange + 1) * 10_000]
            self._put(FIRST + area * 1000 + exchange, block(one) if MARKED in one else _NOBODY)

    def _put(self, at: int, bits: bytes | memoryview) -> None:
        place = self._index[at]
        if bits == _NOBODY:
            if place != BLOCKS_AT:
                self._free.append(place)
                self._index[at] = BLOCKS_AT
            return
        if place == BLOCKS_AT:
            place = self._free.pop() if self._free else self._end
            self._index[at] = place
            self._end = max(self._end, place + BLOCK)
        os.pwrite(self._file, bits, place)

    def finish(self) -> Head:
        """Take over the other areas of the base, and write what tells of the blocks."""
        self._leave()
        if self._base is not None:
            for area, day in self._known.items():
                if self._days[area]:
                    continue
                self._days[area] = day
                for exchange, bits in self._base.blocks(area).items():
                    self._counts[area] += _held(bits)
                    self._put(FIRST + area * 1000 + exchange, bits)
        # A place that stayed free is filled by the last block, so that there are no holes.
        holders = {place: at for at, place in enumerate(self._index) if place != BLOCKS_AT} if self._free else {}
        for place in sorted(self._free, reverse=True):
            self._end -= BLOCK
            if place != self._end:
                at = holders.pop(self._end)
                os.pwrite(self._file, os.pread(self._file, BLOCK, self._end), place)
                self._index[at] = place
                holders[place] = at
        os.ftruncate(self._file, self._end)
        told = self._days.tobytes().ljust(INDEX_AT - AREAS_AT, b"\0") + self._index.tobytes()
        told = told.ljust(BLOCKS_AT - HEAD, b"\0")
        head = Head((self._end - BLOCKS_AT) // BLOCK, sum(self._counts), self._end, crc32(told))
        os.pwrite(self._file, head.packed() + told, 0)
        return head
