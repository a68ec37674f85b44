"""Captures whose datagrams came in fragments; the frames of files are tested with `inspect`."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.capture import MAX_UNFINISHED, is_capture, messages

PAYLOAD = bytes(range(256)) * 12
MTU = 1480


def pcap(*packets: bytes) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    return head + b"".join(struct.pack("<IIII", 1000, 0, len(one), len(one)) + one for one in packets)


def datagram(payload: bytes) -> bytes:
    return struct.pack(">HHHH", 5060, 5062, 8 + len(payload), 0) + payload


def four(part: bytes, offset: int, more: bool, number: int = 7) -> bytes:
    place = offset // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(part), number, place, 64, 17, 0, bytes([192, 0, 2, 20]), bytes([192, 0, 2, 10]))
    return head + part


def six(part: bytes, offset: int, more: bool, number: int = 7) -> bytes:
    body = struct.pack(">BBHI", 17, 0, offset | more, number) + part
    return struct.pack(">IHBB", 6 << 28, len(body), 44, 64) + bytes(15) + b"\x01" + bytes(15) + b"\x02" + body


@pytest.mark.parametrize("build", [four, six])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_fragments_in_any_order_are_one_datagram(build: object, order: tuple[int, ...]) -> None:
    whole = datagram(PAYLOAD)
    parts = [
        build(whole[at : at + MTU], at, at + MTU < len(whole))  # type: ignore[operator]
        for at in range(0, len(whole), MTU)
    ]
    (found,) = messages(pcap(*(parts[place] for place in order)))
    assert found.payload == PAYLOAD
    assert found.source.endswith(":5060")


def test_a_datagram_of_which_a_part_is_missing_is_passed_over() -> None:
    whole = datagram(PAYLOAD)
    assert not list(messages(pcap(four(whole[:MTU], 0, True), four(whole[2 * MTU :], 2 * MTU, False))))


def test_of_datagrams_that_never_become_whole_the_oldest_is_given_up() -> None:
    whole = datagram(PAYLOAD[:2000])
    first = four(whole[:MTU], 0, True, number=1)
    others = [four(whole[:MTU], 0, True, number=number) for number in range(2, MAX_UNFINISHED + 2)]
    last = four(whole[MTU:], MTU, False, number=1)
    assert len(list(messages(pcap(first, last)))) == 1
    assert not list(messages(pcap(first, *others, last)))


def test_how_far_it_is_read_is_told() -> None:
    told: list[int] = []
    file = pcap(four(datagram(b"a"), 0, False), four(datagram(b"b"), 0, False))
    assert len(list(messages(file, progress=told.append))) == 2
    assert told[-1] == len(file) and told == sorted(told)


@pytest.mark.parametrize(("head", "is_one"), [(pcap()[:4], True), (b"\x0a\x0d\x0d\x0a", True), (b"SQLi", False), (b"", False)])
def test_a_capture_is_known_by_its_first_octets(head: bytes, is_one: bool) -> None:
    assert is_capture(head) is is_one


@given(st.lists(st.tuples(st.integers(0, 600), st.booleans(), st.binary(max_size=64)), max_size=12))
def test_no_fragments_make_more_than_there_is(parts: list[tuple[int, bool, bytes]]) -> None:
    packets = [four(part, offset * 8, more) for offset, more, part in parts]
    for one in messages(pcap(*packets)):
        assert len(one.payload) <= 65_535
