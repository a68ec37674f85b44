"""The timers of RFC 3261 (table 4), and the one that is due next.

The RFC knows few durations, and time only grows, so the timers of one duration expire in the order in which they were
started: one queue a duration, no heap. A cancelled timer lets go of its owner at once and stays in its queue as a husk;
husks go when they reach the front, or when a queue has grown to twice of what ran in it: then it is looked through, a
few timers with each new one, because a call must not wait until a hundred thousand have been looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

T1 = 0.5
"""Seconds: the estimate of a round trip."""
T2 = 4.0
"""Seconds: the longest interval between retransmissions of a non-INVITE request or of a response to an INVITE."""
T4 = 5.0
"""Seconds: how long a message may live in the network."""
TIMER_C = 185.0
"""Seconds; more than three minutes (section 16.6(11))."""
AT_ONCE = 0.2
"""Seconds: an INVITE without any answer gets its 100 then (section 17.2.1)."""
LATE_100 = 3.5
"""Seconds: when Timer E would reach T2, any other request gets its 100 (RFC 4320 section 4.1)."""
MIN_D = 32.0
"""Seconds: Timer D is never shorter over UDP (section 17.1.1.2)."""

HUSKS = 64
"""A queue of up to twice as many is not looked through for husks."""
LOOKS = 16
"""Timers that are looked at with each new one, while their queue is looked through: a microsecond."""

Timer = list[Any]
"""[due, owner or None, name]: a list, because cancelling changes it in place."""
OWNER = 1
"""Its place in a timer. `timer[OWNER] = None` cancels one: before it is due, after it, or twice."""


class _Queue:
    """The timers of one duration, in three parts: those of the first expire before those of the second, and so on."""

    __slots__ = ("ready", "rest", "new", "left", "_second")

    def __init__(self) -> None:
        self.ready: deque[Timer] = deque()
        """What has been looked through."""
        self.rest: deque[Timer] = deque()
        """What is being looked through: it empties into the first."""
        self.new: deque[Timer] = deque()
        self.left = HUSKS
        """Timers that may be started before it is looked through again; below 0: it is being looked through."""
        self._second = False

    def __len__(self) -> int:
        return len(self.ready) + len(self.rest) + len(self.new)

    def __iter__(self) -> Iterator[Timer]:
        return chain(self.ready, self.rest, self.new)

    def sweep(self) -> None:
        """Take the husks out, some at a time: first of what was there at the last time, then of what has come since."""
        rest = self.rest
        for _ in range(min(LOOKS, len(rest))):
            timer = rest.popleft()
            if timer[OWNER] is not None:
                self.ready.append(timer)
        if rest:
            return
        # At -1 it begins, below it goes on.
        if self.left < -1:
            if self._second:
                self._second, self.left = False, max(len(self), HUSKS)
                return
            self.rest, self.new, self._second = self.new, rest, True
        else:
            self.rest, self.ready = self.ready, rest


class Timers:
    """Started and cancelled in constant time; what is due comes out in order."""

    __slots__ = ("_queues", "soonest")

    def __init__(self) -> None:
        self._queues: dict[float, _Queue] = {}
        self.soonest: float | None = None
        """When to look again: never after the next timer is due, sometimes before, None if nothing runs."""

    def __len__(self) -> int:
        """Timers that run."""
        return sum(timer[OWNER] is not None for queue in self._queues.values() for timer in queue)

    @property
    def held(self) -> int:
        """Timers and husks in the queues: what they cost in memory."""
        return sum(map(len, self._queues.values()))

    def start(self, seconds: float, owner: object, name: str, now: float) -> Timer:
        """A timer that is due `seconds` after `now`."""
        due = now + seconds
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = _Queue()
        timer: Timer = [due, owner, name]
        queue.new.append(timer)
        queue.left -= 1
        if queue.left < 0:
            queue.sweep()
        soonest = self.soonest
        if soonest is None or due < soonest:
            self.soonest = due
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """It will not expire, and its owner is let go. Once is enough, twice does no harm, after it expired neither."""
        if timer is not None:
            timer[OWNER] = None

    def expired(self, now: float) -> Iterator[tuple[Any, str]]:
        """The owners and names of the timers that are due, the earliest first, each told once.

        A timer that is cancelled because of an earlier one of the same run is not told.
        """
        if self.soonest is None or self.soonest > now:
            return
        due: list[Timer] = []
        soonest: float | None = None
        for queue in self._queues.values():
            for part in (queue.ready, queue.rest, queue.new):
                while part:
                    timer = part[0]
                    if timer[OWNER] is not None:
                        if timer[0] > now:
                            if soonest is None or timer[0] < soonest:
                                soonest = timer[0]
                            break
                        due.append(timer)
                    part.popleft()
                else:
                    continue
                break
        self.soonest = soonest
        due.sort(key=_DUE)
        for timer in due:
            owner = timer[OWNER]
            if owner is not None:
                timer[OWNER] = None
                yield owner, timer[2]


_DUE = itemgetter(0)
