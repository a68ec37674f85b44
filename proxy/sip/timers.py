"""The timers of RFC 3261 (table 4), and the one that is due next.

The RFC knows few durations, and time only grows, so the timers of one duration expire in the order in which they were
started: one queue a duration, no heap. A cancelled timer stays in its queue as an empty husk and lets go of its owner
at once.
"""

from __future__ import annotations

from collections import deque
from typing import Any

T1 = 0.5
T2 = 4.0
T4 = 5.0
TIMER_C = 185.0
"""Section 16.6(11): more than three minutes."""
AT_ONCE = 0.2
"""Section 17.2.1: an INVITE without any answer gets its 100 after 200 ms."""
LATE_100 = 3.5
"""RFC 4320 section 4.1: when Timer E would reach T2."""

Timer = list[Any]
"""[due, owner or None, name]: a list, because cancelling changes it in place."""


class Timers:
    """Started, cancelled and expired in constant time."""

    __slots__ = ("_queues", "_soonest", "live")

    def __init__(self) -> None:
        self._queues: dict[float, deque[Timer]] = {}
        self._soonest: float | None = None
        self.live = 0
        """Timers that were started and neither cancelled nor expired."""

    def start(self, seconds: float, owner: object, name: str, now: float) -> Timer:
        """A timer that is due `seconds` after `now`."""
        timer: Timer = [now + seconds, owner, name]
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
        queue.append(timer)
        self.live += 1
        if self._soonest is None or timer[0] < self._soonest:
            self._soonest = timer[0]
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """It will not expire; its owner is let go. Once is enough, twice does no harm."""
        if timer is not None and timer[1] is not None:
            timer[1] = None
            self.live -= 1

    def next(self) -> float | None:
        """When to look again: never after the next timer is due, maybe a little before."""
        return self._soonest

    def expired(self, now: float) -> list[tuple[Any, str]]:
        """The owners and names of the timers that are due, the earliest first, each told once."""
        due: list[Timer] = []
        soonest: float | None = None
        for queue in self._queues.values():
            while queue and (queue[0][1] is None or queue[0][0] <= now):
                timer = queue.popleft()
                if timer[1] is not None:
                    due.append(timer)
            if queue and (soonest is None or queue[0][0] < soonest):
                soonest = queue[0][0]
        self._soonest = soonest
        due.sort(key=_due)
        found = [(timer[1], timer[2]) for timer in due]
        for timer in due:
            timer[1] = None
        self.live -= len(due)
        return found


def _due(timer: Timer) -> float:
    return float(timer[0])
