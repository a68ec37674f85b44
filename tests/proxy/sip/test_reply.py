"""Messages of our own."""

from __future__ import annotations

import pytest

from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import check, parse
from proxy.sip.reply import acknowledgement, answer, cancellation, stateless_tag, way_back
from proxy.sip.via import parse as parse_via

FLOW = Flow(0, "192.0.2.9", 41000)
INVITE = parse(
    b"INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP z;branch=z9hG4bKb\r\n"
    b"Route: <sip:r1;lr>\r\nRoute: <sip:r2;lr>\r\nf: <sip:x@y>;tag=f\r\nt: \"Q\" <sip:a@b>\r\ni: c\r\nCSeq: 0009 INVITE\r\n"
    b"Timestamp: 5\r\nRequire: a\r\nContent-Length: 0\r\n\r\n"
)
assert isinstance(INVITE, Request)


@pytest.mark.req("SIP-055")
def test_an_answer_repeats_what_identifies_the_request_and_adds_our_tag() -> None:
    data = answer(INVITE, FLOW, 603, "Network Blocked", "ours", (b"Reason: x",))
    assert data == (
        b"SIP/2.0 603 Network Blocked\r\nv: SIP/2.0/UDP 10.0.0.1;rport=41000;received=192.0.2.9;branch=z9hG4bKa\r\n"
        b"Via: SIP/2.0/UDP z;branch=z9hG4bKb\r\nf: <sip:x@y>;tag=f\r\nt: \"Q\" <sip:a@b>;tag=ours\r\ni: c\r\n"
        b"CSeq: 0009 INVITE\r\nReason: x\r\nContent-Length: 0\r\n\r\n"
    )
    check(parse(data))


def test_a_100_has_no_tag_and_gives_the_timestamp_back() -> None:
    data = answer(INVITE, FLOW, 100, "Trying", "ours")
    assert b'\r\nt: "Q" <sip:a@b>\r\n' in data and b"\r\nTimestamp: 5\r\n" in data


def test_a_phrase_cannot_break_the_start_line() -> None:
    assert answer(INVITE, FLOW, 400, "a\r\nX: y", "t").startswith(b"SIP/2.0 400 a  X: y\r\n")


@pytest.mark.parametrize("bad", [(b"v: SIP", b"v: "), (b't: "Q"', b't: "Q'), (b'"Q" <sip:a@b>', b"<sip:a@b>;tag=1;;")])
def test_what_cannot_be_read_is_answered_as_it_came(bad: tuple[bytes, bytes]) -> None:
    head = b"\r\n".join([INVITE.start, *INVITE.lines, b"", b""]).replace(*bad, 1)
    message = parse(head)
    assert isinstance(message, Request)
    assert answer(message, FLOW, 400, "Bad Request", "ours").count(b"tag=") == 2


def test_the_tag_of_a_stateless_answer_is_the_same_each_time() -> None:
    again = parse(b"\r\n".join([INVITE.start, *INVITE.lines, b"", b""]))
    other = parse(b"\r\n".join([INVITE.start, *INVITE.lines, b"", b""]).replace(b"i: c", b"i: d"))
    assert isinstance(again, Request) and isinstance(other, Request)
    assert stateless_tag(INVITE) == stateless_tag(again) != stateless_tag(other)


@pytest.mark.req("SIP-094", "SIP-095", "SIP-096", "SIP-107")
@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("10.0.0.1", 5060), ("10.0.0.1:5070", 5070), ("10.0.0.1;rport", 41000), ("10.0.0.1:5070;rport", 41000),
        ("10.0.0.1:5070;rport=9", 5070), ("10.0.0.1;rport;rport", 5060), ("10.0.0.1:5070;received=192.0.2.66", 5070),
        ("10.0.0.1:5070;maddr=224.0.1.75", 5070), ("255.255.255.255", 5060),
    ],
)  # fmt: skip
def test_the_way_back_is_the_address_that_the_request_came_from(via: str, port: int) -> None:
    assert way_back(parse_via(b"SIP/2.0/UDP " + via.encode()), FLOW) == Flow(0, "192.0.2.9", port)


@pytest.mark.req("SIP-069")
def test_our_ack_has_the_to_of_the_response_and_else_the_request() -> None:
    response = parse(b"SIP/2.0 486 Busy\r\nt: <sip:a@b>;tag=busy\r\n\r\n")
    assert isinstance(response, Response)
    assert acknowledgement(INVITE, response) == (
        b"ACK sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n"
        b"Route: <sip:r1;lr>\r\nRoute: <sip:r2;lr>\r\nf: <sip:x@y>;tag=f\r\nt: <sip:a@b>;tag=busy\r\ni: c\r\n"
        b"CSeq: 9 ACK\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.req("SIP-065", "SIP-066")
def test_our_cancel_has_one_via_no_tag_and_the_reasons() -> None:
    data = cancellation(INVITE, (b"Reason: Q.850;cause=16",))
    assert data == (
        b"CANCEL sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n"
        b"Route: <sip:r1;lr>\r\nRoute: <sip:r2;lr>\r\nf: <sip:x@y>;tag=f\r\nt: \"Q\" <sip:a@b>\r\ni: c\r\n"
        b"CSeq: 9 CANCEL\r\nReason: Q.850;cause=16\r\nContent-Length: 0\r\n\r\n"
    )
