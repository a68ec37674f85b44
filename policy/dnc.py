"""The do-not-call registry: who asked not to be called by telemarketers (16 CFR 310.4(b)(1)(iii)(B)).

Here stands what a check needs to know about a registry, a small exact one, and the national one: a bit for each number
of the area codes and exchanges in which anybody is listed, over a buffer that is handed in. Who maps and builds that
buffer is `proxy.lists.registry`.

**The layout.** A head of `HEAD` octets; for each of 1000 area codes the day on which it was last brought up to date (0:
not loaded); for each number without its last four digits, from 000000 to 1999999, the place of its block; then the
blocks, 10,000 bits each. The first block is empty and stands for all exchanges in which nobody is listed. What comes
before 1000000 is no number of the plan and points to it too, so that a look-up needs no branch. 32-bit numbers are in
the machine's own order: a file of another machine is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

from policy.lists import NumberSet
from policy.told import DAY

MAX_AGE_DAYS = 31
"""Who relies on an older version of the registry has no safe harbour (47 CFR 64.1200(c)(2), REG-059)."""

MAGIC = 0x31434E44  # "DNC1"; its octets also tell the order of the machine that wrote them
HEAD = 64
AREAS_AT, AREAS = HEAD, 1000
INDEX_AT, PLACES = 4096 + HEAD, 2_000_000
FIRST = 1_000_000
"""The place of area 000, exchange 000."""
BLOCKS_AT = 8_007_680
"""Where the blocks begin: a whole number of pages. The first one is the empty one."""
BLOCK = 1250
"""Octets of one: the ten thousand numbers of an exchange."""

_HEADER = struct.Struct("=IIQQI")


class DoNotCall(Protocol):
    """Asked once for each call that leaves."""

    def listed(self, tn: str) -> bool:
        """Is this number (`12025550123`) on the registry? False also where the registry does not cover it."""

    def covers(self, tn: str) -> bool:
        """Is the area of this number loaded at all? If not, `listed` says nothing about it (REG-073)."""

    def stale(self, tn: str, utc: float) -> bool:
        """Is what is known of the area of this number too old to act upon?"""


@dataclass(frozen=True, slots=True)
class Registry:
    """An exact registry in memory, for a company's own list or a handful of area codes. It is as old as the operator
    lets it get."""

    numbers: NumberSet = field(default_factory=NumberSet)
    areas: frozenset[str] | None = None
    """The area codes that were loaded; None: all."""

    def listed(self, tn: str) -> bool:
        return tn in self.numbers

    def covers(self, tn: str) -> bool:
        return self.areas is None or (len(tn) == 11 and tn[0] == "1" and tn[1:4] in self.areas)

    def stale(self, tn: str, utc: float) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a bitmap says of the rest."""

    blocks: int
    numbers: int
    size: int
    check: int
    """CRC-32 of areas and index."""

    def packed(self) -> bytes:
        return _HEADER.pack(MAGIC, self.blocks, self.numbers, self.size, self.check).ljust(HEAD, b"\0")


class Bitmap:
    """The national registry. Shared by all processes that map the same file; never written."""

    __slots__ = ("_bits", "_index", "_days", "_oldest", "head", "listed")

    def __init__(self, buffer: memoryview) -> None:
        """`buffer`: the whole file. Raises ValueError with what is wrong with it; blocks are not looked at."""
        if len(buffer) < BLOCKS_AT:
            raise ValueError("it is too short")
        magic, *figures = _HEADER.unpack_from(buffer)
        if magic != MAGIC:
            raise ValueError("it is no do-not-call bitmap, or was made on another kind of machine")
        self.head = Head(*figures)
        if self.head.size != len(buffer) or BLOCKS_AT + BLOCK * self.head.blocks != len(buffer):
            raise ValueError(f"it is {len(buffer):,} octets long and should be {self.head.size:,}")
        if crc32(buffer[AREAS_AT:BLOCKS_AT]) != self.head.check:
            raise ValueError("its index is damaged")
        self._bits = buffer
        self._days = buffer[AREAS_AT : AREAS_AT + 4 * AREAS].cast("I")
        self._oldest = min(filter(None, self._days), default=0)
        """The day of the area that was told of longest ago."""
        self._index = buffer[INDEX_AT : INDEX_AT + 4 * PLACES].cast("I")
        self.listed: Callable[[str], bool] = _asked(buffer, self._index)

    def covers(self, tn: str) -> bool:
        return self.day(tn) is not None

    def stale(self, tn: str, utc: float) -> bool:
        if not too_old(self._oldest, utc):
            return False  # nearly always none is
        day = self.day(tn)
        return day is not None and too_old(day, utc)

    def day(self, tn: str) -> int | None:
        """The day (since 1970) of which the area of this number is known; None: it is not loaded."""
        if len(tn) != 11 or tn[0] != "1" or not (tn.isascii() and tn.isdigit()):
            return None
        return self._days[int(tn[1:4])] or None

    def days(self) -> dict[int, int]:
        """Area code -> the day of which it is known, for those that are loaded."""
        return {area: day for area, day in enumerate(self._days) if day}

    def blocks(self, area: int) -> dict[int, memoryview]:
        """Exchange -> its block, for those of an area in which anybody is listed."""
        start, bits = FIRST + area * 1000, self._bits
        places = ((exchange, self._index[start + exchange]) for exchange in range(1000))
        return {exchange: bits[at : at + BLOCK] for exchange, at in places if at != BLOCKS_AT}

    def __len__(self) -> int:
        return self.head.numbers


def _asked(bits: memoryview, index: memoryview) -> Callable[[str], bool]:
    """The look-up. A closure takes a tenth less time than a method, and every call of our customers asks."""

    def listed(tn: str) -> bool:
        try:
            number = int(tn)
            last = number % 10_000
            return bits[index[number // 10_000] + (last >> 3)] >> (last & 7) & 1 == 1
        except (ValueError, IndexError):  # no number, or none of the plan
            return False

    return listed


def too_old(day: int, utc: float) -> bool:
    """31 days are well, 32 are not."""
    return utc // DAY - day > MAX_AGE_DAYS


MARKED, CLEAR = 0x31, 0x30
"""How a number stands in an area that is being written: an octet each, so that a block is a binary numeral."""


def block(marks: Sequence[int] | bytes | bytearray) -> bytes:
    """Ten thousand marks as bits; the first number is the lowest bit of the first octet."""
    return int(bytes(marks[::-1]), 2).to_bytes(BLOCK, "little")


def marks(block: bytes | memoryview) -> bytes:
    """The marks that a block was made of."""
    return f"{int.from_bytes(block, 'little'):0{BLOCK * 8}b}".encode()[::-1]
