"""A stream gives the same messages however it is cut, and is given up when nothing tells where the next begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.framing import MAX_BODY, MAX_LINE_ENDS, Framer
from proxy.sip.parser import MAX_HEAD

OPTIONS = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n"
MESSAGE = b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKy\r\nl:5\r\n\r\nhello"
FOLDED = b"INFO sip:a@b SIP/2.0\r\nCONTENT-LENGTH :\r\n  3 \r\nX: a\r\n b\r\n\r\n\r\n\r"


@pytest.mark.req("SIP-098", "SIP-100")
@given(st.lists(st.sampled_from([OPTIONS, MESSAGE, FOLDED, b"\r\n", b"\r\n\r\n"]), max_size=8), st.data())
def test_any_cut_gives_the_same_messages(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    framer, found, at = Framer(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 40))
        found += framer.feed(stream[at : at + step])
        at += step
    assert found == [part for part in parts if part.strip(b"\r\n")]
    assert not framer.partial or stream.endswith(b"\r\n")


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_give_messages_or_a_parse_error(chunks: list[bytes]) -> None:
    framer = Framer()
    try:
        for chunk in chunks:
            framer.feed(chunk)
    except ParseError as error:
        assert error.status in (400, 513)


@pytest.mark.req("SIP-101")
def test_a_double_line_end_between_messages_wants_one_back() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n\r\n" + OPTIONS + b"\r\n\r") == [OPTIONS] and framer.pings == 1
    assert framer.feed(b"\n") == [] and framer.pings == 2
    assert framer.feed(MESSAGE) == [MESSAGE]


@pytest.mark.req("SIP-099")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 400), (b"Content-Length: -1\r\n", 400), (b"Content-Length: 1e3\r\n", 400), (b"Content-Length: \r\n", 400),
        (b"Content-Length: 4\r\nl: 5\r\n", 400), (b"Content-Length: 99999999999\r\n", 400),
        (b"Content-Length: %d\r\n" % (MAX_BODY + 1), 513),
    ],
)  # fmt: skip
def test_a_length_that_cannot_be_believed_ends_the_stream(line: bytes, status: int) -> None:
    framer = Framer()
    head = b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n" + line + b"\r\n"
    with pytest.raises(ParseError) as caught:
        framer.feed(head + b"rest")
    assert caught.value.status == status and framer.lost == head


def test_the_same_length_twice_is_no_fault() -> None:
    twice = MESSAGE.replace(b"l:5", b"l:5\r\nContent-Length: 5")
    assert Framer().feed(twice) == [twice]


@pytest.mark.parametrize("flood", [b"A" * (MAX_HEAD + 1), b"\r\n" * MAX_LINE_ENDS, b"A" * MAX_HEAD + b"A\r\n\r\n"])
def test_what_never_ends_is_given_up(flood: bytes) -> None:
    with pytest.raises(ParseError):
        Framer().feed(flood)


def test_a_slow_drip_is_searched_once() -> None:
    framer = Framer()
    for octet in OPTIONS[:-1]:
        assert framer.feed(bytes((octet,))) == []
    assert framer._searched == len(OPTIONS) - 1 and framer.partial
    assert framer.feed(b"\n") == [OPTIONS] and not framer.partial
