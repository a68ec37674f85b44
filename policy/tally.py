"""How often something happened lately: calls per caller in a sliding window, in memory that never grows.

A count-min sketch over 64-bit cells that are handed in (an array, or memory shared by workers). Each worker
writes its own slice and reads all of them, so there is no lock. No object is kept per key: a flood of
random callers costs nothing but accuracy.

**The cell.** Epoch (22 bits: half-windows since the clock began, wrapping after years) and three counts of
14 bits: this half-window, the one before, the one before that. A cell ages when it is next looked at;
nobody sweeps.

**The error.** In time: calls younger than one half-window count fully; those of the oldest half-window
count by the share of it that the window still covers, so the answer is off by at most that half-window's
calls, and nothing older than a window and a half is ever seen. By collision: the answer is never too low,
and with N other calls in the window it is too high by more than 2.72 x N / WIDTH with a probability of at
most 0.14 (two rows; e to the -2). For random callers it is much better: at 60,000 in the window an excess
of five or more is one in a hundred thousand. A count stops at 16,383 a half-window.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from zlib import crc32

ROWS = 2
WIDTH = 65_536
"""Columns of one row: a slice is 1 MiB a worker, and a flood of a thousand new callers a second, 60,000 in
a window of a minute, adds less than one to a count on average."""
CELLS = ROWS * WIDTH
"""Cells of one slice; a slice is `CELLS * 8` bytes, cast to "Q"."""

RATE_CELLS = ROWS * 4096
"""Cells of a slice where few keys are counted, of short windows: peers and their addresses by the second."""

_COUNT = (1 << 14) - 1
_EPOCH = (1 << 22) - 1
_COUNTS = (1 << 42) - 1
_FORGOTTEN = 2 << 42
"""A cell that is smaller than the beginning of this half-window by more than this is of three half-windows ago, or
older: it counts nothing."""


class Tally:
    """Counts per key over the last `window` seconds."""

    __slots__ = ("_mine", "_others", "_half", "_salt", "_less", "_width")

    def __init__(
        self,
        mine: memoryview,
        slices: Sequence[memoryview] = (),
        *,
        window: float = 60.0,
        salt: bytes = b"",
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them. Where `mine` is among them it
        must be the same object: a second view of the same memory would be counted twice.

        Slices are writable memoryviews of format "Q" with one length, twice a power of two; zeros are an
        empty tally. `salt` is a secret that all workers share, so that nobody can choose callers that
        collide with a given one. Raises ValueError.
        """
        width = len(mine) // ROWS
        if width < 2 or width & (width - 1) or width * ROWS != len(mine):
            raise ValueError("a slice has twice a power of two cells")
        if any(cells.format != "Q" or len(cells) != len(mine) for cells in (mine, *slices)):
            raise ValueError("all slices are 64-bit cells of one length")
        if window <= 0:
            raise ValueError("the window is a positive number of seconds")
        self._mine = mine
        self._others = tuple(cells for cells in slices if cells is not mine)
        self._half = window / 2
        # One checksum and two moduli without a common divisor. Numbers that fall together in both rows can be
        # found by whoever tries; calling from them raises a count no more than calling from the number itself.
        self._salt = int.from_bytes(blake2b(salt, digest_size=4, person=b"tally").digest(), "big")
        self._width = width
        self._less = width - 1

    def note(self, key: str | bytes, now: float) -> int:
        """Count one more, and say how many there were in the window, this one included. `now`: monotonic
        seconds."""
        where = crc32(key.encode("utf-8", "replace") if isinstance(key, str) else key, self._salt)
        first, second = where % self._width, self._width + where % self._less
        mine = self._mine
        halves = now / self._half
        epoch = int(halves)
        start = (epoch & _EPOCH) << 42
        # Written out for the two rows: this is asked once a call, and a loop costs half as much again. A cell
        # of this half-window lies between `start` and `start + _COUNTS`; nearly always it holds no older count.
        one = mine[first]
        if one < start - _FORGOTTEN:
            one = start  # nearly every caller is new
        elif not 0 <= one - start < _COUNTS:
            one = _aged(one, epoch & _EPOCH)
        if one & _COUNT != _COUNT:
            one += 1
            mine[first] = one
        two = mine[second]
        if two < start - _FORGOTTEN:
            two = start
        elif not 0 <= two - start < _COUNTS:
            two = _aged(two, epoch & _EPOCH)
        if two & _COUNT != _COUNT:
            two += 1
            mine[second] = two
        one -= start
        two -= start
        if self._others:
            return self._together(first, second, halves, one, two)
        if one > _COUNT or two > _COUNT:
            left = 1.0 - (halves - epoch)
            return int(min(_counted(one, left), _counted(two, left)))
        return one if one < two else two

    def peek(self, key: str | bytes, now: float) -> int:
        """How many there were in the window."""
        where = crc32(key.encode("utf-8", "replace") if isinstance(key, str) else key, self._salt)
        first, second = where % self._width, self._width + where % self._less
        halves = now / self._half
        epoch = int(halves) & _EPOCH
        mine = self._mine
        return self._together(
            first, second, halves, _aged(mine[first], epoch) & _COUNTS, _aged(mine[second], epoch) & _COUNTS
        )

    def _together(self, first: int, second: int, halves: float, mine_one: int, mine_two: int) -> int:
        """The count over all slices, from our own two cells without their epochs."""
        epoch = int(halves)
        # The share of the oldest half-window that the window still covers.
        left = 1.0 - (halves - epoch)
        epoch &= _EPOCH
        one, two = _counted(mine_one, left), _counted(mine_two, left)
        for other in self._others:
            if cell := other[first]:
                one += _counted(_aged(cell, epoch) & _COUNTS, left)
            if cell := other[second]:
                two += _counted(_aged(cell, epoch) & _COUNTS, left)
        return int(one if one < two else two)

def _counted(counts: int, left: float) -> float:
    """What three counts say of the window, the oldest by the share that it still covers."""
    if counts <= _COUNT:
        return counts
    return (counts & _COUNT) + (counts >> 14 & _COUNT) + (counts >> 28 & _COUNT) * left


def _aged(cell: int, epoch: int) -> int:
    """The cell as it reads in `epoch`: its counts moved back by the half-windows that have passed."""
    passed = (epoch - (cell >> 42)) & _EPOCH
    if not passed:
        return cell
    if passed > 2:
        return epoch << 42
    return epoch << 42 | (cell & _COUNTS) << 14 * passed & _COUNTS

