"""The answered calls whose end was not seen yet: how many there are, when they began, and what is remembered of a
caller once one is over. A process that is followed hands them on. Whoever saw the answer or the BYE is `calls`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from policy.call import Call
from proxy.world import World

ANY = -1
"""In the place of the worker whose call is over: nobody here knows whose it is."""
MOST = 200_000
"""Answered calls remembered for the gauge and the end of their record; beyond it the oldest is forgotten, not ended."""


class Answered(NamedTuple):
    """One of them. `started` and `answered` are Unix seconds."""

    started: float
    answered: float
    call: Call | None
    outbound: bool = False


class Ongoing:
    """All of them, by their Call-ID."""

    __slots__ = ("_calls", "_strange", "_watching", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: OrderedDict[bytes, Answered] = OrderedDict()
        self._strange: OrderedDict[bytes, float] = OrderedDict()
        """Ends of calls that are not known here, while one process follows another."""
        self._watching = False

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, call_id: bytes) -> Answered | None:
        return self._calls.get(call_id)

    def begun(self, call_id: bytes, one: Answered) -> None:
        """A call was answered."""
        self._calls[call_id] = one
        if len(self._calls) > MOST:
            self._calls.popitem(last=False)

    def over(self, call_id: bytes, utc: float) -> None:
        """An answered call of this worker's is over."""
        known = self._calls.pop(call_id, None)
        if known is None and self._watching:
            self._strange[call_id] = utc
            if len(self._strange) > MOST:
                self._strange.popitem(last=False)
        if known is not None and known.outbound:
            self._world.metrics.call_out_over(utc - known.answered)
        if known is not None and known.call is not None and self._world.following is not None:
            self._world.following.ended(known.call, max(0.0, utc - known.answered), 200, self._world.now())

    def hand_over(self) -> list[tuple[bytes, float, float]]:
        """The answered calls whose end will be seen elsewhere: Call-ID, when it began, when it was answered."""
        rows = [(call_id, one.started, one.answered) for call_id, one in self._calls.items()]
        self._calls.clear()
        return rows

    def take_over(self, rows: Iterable[tuple[bytes, float, float]]) -> None:
        """Answered calls of a process that we follow."""
        for call_id, started, answered in rows:
            # Its BYE may have been quicker than the news of it.
            if self._strange.pop(call_id, None) is None:
                self.begun(call_id, Answered(started, answered, None))

    def watch(self, watching: bool) -> None:
        """Keep the ends of calls that are not known here, or no more: of one that is followed its successor may have
        heard already, of one that follows it has yet to hear.
        """
        self._watching = watching
        if not watching:
            self._strange.clear()

    def strange(self) -> list[tuple[bytes, float]]:
        """These ends, which are somebody else's from now on."""
        ends = list(self._strange.items())
        self._strange.clear()
        return ends
