"""Raw sockets: streams are cut into messages, and one port is shared so that each caller hears its own."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.lab.load.plan import Address
from proxy.lab.load.wires import Datagrams, Streams, address_of, bound, listening, wait
from tests.waiting import SECONDS

HERE = Address("127.0.0.1", 0)
ONE = b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nContent-Length: 3\r\n\r\nabc"
TWO = b"BYE sip:x SIP/2.0\r\nCall-ID: 2\r\nContent-Length: 0\r\n\r\n"


def heard(wire: Datagrams | Streams, count: int) -> list[bytes]:
    found, until = [], time.monotonic() + SECONDS
    while len(found) < count and time.monotonic() < until:
        wait(wire.files, 0.5)
        found += [data for data, _, _ in wire.receive()]
    return found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=12))
def test_a_stream_is_cut_into_whole_messages_however_it_arrives(cuts: list[int]) -> None:
    octets, at = ONE + b"\r\n\r\n" + TWO + ONE, 0
    with ExitStack() as stack:
        door = listening(HERE)[0]
        wire = Streams(door)
        stack.callback(wire.close)
        out = stack.enter_context(socket.create_connection(door.getsockname()))
        found: list[bytes] = []
        for cut in [*cuts, len(octets)]:
            out.sendall(octets[at : at + cut])
            at += cut
            found += [data for data, _, _ in wire.receive()]
        assert (found + heard(wire, 3 - len(found))) == [ONE, TWO, ONE]


def test_answers_go_back_by_the_connection_that_asked_and_an_end_is_noticed() -> None:
    door = listening(HERE)[0]
    callee, caller = Streams(door), Streams()
    caller.connect(address_of(door), HERE)
    caller.send(TWO, caller.connections[0])
    came, until = [], time.monotonic() + SECONDS
    while not came and time.monotonic() < until:
        wait(callee.files, 0.5)
        came = callee.receive()
    [(data, who, _)] = came
    assert data == TWO
    callee.send(ONE, who)
    assert heard(caller, 1) == [ONE]
    caller.close()
    wait(callee.files, SECONDS)
    callee.receive()
    assert callee.lost == 1 and not callee.connections
    callee.close()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_callers_with_one_port_each_hears_the_answers_that_bear_its_digit(number: int) -> None:
    sockets = bound(HERE, 3)
    assert len({one.getsockname() for one in sockets}) == 1
    wires = [Datagrams(one, stamps=True) for one in sockets]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        data = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%dabc-i\r\n\r\n" % number
        began = time.monotonic()
        out.sendto(data, sockets[0].getsockname())
        wait(wires[number].files, SECONDS)
        [(got, _, when)] = wires[number].receive()
    assert got == data and abs(when - began) < SECONDS
    assert all(not wire.receive() for wire in wires)
    for wire in wires:
        wire.close()


def test_what_cannot_be_sent_is_counted() -> None:
    wire = Datagrams(bound(HERE)[0])
    wire.send(b"x" * 70_000, ("127.0.0.1", 9))
    assert wire.lost == 1
    wire.close()
