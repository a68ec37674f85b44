"""Fetches under way: one per URL however many ask, few at once, fewer per host, and a line that is bounded.

A URL gets in line, flies, and lands. It knows nothing of certificates, only that a fetch takes a while and
that the URLs are chosen by strangers: hosts take turns, so that a long line delays nobody but its own host,
and whoever waits may stop waiting without ending the fetch. A host that has proved itself goes before those
that nobody knows, and these never get all the room: a flood over a thousand hosts leaves the providers' own
repositories within reach.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be under way."""

    flights: int = 64
    """At once: sockets and memory (64 KiB each) stay small."""
    per_host: int = 4
    """Of them at one host and port: nobody's repository is flooded by us, and none holds us up alone."""
    strangers: int = 48
    """Of all flights: to hosts that have not proved themselves."""
    waiting: int = 1_024
    """URLs in line; the next one is turned away."""
    waiting_strangers: int = 768
    """Of them: of hosts that have not proved themselves."""
    waiting_per_host: int = 64
    """Of them for one host and port, so that one host cannot fill the line."""
    patience: float = 10.0
    """Seconds in line after which no call can be waiting any more."""


@dataclass(slots=True)
class _Lane:
    """One host and port: how many fly, and which wait since when."""

    flying: int = 0
    line: deque[tuple[str, float]] = field(default_factory=deque)
    proven: bool = False


class Flights(Generic[T]):
    """Runs `fly(url)` for URLs, at most once at a time for each. Belongs to one event loop.

    A landing is a future of what `fly` returned, or of None when it did not get that far: it waited too
    long in line, the house is closing, or `fly` raised (which is reported to the loop's exception handler).
    Await it with `asyncio.wait`, which leaves it alone when the waiting ends; cancelling it is not yours.
    `proven` says whether a host is known to be good.
    """

    def __init__(
        self,
        fly: Callable[[str], Awaitable[T]],
        now: Callable[[], float],
        bounds: Bounds,
        proven: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self._fly = fly
        self._now = now
        self._bounds = bounds
        self._proven = proven
        self._landings: dict[str, asyncio.Future[T | None]] = {}
        self._lanes: dict[str, _Lane] = {}
        self._ready: tuple[dict[str, None], dict[str, None]] = ({}, {})  # hosts whose line may go on: strangers, proven
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers = 0  # of the tasks
        self._waiting = 0
        self._closed = False

    @property
    def flying(self) -> int:
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        return self._waiting

    def under_way(self, url: str) -> asyncio.Future[T | None] | None:
        """The landing of this URL, when it flies or waits already."""
        return self._landings.get(url)

    def begin(self, url: str) -> asyncio.Future[T | None] | None:
        """Lets it fly, or puts it in line; None when the line is full. It must not be under way."""
        bounds = self._bounds
        host = host_of(url)
        lane = self._lanes.get(host) or _Lane()
        lane.proven = self._proven(host)
        most = bounds.waiting if lane.proven else min(bounds.waiting, bounds.waiting_strangers)
        room = self._room(lane.proven) and lane.flying < bounds.per_host
        full = self._waiting >= most or len(lane.line) >= bounds.waiting_per_host
        if self._closed or (full and not room):
            return None
        landing: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._landings[url] = landing
        self._lanes[host] = lane
        lane.line.append((url, self._now()))
        self._waiting += 1
        self._turn(host, lane)
        self._launch()
        return landing

    async def close(self) -> None:
        """Ends all of it; every landing that is open becomes None."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for url in tuple(self._landings):
            self._land(url, None)
        self._lanes.clear()
        for hosts in self._ready:
            hosts.clear()
        self._waiting = 0

    def _room(self, proven: bool) -> bool:
        """Whether one more may fly."""
        return len(self._tasks) < self._bounds.flights and (proven or self._strangers < self._bounds.strangers)

    def _next(self) -> str | None:
        """The host whose turn it is, taken out of the turn."""
        for proven in (True, False):
            if (hosts := self._ready[proven]) and self._room(proven):
                host = next(iter(hosts))
                del hosts[host]
                return host
        return None

    def _launch(self) -> None:
        while not self._closed and (host := self._next()) is not None:
            lane = self._lanes[host]
            url, since = lane.line.popleft()
            self._waiting -= 1
            if self._now() - since > self._bounds.patience:
                self._land(url, None)
            else:
                lane.flying += 1
                stranger = not lane.proven
                self._strangers += stranger
                trip = self._trip(url, host, lane, stranger)
                task = asyncio.get_running_loop().create_task(trip, name=f"fetch {url}")
                self._tasks.add(task)
            self._turn(host, lane)

    async def _trip(self, url: str, host: str, lane: _Lane, stranger: bool) -> None:
        result: T | None = None
        try:
            result = await self._fly(url)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler({"message": f"fetch of {url} broke", "exception": error})
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.discard(task)
            self._strangers -= stranger
            lane.flying -= 1
            self._land(url, result)
            self._turn(host, lane)
            self._launch()

    def _land(self, url: str, result: T | None) -> None:
        landing = self._landings.pop(url, None)
        if landing is not None and not landing.done():
            landing.set_result(result)

    def _turn(self, host: str, lane: _Lane) -> None:
        """Where a host stands after one of its URLs came, began or ended."""
        self._ready[not lane.proven].pop(host, None)
        if lane.line and lane.flying < self._bounds.per_host:
            self._ready[lane.proven].setdefault(host)
        elif not lane.line and not lane.flying:
            self._lanes.pop(host, None)


def host_of(url: str) -> str:
    """Host and port of an https URL, as far as it takes to tell repositories apart."""
    return url.partition("://")[2].partition("/")[0].lower()
