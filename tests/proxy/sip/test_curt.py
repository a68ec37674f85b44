"""A refusal from the octets alone says what the parser's way would have said, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.sip import curt, reply
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import check, parse

SHAPES = curt.Shapes()
START = b"SIP/2.0 503 Service Unavailable"
MORE = (b"Retry-After: 5",)
FLOW = Flow(0, "198.51.100.10", 5070)
LINES = (
    b"Via: SIP/2.0/UDP 198.51.100.10:5070;branch=z9hG4bKa1",
    b"Max-Forwards: 70",
    b"From: <sip:+13015550101@carrier.example.com;user=phone>;tag=f1",
    b"To: <sip:+12025550199@pbx.example.com>",
    b"Call-ID: a1@carrier.example.com",
    b"CSeq: 1 INVITE",
    b"Contact: <sip:carrier@198.51.100.10:5070>",
    b"Content-Length: 0",
)


def invite(*lines: bytes, method: bytes = b"INVITE") -> bytes:
    return b"\r\n".join((method + b" sip:+12025550199@203.0.113.5 SIP/2.0", *lines, b"", b""))


def parsed(data: bytes, flow: Flow) -> tuple[bytes, Flow] | None:
    """The same by the parser; None where it gives no such answer."""
    try:
        request = parse(data)
        assert isinstance(request, Request)
        check(request)
        return reply.answer(request, flow, 503, "Service Unavailable", reply.stateless_tag(request), MORE), reply.way_back(request.via, flow)
    except ParseError:
        return None


def lines_of(found: tuple[bytes, Flow]) -> tuple[bytes, list[bytes], list[bytes], Flow]:
    """Start line, Vias in their order, the other lines in any, and where it goes."""
    start, *lines = found[0].split(b"\r\n")
    return start, [line for line in lines if line[:3] == b"Via"], sorted(lines), found[1]


@pytest.mark.req("SIP-120")
def test_it_says_what_the_parser_would_have_said() -> None:
    found = SHAPES.refusal(invite(*LINES), FLOW, START, MORE)
    assert found is not None and found == parsed(invite(*LINES), FLOW)
    assert found[0].startswith(b"SIP/2.0 503 Service Unavailable\r\nVia: ") and b"\r\nRetry-After: 5\r\n" in found[0]


VIAS = (
    LINES[0],
    b"Via: SIP/2.0/UDP 198.51.100.10:5070;rport;branch=z9hG4bKa1",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;rport",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;rport=17",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;rport;rport",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;RPORT",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;rports",
    b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;received=192.0.2.66",
    b"Via: SIP/2.0/TCP gateway.carrier.example.com;branch=z9hG4bKa1",
    b"Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa1;maddr=192.0.2.66",
    b"Via: SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKa1;rport",
    b"Via: SIP/2.0/UDP 198.51.100.10:5070;branch=z9hG4bKa1, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb",
    b"Via: SIP/2.0/UDP 198.51.100.10:99999;branch=z9hG4bKa1",
    b"Via : SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1",
    b"v: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1",
    b"VIA: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1",
)
OTHERS = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb;rport=5060;received=192.0.2.1",
    b"via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKc",
    b"v: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKd",
    b"f: <sip:other@example.com>;tag=2",
    b"To: <sip:other@example.com>;tag=x",
    b"t: <sip:other@example.com>",
    b"CALL-ID: other",
    b"i: other",
    b"CSeq: 2 INVITE",
    b"Subject: folded\r\n Via: no header",
    b"X-Anything: To: <sip:nobody@example.com>;tag=z9s",
    b"Timestamp: 54",
    b"Identity: aaa.bbb.ccc;info=<https://certs.example.com/a.pem>;alg=ES256;ppt=shaken",
)


@given(
    st.sampled_from(VIAS), st.lists(st.sampled_from(OTHERS), max_size=3), st.permutations(LINES[1:]),
    st.sampled_from((FLOW, Flow(0, "192.0.2.77", 1024), Flow(1, "198.51.100.10", 40_000, 3))), st.sets(st.integers(0, 6), max_size=1),
)  # fmt: skip
def test_whatever_stands_in_a_call_the_two_ways_never_differ(
    via: bytes, others: list[bytes], rest: list[bytes], flow: Flow, gone: set[int]
) -> None:
    left = [line for place, line in enumerate(rest) if place not in gone]
    data = invite(via, *others[:1], *left[:4], *others[1:], *left[4:])
    found = SHAPES.refusal(data, flow, START, MORE)
    if found is not None:
        other = parsed(data, flow)
        assert other is None or lines_of(found) == lines_of(other)


@pytest.mark.parametrize(
    "data",
    [
        invite(*LINES, method=b"OPTIONS"),
        invite(*LINES[:3], LINES[3] + b";tag=t1", *LINES[4:]),  # of a call in progress
        invite(*LINES[:3], *LINES[4:]),
        invite(*LINES[:2], LINES[2] + b"\nTo: <sip:x@example.com>", *LINES[3:]),
        invite(*LINES)[:-2],
        b"INVITE ",
        b"",
    ],
)
def test_what_it_cannot_say_for_sure_it_leaves_to_the_parser(data: bytes) -> None:
    assert SHAPES.refusal(data, FLOW, START, MORE) is None


def ack(answer: bytes, *, tag: bytes | None = None) -> bytes:
    """The ACK that the caller sends for an answer (RFC 3261 section 17.1.1.3)."""
    lines = [line for line in answer.split(b"\r\n") if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:"))]
    if tag is not None:
        lines = [line.partition(b";tag=")[0] + b";tag=" + tag if line.startswith(b"To:") else line for line in lines]
    return invite(*lines, b"CSeq: 1 ACK", b"Content-Length: 0", method=b"ACK")


@pytest.mark.req("SIP-120")
def test_the_ack_of_such_an_answer_is_known_and_no_other() -> None:
    found = SHAPES.refusal(invite(*LINES), FLOW, START, MORE)
    assert found is not None
    assert curt.ends(ack(found[0]))
    for other in (b"z9s0000000000000000", b"f9s", b"z9s"):
        assert not curt.ends(ack(found[0], tag=other))
    assert not curt.ends(ack(found[0]).replace(b"Call-ID: a1", b"Call-ID: a2"))
    assert not curt.ends(ack(found[0]).replace(b"ACK sip", b"BYE sip", 1))


@given(st.binary(max_size=200))
@example(b"ACK x SIP/2.0\r\nTo: x;tag=z9s\r\n\r\n")
def test_any_octets_are_borne(data: bytes) -> None:
    for octets in (data, b"INVITE " + data, b"ACK " + data + b"\r\nTo: <sip:a@b>;tag=z9s"):
        SHAPES.refusal(octets, FLOW, START, MORE)
        assert not curt.ends(octets)
