"""SIP out of captured TCP: however the octets were cut, mixed and repeated, and with parts that the capture does not hold."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import segments
from proxy.capture import CaptureError, Datagram, messages
from proxy.segments import MAX_AHEAD, PATIENCE, SYN, Streams
from tests.proxy.test_capture import datagram, four, pcap

HERE, THERE = (bytes([192, 0, 2, 20]), 33_000), (bytes([192, 0, 2, 10]), 5060)
End = tuple[bytes, int]


def tcp(sequence: int, payload: bytes = b"", flags: int = 16, source: End = HERE, to: End = THERE) -> bytes:
    part = struct.pack(">HHIIBBHHH", source[1], to[1], sequence % 2**32, 0, 5 << 4, flags, 65_535, 0, 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(part), 7, 0, 64, 6, 0, source[0], to[0]) + part


def sip(number: int, body: int = 0) -> bytes:
    return (
        f"MESSAGE sip:{number}@pbx.example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.20;branch=z9hG4bK{number}\r\n"
        f"Call-ID: {number}\r\nContent-Length: {body}\r\n\r\n"
    ).encode() + (b"x" * body + b"\r\n")[2:][:body]


def read(*packets: bytes) -> tuple[list[Datagram], list[str]]:
    streams = Streams()
    return list(messages(pcap(*packets), streams)), streams.remarks()


def payloads(*packets: bytes) -> list[bytes]:
    return [one.payload for one in read(*packets)[0]]


def cut(octets: bytes, places: Sequence[int], first: int, source: End = HERE, to: End = THERE) -> list[bytes]:
    """The octets as segments, cut at these places."""
    ends = sorted({place % (len(octets) + 1) for place in places} | {0, len(octets)})
    return [tcp(first + at, octets[at:end], source=source, to=to) for at, end in zip(ends, ends[1:], strict=False)]


def test_messages_are_found_in_both_directions_each_when_it_is_whole() -> None:
    asked, told = sip(1, 40), b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n"
    found, remarks = read(
        tcp(99, flags=SYN),
        tcp(499, flags=SYN | 16, source=THERE, to=HERE),
        tcp(100, b"\r\n\r\n" + asked[:30]),
        four(datagram(b"OPTIONS over UDP"), 0, False),
        tcp(104 + 30, asked[30:]),
        tcp(500, told, source=THERE, to=HERE),
        tcp(104 + len(asked), b"\r\n\r\n"),
    )
    assert [one.payload for one in found] == [b"OPTIONS over UDP", asked, told] and remarks == []
    assert [(one.source, one.destination) for one in found[1:]] == [("192.0.2.20:33000", "192.0.2.10:5060"), ("192.0.2.10:5060", "192.0.2.20:33000")]


WHOLE = st.lists(st.tuples(st.integers(0, 90), st.sampled_from([b"", b"\r\n", b"\r\n\r\n"])), min_size=1, max_size=5)


@given(WHOLE, st.lists(st.integers(0, 2000), max_size=30), st.sampled_from([0, 1, 2**32 - 1, 2**32 - 200, 77]), st.integers(0, 2**32))
def test_cut_mixed_repeated_and_overlapping_segments_are_the_same_messages(
    parts: list[tuple[int, bytes]], places: list[int], first: int, seed: int
) -> None:
    dice = Random(seed)
    wanted = [sip(number, body) for number, (body, _) in enumerate(parts)]
    octets = b"".join(one + between for one, (_, between) in zip(wanted, parts, strict=True))
    packets = cut(octets, places, first)
    packets += dice.choices(packets, k=len(packets) // 2)
    for _ in range(4):
        at = dice.randrange(len(octets))
        packets.append(tcp(first + at, octets[at : at + dice.randrange(1, 200)]))
    dice.shuffle(packets)
    found, remarks = read(tcp(first - 1, flags=SYN), tcp(first - 1, flags=SYN), *packets)
    assert ([one.payload for one in found], remarks) == (wanted, [])


@given(st.lists(st.integers(0, 60), min_size=2, max_size=6), st.lists(st.integers(0, 2000), max_size=30), st.data())
def test_what_is_missing_costs_only_what_stood_in_it_and_is_told(bodies: list[int], places: list[int], data: st.DataObject) -> None:
    wanted = [sip(number, body) for number, body in enumerate(bodies)]
    # The last message comes in one piece: its beginning can be seen.
    packets = cut(b"".join(wanted[:-1]), places, 100)
    lost = data.draw(st.integers(0, len(packets) - 1))
    last = tcp(100 + len(b"".join(wanted[:-1])), wanted[-1])
    found, remarks = read(tcp(99, flags=SYN), *packets[:lost], *packets[lost + 1 :], last)
    seen = [one.payload for one in found]
    assert seen[-1] == wanted[-1] and [one for one in wanted if one in seen] == seen, "none is invented, none out of order"
    size = len(packets[lost]) - 40
    assert remarks == [f"TCP: 1 gaps of {size} octets in all (first: 192.0.2.20:33000 -> 192.0.2.10:5060): messages in them are lost"]


def test_a_capture_that_begins_in_the_middle_reads_on_with_the_next_message() -> None:
    octets = sip(1, 30) + sip(2)
    assert payloads(tcp(5000, octets[50:]), tcp(5000 + len(octets) - 50, sip(3))) == [sip(2), sip(3)]
    # A keep-alive of TCP repeats an octet that was there, and the same ports may carry another connection.
    assert payloads(tcp(0, sip(1)), tcp(len(sip(1)) - 1, b"\0"), tcp(9, flags=SYN), tcp(10, sip(2))) == [sip(1), sip(2)]


def test_what_has_no_end_and_what_cannot_be_read_is_told() -> None:
    found, remarks = read(tcp(0, flags=SYN), tcp(1, sip(1)), tcp(1 + len(sip(1)), sip(2)[:50]))
    assert len(found) == 1 and remarks[0].startswith("TCP: 1 messages have no end")
    found, remarks = read(tcp(0, flags=SYN), tcp(1, sip(1).replace(b"Content-Length", b"X")), tcp(1000, sip(2)))
    assert len(found) == 1 and "1 messages have no end" in remarks[1] and "1 gaps" in remarks[0]
    found, remarks = read(tcp(0, flags=SYN), tcp(1, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"))
    assert (found, remarks) == ([], ["TCP: 1 streams are TLS, and nothing in them can be read"])
    # What is no SIP is nobody's business, gaps or not.
    assert read(tcp(0, flags=SYN), tcp(1, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), tcp(900, b"more")) == ([], [])
    assert read(tcp(0)[:30], tcp(0)[:-8] + bytes(8)) == ([], [])


def test_what_waits_is_bounded_by_time_by_octets_and_by_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(*packets: tuple[float, bytes]) -> list[bytes]:
        """Messages that are out before the end of the capture."""
        streams, found = Streams(), []
        for utc, one in packets:
            sequence = struct.unpack_from(">I", one, 24)[0]
            found += [octets for _, octets in streams.take(utc, "a", "b", sequence, one[33], one[40:])]
        return found

    begin = (0.0, tcp(0, flags=SYN))
    assert at(begin, (0, tcp(50, sip(1))), (PATIENCE, tcp(60_000, b"x"))) == []
    assert at(begin, (0, tcp(50, sip(1))), (PATIENCE + 1, tcp(60_000, b"x"))) == [sip(1)]
    large = [(0.0, tcp(50 + len(sip(1)) + 10 + at * 60_000, b"x" * 60_000)) for at in range(MAX_AHEAD // 60_000 + 1)]
    assert at(begin, (0, tcp(50, sip(1))), *large) == [sip(1)]
    monkeypatch.setattr(segments, "MAX_PIECES", 3)
    assert at(begin, (0, tcp(50, sip(1))), *((0.0, tcp(9_000 + 2 * at, b"x")) for at in range(3))) == [sip(1)]


def test_of_too_many_streams_the_one_that_was_silent_longest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_STREAMS", 2)
    ends = [(bytes([192, 0, 2, 20]), port) for port in (1, 2, 3)]
    half = len(sip(1)) // 2
    first = [packet for end in ends for packet in (tcp(0, flags=SYN, source=end), tcp(1, sip(9) + sip(1)[:half], source=end))]
    found, remarks = read(*first, *(tcp(1 + len(sip(9)) + half, sip(1)[half:], source=end) for end in reversed(ends)))
    assert [one.source[-1] for one in found if one.payload == sip(1)] == ["3", "2"]
    assert any("more than 2 streams at one time" in one for one in remarks)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, SYN, 16]), st.binary(max_size=60)), max_size=30))
def test_any_segments_are_borne(parts: list[tuple[int, int, bytes]]) -> None:
    try:
        read(*(tcp(sequence, payload, flags) for sequence, flags, payload in parts))
    except CaptureError:
        raise AssertionError("the file's frame is whole") from None
