"""A refusal from the octets alone says what the parser's way would have said, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.sip import curt, reply
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.matching import server_key
from proxy.sip.message import Request
from proxy.sip.parser import check, parse
from tests.compiled import looks_inside

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


TOP, LEFT = LINES[0], LINES[1:]
VIA = b"Via: SIP/2.0/UDP 198.51.100.10:5070"


def invite(*lines: bytes, method: bytes = b"INVITE") -> bytes:
    return b"\r\n".join((method + b" sip:+12025550199@203.0.113.5 SIP/2.0", *lines, b"", b""))


def refused(data: bytes, flow: Flow = FLOW, shapes: curt.Shapes | None = None) -> tuple[bytes, Flow] | None:
    """By one who has seen nothing before."""
    return (shapes or curt.Shapes()).refusal(data, flow, START, MORE)


def with_line(name: bytes, line: bytes) -> bytes:
    """The usual INVITE with another line in the place of its line of this name."""
    return invite(*(line if one.startswith(name + b":") else one for one in LINES))


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
    found = refused(invite(*LINES))
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


SHAPES = curt.Shapes()


@given(
    st.sampled_from(VIAS), st.lists(st.sampled_from(OTHERS), max_size=3), st.permutations(LINES[1:]),
    st.sampled_from((FLOW, Flow(0, "192.0.2.77", 1024), Flow(1, "198.51.100.10", 40_000, 3))), st.sets(st.integers(0, 6), max_size=1),
)  # fmt: skip
def test_whatever_stands_in_a_call_the_two_ways_never_differ(
    via: bytes, others: list[bytes], rest: list[bytes], flow: Flow, gone: set[int]
) -> None:
    left = [line for place, line in enumerate(rest) if place not in gone]
    data = invite(via, *others[:1], *left[:4], *others[1:], *left[4:])
    found = SHAPES.refusal(data, flow, START, MORE)  # which remembers those before
    if found is not None:
        other = parsed(data, flow)
        assert other is None or lines_of(found) == lines_of(other)


ELSEWHERE = Flow(0, "192.0.2.77", 1024)
STREAM = Flow(1, "192.0.2.77", 40_000, 3)


@pytest.mark.parametrize("flow", [FLOW, ELSEWHERE, STREAM], ids=["from where it says", "from elsewhere", "by a connection"])
@pytest.mark.parametrize(
    "via",
    [
        VIA + b";branch=z9hG4bKa1",
        b"Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1",  # no port: 5060
        VIA + b";rport;branch=z9hG4bKa1",
        VIA + b";branch=z9hG4bKa1;rport",
        VIA + b";branch=z9hG4bKa1;rport;keep",
        VIA + b";rport",
        VIA + b";branch=z9hG4bKa1;ring=1",  # another parameter with r
        VIA + b";RING=1;branch=z9hG4bKa1",
        b"Via: SIP/2.0/TCP gateway.carrier.example.com;branch=z9hG4bKa1",
        b"Via: SIP/2.0/TLS gateway.carrier.example.com:5061;branch=z9hG4bKa1;alias",
    ],
)
def test_the_top_via_is_stamped_and_followed_as_the_parser_does(via: bytes, flow: Flow) -> None:
    found = refused(invite(via, *LEFT), flow)
    assert found is not None and found == parsed(invite(via, *LEFT), flow)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_line(b"CSeq", b"CSeq: 4711 INVITE"), id="a longer number"),
        pytest.param(with_line(b"CSeq", b"CSeq:  4711 INVITE"), id="two spaces before a number"),
        pytest.param(with_line(b"CSeq", b"CSeq: 4711  INVITE"), id="two spaces behind it"),
        pytest.param(with_line(b"Max-Forwards", b"Max-Forwards:70"), id="a line of ours without a space"),
        pytest.param(with_line(b"Contact", b"x: 90"), id="a name of one letter that is none of ours"),
        pytest.param(with_line(b"Contact", b"Toy: 1"), id="a name that begins like one of ours"),
        pytest.param(with_line(b"Contact", b"X-Anything: 1"), id="a name with an X"),
        pytest.param(with_line(b"Contact", b"Subject: To: <sip:x@example.com>;tag=t1"), id="a line within a line"),
        pytest.param(invite(TOP, VIA + b";branch=z9hG4bKb", b"Via: SIP/2.0/TCP proxy.example.com;branch=z9hG4bKc", *LEFT), id="three Vias"),
        pytest.param(with_line(b"Content-Length", b"Content-Length: 12") + b"v=0\r\n\r\nTo: \r\n", id="an empty line in the body"),
        pytest.param(with_line(b"Content-Length", b"Content-Length: 4") + b"\r\r\n\n", id="lone line ends in the body"),
    ],
)  # fmt: skip
def test_what_stands_in_other_lines_changes_nothing(data: bytes) -> None:
    found = refused(data)
    assert found is not None and found == parsed(data, FLOW)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(invite(*LINES, method=b"OPTIONS"), id="another method"),
        pytest.param(with_line(b"To", LINES[3] + b";tag=t1"), id="of a call in progress"),
        pytest.param(with_line(b"To", LINES[3] + b";TAG=t1"), id="and that in capitals"),
        pytest.param(with_line(b"CSeq", b"CSeq: 1 ACK"), id="CSeq of another method"),
        pytest.param(with_line(b"CSeq", b"CSeq: 1 invite"), id="and in small letters"),
        *(pytest.param(invite(*LINES[:at], *LINES[at + 1 :]), id=f"without {LINES[at].partition(b':')[0].decode()}") for at in (0, 2, 3, 4, 5)),
        *(
            pytest.param(invite(*LINES, LINES[at]), id=f"{LINES[at].partition(b':')[0].decode()} twice") for at in (2, 3, 4, 5)
        ),
        *(
            pytest.param(invite(*LINES, name + b": other"), id=f"also as {name.decode()!r}")
            for name in (b"v", b"V", b"f", b"t", b"i", b"VIA", b"from", b"TO", b"call-id", b"cseq", b"v ", b"To ", b"via\t")
        ),
        *(pytest.param(invite(*LINES, name), id=f"also as {name.decode()!r}") for name in (b"To:x", b"From:x", b"Via:x", b"t:x")),
        pytest.param(invite(*LINES, b" folded: over"), id="a folded line"),
        pytest.param(invite(*LINES, b"\tfolded: over"), id="folded with a tab"),
        pytest.param(invite(*LINES, b"X-Anything"), id="a line without a colon"),
        pytest.param(invite(*LINES, b": nameless"), id="a line without a name"),
        pytest.param(with_line(b"From", LINES[2] + b"\nTo: <sip:x@example.com>"), id="a line feed alone"),
        pytest.param(with_line(b"From", LINES[2] + b"\rTo: <sip:x@example.com>"), id="a carriage return alone"),
        *(
            pytest.param(invite(VIA + words, *LEFT), id=f"Via {words.decode()}")
            for words in (
                b"", b";branch=z9hG4bKa1;rport=17", b";rport=17;branch=z9hG4bKa1", b";rport;rport", b";RPORT;branch=z9hG4bKa1", b";branch=1;Rport",
                b";rport;RPORT", b";rports", b";received=192.0.2.66", b";RECEIVED=192.0.2.66", b";rport;received=192.0.2.66", b";branch=1, SIP/2.0/UDP x;branch=2",
                b" ;branch=z9hG4bKa1", b"9999;branch=z9hG4bKa1",
            )
        ),
        pytest.param(invite(*LINES)[:-2], id="no end of the head"),
        pytest.param(b"INVITE ", id="no line"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n\r\n", id="an empty head"),
    ],
)  # fmt: skip
def test_what_it_cannot_say_for_sure_it_leaves_to_the_parser(data: bytes) -> None:
    assert refused(data) is None


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lines each message had that was taken apart because its shape was not known."""
    seen: list[int] = []
    whole = curt._shape

    def look(rows: Sequence[bytes]) -> curt.Shape | None:
        seen.append(len(rows))
        return whole(rows)

    monkeypatch.setattr(curt, "_shape", look)
    return seen


def next_call(number: int) -> tuple[bytes, ...]:
    """The lines of another call of the same sender."""
    words = (b"a1", b"70", b"5550101", b"5550199", b"a1@", b"1 I", b"carrier@", b"0")
    others = (b"b%d" % number, b"%d" % number, b"5550102", b"5550198", b"b%d@" % number, b"%d I" % number, b"other@", b"0")
    return tuple(line.replace(one, other, 1) for line, one, other in zip(LINES, words, others, strict=True))


@looks_inside
def test_one_sender_is_taken_apart_once(looks: list[int]) -> None:
    shapes = curt.Shapes()
    for number in range(20):
        data = invite(*next_call(number))
        found = refused(data, shapes=shapes)
        assert found is not None and found == parsed(data, FLOW)
    assert looks == [9]


@looks_inside
def test_whoever_makes_as_many_lines_in_another_way_is_taken_apart_anew(looks: list[int]) -> None:
    shapes = curt.Shapes()
    unspaced = LEFT[0].replace(b": ", b":")  # which is read the same
    ways = [LINES, (TOP, unspaced, *LEFT[1:]), (TOP, *LEFT[::-1]), (TOP, *LEFT[3:], *LEFT[:3]), (*LEFT, TOP)]
    for lines in ways:
        for _ in range(2):
            found = refused(invite(*lines), shapes=shapes)
            other = parsed(invite(*lines), FLOW)
            assert found is not None and other is not None and lines_of(found) == lines_of(other)
    assert looks == [9] * 4
    assert refused(invite(*LINES[:-1], b"t: <sip:x@example.com>"), shapes=shapes) is None
    assert refused(invite(*LINES[:-1], b"From: <sip:x@example.com>"), shapes=shapes) is None


@looks_inside
@pytest.mark.parametrize(
    ("more", "remembered"),
    [
        ((b"Subject: x",) * (curt.MAX_ROWS - 9), True),
        ((b"Subject: x",) * (curt.MAX_ROWS - 8), False),
        ((b"Subject: " + b"x" * (curt.MAX_OCTETS - 11 - len(invite(*LINES)[:-4])),), True),
        ((b"Subject: " + b"x" * (curt.MAX_OCTETS - 10 - len(invite(*LINES)[:-4])),), False),
    ],
    ids=["as many lines as may be", "one more", "as many octets", "one more octet"],
)
def test_only_so_large_a_shape_is_remembered(more: tuple[bytes, ...], remembered: bool, looks: list[int]) -> None:
    shapes = curt.Shapes()
    for _ in range(3):
        assert refused(invite(*LINES, *more), shapes=shapes) is not None
    assert len(looks) == (1 if remembered else 3)


def ack(answer: bytes, *, tag: bytes | None = None) -> bytes:
    """The ACK that the caller sends for an answer (RFC 3261 section 17.1.1.3)."""
    lines = [line for line in answer.split(b"\r\n") if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:"))]
    if tag is not None:
        lines = [line.partition(b";tag=")[0] + b";tag=" + tag if line.startswith(b"To:") else line for line in lines]
    return invite(*lines, b"CSeq: 1 ACK", b"Content-Length: 0", method=b"ACK")


@pytest.mark.req("SIP-120")
def test_the_ack_of_such_an_answer_is_known_and_no_other() -> None:
    found = refused(invite(*LINES))
    assert found is not None
    assert curt.ends(ack(found[0]))
    for other in (b"z9s0000000000000000", b"f9s", b"z9s"):
        assert curt.ends(ack(found[0], tag=other)) is False
    assert not curt.ends(ack(found[0]).replace(b"Call-ID: a1", b"Call-ID: a2"))
    assert not curt.ends(ack(found[0]).replace(b"ACK sip", b"BYE sip", 1))


@pytest.mark.parametrize("name", [b"From", b"To", b"Call-ID", b"CSeq"])
def test_an_ack_that_lacks_a_line_ends_nothing_whatever_its_tag(name: bytes) -> None:
    """Nobody guesses the tag, but anybody can make one of what stands in the place of the line."""
    found = refused(invite(*LINES))
    assert found is not None
    rows = [line for line in ack(found[0]).split(b"\r\n") if not line.startswith(name + b":")]
    known = {line.partition(b":")[0]: line for line in rows}
    stead = rows[0][1:]
    forged = curt._tag(*(known.get(one, stead) for one in (b"From", b"Call-ID", b"CSeq")))
    for tag in (curt._tag(LINES[2], LINES[4], LINES[5]), forged):
        left = [line.partition(b";tag=")[0] + b";tag=" + tag if line.startswith(b"To:") else line for line in rows]
        assert curt.ends(b"\r\n".join((*left[:-2], b"X-Tag: ;tag=" + tag, b"", b""))) is False


@pytest.mark.parametrize("cseq", [b"1 %s", b"4711 %s", b" 4711 %s", b"4711  %s"])
def test_the_ack_is_known_whoever_gave_the_answer(cseq: bytes) -> None:
    data = with_line(b"CSeq", b"CSeq: " + cseq % b"INVITE")
    curtly, other = refused(data), parsed(data, FLOW)
    assert curtly is not None and other is not None
    for answer in (curtly[0], other[0]):
        assert curt.ends(ack(answer).replace(b"CSeq: 1 ACK", b"CSeq: " + cseq % b"ACK"))


def test_what_stands_in_the_body_of_an_ack_is_no_line_of_it() -> None:
    found = refused(invite(*LINES))
    assert found is not None
    whole = ack(found[0])
    for line in (b"To: x", b"From: x", b"Call-ID: x", b"CSeq: 9 ACK"):
        assert curt.ends(whole + b"\r\n" + line + b"\r\n")


@pytest.mark.req("SIP-120", "SIP-083")
@pytest.mark.parametrize("more", [(), OTHERS[:2]], ids=["one Via", "three Vias"])
@pytest.mark.parametrize(
    "via",
    [
        *VIAS, VIA + b";branch=z9hG4bK", VIA + b";branch=old", VIA + b";rport", VIA + b";BRANCH=Z9HG4BKA1;rport", VIA + b";branch=z9hG4bKa1;Branch=b",
        VIA + b";branch;branch=z9hG4bKa1", VIA + b";branches=1;branch=z9hG4bKa1", b"Via: SIP/2.0/UDP GW.Example.com;branch=z9hG4bKa1",
        b"Via: SIP/2.0/UDP 198.51.100.10:05070;branch=z9hG4bKa1",
    ],
)  # fmt: skip
def test_what_was_served_before_is_never_refused_by_its_octets(via: bytes, more: tuple[bytes, ...]) -> None:
    data = invite(via, *more, *LEFT)
    try:
        request = parse(data)
        assert isinstance(request, Request)
        key = server_key(request)
    except ParseError:
        return  # such a one is never served
    assert curt.Shapes().refusal(data, FLOW, START, MORE, {key: None}) is None


@pytest.mark.req("SIP-120")
def test_what_was_not_served_before_is_refused_by_its_octets_whatever_else_is() -> None:
    host = "198.51.100.10"
    served = {
        ("z9hg4bka2", host, 5070, "INVITE"): 1, ("z9hg4bka1", host, None, "INVITE"): 2, ("z9hg4bka1", host, 5070, "OPTIONS"): 3,
        ("z9hg4bka1", "198.51.100.11", 5070, "INVITE"): 4,
    }  # fmt: skip
    assert curt.Shapes().refusal(invite(*LINES), FLOW, START, MORE, served) == refused(invite(*LINES))


@given(st.binary(max_size=200))
@example(b"ACK x SIP/2.0\r\nTo: x;tag=z9s\r\n\r\n")
def test_any_octets_are_borne(data: bytes) -> None:
    for octets in (data, b"INVITE " + data, b"ACK " + data + b"\r\nTo: <sip:a@b>;tag=z9s"):
        refused(octets)
        assert not curt.ends(octets)
