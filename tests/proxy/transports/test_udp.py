"""Datagrams out: what cannot be sent is said, counted and never raised."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from policy.emergency import is_emergency_uri
from proxy.sip.endpoint import FailedOver, Finished, Listener
from proxy.sip.flow import Flow
from proxy.sip.parser import parse
from proxy.transports import Udp
from tests.conversations.wire import OWN, Wire, read
from tests.waiting import SECONDS


@pytest.fixture
def udp() -> Iterator[Udp]:
    one = Udp(Listener("UDP", "127.0.0.1", 0, "127.0.0.1", 0))
    yield one
    one.close()


@pytest.mark.req("SIP-107")
@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("127.0.0.1", 2**70), ("127.0.0.1\0", 5060), ("2001:db8::1", 5060), ("255.255.255.255", 5060)],
)  # fmt: skip
def test_what_is_no_address_of_ours_is_a_failure_and_no_exception(udp: Udp, host: str, port: int) -> None:
    assert udp.send(b"x", Flow(0, host, port)) is False
    assert udp.dropped == 1


@pytest.mark.req("SIP-090")
def test_the_longest_datagram_goes_and_comes_and_a_longer_one_is_lost_and_no_fault_of_the_way(udp: Udp) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(SECONDS)
        there = Flow(0, *peer.getsockname())
        assert udp.send(b"x" * 65_507, there) is True
        assert len(peer.recv(65_535)) == 65_507
        assert udp.dropped == 0
        assert udp.send(b"x" * 65_508, there) is True
        assert udp.dropped == 1
        peer.sendto(b"y" * 60_000, ("127.0.0.1", udp.port))
        heard: list[int] = []
        while not heard:
            udp.read(lambda data, host, port: heard.append(len(data)))
        assert heard == [60_000]


def test_all_that_has_arrived_is_read_and_no_more_than_asked_for(udp: Udp) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        heard: list[bytes] = []

        def read(most: int) -> int:
            return udp.read(lambda data, host, port: heard.append(data), most)

        assert read(4) == 0
        for sent in (1, 2, 4):
            for number in range(sent):
                peer.sendto(b"%d" % number, ("127.0.0.1", udp.port))  # loopback: it is there at once
            assert read(3) == min(sent, 3)
        assert read(3) == 1 and read(3) == 0
        assert heard == [b"0", b"0", b"1", b"0", b"1", b"2", b"3"]


class Through(Wire):
    """A wire whose hop is a socket on loopback, reached by a real one; what cannot be sent is told as the pump does."""

    def __init__(self, udp: Udp, hop: Flow) -> None:
        super().__init__(listeners=(Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN)), vital=is_emergency_uri)
        self.udp, self.hop = udp, hop
        self.acts.targets = (hop,)
        self.acts.insist = True

    def drain(self) -> None:
        while out := self.proxy.to_send():
            for data, flow in out:
                if flow != self.hop:
                    self.phones[flow.host, flow.port].inbox.append((self.now, read(data), data))
                elif not self.udp.send(data, flow):
                    self.act(self.proxy.transport_error(flow, self.now))


@pytest.fixture
def hop() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(SECONDS)
        yield peer


@pytest.mark.req("SIP-061", "EMG-003")
def test_an_over_long_call_of_a_stranger_costs_the_others_of_its_hop_nothing(udp: Udp, hop: socket.socket) -> None:
    wire = Through(udp, Flow(0, *hop.getsockname()))
    wire.caller.invites(target="sip:911@pbx.example.com")  # and its 100 is not there yet
    assert hop.recv(65_535).startswith(b"INVITE sip:911@")
    stranger = wire.phone("198.51.100.66")
    bare = len(stranger.request(target="sip:911@pbx.example.com", call="other", body=b"x" * 10_000))
    stranger.invites(target="sip:911@pbx.example.com", call="other", body=b"x" * (10_000 + 65_456 - bare))
    assert len(stranger.sent) == 65_456
    assert [type(event) for event in wire.events if isinstance(event, FailedOver | Finished)] == [Finished]
    stranger.hears(513)
    wire.advance(0.5)
    assert hop.recv(65_535).startswith(b"INVITE sip:911@")  # the honest one, once more


@pytest.mark.req("SIP-081")
def test_an_answer_that_no_datagram_holds_costs_the_calls_to_who_asked_nothing(udp: Udp, hop: socket.socket) -> None:
    """Who sends us calls gets calls of us by the same flow; and what came by TCP may be longer than any datagram."""
    wire = Through(udp, Flow(0, *hop.getsockname()))
    wire.caller.invites()
    hop.recv(65_535)
    asks = wire.phone(*hop.getsockname())
    there = wire.phone("192.0.2.20", listener=1)
    wire.acts.targets = (there.flow,)
    asks.asks("OPTIONS", call="other")
    there.gets("OPTIONS")
    there.answers(200, body=b"x" * 65_500)
    assert udp.dropped == 1
    assert [event.status for event in wire.told(Finished)] == [200]  # the OPTIONS alone
    wire.advance(0.5)
    assert parse(hop.recv(65_535)).call_id == b"call-1"
