"""Routes, and what may go no further (RFC 3261 sections 16.3, 16.4, 16.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.edit import rebuilt
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.sip.routing import Me, breadth, check, loop_mark, loops, route

ME = Me([("203.0.113.5", 5060), ("proxy.example", 5060), ("2001:db8::5", 5060), ("203.0.113.5", 5062)])


def request(target: str = "sip:bob@ua.example", *lines: str, method: str = "INVITE") -> Request:
    message = parse(
        f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:x@y>;tag=f\r\nTo: <sip:a@b>\r\n"
        f"Call-ID: c\r\nCSeq: 1 {method}\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def after(message: Request) -> tuple[str, list[str]]:
    """The Request-URI and the Route values that go on."""
    routed = route(message, ME)
    on = parse(rebuilt(message, b"INVITE " + routed.target + b" SIP/2.0", (), routed.edits))
    return routed.target.decode(), [value.decode() for value in on.values("route")]


@pytest.mark.parametrize(
    ("target", "routes", "on", "left", "to"),
    [
        # nothing to do
        ("sip:bob@ua.example", [], "sip:bob@ua.example", [], "ua.example"),
        ("sip:bob@ua.example", ["<sip:p2.example;lr>"], "sip:bob@ua.example", ["<sip:p2.example;lr>"], "p2.example"),
        # ours on top: one, two in one line, two in two lines, by name, by IPv6, with a display name
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=T>"], "sip:bob@ua.example", [], "ua.example"),
        ("sip:bob@ua.example", ["<sip:203.0.113.5;lr>, <sip:203.0.113.5:5062;transport=tcp;lr>, <sip:p2.example;lr>"],
         "sip:bob@ua.example", ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:bob@ua.example", ["<sip:203.0.113.5;lr>", '"Us" <sip:PROXY.example;lr>', "<sip:p2.example;lr>"],
         "sip:bob@ua.example", ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:bob@ua.example", ["<sip:[2001:db8::5];lr>"], "sip:bob@ua.example", [], "ua.example"),
        # however the lines are cut: no blanks, empty values, two lines of which the first is as we wrote it
        ("sip:bob@ua.example", ["<sip:203.0.113.5;lr>,<sip:p2.example;lr>"], "sip:bob@ua.example", ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:bob@ua.example", [", ,<sip:203.0.113.5;lr>,,<sip:p2.example;lr>"], "sip:bob@ua.example", ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=T>", "<sip:p2.example;lr>"], "sip:bob@ua.example",
         ["<sip:p2.example;lr>"], "p2.example"),
        # two of us in a row, as we wrote them: the next one's token is none of ours
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=T>, <sip:192.0.2.77:5060;lr;rw=N>"], "sip:bob@ua.example",
         ["<sip:192.0.2.77:5060;lr;rw=N>"], "192.0.2.77"),
        ("sip:bob@ua.example;lr", ["<sip:p2.example;lr>"], "sip:bob@ua.example;lr", ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:203.0.113.5;lr", ["<sip:p1.example;lr>, <sip:p2.example;lr>,<sip:bob@ua.example>"], "sip:bob@ua.example",
         ["<sip:p1.example;lr>", "<sip:p2.example;lr>"], "p1.example"),
        ("sip:bob@ua.example", ["<sip:s.example:5070;method=BYE>"], "sip:s.example:5070", ["<sip:bob@ua.example>"], "s.example"),
        ("sip:bob@x.example;maddr=PROXY.example", [], "sip:bob@x.example", [], "x.example"),
        # not ours: another port, another host
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5070;lr>"], "sip:bob@ua.example", ["<sip:203.0.113.5:5070;lr>"],
         "203.0.113.5"),
        # a strict router before us: our own value is in the Request-URI
        ("sip:203.0.113.5;lr", ["<sip:bob@ua.example>"], "sip:bob@ua.example", [], "ua.example"),
        ("sip:203.0.113.5:5060;lr;rw=T", ["<sip:p2.example;lr>, <sip:bob@ua.example>"], "sip:bob@ua.example",
         ["<sip:p2.example;lr>"], "p2.example"),
        ("sip:203.0.113.5;lr", ["<sip:203.0.113.5:5062;lr>", "<sip:bob@ua.example;method=INVITE?Subject=x>"],
         "sip:bob@ua.example", [], "ua.example"),
        # a strict router after us
        ("sip:bob@ua.example", ["<sip:strict.example>"], "sip:strict.example", ["<sip:bob@ua.example>"], "strict.example"),
        ("sip:bob@ua.example", ["<sip:203.0.113.5;lr>, <sip:s.example;method=BYE?Route=x>, <sip:p3.example;lr>"],
         "sip:s.example", ["<sip:p3.example;lr>", "<sip:bob@ua.example>"], "s.example"),
        # maddr that is ours goes, with port and transport; another's stays
        ("sip:bob@x.example;maddr=203.0.113.5", [], "sip:bob@x.example", [], "x.example"),
        ("sip:bob@x.example:5062;user=phone;maddr=203.0.113.5;transport=udp", [], "sip:bob@x.example;user=phone", [],
         "x.example"),
        ("sip:bob@[2001:db8::9]:5062;maddr=203.0.113.5", [], "sip:bob@[2001:db8::9]", [], "2001:db8::9"),
        ("sip:bob@x.example;maddr=203.0.113.5;transport=tcp", [], "sip:bob@x.example;maddr=203.0.113.5;transport=tcp", [],
         "x.example"),
        ("sip:bob@x.example;maddr=192.0.2.7", [], "sip:bob@x.example;maddr=192.0.2.7", [], "x.example"),
        ("sip:user;par=u%40example.net@x.example;maddr=203.0.113.5", [], "sip:user;par=u%40example.net@x.example", [],
         "x.example"),
        # a Route that cannot be read is left alone
        ("sip:bob@ua.example", ["<<<"], "sip:bob@ua.example", ["<<<"], "ua.example"),
    ],
)  # fmt: skip
@pytest.mark.req("SIP-024", "SIP-025", "SIP-026", "SIP-027", "SIP-028", "SIP-029", "SIP-030", "SIP-031", "SIP-035")
def test_where_a_request_goes(target: str, routes: list[str], on: str, left: list[str], to: str) -> None:
    message = request(target, *(f"Route: {value}" for value in routes))
    assert after(message) == (on, left)
    assert route(message, ME).next.host == to


@pytest.mark.req("SIP-045")
@pytest.mark.parametrize("value", ["<sip:203.0.113.5;lr>", "<isbn:2983792873>", "<sip:b@elsewhere.example;maddr=192.0.2.66>"])
def test_to_and_from_route_nothing(value: str) -> None:
    message = parse(
        f"INVITE sip:bob@ua.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: {value};tag=f\r\nTo: {value}\r\n"
        "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    )
    assert isinstance(message, Request) and check(message) is None
    routed = route(message, ME)
    assert (routed.target, routed.next.host, routed.tokens, routed.own) == (b"sip:bob@ua.example", "ua.example", (), False)


@pytest.mark.parametrize(
    ("target", "routes", "tokens", "own"),
    [
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=T1>"], ("T1",), False),
        ("sip:bob@ua.example", ["<sip:203.0.113.5;rw=T1;lr>, <sip:203.0.113.5:5062;lr;rw=T2>"], ("T1", "T2"), False),
        ("sip:203.0.113.5;lr;rw=T0", ["<sip:203.0.113.5;lr;rw=T1>", "<sip:bob@ua.example>"], ("T0", "T1"), False),
        ("sip:203.0.113.5", ["<sip:203.0.113.5:5060;lr;rw=T1>"], ("T1",), True),
        ("sip:+12025550100@203.0.113.5", [], (), True),
        ("sip:+12025550100@203.0.113.5:5070", [], (), False),
        ("tel:+12025550100", [], (), False),
        ("sip:bob@ua.example", ["<sip:192.0.2.1:5060;lr;rw=T1>"], (), False),
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=T1;x=1>"], ("T1",), False),
        ("sip:bob@ua.example", ["<sip:203.0.113.5:5060;lr;rw=>"], (), False),
        ("sip:bob@ua.example", ["<sip:203.0.113.5;lr>"] * 9, (), True),  # a loop of our own making ends somewhere
    ],
)
def test_the_tokens_of_our_own_routes_are_handed_over(
    target: str, routes: list[str], tokens: tuple[str, ...], own: bool
) -> None:
    routed = route(request(target, *(f"Route: {value}" for value in routes)), ME)
    assert tuple(token for token in routed.tokens if token) == tokens
    assert routed.own is own


@pytest.mark.req("SIP-003", "SIP-006", "SIP-011", "SIP-012", "SIP-013")
@pytest.mark.parametrize(
    ("message", "status"),
    [
        (request(), None),
        (request("sips:bob@ua.example"), None),
        (request("SIP:bob@ua.example"), None),
        (request("tel:+12025550100"), None),
        (request("TEL:911"), None),
        (request("urn:service:sos.fire"), None),
        (request("urn:isbn:0"), 416),
        (request("http://x"), 416),
        (request("sip:b@c", "Max-Forwards: 0"), 483),
        (request("sip:b@c", "Max-Forwards: 00"), 483),
        (request("sip:b@c", "Max-Forwards: 1"), None),
        (request("sip:b@c", "Max-Forwards: x"), None),
        (request("sip:b@c", "Proxy-Require: foo"), 420),
        (request("sip:b@c", "Proxy-Require:"), None),
        (request("sip:b@c", "Require: foo"), None),
        (request("sip:b@c", "Proxy-Require: foo", method="CANCEL"), None),
        (request("sip:b@c", "Proxy-Require: foo", method="ACK"), None),
        (request("sip:b@c", "Max-Breadth: 0"), 440),
        (request("sip:b@c", "Max-Breadth: 1"), None),
    ],
    ids=str,
)
def test_what_may_go_no_further(message: Request, status: int | None) -> None:
    refusal = check(message)
    assert (refusal.status if refusal is not None else None) == status


@pytest.mark.req("SIP-117")
@pytest.mark.parametrize(
    ("lines", "value"),
    [([], None), (["Max-Breadth: 7"], 7), (["Max-Breadth: 200"], 60), (["Max-Breadth: 5", "Max-Breadth: 3"], 3),
     (["Max-Breadth: -1"], None), (["Max-Breadth: 99999999999"], None)],
)  # fmt: skip
def test_max_breadth_is_the_smallest_that_is_said(lines: list[str], value: int | None) -> None:
    assert breadth(request("sip:b@c", *lines)) == value


@pytest.mark.req("SIP-010", "STI-051")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (request(), request(), True),
        (request(), request("sip:bob@ub.example"), False),
        (request(), request("sip:bob@ua.example", "Route: <sip:x;lr>"), False),
        (request(), request("sip:bob@ua.example", "Identity: x"), False),
        (request("sip:a@b", "Identity: x", "Identity: y"), request("sip:a@b", "Identity: x", "Identity: z"), False),
        (request(), request("sip:bob@ua.example", "P-Asserted-Identity: <tel:+12025550100>"), False),
        (request(), request("sip:bob@ua.example", "Subject: x"), True),
    ],
)
def test_the_mark_changes_with_whatever_decides(one: Request, other: Request, same: bool) -> None:
    assert (loop_mark(one) == loop_mark(other)) is same


def test_the_mark_does_not_depend_on_the_method() -> None:
    assert loop_mark(request()) == loop_mark(request(method="CANCEL"))


def test_only_a_via_of_ours_with_the_mark_is_a_loop() -> None:
    ours = (b"203.0.113.5:5060;branch=z9hG4bK",)
    mark = loop_mark(request())
    via = "Via: SIP/2.0/UDP {}:5060;branch=z9hG4bK1" + mark.decode()
    assert loops(request("sip:a@b", via.format("203.0.113.5")), mark, ours)
    assert not loops(request("sip:a@b", via.format("203.0.113.6")), mark, ours)
    assert not loops(request("sip:a@b", "X-" + via.format("203.0.113.5")), mark, ours)
    assert not loops(request(), mark, ours)


VALUES = (
    "<sip:203.0.113.5:5060;lr;rw=T1>", "<sip:203.0.113.5:5062;transport=tcp;lr;rw=T2>", "<sip:203.0.113.5:5060;lr;rw=a%20b>",
    "<sip:203.0.113.5:5060;lr>", "<sip:192.0.2.77:5060;lr;rw=B>", "<sip:p2.example;lr>", "<sip:strict.example;rw=S>",
)  # fmt: skip


@pytest.mark.req("SIP-025", "SIP-028")
@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4), st.lists(st.sampled_from((",", ", ", "\r\nRoute: ")), min_size=3))
def test_a_route_set_leads_the_same_way_however_its_lines_are_cut(values: list[str], between: list[str]) -> None:
    """RFC 3261 section 7.3.1: two of us in a row, and a telephone that writes its route set on one line."""
    joined = "".join(map("".join, zip(values, [*between[: len(values) - 1], ""], strict=True)))
    found = []
    for lines in ([f"Route: {joined}"], [f"Route: {value}" for value in values], [f"route: {value}" for value in values]):
        message = request("sip:bob@ua.example", *lines)
        target, _, *rest = route(message, ME)
        found.append((target, rest, after(message)))
    assert found[0] == found[1] == found[2]


@given(st.lists(st.sampled_from(list("<>;,=?@: \"") + ["sip:", "203.0.113.5", "lr", "rw", "maddr", "[", "tel:+1"]), max_size=14))
def test_any_route_value_gives_a_way_or_a_parse_error(parts: list[str]) -> None:
    value = "".join(parts)
    for target in ("sip:bob@ua.example", "sip:203.0.113.5;lr", "sip:b@c;maddr=203.0.113.5"):
        try:
            message = request(target, f"Route: <sip:203.0.113.5;lr>, {value}")
            routed = route(message, ME)
        except ParseError:
            continue
        assert parse(rebuilt(message, b"INVITE " + routed.target + b" SIP/2.0", (), routed.edits))
