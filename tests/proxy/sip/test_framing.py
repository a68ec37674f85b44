"""Messages out of a stream: however it is cut, they are the same; what has no end is a FramingError."""

from __future__ import annotations

import contextlib
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.framing import MAX_BODY, Framer, FramingError
from proxy.sip.parser import MAX_HEAD, parse


def message(body: bytes = b"", *lines: bytes, length: bytes | None = None) -> bytes:
    """An INVITE as it stands in a stream."""
    head = [
        b"INVITE sip:bob@example.com SIP/2.0", b"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1",
        b"From: <sip:a@example.net>;tag=1", b"To: <sip:bob@example.com>", b"Call-ID: c", b"CSeq: 1 INVITE",
        *lines, length if length is not None else b"Content-Length: %d" % len(body),
    ]  # fmt: skip
    return b"\r\n".join((*filter(None, head), b"", body))


def taken(framer: Framer, *pieces: bytes) -> tuple[list[bytes], str]:
    """The messages that come out, and why they ended, if they did."""
    out: list[bytes] = []
    try:
        for piece in pieces:
            framer.feed(piece)
            while (one := framer.next()) is not None:
                out.append(one)
    except FramingError as error:
        return out, error.why
    return out, ""


def singly(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1] for at in range(len(octets))]


@pytest.mark.req("SIP-098")
def test_three_messages_come_out_of_one_write_and_out_of_single_octets() -> None:
    three = [message(b"v=0\r\n"), message(), message(b"\r\n\r\nx\0")]
    assert taken(Framer(), b"".join(three)) == (three, "")
    assert taken(Framer(), *singly(b"".join(three))) == (three, "")


PINGS = [(b"\r\n\r\n", 1), (b"\r\n", 0), (b"\r\n" * 5, 2)]


@pytest.mark.req("SIP-100", "SIP-101")
@pytest.mark.parametrize(("ends", "pings"), PINGS)
def test_line_ends_between_messages_are_pings_and_no_part_of_a_message(ends: bytes, pings: int) -> None:
    for cut in (lambda octets: [octets], singly):
        framer = Framer()
        assert taken(framer, *cut(message() + ends + message(b"x") + ends)) == ([message(), message(b"x")], "")
        assert framer.pings == 2 * pings


def test_half_a_ping_before_a_message_is_none() -> None:
    framer = Framer()
    assert taken(framer, b"\r\n", message(), b"\r\n") == ([message()], "")
    assert framer.pings == 0
    taken(framer, b"\r\n")
    assert framer.pings == 1


LENGTHS: dict[str, tuple[bytes, int]] = {
    "compact": (b"l: 3", 3),
    "upper case, blanks before the colon": (b"CONTENT-LENGTH \t: 3", 3),
    "folded": (b"Content-Length:\r\n 3", 3),
    "leading zeros": (b"Content-Length: 003", 3),
    "twice the same": (b"Content-Length: 3\r\nl: 03", 3),
    "beside a header that ends like it": (b"X-Content-Length: 9\r\nContent-Length: 3", 3),
    "beside a fold that looks like it": (b"Subject: a\r\n Content-Length: 9\r\nl:3", 3),
}


@pytest.mark.req("SIP-098")
@pytest.mark.parametrize("case", LENGTHS)
def test_the_length_is_found(case: str) -> None:
    line, size = LENGTHS[case]
    one = message(b"abcdefghij"[:size], length=line)
    assert taken(Framer(), one + message()) == ([one, message()], "")
    assert parse(one).body == b"abc"  # the parser sees the same length


FAULTS: dict[str, tuple[bytes, str, int]] = {
    "missing": (message(b"x", length=b""), "a stream needs Content-Length", 400),
    "negative": (message(length=b"Content-Length: -999"), "Content-Length is no number", 400),
    "empty": (message(length=b"Content-Length: "), "Content-Length is no number", 400),
    "with an exponent": (message(length=b"Content-Length: 1e3"), "Content-Length is no number", 400),
    "eighteen nines": (message(length=b"Content-Length: " + b"9" * 18), "Content-Length is no number", 400),
    "in another script": (message(length="Content-Length: ٣".encode()), "Content-Length is no number", 400),
    "a list": (message(length=b"Content-Length: 3, 3"), "Content-Length is no number", 400),
    "two things": (message(b"x" * 9, length=b"Content-Length: 3\r\nl: 9"), "Content-Length says two things", 400),
    "hidden behind a bare LF": (message(length=b"Subject: a\nContent-Length: 0"), "a stream needs Content-Length", 400),
    "ended by a bare CR": (message(length=b"Content-Length: 0\rX: y"), "a stream needs Content-Length", 400),
    "huge": (message(length=b"Content-Length: %d" % (MAX_BODY + 1)), "the body is too long", 413),
}


@pytest.mark.req("SIP-099", "SIP-106", "T-16", "T-42")
@pytest.mark.parametrize("case", FAULTS)
def test_a_length_that_cannot_be_is_the_end_of_the_stream(case: str) -> None:
    octets, why, status = FAULTS[case]
    for cut in (lambda octets: [octets], singly):
        framer = Framer()
        assert taken(framer, *cut(message(b"first") + octets)) == ([message(b"first")], why)
        assert taken(framer, message()) == ([], "")  # nothing comes after it
        assert len(framer) == 0
    framer = Framer()
    framer.feed(octets + b"more")
    with pytest.raises(FramingError) as caught:
        framer.next()
    assert caught.value.status == status
    assert caught.value.octets == octets + b"more"
    if "bare" in case:
        assert caught.value.partial is None  # what its lines are, nobody knows: no answer
    else:
        assert caught.value.partial is not None and caught.value.partial.target == b"sip:bob@example.com"


GARBAGE = (b"\x16\x03\x01\x02\x00\x01", b"\0\1", b"\r\r\n", b"\n\n", b" INVITE", b"\x80", b"\r\n\r\n\xff")


@pytest.mark.parametrize("octets", GARBAGE)
def test_what_begins_as_no_message_does_is_seen_at_its_first_octet(octets: bytes) -> None:
    assert taken(Framer(), octets) == ([], "this does not begin as a SIP message does")
    assert taken(Framer(), *singly(octets)) == ([], "this does not begin as a SIP message does")


@pytest.mark.req("SIP-099")
def test_a_response_without_length_gives_nobody_to_answer_to() -> None:
    framer = Framer()
    framer.feed(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.0.2.1\r\n\r\n")
    with pytest.raises(FramingError) as caught:
        framer.next()
    assert caught.value.partial is None


@pytest.mark.req("SIP-106")
def test_headers_without_an_end_are_kept_to_their_bound_only() -> None:
    framer = Framer()
    framer.feed(b"INVITE sip:a SIP/2.0\r\nX: " + b"x" * (MAX_HEAD - 100))
    assert framer.next() is None
    framer.feed(b"x" * 200)
    with pytest.raises(FramingError) as caught:
        framer.next()
    assert caught.value.status == 513 and len(framer) == 0


@pytest.mark.req("T-15")
def test_a_message_that_does_not_come_to_its_end_can_be_answered_when_the_time_is_up() -> None:
    framer = Framer()
    framer.feed(message(b"x", length=b"Content-Length: 9999"))
    assert framer.next() is None
    fault = framer.late()
    assert fault.partial is not None and len(framer) == 0
    framer.feed(message())
    assert framer.next() is None


@pytest.mark.req("SIP-106")
def test_single_octets_cost_no_more_the_longer_the_message_is() -> None:
    def seconds(size: int) -> float:
        pieces = singly(message(b"", b"X: " + b"x" * size))
        framer, started = Framer(), time.process_time()
        for piece in pieces:
            framer.feed(piece)
            framer.next()
        return (time.process_time() - started) / len(pieces)

    short = min(seconds(2_000) for _ in range(5))
    long = min(seconds(40_000) for _ in range(3))
    assert long < 5 * short  # 20 times the length; a search from the start each time would be 20 times as long


PIECES = st.one_of(
    st.builds(message, st.binary(max_size=40)),
    st.sampled_from((b"\r\n", b"\r\n\r\n", *(octets for octets, _, _ in FAULTS.values()))),
    st.binary(max_size=12),
)


@given(st.lists(PIECES, max_size=6), st.lists(st.integers(1, 60), max_size=60))
@pytest.mark.req("SIP-098")
def test_however_the_stream_is_cut_the_messages_are_the_same(parts: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(parts)
    whole, cut = Framer(), Framer()
    pieces, at = [], 0
    for size in (*cuts, sys.maxsize):
        pieces.append(octets[at : at + size])
        at += size
    assert taken(whole, octets) == taken(cut, *pieces)
    assert (whole.pings, len(whole)) == (cut.pings, len(cut))


@given(st.binary(max_size=400))
def test_any_octets_are_messages_or_a_framing_error(octets: bytes) -> None:
    taken(Framer(), octets)
    taken(Framer(), b"A:\r\n" + octets + b"\r\n\r\n")


LINES = st.sampled_from(
    [b"Content-Length: 3", b"l:3", b"l : 3", b"L:\r\n\t3", b"Content-Length: 03", b"Content-Length: 4", b"content-length: x",
     b"Subject: l: 4", b"Subject: a\r\n l: 4", b"X: a\nl: 4", b"X: a\rl: 4", b"X:\r\n", b"Content-Length : 3 ", b"Content-Length\r\n: 4"]
)  # fmt: skip


@given(st.lists(LINES, min_size=1, max_size=4))
@pytest.mark.req("SIP-098", "SIP-099")
def test_the_parser_never_finds_another_length_than_the_framer(lines: list[bytes]) -> None:
    octets = message(b"abc" + message(), *lines, length=b"")
    for one in taken(Framer(), octets)[0][:1]:
        head, _, body = one.partition(b"\r\n\r\n")
        with contextlib.suppress(ParseError):
            assert parse(one).body == body
