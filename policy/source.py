"""One of the larger groups that `policy.sources` follows: what it did in the window and over weeks, counted, as shares,
and as the cells in which the other workers read it.
"""

from __future__ import annotations

from typing import NamedTuple

from policy.past import NONE, Ends

ENOUGH = 20
"""Calls, or ends of calls, before a share says anything."""
FADES = 336
"""Half-windows, a week, in which the longer memory of a source halves."""
LONG = 100
"""Ended calls before the longer memory says anything."""
AGE = 12
"""Half-windows, six hours, before it does: the first that is seen of a shared source may be its worst customer."""
DAY = 48
"""Half-windows in which a memory that began empty has met those that are always there."""
UNSURE = 144
"""Half-windows, three days, before the longer memory says anything of those."""


class Source(NamedTuple):
    """The figures of one group, as shares of its calls in the window."""

    kind: str
    name: str
    attempts: int
    ended: int = 0
    short: float = 0.0
    """Share of the ended calls that were answered and over within seconds; 0 below `ENOUGH` ends."""
    unanswered: float = 0.0
    neighbours: float = 0.0
    """Share of calls whose caller looks like a neighbour of the called number."""
    strangers: float = 0.0
    """Share of calls by callers that were not seen in the window before."""
    past: Ends = NONE
    """How its calls ended over weeks; nothing below `LONG` ends and `AGE`."""

    @property
    def wasted(self) -> float:
        """Share of the ended calls that nobody wanted: unanswered, or hung up on."""
        return self.short + self.unanswered


PLACES = 4096
"""Of a slice; a power of two."""
WIDE = 20
CELLS = WIDE * (PLACES + 1)
"""Cells of one slice, 640 KiB. A source has: its hash, its half-window, the one in which it was first seen, six figures
of it, six of the one before, four of the longer memory (in 1024ths). The last cell says when the memory began."""
FINE = 1024
FIGURES = 8

Row = tuple[int, int, int, tuple[int, ...], tuple[int, ...], tuple[float, ...]]
"""Of a source, as it is kept over a restart: its hash, its half-window, when it was first seen, and its figures of this
half-window, of the one before and of weeks. A row with the hash 0 says when the memory began."""


class Count:
    """Counters of one source: attempts, strangers, neighbours, ended, short, unanswered; and of weeks: ended, unheard,
    talked, dead."""

    __slots__ = ("kind", "name", "tag", "half", "now", "before", "born", "past", "shown")

    def __init__(self, kind: str, name: str, tag: int, half: int) -> None:
        self.kind, self.name, self.tag, self.half = kind, name, tag, half
        self.now, self.before = [0] * 6, [0] * 6
        self.born, self.past = half, [0.0] * 4
        self.shown: Source | None = None

    def aged(self, half: int) -> None:
        """Let go what is too old in a half-window."""
        if (passed := half - self.half) > 0:
            left = 0.5 ** (passed / FADES)
            self.past = [left * figure for figure in self.past]
            self.before = self.now if passed == 1 else [0] * 6
            self.now, self.half = [0] * 6, half

    def add(self, more: list[int], half: int) -> None:
        """Add what came together since the last time."""
        self.aged(half)
        calls, newcomers, near, over, hung, quiet, talked, dead = more
        now, past = self.now, self.past
        now[0] += calls
        now[1] += newcomers
        now[2] += near
        if over:
            now[3] += over
            now[4] += hung
            now[5] += quiet
            past[0] += over
            past[1] += hung + quiet
            past[2] += talked
            past[3] += dead

    def take(self, row: Row) -> None:
        """Add what somebody else saw of it."""
        _, half, born, now, before, past = row
        other = Count("", "", 0, half)
        other.now, other.before, other.past = list(now), list(before), list(past)
        other.aged(self.half)
        if half == self.half + 1:  # it is a moment ahead of us
            other.now = [*map(int.__add__, other.now, other.before)]
            other.before = [0] * 6
        self.now = [*map(int.__add__, self.now, other.now)]
        self.before = [*map(int.__add__, self.before, other.before)]
        self.past = [*map(float.__add__, self.past, other.past)]
        self.born = min(self.born, born)

    def copy(self) -> Count:
        """Another one with the same figures."""
        one = Count(self.kind, self.name, self.tag, self.half)
        one.now, one.before, one.past, one.born = [*self.now], [*self.before], [*self.past], self.born
        return one

    def source(self, began: int) -> Source | None:
        """The shares, where there are calls enough. began: the half-window of the memory's first call."""
        now, before, past = self.now, self.before, self.past
        attempts, ended = now[0] + before[0], now[3] + before[3]
        age = self.half - self.born
        known = past[0] >= LONG and age >= (AGE if self.born - began >= DAY else UNSURE)
        if attempts < ENOUGH and not known:
            return None
        new = neighbours = short = unanswered = 0.0
        if attempts >= ENOUGH:
            new, neighbours = (now[1] + before[1]) / attempts, (now[2] + before[2]) / attempts
        if ended >= ENOUGH:
            short, unanswered = (now[4] + before[4]) / ended, (now[5] + before[5]) / ended
        return Source(
            self.kind, self.name, attempts, ended, short, unanswered, neighbours, new,
            Ends(int(past[0]), int(past[1]), int(past[2]), int(past[3])) if known else NONE,
        )  # fmt: skip

    def row(self) -> Row:
        """As it is kept."""
        return self.tag, self.half, self.born, tuple(self.now), tuple(self.before), tuple(self.past)


def place_of(tag: int) -> int:
    return tag % PLACES * WIDE


def read(cells: memoryview, at: int) -> Row:
    """The record at a place."""
    tag, half, born, *figures = cells[at : at + 19].tolist()
    return tag, half, born, tuple(figures[:6]), tuple(figures[6:12]), tuple(one / FINE for one in figures[12:])
