"""The pump: on whatever way a new call comes, it waits its turn, and what must not wait passes it by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.inbox import STALE
from proxy.server import MOST, PUT_OFF, SORTED, TURN, Server
from proxy.sip.flow import Flow
from proxy.transports import Udp

STREAM = Flow(0, "192.0.2.1", 40_000, 7)


SEALED = "Route: <sip:203.0.113.5;lr;rw=1>\r\n"
"""Says that the request belongs to a call in progress."""
RINGS = b"SIP/2.0 180 Ringing\r\nFrom: <sip:caller@203.0.113.5>\r\n\r\n"


def message(method: str, number: int = 0, more: str = "") -> bytes:
    return f"{method} sip:{number}@203.0.113.5 SIP/2.0\r\n{more}Call-ID: {number}\r\n\r\n".encode()


class Stage:
    """A server with an endpoint that only notes what it is given."""

    def __init__(self) -> None:
        self.time = 100.0
        self.served: list[str] = []
        self.refused: list[str] = []
        self.hurried: list[bool] = []
        self.booked = 0
        """How often the bookkeeping was done."""
        calls = SimpleNamespace(flushed_by=lambda flush: None, handle=lambda events, now: None, afterwards=self._afterwards, hurried=False)

        def receive(data: bytes, flow: Flow, now: float) -> list[Any]:
            self.served.append(name(data))
            self.hurried.append(calls.hurried)
            return []

        endpoint: Any = SimpleNamespace(
            receive=receive, busy=lambda data, flow, seconds: self.refused.append(name(data)), to_send=list, next_timer=lambda: None
        )
        self.server = Server(endpoint, calls, (), lambda: self.time, vital=lambda target: target.startswith(b"sip:911@"))  # type: ignore[arg-type]  # what the pump needs of them

    def _afterwards(self) -> None:
        self.booked += 1

    async def until(self, done: Callable[[], bool]) -> None:
        for _ in range(1000):
            if done():
                return
            await asyncio.sleep(0)
        raise AssertionError(self.served)


def name(data: bytes) -> str:
    return data[:3].decode() + data.split(b"sip:")[1].partition(b"@")[0].decode()


@pytest.mark.req("SIP-120", "EMG-003")
@pytest.mark.parametrize("way", ["stream", "handed"])
async def test_new_calls_of_streams_and_of_other_workers_wait_and_the_rest_passes_them(way: str) -> None:
    stage = Stage()
    batch = [message("INVITE", number) for number in range(20)] + [message("BYE", 50), message("INVITE", 911), message("CANCEL", 19)]
    if way == "stream":
        stage.server._streamed(batch, STREAM)
    else:
        for data in batch:
            stage.server.handed(data, STREAM)
    assert stage.served[:2] == ["BYE50", "INV911"]
    assert len(stage.served) <= 2 + TURN
    await stage.until(lambda: len(stage.served) == 23)
    assert stage.served[2:] == [f"INV{number}" for number in range(20)] + ["CAN19"]


@pytest.mark.req("SIP-120")
async def test_who_waits_too_long_on_a_stream_is_told_so_and_who_waits_a_little_goes_unscreened() -> None:
    stage = Stage()
    stage.server._streamed([message("INVITE", number) for number in range(TURN + 1)], STREAM)
    stage.time += 0.1
    await stage.until(lambda: len(stage.served) == TURN + 1)
    assert stage.hurried == [False] * TURN + [True]
    stage.server._streamed([message("INVITE", number) for number in range(TURN + 2)], STREAM)
    stage.time += 2 * STALE
    await stage.until(lambda: len(stage.refused) == 2)
    assert stage.refused == [f"INV{TURN}", f"INV{TURN + 1}"] and stage.server.shed == 2


class Socket(Udp):
    """A socket of datagrams that have arrived."""

    def __init__(self, *waiting: bytes) -> None:
        self.waiting = list(waiting)
        self.reads: list[int] = []

    def read(self, take: Callable[[bytes, str, int], None], most: int) -> int:
        now, self.waiting = self.waiting[:most], self.waiting[most:]
        self.reads.append(len(now))
        for data in now:
            take(data, "192.0.2.1", 5060)
        return len(now)


@pytest.mark.req("SIP-120", "EMG-003")
async def test_of_what_arrived_together_emergency_calls_come_first_then_responses_then_new_calls_then_calls_in_progress() -> None:
    stage = Stage()
    arrived = [
        message("INVITE", 1), message("ACK", 50), RINGS, message("INVITE", 2), message("BYE", 50), message("INVITE", 911), message("BYE", 51),
    ]  # fmt: skip
    stage.server._readable(0, Socket(*arrived))
    assert stage.served == ["INV911", "SIPcaller", "INV1", "INV2", "ACK50", "BYE50", "BYE51"]


@pytest.mark.req("SIP-120")
async def test_calls_in_progress_pass_the_calls_that_wait_from_before_and_wait_for_a_turn_of_new_ones_at_most() -> None:
    stage = Stage()
    new = [message("INVITE", number) for number in range(3 * TURN)]
    stage.server._readable(0, Socket(*new, message("BYE", 50)))
    assert stage.served == [f"INV{number}" for number in range(TURN)] + ["BYE50"]
    stage.server._readable(0, Socket(message("INVITE", 99), message("BYE", 51), message("INVITE", 52, SEALED)))
    assert stage.served[TURN + 1 : 2 * TURN + 2] == ["BYE51"] + [f"INV{number}" for number in range(TURN, 2 * TURN)]
    await stage.until(lambda: len(stage.served) == 3 * TURN + 4)
    assert stage.served[-2:] == ["INV99", "INV52"]


@pytest.mark.parametrize(("calls", "before"), [(3, 1), (2 * TURN, TURN)])
async def test_ringing_that_comes_meanwhile_goes_before_the_next_call_where_few_wait_and_before_the_next_turn_else(
    calls: int, before: int
) -> None:
    stage, meanwhile = Stage(), Socket(RINGS)
    stage.server._sockets = (meanwhile,)
    stage.server._waits = SimpleNamespace(poll=lambda seconds: meanwhile.waiting)  # type: ignore[assignment]
    stage.server._readable(0, Socket(*(message("INVITE", number) for number in range(calls))))
    await stage.until(lambda: len(stage.served) == calls + 1)
    assert stage.served.index("SIPcaller") == before


async def test_who_reads_the_sockets_no_more_does_not_between_two_calls_either() -> None:
    stage, theirs = Stage(), Socket(RINGS)
    stage.server._sockets = (theirs,)
    stage.server._waits = SimpleNamespace(poll=lambda seconds: theirs.waiting)  # type: ignore[assignment]
    stage.server._resting = True
    stage.server._readable(0, Socket(*(message("INVITE", number) for number in range(3))))
    assert stage.served == ["INV0", "INV1", "INV2"] and theirs.waiting


async def test_a_request_that_is_a_fault_of_ours_costs_nothing_but_itself() -> None:
    stage = Stage()
    serve = stage.server._serve

    def faulty(data: bytes, flow: Flow, now: float) -> None:
        serve(data, flow, now)
        if data == message("BYE", 1):
            raise RuntimeError("a fault of ours")

    stage.server._serve = faulty  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        stage.server._readable(0, Socket(*(message("BYE", number) for number in range(3))))
    stage.server._readable(0, Socket(message("BYE", 3)))
    assert stage.served == ["BYE0", "BYE1", "BYE2", "BYE3"]


@pytest.mark.req("SIP-120")
async def test_the_next_invite_of_a_call_in_progress_does_not_overtake_its_ack() -> None:
    stage = Stage()
    stage.server._readable(0, Socket(message("INVITE", 1), message("ACK", 50), message("INVITE", 50, SEALED), message("BYE", 51)))
    assert stage.served == ["ACK50", "INV1", "INV50", "BYE51"]


async def test_so_many_are_sorted_at_one_time_and_so_many_read() -> None:
    stage = Stage()
    socket = Socket(*(message("BYE", number) for number in range(MOST + 1)))
    stage.server._readable(0, socket)
    assert socket.reads == [SORTED] * (MOST // SORTED) and len(socket.waiting) == 1
    assert stage.served == [f"BYE{number}" for number in range(MOST)]
    stage.server._readable(0, socket)
    assert stage.served[-1] == f"BYE{MOST}"


async def test_bookkeeping_waits_until_nobody_does_but_not_for_ever() -> None:
    stage, waits = Stage(), [True]
    stage.server._waits = SimpleNamespace(poll=lambda seconds: waits)  # type: ignore[assignment]
    for turn in range(1, 3 * (PUT_OFF + 1) + 1):
        stage.server.handed(message("BYE", turn), STREAM)
        assert stage.booked == turn // (PUT_OFF + 1)
    waits.clear()
    for turn in range(3):
        stage.server.handed(message("BYE", turn), STREAM)
        assert stage.booked == 4 + turn


async def test_bookkeeping_waits_for_new_calls_too_and_is_done_before_a_stop() -> None:
    stage = Stage()
    stage.server._streamed([message("INVITE", number) for number in range(3 * TURN)], STREAM)
    assert stage.booked == 0
    await stage.until(lambda: len(stage.served) == 3 * TURN)
    assert stage.booked == 1
    stage.server.handed(message("INVITE", 99), STREAM)
    stage.server.stop()
    assert stage.booked == 2
