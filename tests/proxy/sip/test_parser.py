"""The parser: any bytes are a message or a ParseError, and what is not edited goes on to the octet."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.edit import rebuilt
from proxy.sip.errors import ParseError
from proxy.sip.message import Request, Response
from proxy.sip.parser import MAX_LINES, check, parse

INVITE = (
    b"INVITE sip:+12025550199@pbx.example.com;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.10:5060;rport;branch=z9hG4bK-7f3a9c11\r\n"
    b"Max-Forwards: 69\r\n"
    b'f: "EXAMPLE CO" <sip:+12025550123@carrier.example.net;user=phone>;tag=9f2c\r\n'
    b"t: <sip:+12025550199@pbx.example.com;user=phone>\r\n"
    b"i: 4a1d7e90-1b2c@198.51.100.10\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"X-Odd: ;;,,;\r\n"
    b"Subject: one\r\n  two\r\n\tthree\r\n"
    b"y: eyJ.eyJ.sig;info=<https://cr.example.net/a,b;c>\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)
PIECES = st.sampled_from(
    [b"INVITE ", b"sip:a@b", b" SIP/2.0", b"SIP/2.0 200 OK", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" ", b"\t", b":", b";", b",", b"<", b">",
     b'"', b"\\", b"%", b"\0", b"\xff", b"Via: SIP/2.0/UDP h;branch=z9hG4bKx", b"From: <sip:a@b>;tag=1", b"To: <sip:a@b>", b"Call-ID: x",
     b"CSeq: 1 INVITE", b"Content-Length: 3", b"l: -1", b"Route: <sip:h;lr>", b"Max-Forwards: 999999999999", b"[2001:db8::1]", b"sips:"]
)  # fmt: skip


def everything(data: bytes) -> None:
    """Read all that can be read of some bytes; ParseError is an answer, anything else is a bug."""
    try:
        message = parse(data)
    except ParseError as error:
        assert error.status in range(400, 700)
        return
    for ask in (
        lambda: check(message), lambda: message.via, lambda: message.from_, lambda: message.to, lambda: message.from_tag,
        lambda: message.to_tag, lambda: message.call_id, lambda: message.cseq, lambda: message.values("route"),
        lambda: message.values("contact"), lambda: message.all("identity"), lambda: message.first("subject"),
    ):  # fmt: skip
        with contextlib.suppress(ParseError):
            ask()
    if isinstance(message, Request):
        with contextlib.suppress(ParseError):
            assert message.uri is not None
        assert message.max_forwards is None or 0 <= message.max_forwards <= 255
    else:
        assert 100 <= message.status < 700


@pytest.mark.req("SIP-016")
@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_a_parse_error(data: bytes) -> None:
    everything(data)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_pieces_of_sip_are_a_message_or_a_parse_error(data: bytes) -> None:
    everything(data)


@given(st.integers(0, len(INVITE) - 1), st.binary(max_size=4), st.integers(0, 6))
def test_a_torn_invite_is_a_message_or_a_parse_error(at: int, put: bytes, cut: int) -> None:
    everything(INVITE[:at] + put + INVITE[at + cut :])


@pytest.mark.req("SIP-019", "SIP-020", "SIP-021", "SIP-023", "SIP-034", "STI-020")
def test_what_is_not_edited_goes_on_to_the_octet_and_compact_and_folded_headers_read_as_themselves() -> None:
    message = parse(INVITE)
    check(message)
    assert isinstance(message, Request)
    assert rebuilt(message, message.start, (), None) == INVITE
    assert (message.method, message.from_tag, message.to_tag, message.cseq.number) == ("INVITE", "9f2c", None, 1)
    assert message.first("subject") == b"one two three"
    assert message.values("identity") == [b"eyJ.eyJ.sig;info=<https://cr.example.net/a,b;c>"]
    assert message.first("x-odd") == b";;,,;"
    assert message.values("x-odd") == [b";;,,;"]  # no list field: a comma in it is a comma


@given(st.lists(st.tuples(st.from_regex(rb"[A-Za-z-]{1,12}", fullmatch=True), st.binary(max_size=30)), max_size=12), st.binary(max_size=50))
def test_a_message_that_parses_is_rebuilt_as_it_was(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    lines = [name + b": " + value for name, value in headers if name.lower() not in (b"l", b"content-length")]
    data = b"\r\n".join([b"OPTIONS sip:a@b SIP/2.0", *lines, b"Content-Length: %d" % len(body), b"", body])
    try:
        message = parse(data)
    except ParseError:
        return
    assert rebuilt(message, message.start, (), None) == data


@pytest.mark.req("SIP-097", "T-08", "T-15", "T-16", "T-42")
@pytest.mark.parametrize(
    ("length", "body", "kept"),
    [(b"4", b"bodyINVITE sip:x@y SIP/2.0", b"body"), (b"5", b"body", None), (b"-1", b"", None), (b"1e3", b"", None), (b"", b"", None),
     (b"999999999999999999", b"", None), (b"4\r\nl: 3", b"body", None), (b"0004", b"body", b"body")],
)  # fmt: skip
def test_content_length_ends_the_body_or_the_message(length: bytes, body: bytes, kept: bytes | None) -> None:
    data = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nContent-Length: " + length + b"\r\n\r\n" + body
    if kept is None:
        with pytest.raises(ParseError):
            parse(data)
    else:
        assert parse(data).body == kept


@pytest.mark.req("SIP-017", "SIP-018", "SIP-022", "T-29", "T-30", "T-32", "T-41")
@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 505), (b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS", 400), (b"CSeq: 1", b"CSeq: 4294967296", 400),
        (b"X-Odd: ;;,,;", b"Call-ID: again", 400), (b"X-Odd: ;;,,;", b"To: <sip:a@b>", 400), (b"i: 4a1d", b"j: 4a1d", 400),
        (b"X-Odd: ;;,,;", b"X-Odd: a\nEvil: b", 400), (b"X-Odd: ;;,,;", b"no colon here", 400),
    ],
)  # fmt: skip
def test_what_may_not_be_acted_on_is_refused_with_its_status(old: bytes, new: bytes, status: int) -> None:
    data = INVITE.replace(old, new, 1)
    assert data != INVITE
    with pytest.raises(ParseError) as caught:
        check(parse(data))
    assert caught.value.status == status


def test_the_number_of_headers_has_a_bound() -> None:
    with pytest.raises(ParseError):
        parse(b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * (MAX_LINES + 1) + b"\r\n")


@pytest.mark.req("T-13", "T-32")
def test_status_lines() -> None:
    for line, status in ((b"SIP/2.0 100 ", 100), (b"SIP/2.0 100", 100), (b"SIP/2.0 603 Network Blocked", 603)):
        message = parse(line + b"\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n")
        assert isinstance(message, Response) and message.status == status
    with pytest.raises(ParseError):
        parse(b"SIP/2.0 4294967301 Big\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n")
