"""The order in which datagrams are served when more arrive than can be: what must not wait goes first.

New calls wait in a queue of their own: requests of calls in progress, responses, ACKs and emergency calls pass them by.
One that has waited a while is served without screening, which is what costs most; one that has waited so long that its
sender sends it again is let fall (RFC 3261 section 17.1.1.2), so that those that are served are served in time. When
that goes on for seconds it is no pause of ours but too much, and they are refused (section 21.5.4). Bytes are looked
at, not parsed: a guess costs an order, never a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MAX_WAITING = 4096
"""New calls that may wait, at about 2 KiB each: several times what can be served before they are stale."""
STALE = 0.2
"""Seconds: by then a 100 was due (section 17.2.1). Whoever waited longer hears nothing before he repeats himself."""
HURRY = 0.05
"""Seconds: whoever has waited longer goes on unscreened. Screening is most of what a call costs."""
LASTING = 2.0
"""Seconds of waiting calls after which those that fall are refused: until then their senders repeat them, and are
served.
"""
RETRY = 5
"""Seconds that a refused caller's next element is asked to stay away (Retry-After)."""
REFUSALS = 50.0
"""Refusals a second, and twice as many at once: an answer costs a tenth of a call. Whoever is beyond them is let fall
and comes again.
"""
TOKEN = b";rw="
"""Stands in a Route of ours: the request belongs to a call that we let through, or claims to."""


class Waiting(NamedTuple):
    """A datagram, and where it came from."""

    arrived: float
    data: bytes
    listener: int
    host: str
    port: int


class Inbox:
    """Not thread-safe: it belongs to one event loop."""

    __slots__ = ("_left", "_queue", "_refuse", "_refused_at", "_vital", "_well", "shed")

    def __init__(
        self, vital: Callable[[bytes], bool], refuse: Callable[[Waiting], None] = lambda waiting: None
    ) -> None:
        """vital: told a Request-URI, says whether it is an emergency call. refuse: answers one that came too late."""
        self._vital, self._refuse = vital, refuse
        self._left, self._refused_at = 2 * REFUSALS, 0.0
        self._well = 0.0
        """When nobody waited, or who was served had not waited long."""
        self._queue: deque[Waiting] = deque()
        self.shed = 0
        """New calls that were refused or let fall."""

    def __len__(self) -> int:
        return len(self._queue)

    def waiting(self) -> list[bytes]:
        """The datagrams that wait."""
        return [one.data for one in self._queue]

    def urgent(self, data: bytes) -> bool:
        """Whether a datagram is to be served at once. A CANCEL waits where an INVITE does: it must not overtake its
        own.
        """
        if data[:7] == b"INVITE ":
            return data.find(TOKEN) >= 0 or self._vital(data[7 : max(data.find(b" ", 7), 7)])
        return data[:7] != b"CANCEL " or not self._queue

    def put(self, waiting: Waiting) -> None:
        """Let a datagram wait for its turn; beyond MAX_WAITING the oldest falls."""
        if len(self._queue) >= MAX_WAITING:
            self._queue.popleft()
            self.shed += 1
        self._queue.append(waiting)

    def take(self, now: float) -> Waiting | None:
        """Whose turn it is; None if nobody waits. What is stale falls; a CANCEL never is."""
        queue = self._queue
        if not queue:
            self._well = now
        while queue:
            one = queue.popleft()
            waited = now - one.arrived
            if waited <= HURRY:
                self._well = now
            if waited <= STALE or one.data[:7] == b"CANCEL ":
                return one
            self.shed += 1
            if now - self._well < LASTING:
                continue
            self._left = min(self._left + max(now - self._refused_at, 0.0) * REFUSALS, 2 * REFUSALS)
            self._refused_at = now
            if self._left >= 1:
                self._left -= 1
                self._refuse(one)
        return None
