"""Real connections on loopback: what comes, what goes, and what a bad peer costs."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from proxy.settings import TlsSettings
from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.transports import Bounds, Room, Streams, Tls
from tests.proxy.transports.peers import on_uvloop
from tests.waiting import SECONDS, turns

PING = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n"


class Desk:
    """A listener, and what it was told."""

    def __init__(self, host: str = "127.0.0.1", bounds: Bounds | None = None, **how: Any) -> None:
        self.clock = 100.0
        self.counted: Counter[tuple[str, str]] = Counter()
        self.streams = Streams(
            Listener("TCP", host, 0, host, 0), 3, now=lambda: self.clock, room=Room(bounds or Bounds()), count=self.count, **how
        )
        self.heard: list[tuple[bytes, Flow]] = []
        self.failed: list[Flow] = []
        self.broken: list[tuple[bytes, ParseError]] = []
        self.writers: list[asyncio.StreamWriter] = []

    def count(self, what: str, why: str) -> None:
        self.counted[what, why] += 1

    async def start(self) -> None:
        await self.streams.start(
            lambda messages, flow: self.heard.extend((one, flow) for one in messages),
            self.failed.append,
            lambda octets, flow, error: bool(self.broken.append((octets, error))),
        )

    async def until(self, holds: Callable[[], object]) -> None:
        await turns(holds, "what this desk waits for")


@asynccontextmanager
async def desk(**how: Any) -> Any:
    one = Desk(**how)
    await one.start()
    try:
        yield one
    finally:
        for writer in one.writers:
            writer.transport.abort()
        one.streams.close()
        await asyncio.sleep(0)


async def connected(one: Desk, **how: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", one.streams.port, **how)
    one.writers.append(writer)
    return reader, writer


@pytest.mark.req("SIP-098", "SIP-101")
async def test_messages_come_whole_and_pings_are_answered() -> None:
    async with desk() as one:
        reader, writer = await connected(one)
        writer.write(b"\r\n\r\n" + PING[:30])
        assert await asyncio.wait_for(reader.readexactly(2), SECONDS) == b"\r\n"
        writer.write(PING[30:] + PING)
        await one.until(lambda: len(one.heard) == 2)
        flow = one.heard[0][1]
        assert one.heard == [(PING, flow), (PING, flow)]
        assert flow.listener == 3 and flow.port == writer.get_extra_info("sockname")[1] and flow.connection
        assert one.streams.send(b"answer", flow._replace(port=5060))
        assert await asyncio.wait_for(reader.readexactly(6), SECONDS) == b"answer"
        writer.close()
        await one.until(lambda: len(one.streams) == 0)


async def test_one_connection_serves_all_that_goes_to_an_address() -> None:
    async with desk() as one, desk() as other:
        to = Flow(3, "127.0.0.1", other.streams.port)
        assert one.streams.send(PING, to) and one.streams.send(PING, to) and len(one.streams) == 1
        await other.until(lambda: len(other.heard) == 2)
        back = other.heard[0][1]
        assert back.connection and other.streams.send(PING, back)
        await one.until(lambda: len(one.heard) == 1)
        assert one.heard[0][1].host == "127.0.0.1" and len(one.streams) == len(other.streams) == 1


async def test_where_no_file_is_left_a_connection_fails_at_once_and_is_tried_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as one, desk() as other:
        to = Flow(3, "127.0.0.1", other.streams.port)

        def none_left(*_: object) -> socket.socket:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as change:
            change.setattr("proxy.transports.stream.socket.socket", none_left)
            assert one.streams.send(PING, to)
            await asyncio.sleep(0)
        await one.until(lambda: one.failed)
        assert one.failed[0] == to and len(one.streams) == one.streams.room.total == 0
        assert one.counted["ended", "connect"] == one.streams.dropped == 1
        assert one.streams.send(PING, to)
        await other.until(lambda: len(other.heard) == 1)


@pytest.mark.req("SIP-089")
async def test_nobody_there_is_said_and_nothing_is_left() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound, and nobody listens
        to = Flow(3, "127.0.0.1", probe.getsockname()[1])
        async with desk() as one:
            assert one.streams.send(PING, to)
            await one.until(lambda: one.failed)
            assert to in one.failed and len(one.streams) == 0 and one.streams.dropped == 1


async def test_a_peer_that_goes_away_is_told_of() -> None:
    async with desk() as one, desk() as other:
        to = Flow(3, "127.0.0.1", other.streams.port)
        one.streams.send(PING, to)
        await other.until(lambda: other.heard)
        other.streams.close()
        await one.until(lambda: to in one.failed)


@pytest.mark.req("SIP-099")
async def test_a_stream_that_is_no_sip_is_told_of_and_closed() -> None:
    async with desk() as one:
        reader, writer = await connected(one)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        assert one.counted["ended", "framing"] == 1 and one.broken[0][0].startswith(b"GET /") and one.heard == []


@pytest.mark.parametrize(("sent", "seconds"), [(PING[:40], 17.0), (PING, 901.0)])
async def test_who_is_slow_or_silent_too_long_loses_the_connection(sent: bytes, seconds: float) -> None:
    async with desk() as one:
        reader, writer = await connected(one)
        writer.write(sent)
        await one.until(lambda: any(c.half_way for c in one.streams._open.values()) or one.heard)
        one.streams._sweep()
        assert len(one.streams) == 1
        one.clock += seconds
        one.streams._sweep()
        try:
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        except ConnectionResetError:
            pass
        await one.until(lambda: len(one.streams) == 0)
        assert one.counted["ended", "idle" if sent == PING else "slow"] == 1


async def test_one_address_cannot_take_all_connections() -> None:
    async with desk(bounds=Bounds(per_source=2)) as one:
        first, second = await connected(one), await connected(one)
        await one.until(lambda: len(one.streams) == 2)
        reader, _ = await connected(one)
        try:
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        except ConnectionResetError:
            pass
        await one.until(lambda: one.counted["refused", "source"] == 1)
        first[1].close()
        await one.until(lambda: len(one.streams) == 1)
        await connected(one)
        await one.until(lambda: len(one.streams) == 2)
        second[1].close()


async def test_a_peer_that_does_not_read_loses_the_connection() -> None:
    async with desk(bounds=Bounds(unsent=100_000)) as one:
        _, writer = await connected(one)
        writer.write(PING)
        await one.until(lambda: one.heard)
        flow = one.heard[0][1]
        sent = 0
        while one.streams.send(b"x" * 50_000, flow) and sent < 1000:
            sent += 1
        assert sent < 1000 and one.streams.dropped == 1
        await one.until(lambda: len(one.streams) == 0)
        assert one.counted["ended", "unread"] == 1


async def test_tls_both_ways_proves_the_name(tls: TlsSettings) -> None:
    async with desk(tls=Tls(tls)) as one, desk(tls=Tls(replace(tls, clients="required"))) as other:
        assert one.streams.send(PING, Flow(3, "127.0.0.1", other.streams.port))
        await other.until(lambda: other.heard)
    # Another name than the certificate's is not believed.
    async with desk(tls=Tls(tls)) as one, desk(tls=Tls(tls)) as other:
        to = Flow(3, "127.0.0.2", other.streams.port)
        assert one.streams.send(PING, to)
        await one.until(lambda: one.failed)
        assert other.heard == []


@pytest.mark.req("SIP-105")
@pytest.mark.parametrize(("name", "well"), [("sip.example.com", True), ("target.example.net", False)])
async def test_a_peer_that_was_looked_up_by_name_proves_that_name(tls: TlsSettings, name: str, well: bool) -> None:
    # 127.0.0.2 is in no certificate: it is the name that counts, and nothing that DNS made of it.
    async with desk(tls=Tls(tls), domain=lambda flow: name) as one, desk(tls=Tls(tls), host="127.0.0.2") as other:
        assert one.streams.send(PING, Flow(3, "127.0.0.2", other.streams.port))
        await one.until(lambda: other.heard or one.failed)
        assert bool(other.heard) is well


async def test_tls_below_1_2_and_callers_without_a_certificate_are_refused(tls: TlsSettings) -> None:
    async with desk(tls=Tls(replace(tls, clients="required"))) as one:
        bare = ssl.create_default_context(cafile=tls.ca)
        reader, writer = await connected(one, ssl=bare, server_hostname="127.0.0.1")
        writer.write(PING)
        try:
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        except (ssl.SSLError, ConnectionError):
            pass
        assert one.heard == []
        assert one.streams._tls is not None and one.streams._tls.server.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 0), ("127.0.0.1", 65_536), ("127.0.0.1", -1), ("::1", 5060), ("224.0.0.1", 5060), ("0.0.0.0", 5060),
     ("255.255.255.255", 5060), ("localhost", 5060), ("127.0.0.1\0", 5060)],
)  # fmt: skip
@pytest.mark.req("SIP-107")
async def test_what_is_no_address_of_one_host_never_reaches_the_system(host: str, port: int) -> None:
    async with desk() as one:
        assert not one.streams.send(PING, Flow(3, host, port)) and len(one.streams) == 0
        assert not one.streams.send(PING, Flow(3, "127.0.0.1", one.streams.port))  # nor we ourselves


async def test_a_flood_of_messages_lets_others_have_their_turn() -> None:
    async with desk() as one:
        batches: list[int] = []
        one.streams._take = lambda messages, flow: batches.append(len(messages))
        _, writer = await connected(one)
        writer.write(PING * 500)
        await one.until(lambda: sum(batches) == 500)
        assert max(batches) <= 32


@on_uvloop
async def test_a_connection_given_up_before_it_stands_closes_nobody_elses_descriptor() -> None:
    """More is sent than may wait for a connection: it ends in the moment in which it is made."""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        async with desk(bounds=Bounds(unsent=100)) as one:
            for _ in range(5):
                flow = Flow(3, "127.0.0.1", peer.getsockname()[1])
                assert one.streams.send(b"a" * 60, flow) and not one.streams.send(b"b" * 60, flow)
                await one.until(lambda: not len(one.streams) and not one.streams._tasks)
                with ExitStack() as held:
                    # Whoever comes next has the number that has just become free.
                    pairs = [[held.enter_context(end) for end in socket.socketpair()] for _ in range(5)]
                    gc.collect()
                    for ours, theirs in pairs:
                        ours.send(b"here")
                        assert theirs.recv(4) == b"here"
