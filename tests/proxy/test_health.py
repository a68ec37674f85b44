"""Pings, in virtual time: when they leave, what answers and silence say, and what they look like."""

from __future__ import annotations

import random

import pytest

from proxy.health import DEAD, PATIENCE, Pinger
from proxy.peers import Directory, Hop, Peer, Place, Target
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import check, parse

LISTENERS = (
    Listener("UDP", "192.0.2.1", 5060, "203.0.113.1", 5060), Listener("TCP", "192.0.2.1", 5060, "203.0.113.1", 5060),
    Listener("UDP", "2001:db8::1", 5060, "2001:db8::1", 5060),
)  # fmt: skip
ONE, TWO = Target("UDP", "198.51.100.1", 5060), Target("UDP", "198.51.100.2", 5060)


def outlet(target: Target) -> Flow | None:
    if target.transport not in ("UDP", "TCP"):
        return None
    return Flow(2 if ":" in target.host else ("UDP", "TCP").index(target.transport), target.host, target.port)


class Line:
    """The wire between a pinger and its targets."""

    def __init__(self, *targets: Target, seconds: float = 10.0, name: str = "") -> None:
        self.now = 100.0
        peers = [Peer(f"p{n}", "carrier", (Hop(one.host, one.port, one.transport),)) for n, one in enumerate(targets)]
        self.directory = Directory(peers, now=self.now)
        for peer, target in zip(peers, targets, strict=True):
            self.directory.place(peer.hops[0], (Place(target, name),), self.now)
        tokens, chance = iter(range(10_000)), random.Random(3)
        self.pinger = Pinger(
            self.directory, LISTENERS, outlet, lambda: f"{next(tokens):016x}", chance.random, seconds
        )
        self.sent: list[tuple[float, Request, Flow]] = []
        self.status: dict[str, int] = {}
        """Host -> what it answers; others are silent."""
        self.lines: tuple[str, ...] = ()

    def run(self, seconds: float) -> None:
        """Let time pass, from one thing that is due to the next; answers come after 10 ms."""
        until = self.now + seconds
        while True:
            due = self.pinger.next(self.now)
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now + 0.001, due)
            for data, flow in self.pinger.due(self.now):
                request = parse(data)
                assert isinstance(request, Request)
                check(request)
                self.sent.append((self.now, request, flow))
                if (status := self.status.get(flow.host)) is not None:
                    self.now += 0.010
                    assert self.pinger.heard(answered(request, status, *self.lines), self.now)

    def state(self, target: Target = ONE) -> str | None:
        return self.directory.state(target)


def answered(request: Request, status: int, *more: str) -> Response:
    via = (request.line("via") or b"").decode()
    cseq = (request.line("cseq") or b"").decode()
    text = "\r\n".join((f"SIP/2.0 {status} Whatever", via, cseq, *more, "Content-Length: 0", "", ""))
    message = parse(text.encode())
    assert isinstance(message, Response)
    return message


def test_a_target_is_asked_soon_and_then_at_its_pace() -> None:
    line = Line(ONE, TWO)
    line.status = {ONE.host: 200, TWO.host: 404}
    line.run(65)
    assert line.state(ONE) == line.state(TWO) == "up"
    times = [at for at, _, flow in line.sent if flow.host == ONE.host]
    pauses = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert times[0] < 101.5 and all(9 <= pause <= 11.1 for pause in pauses) and len(set(pauses)) > 1
    assert line.directory.rows(line.now)[0].round_trip_ms == pytest.approx(10.0)


def test_silence_takes_it_down_and_answers_bring_it_back_within_seconds() -> None:
    line = Line(ONE)
    line.status = {ONE.host: 200}
    line.run(5)
    line.status, died = {}, line.now
    line.run(25)
    assert line.state() == "down"
    assert line.directory.rows(line.now)[0].why == "silence"
    # 10 s to the next ping at most, then three times the patience, and a second between two.
    fell = line.now - line.directory.rows(line.now)[0].seconds
    assert fell - died < 11 + 3 * PATIENCE + 2 * 1.1
    line.status, came = {ONE.host: 200}, line.now
    line.run(PATIENCE + DEAD + 3)
    assert line.state() == "up"
    assert line.now - line.directory.rows(line.now)[0].seconds - came < PATIENCE + DEAD * 1.1 + 1.2


def test_a_lost_datagram_is_sent_again_with_the_same_branch_and_moves_nobody() -> None:
    line = Line(ONE)
    line.run(3.5)
    first = [(round(at - line.sent[0][0], 2), request.via.branch) for at, request, _ in line.sent[:2]]
    assert [at for at, _ in first] == [0.0, 0.5] and first[0][1] == first[1][1]
    assert line.state() == "failing"
    line.status = {ONE.host: 200}
    line.run(3)
    assert line.state() == "up"


@pytest.mark.parametrize(("status", "state"), [(200, "up"), (404, "up"), (486, "up"), (500, "up"), (408, "down"), (503, "down"), (504, "down")])
def test_any_answer_proves_somebody_but_those_that_stand_for_nobody(status: int, state: str) -> None:
    line = Line(ONE)
    line.status = {ONE.host: status}
    line.run(10)
    assert line.state() == state


def test_a_503_that_asks_for_rest_gets_it() -> None:
    line = Line(ONE)
    line.status, line.lines = {ONE.host: 503}, ("Retry-After: 7",)
    line.run(2)
    assert line.state() == "held"
    line.directory.tick(line.now + 7)
    assert line.state() == "unknown"


def test_a_provisional_answer_waits_for_the_final_one() -> None:
    line = Line(ONE)
    line.status = {ONE.host: 100}
    line.run(1.4)
    assert line.state() == "unknown"


def test_what_the_network_refuses_is_down_at_once() -> None:
    line = Line(ONE, TWO)
    line.run(1.4)
    line.pinger.failed(Flow(0, ONE.host, ONE.port), line.now)
    assert (line.state(ONE), line.state(TWO)) == ("down", "unknown")


def test_doubt_that_a_call_has_brings_the_next_ping_forward() -> None:
    line = Line(ONE)
    line.status = {ONE.host: 200}
    line.run(5)
    before = line.pinger.next(line.now)
    line.directory.ill(ONE, "silence", line.now, line.now)
    after = line.pinger.next(line.now)
    assert before is not None and after is not None and after < before and after - line.now < 1.2


def test_responses_that_answer_no_ping_are_not_taken() -> None:
    line = Line(ONE)
    line.run(1.4)
    request = line.sent[0][1]
    good = answered(request, 200)
    other = parse(b"\r\n".join(good.start.split(b"\r\n")) + b"\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\n\r\n")
    assert isinstance(other, Response)
    assert not line.pinger.heard(other, line.now)
    broken = parse(b"SIP/2.0 200 OK\r\nVia: ;;;\r\nCSeq: 1 OPTIONS\r\n\r\n")
    assert isinstance(broken, Response)
    assert not line.pinger.heard(broken, line.now)
    assert line.pinger.heard(good, line.now) and not line.pinger.heard(good, line.now)


def test_nobody_is_asked_who_is_not_to_be_or_whom_we_cannot_reach() -> None:
    line = Line(ONE, seconds=0.0)
    line.run(60)
    assert line.sent == [] and line.pinger.next(line.now) is None
    line = Line(Target("TLS", "198.51.100.9", 5061))
    line.run(60)
    assert line.sent == []


def test_what_is_sent_is_a_plain_options_by_the_transport_of_its_target() -> None:
    line = Line(Target("TCP", "198.51.100.3", 5070), Target("UDP", "2001:db8::7", 5060))
    line.run(1.4)
    by_host = {flow.host: (request, flow) for _, request, flow in line.sent}
    request, flow = by_host["198.51.100.3"]
    assert flow.listener == 1 and request.target == b"sip:198.51.100.3:5070;transport=tcp"
    assert request.via.transport.upper() == "TCP" and (request.via.host, request.via.port) == ("203.0.113.1", 5060)
    assert request.max_forwards == 70 and request.from_tag and request.to_tag is None
    assert by_host["2001:db8::7"][0].target == b"sip:[2001:db8::7]:5060"
    # Over a reliable transport nothing is sent twice.
    assert sum(flow.host == "198.51.100.3" for _, _, flow in line.sent) == 1
    line = Line(ONE, name="sip.example.net")
    line.run(1.4)
    assert line.sent[0][1].target == b"sip:sip.example.net"


def test_targets_that_are_gone_are_forgotten() -> None:
    line = Line(ONE, TWO)
    line.status = {ONE.host: 200, TWO.host: 200}
    line.run(30)
    line.directory.replace(line.directory.peers[:1], line.now)
    sent = len(line.sent)
    line.run(30)
    assert {flow.host for _, _, flow in line.sent[sent:]} == {ONE.host}
    assert TWO not in line.pinger._after
