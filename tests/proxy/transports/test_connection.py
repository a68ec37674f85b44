"""One connection in virtual time, over a transport that only notes what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from proxy.sip.flow import Flow
from proxy.sip.framing import FramingError
from proxy.transports.bounds import Bounds, Room
from proxy.transports.connection import BATCH, PARTING_SECONDS, Connection

PING = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n"
BOUNDS = Bounds()


class Home:
    """Stands for the listener: keeps what it is told."""

    def __init__(self) -> None:
        self.room = Room(BOUNDS)
        self.clock = 0.0
        self.heard: list[bytes] = []
        self.faults: list[FramingError] = []
        self.soon: list[Callable[[], None]] = []
        self.lost: list[str] = []
        self.vital = False
        self.loop = self

    def now(self) -> float:
        return self.clock

    def call_soon(self, what: Callable[[], None]) -> None:
        self.soon.append(what)

    def ready(self, connection: Connection, transport: object) -> bool:
        return True

    def proved(self, connection: Connection) -> None: ...

    def take(self, messages: list[bytes], flow: Flow) -> None:
        self.heard += messages

    def misframed(self, fault: FramingError, flow: Flow) -> bool:
        self.faults.append(fault)
        return self.vital

    def gone(self, connection: Connection) -> None:
        self.lost.append(connection.why)


class Wire:
    """Stands for asyncio's transport."""

    def __init__(self) -> None:
        self.written = b""
        self.unsent = 0
        self.reading = True
        self.state = "open"

    def set_write_buffer_limits(self, high: int) -> None: ...

    def write(self, data: bytes) -> None:
        self.written += data
        self.unsent += len(data)

    def writelines(self, lines: list[bytes]) -> None:
        self.write(b"".join(lines))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self.state = "closing"

    def abort(self) -> None:
        self.state = "aborted"


def connected(ours: bool = False) -> tuple[Home, Connection, Wire]:
    home, wire = Home(), Wire()
    connection = Connection(cast(Any, home), Flow(0, "192.0.2.1", 5060, 1), ours, 0.0)
    connection.connection_made(cast(asyncio.BaseTransport, wire))
    return home, connection, wire


def looked(home: Home, connection: Connection, seconds: float) -> str:
    home.clock += seconds
    connection.look(home.clock, BOUNDS)
    return connection.why


@pytest.mark.req("SIP-106")
@pytest.mark.parametrize(
    ("octets", "bound", "why"),
    [(b"", BOUNDS.first, "silent"), (PING[:9], BOUNDS.first, "silent"), (PING, BOUNDS.idle, "idle"),
     (b"\r\n\r\n", BOUNDS.idle, "idle"), (PING + PING[:9], BOUNDS.message, "slow")],
)  # fmt: skip
def test_who_takes_too_long_is_ended_and_not_before(octets: bytes, bound: float, why: str) -> None:
    home, connection, wire = connected()
    connection.data_received(octets)
    assert looked(home, connection, bound) == ""
    assert looked(home, connection, 0.1) == why and wire.state == "closing"
    looked(home, connection, PARTING_SECONDS + 0.1)
    assert wire.state == "aborted"  # also where it never takes our last words


def test_whoever_pings_stays() -> None:
    home, connection, wire = connected()
    for _ in range(4):
        connection.data_received(b"\r\n\r\n" * 3)
        assert looked(home, connection, BOUNDS.idle) == ""
    assert wire.written == b"\r\n" * 4  # pings that come together share one answer


@pytest.mark.req("SIP-106")
def test_a_peer_that_takes_nothing_loses_it_by_size_or_by_time() -> None:
    home, connection, wire = connected(ours=True)
    connection.send(b"x")
    connection.pause_writing()
    assert looked(home, connection, BOUNDS.stalled) == "" and connection.send(b"y")
    connection.resume_writing()
    assert looked(home, connection, 1) == ""
    connection.pause_writing()
    assert not connection.send(b"z" * BOUNDS.unsent)
    assert (connection.why, wire.state) == ("unread", "aborted") and not connection.send(b"more")
    home, connection, wire = connected(ours=True)
    connection.pause_writing()
    assert looked(home, connection, BOUNDS.stalled + 0.1) == "unread"


def test_what_is_sent_before_it_stands_waits_within_the_bound() -> None:
    home = Home()
    connection = Connection(cast(Any, home), Flow(0, "192.0.2.1", 5060, 1), True, 0.0)
    assert connection.send(b"a") and connection.send(b"b") and connection.waiting == 2
    wire = Wire()
    connection.connection_made(cast(asyncio.BaseTransport, wire))
    assert wire.written == b"ab" and connection.waiting == 0
    other = Connection(cast(Any, home), Flow(0, "192.0.2.1", 5060, 2), True, 0.0)
    assert not other.send(b"x" * (BOUNDS.unsent + 1)) and other.why == "unread"


def test_a_flood_is_taken_in_turns_and_in_order() -> None:
    home, connection, wire = connected()
    connection.data_received(PING * (2 * BATCH + 5))
    assert len(home.heard) == BATCH and not wire.reading
    while home.soon:
        home.soon.pop(0)()
    assert home.heard == [PING] * (2 * BATCH + 5) and wire.reading


@pytest.mark.req("SIP-099")
def test_messages_before_a_fault_count_and_what_comes_after_it_does_not() -> None:
    home, connection, wire = connected()
    connection.data_received(PING + PING.replace(b": 0", b": -1") + PING)
    assert home.heard == [PING] and len(home.faults) == 1 and wire.state == "closing"
    connection.data_received(PING)
    assert home.heard == [PING]


def test_a_fault_that_somebody_lets_in_keeps_the_connection_for_its_answers() -> None:
    home, connection, wire = connected()
    home.vital = True
    connection.data_received(PING.replace(b"Content-Length: 0", b"X: y") + b"v=0\r\n")
    assert home.faults[0].octets.endswith(b"\r\n\r\nv=0\r\n")
    assert (wire.state, wire.reading, connection.why) == ("open", False, "") and connection.send(b"answer")
