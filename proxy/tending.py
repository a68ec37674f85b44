"""Looks after the peers while calls pass: asks for the names of their hops again when DNS says so, pings them, and
finds out which of them have TCP.

The I/O beside `proxy.peers` and `proxy.health`: three kinds of loops, none of which a call ever waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from proxy.health import Pinger
from proxy.peers import Directory, Hop, Peer, Target
from proxy.resolver import Resolver
from proxy.routes import Routes
from proxy.sip.flow import Flow

START_SECONDS = 2.0
"""How long a start waits for the names of its peers; what comes later is used when it comes."""
SOONEST, LATEST = 5.0, 300.0
"""Seconds between two look-ups of one name, whatever its TTL."""
STREAMS_SECONDS = 5.0
"""How often it is looked whether a hop is to be tried by TCP: those that are new, and after a while those without."""
TICK = 0.05
"""Seconds: the soonest that the pinger is looked at again."""


async def streams(routes: Routes, reach: Callable[[Flow], Awaitable[bool]], known: Callable[[], object]) -> None:
    """Find out for ever, beside the calls, which hops have TCP for what is too long for a datagram (RFC 3261 section
    18.1.1). reach: whether a connection can be had; known: told when all were asked once. Until that is known, and
    where there is none, datagrams serve.
    """

    async def look(target: Target) -> None:
        stream = routes.stream(target)
        routes.proved(target, stream is not None and await reach(stream))

    while True:
        await asyncio.gather(*map(look, routes.unproved()))
        known()
        await asyncio.sleep(STREAMS_SECONDS)


class Tending:
    """Runs on one event loop, from `start` to `stop`."""

    def __init__(
        self,
        directory: Directory,
        resolver: Resolver,
        pinger: Pinger,
        send: Callable[[bytes, Flow], bool],
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        """send: one message to a flow; False when the network refused it. spawn: run something beside the calls."""
        self._directory, self._resolver, self._pinger = directory, resolver, pinger
        self._send, self._now, self._spawn = send, now, spawn
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._asked: set[Hop] = set()
        self._running = False

    async def start(self) -> None:
        """Find every hop, waiting START_SECONDS at most, and begin to ping."""
        self._running = True
        hops = self._directory.names()
        async with asyncio.TaskGroup() as group:
            for hop in hops:
                group.create_task(self._look_up(hop))
        self._renew()
        self._arm()

    async def take(self, peers: Sequence[Peer]) -> None:
        """Put other peers in the place of the present ones, once their hops are found: at a reload no call waits."""
        async with asyncio.TaskGroup() as group:
            for hop in {hop for peer in peers for hop in peer.hops}:
                group.create_task(self._look_up(hop))
        self._directory.replace(peers, self._now())
        self._renew()
        self._arm()

    def _renew(self) -> None:
        """Follow the names that nobody follows yet."""
        for hop in self._directory.names():
            if hop not in self._asked:
                self._asked.add(hop)
                self._spawn(self._follow(hop), "names")

    def stop(self) -> None:
        """Ping no more. The look-ups end with the tasks of who spawned them."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self) -> None:
        """A state has changed: the next ping may be sooner."""
        if self._running:
            self._arm()

    async def _look_up(self, hop: Hop) -> float:
        places, fresh = await self._resolver.places(hop, START_SECONDS)
        self._directory.place(hop, places, self._now())
        return fresh

    async def _follow(self, hop: Hop) -> None:
        """Ask for one name again and again; an address is asked for once."""
        while self._running and hop in self._directory.names():
            fresh = await self._look_up(hop)
            if fresh == float("inf"):
                break
            self._arm()
            await asyncio.sleep(min(max(fresh, SOONEST), LATEST))
        self._asked.discard(hop)

    def _arm(self) -> None:
        now = self._now()
        due = self._pinger.next(now)
        if due is None:
            return
        due = max(due, now + TICK)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_later(due - now, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._now()
        for data, flow in self._pinger.due(now):
            if not self._send(data, flow):
                self._pinger.failed(flow, now)
        self._directory.tick(now)
        self._arm()
