"""Looking after peers on a real loop: names are found at the start, followed, and never waited for too long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from proxy import tending as room
from proxy.health import Pinger
from proxy.lab.nameserver import NameServer
from proxy.names import Names, Servers
from proxy.peers import Directory, Hop, Peer
from proxy.resolver import Resolver
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.tending import Tending
from proxy.tokens import RandomTokens
from tests.waiting import turns

LISTENERS = (Listener("UDP", "127.0.0.1", 5060, "127.0.0.1", 5060),)


class Keeper:
    """A tending with everything that it needs."""

    def __init__(self, server: NameServer, *hops: Hop) -> None:
        self.names = Names(Servers([("127.0.0.1", server.port)], 0.1), time.monotonic)
        resolver = Resolver(LISTENERS, time.monotonic, self.names)
        peers = [Peer(f"p{n}", "pbx", (hop,)) for n, hop in enumerate(hops)]
        self.directory = Directory(peers, now=time.monotonic(), changed=lambda *news: self.tending.changed())
        pinger = Pinger(self.directory, LISTENERS, resolver.outlet, RandomTokens().branch, random.random)
        self.sent: list[tuple[bytes, Flow]] = []
        self.works = True
        self.tasks: list[asyncio.Task[None]] = []
        self.tending = Tending(self.directory, resolver, pinger, self.send, time.monotonic, self.spawn)

    def send(self, data: bytes, flow: Flow) -> bool:
        self.sent.append((data, flow))
        return self.works

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))

    def targets(self) -> list[str]:
        return [row.target for row in self.directory.rows(0.0)]

    async def close(self) -> None:
        self.tending.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.names.close()


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with NameServer() as made:
        yield made


async def test_names_are_found_at_the_start_and_followed_when_their_time_is_over(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SOONEST", 0.05)
    server.put("pbx.example", "A", "127.0.0.7", ttl=1)
    keeper = Keeper(server, Hop("pbx.example", 5070), Hop("127.0.0.8", 5060, "UDP"))
    await keeper.tending.start()
    try:
        assert keeper.targets() == ["udp:127.0.0.7:5070", "udp:127.0.0.8:5060"]
        server.put("pbx.example", "A", "127.0.0.9", ttl=1)
        await turns(lambda: keeper.targets()[0] == "udp:127.0.0.9:5070", "the peers are as they should be")
    finally:
        await keeper.close()


@pytest.mark.req("SIP-116")
async def test_a_name_that_nobody_can_tell_delays_the_start_for_a_bounded_time_only(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "START_SECONDS", 0.2)
    server.mute.add("pbx.example")
    keeper, began = Keeper(server, Hop("pbx.example", 5070), Hop("127.0.0.8", 5060, "UDP")), time.monotonic()
    await keeper.tending.start()
    try:
        assert time.monotonic() - began < 2
        assert keeper.targets() == ["pbx.example", "udp:127.0.0.8:5060"]
    finally:
        await keeper.close()


async def test_targets_are_pinged_and_what_the_network_refuses_is_down(server: NameServer) -> None:
    keeper = Keeper(server, Hop("127.0.0.8", 5060, "UDP"))
    keeper.works = False
    await keeper.tending.start()
    try:
        await turns(lambda: keeper.directory.rows(0.0)[0].state == "down", "the peers are as they should be")
        assert keeper.sent[0][0].startswith(b"OPTIONS sip:127.0.0.8:5060 SIP/2.0") and keeper.sent[0][1] == Flow(0, "127.0.0.8", 5060)
    finally:
        await keeper.close()
    assert keeper.tending._timer is None


async def test_at_a_reload_the_new_peers_have_their_targets_at_once_and_are_pinged(server: NameServer) -> None:
    server.put("new.example", "A", "127.0.0.5")
    keeper = Keeper(server, Hop("127.0.0.8", 5060, "UDP"))
    await keeper.tending.start()
    try:
        await keeper.tending.take([Peer("new", "pbx", (Hop("new.example", 5060),))])
        assert keeper.targets() == ["udp:127.0.0.5:5060"]
        await turns(lambda: any(flow.host == "127.0.0.5" for _, flow in keeper.sent), "the peers are as they should be")
    finally:
        await keeper.close()
