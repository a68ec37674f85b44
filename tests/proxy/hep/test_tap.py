"""The copies: what carries a verdict, what a full queue does, and a collector that is not there."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from policy.verdict import Class, Finding, Verdict
from proxy.hep import tap as room
from proxy.hep.chunks import LOG, SIP, VENDOR, VERDICT
from proxy.hep.tap import Tap
from proxy.settings.values import HepSettings
from proxy.sip.flow import Flow
from proxy.sip.options import Listener
from tests.proxy.hep.test_chunks import read
from tests.waiting import SECONDS, turns

LISTENERS = (Listener("UDP", "0.0.0.0", 5060, "192.0.2.10", 5060), Listener("TLS", "192.0.2.10", 5061, "192.0.2.10", 5061))
CARRIER, PBX = Flow(0, "198.51.100.7", 5070), Flow(1, "192.0.2.20", 5080)
VERDICT_OF = Verdict(
    "tag", "reject", "reject", 100, (Finding("campaign-number", Class.ANALYTICS, 100, "why"),), campaign="X", mode="tag", id="abc"
)


def message(start: str, call_id: str = "call-1", name: str = "Call-ID") -> bytes:
    return f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n{name}: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()


INVITE = message("INVITE sip:+12025550199@pbx.example.com SIP/2.0")


def case(call_id: str = "call-1") -> Any:
    lane = SimpleNamespace(trunk=SimpleNamespace(name="carrier", side="carrier"), mode="tag")
    return SimpleNamespace(call_id=call_id, judgement=None, verstat=None, signed=None, lane=lane)


class Desk:
    """A collector on loopback, a clock, and the tap."""

    def __init__(self, port: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.time = 1000.0
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.tap = Tap(
            HepSettings("127.0.0.1", self.socket.getsockname()[1] if port is None else port, 7, "pw"),
            lambda: LISTENERS,
            utc=lambda: 1_767_225_600.5,
            now=lambda: self.time,
            say=lambda event, **fields: self.said.append((event, fields)),
        )

    async def collected(self, count: int) -> list[dict[tuple[int, int], bytes]]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            return [read(await loop.sock_recv(self.socket, 65_535)) for _ in range(count)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.socket.close()


def running(tap: Tap) -> asyncio.Task[None]:
    return asyncio.create_task(tap.run())


async def test_both_directions_arrive_with_their_addresses(desk: Desk) -> None:
    desk.tap.received(INVITE, CARRIER)
    desk.tap.sent(INVITE, PBX)
    task = running(desk.tap)
    came, left = await desk.collected(2)
    assert came[0, 15] == left[0, 15] == INVITE
    assert (came[0, 3], came[0, 4], came[0, 2]) == (bytes([198, 51, 100, 7]), bytes([192, 0, 2, 10]), b"\x11")
    assert (left[0, 3], left[0, 4], left[0, 2]) == (bytes([192, 0, 2, 10]), bytes([192, 0, 2, 20]), b"\x06")
    assert came[0, 12] == bytes([0, 0, 0, 7]) and came[0, 14] == b"pw"
    task.cancel()


async def test_the_invite_that_leaves_carries_the_verdict_and_a_log_line_goes_beside_it(desk: Desk) -> None:
    desk.tap.received(INVITE, CARRIER)
    desk.tap.judged(case(), VERDICT_OF, 0.000_25)
    for _ in range(2):  # once more, as a retransmission or to another hop
        desk.tap.sent(INVITE, PBX)
    desk.tap.sent(message("SIP/2.0 180 Ringing"), CARRIER)
    desk.tap.sent(message("BYE sip:x SIP/2.0"), PBX)
    task = running(desk.tap)
    came, left, log, again, *others = await desk.collected(6)
    verdict = json.loads(left[VENDOR, VERDICT])
    assert (verdict["action"], verdict["would"], verdict["score"], verdict["campaign"]) == ("tag", "reject", 100, "X")
    assert (verdict["findings"], verdict["decision_us"], verdict["verify"]) == (["campaign-number"], 250, "unsigned")
    assert left[0, 11] == bytes([SIP]) and again[VENDOR, VERDICT] == left[VENDOR, VERDICT]
    assert log[0, 11] == bytes([LOG]) and log[0, 17] == b"call-1" and log[0, 15] == left[VENDOR, VERDICT]
    assert not [one for one in (came, *others) if (VENDOR, VERDICT) in one]
    task.cancel()


@pytest.mark.parametrize("start", ["SIP/2.0 603 Network Blocked", "SIP/2.0 302 Moved", "SIP/2.0 438 Invalid Identity Header"])
@pytest.mark.parametrize("name", ["Call-ID", "CALL-ID ", "i"])
async def test_a_refusal_carries_it_too(desk: Desk, start: str, name: str) -> None:
    desk.tap.judged(case(), VERDICT_OF, 0.0)
    desk.tap.sent(message(start, name=name), CARRIER)
    task = running(desk.tap)
    refusal, _ = await desk.collected(2)
    assert json.loads(refusal[VENDOR, VERDICT])["refusal"] == "abc"
    task.cancel()


async def test_a_verdict_is_forgotten_with_its_transaction_and_there_is_a_bound(desk: Desk) -> None:
    desk.tap.judged(case(), VERDICT_OF, 0.0)
    desk.time += room.VERDICT_SECONDS + 1
    desk.tap.sent(INVITE, PBX)
    assert desk.tap.waiting == 1 and not desk.tap._verdicts
    for number in range(room.VERDICTS + 5):
        desk.tap.judged(case(str(number)), VERDICT_OF, 0.0)
    assert len(desk.tap._verdicts) == room.VERDICTS


def test_what_finds_the_queue_full_is_dropped_and_counted(desk: Desk) -> None:
    for _ in range(room.BOUND + 3):
        desk.tap.received(INVITE, CARRIER)
    assert (desk.tap.waiting, desk.tap.dropped) == (room.BOUND, 3)


def test_a_keep_alive_is_no_message(desk: Desk) -> None:
    desk.tap.received(b"\r\n\r\n", CARRIER)
    desk.tap.received(b"\0\1" + bytes(60), CARRIER)
    assert desk.tap.waiting == 0


async def test_long_messages_fill_the_queue_before_the_memory(desk: Desk) -> None:
    long = INVITE + b"x" * 60_000
    for _ in range(1000):
        desk.tap.received(long, CARRIER)
    assert desk.tap.waiting == room.MAX_OCTETS // len(long) and desk.tap.dropped == 1000 - desk.tap.waiting
    task = running(desk.tap)
    await turns(lambda: not desk.tap.waiting, "all have left")
    assert desk.tap._octets == 0
    task.cancel()


async def test_a_message_that_fits_into_no_datagram_is_dropped_and_the_next_one_leaves(desk: Desk) -> None:
    desk.tap.received(b"x" * 65_535, CARRIER)
    desk.tap.received(INVITE, CARRIER)
    task = running(desk.tap)
    (came,) = await desk.collected(1)
    assert came[0, 15] == INVITE and desk.tap.dropped == 1
    task.cancel()


async def test_a_dead_collector_is_said_once_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE_SECONDS", 0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    desk = Desk(port)
    desk.socket.close()
    task = running(desk.tap)

    def fails() -> bool:
        desk.tap.received(INVITE, CARRIER)  # the kernel tells of the closed port when it likes
        return desk.tap.failed >= 3

    await turns(fails, "three have failed")
    assert not task.done()
    assert [event for event, _ in desk.said] in (["hep-collector-dead"], [])
    task.cancel()


async def test_a_collector_whose_name_is_nobodys_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE_SECONDS", 0.001)

    async def unknown(address: tuple[str, int]) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(room.asyncio_dgram, "connect", unknown)
    desk = Desk()
    desk.socket.close()
    task = running(desk.tap)
    await turns(lambda: desk.tap.failed >= 3, "three have failed")
    assert [event for event, _ in desk.said] == ["hep-collector-dead"] and not task.done()
    task.cancel()


async def test_what_a_collector_says_to_us_does_not_pile_up(desk: Desk) -> None:
    desk.tap.received(INVITE, CARRIER)
    task = running(desk.tap)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SECONDS):
        _, ours = await loop.sock_recvfrom(desk.socket, 65_535)
    for _ in range(100):
        desk.socket.sendto(b"chatter", ours)
    desk.tap.received(INVITE, CARRIER)
    await desk.collected(1)
    assert not task.done() and desk.tap.copied == 2
    task.cancel()
