"""Datagrams out: what cannot be sent is said, counted and never raised."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.transports import Udp
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
def test_the_longest_datagram_goes_and_comes_and_a_longer_one_is_a_failure(udp: Udp) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(SECONDS)
        there = Flow(0, *peer.getsockname())
        assert udp.send(b"x" * 65_507, there) is True
        assert len(peer.recv(65_535)) == 65_507
        assert udp.send(b"x" * 65_508, there) is False
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
