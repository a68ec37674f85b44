"""Small things: each of them was once changed by a machine (`make mutate`), and no other test noticed."""

from __future__ import annotations

import pytest

from proxy.sip.edit import Edits, header, rebuilt, set_max_forwards, stamp_via
from proxy.sip.endpoint import FailedOver, Listener, Loose, Refused, Retransmitted
from proxy.sip.errors import ParseError
from proxy.sip.finals import rank
from proxy.sip.framing import Framer
from proxy.sip.message import Request
from proxy.sip.parser import MAX_LINES, parse
from proxy.sip.reply import stateless_tag
from proxy.sip.routing import Me, loop_mark, route
from proxy.sip.uri import equal
from proxy.sip.uri import parse as parse_uri
from tests.conversations.wire import OWN, Wire


def request(*lines: bytes) -> Request:
    message = parse(b"\r\n".join([b"INVITE sip:bob@ua.example SIP/2.0", *lines, b"", b""]))
    assert isinstance(message, Request)
    return message


VIA = b"Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa"
REST = (b"From: <sip:x@y>;tag=f", b"To: <sip:a@b>", b"Call-ID: c", b"CSeq: 1 INVITE")


@pytest.mark.req("SIP-005")
def test_max_forwards_may_be_the_first_header_of_all() -> None:
    message, edits = request(b"Max-Forwards: 0070", VIA, *REST), Edits()
    set_max_forwards(message, 69, edits)
    assert rebuilt(message, message.start, (), edits).count(b"Max-Forwards") == 1


@pytest.mark.req("SIP-093")
def test_a_received_that_the_sender_wrote_goes_also_where_its_address_is_right() -> None:
    message, edits = request(VIA + b";received=192.0.2.66", *REST), Edits()
    stamp_via(message, "198.51.100.10", 5060, edits)
    assert b"received" not in rebuilt(message, message.start, (), edits)


@pytest.mark.parametrize("octet", [b"\r", b"\n", b"\0"])
def test_no_octet_of_ours_can_end_a_line(octet: bytes) -> None:
    with pytest.raises(ValueError, match="would break the line"):
        header(b"X", b"a" + octet + b"b")


@pytest.mark.req("SIP-026")
def test_a_plain_request_to_us_with_a_route_did_not_come_by_a_strict_router() -> None:
    me = Me([OWN])
    message = parse(
        b"\r\n".join(
            [b"INVITE sip:+12025550199@203.0.113.5 SIP/2.0", VIA, b"Route: <sip:p1.example;lr>", *REST, b"", b""]
        )
    )
    assert isinstance(message, Request)
    routed = route(message, me)
    assert routed.target == b"sip:+12025550199@203.0.113.5" and routed.next.host == "p1.example"


@pytest.mark.req("SIP-010")
def test_the_mark_is_a_dot_and_eight_digits() -> None:
    mark = loop_mark(request(VIA, *REST))
    assert len(mark) == 9 and mark[:1] == b"." and int(mark[1:], 16) >= 0


def test_a_stateless_tag_follows_the_number_of_the_request_too() -> None:
    one, other = request(VIA, *REST), request(VIA, *REST[:3], b"CSeq: 2 INVITE")
    assert stateless_tag(one) != stateless_tag(other)


def test_so_many_lines_and_no_more() -> None:
    filling = [b"X: y"] * (MAX_LINES - 1 - len(REST))
    assert len(request(VIA, *REST, *filling).lines) == MAX_LINES
    with pytest.raises(ParseError):
        request(VIA, *REST, *filling, b"X: y")


def test_a_message_that_does_not_end_is_late_with_408() -> None:
    framer = Framer()
    framer.feed(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\n")
    assert framer.next() is None
    assert framer.late().status == 408


@pytest.mark.req("SIP-032")
def test_uris_of_other_schemes_and_octets_that_are_no_utf_8() -> None:
    assert equal(parse_uri(b"sips:A@H;x=1"), parse_uri(b"sips:A@h;x=1"))
    assert not equal(parse_uri(b"sips:a@h;x=1"), parse_uri(b"sips:a@h;x=2"))
    assert parse_uri(b"tel:+12025550100").host == ""
    raw = b"sip:\xff@h"
    assert str(parse_uri(raw)).encode("utf-8", "surrogateescape") == raw


@pytest.mark.req("SIP-092", "SIP-085")
def test_our_name_in_via_is_ours_in_any_case() -> None:
    wire = Wire(listeners=(Listener("UDP", *OWN, "Proxy.Example", 5060),))
    wire.caller.invites()
    assert wire.callee.gets("INVITE").via.host == "Proxy.Example"
    wire.callee.says(wire.callee.answers(180).replace(b"Proxy.Example", b"pROXY.eXAMPLE"))
    wire.caller.hears(180)
    wire.caller.hears(180)


def test_what_is_refused_for_want_of_room_is_told_with_its_request() -> None:
    wire = Wire(max_transactions=1)
    wire.acts.mode = "hold"
    wire.caller.invites()
    wire.caller.invites(call="second")
    (refused,) = wire.told(Refused)
    assert refused.partial is not None and refused.partial.call_id == b"second"


@pytest.mark.req("SIP-070")
def test_two_acks_of_one_via_with_other_numbers_have_other_branches(wire: Wire) -> None:
    branches = []
    for number in (1, 2):
        wire.caller.asks("ACK", to_tag="x", branch="z9hG4bKsame", cseq=number)
        branches.append(wire.callee.gets("ACK").via.branch)
    assert branches[0] != branches[1]


def test_the_users_changes_go_with_a_relayed_request(wire: Wire) -> None:
    wire.proxy.receive(wire.caller.request("ACK", to_tag="x", lines=["X-Screen: forged"]), wire.caller.flow, wire.now)
    message = parse(wire.caller.request("ACK", to_tag="x", lines=["X-Screen: forged"]))
    assert isinstance(message, Request)
    edits = Edits()
    edits.drop.add(message.find("x-screen"))
    wire.proxy.relay(message, route(message, wire.me), wire.callee.flow, edits, wire.now)
    wire.drain()
    assert wire.callee.gets("ACK").line("x-screen") is None


def test_what_is_told_of_a_request_is_told_whole(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.caller.again()
    assert [event.ours for event in wire.told(Retransmitted)] == [False]
    wire.caller.says(invite.replace(b"CSeq: 1 INVITE", b"CSeq: x INVITE").replace(b"bKup1", b"bKup9"))
    (refused,) = wire.told(Refused)
    assert refused.partial is not None and refused.partial.call_id == b"call-1"
    assert wire.caller.hears(400).phrase == b"Bad Request"
    wire.caller.cancels(wire.caller.request(branch="z9hG4bKnobody"))
    (loose,) = wire.told(Loose)
    assert loose.flow == wire.caller.flow
    wire.caller.cancels(invite)
    assert wire.caller.hears(200).phrase == b"OK"


@pytest.mark.req("SIP-099")
def test_a_stream_that_cannot_go_on_after_a_good_head_is_answered_too(wire: Wire) -> None:
    head = wire.caller.request("OPTIONS").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert wire.proxy.broken(head, wire.caller.flow, ParseError("the body is too long", 413), wire.now)
    wire.drain()
    assert wire.caller.hears(413).cseq.method == "OPTIONS"


@pytest.mark.req("SIP-061")
def test_all_that_was_on_its_way_to_a_hop_that_cannot_be_reached_fails_at_once(fork: Wire) -> None:
    first, second = fork.callees
    fork.caller.invites(call="one")
    fork.caller.invites(call="two")
    first.inbox.clear()
    fork.act(fork.proxy.transport_error(first.flow, fork.now))
    fork.drain()
    assert [second.gets("INVITE").call_id for _ in range(2)] == [b"one", b"two"]
    assert [left.context.request.call_id for left in fork.told(FailedOver)] == [b"one", b"two"]


@pytest.mark.req("SIP-050", "SIP-052")
def test_a_hop_that_timed_out_beside_one_that_failed_is_a_timeout(fork: Wire) -> None:
    first, second = fork.callees
    fork.caller.invites()
    fork.advance(2.1)
    second.gets("INVITE")
    first.gets("INVITE")
    second.answers(100)
    fork.advance(30.5)
    second.answers(500)
    fork.caller.hears(100)
    fork.caller.hears(408)


# What a fork does when more than one hop has something to say


@pytest.mark.req("SIP-114")
def test_the_503_that_a_hop_is_left_for_is_told_with_its_retry_after(fork: Wire) -> None:
    fork.caller.invites()
    fork.callee.gets("INVITE")
    fork.callee.answers(503, lines=["Retry-After: 7"])
    (left,) = fork.told(FailedOver)
    assert left.why == "503" and left.response is not None and left.response.first("retry-after") == b"7"


@pytest.mark.req("SIP-049")
def test_after_a_6xx_no_new_hop_is_tried_whatever_becomes_of_the_others() -> None:
    wire = Wire(callees=3)
    first, second, third = wire.callees
    wire.caller.invites()
    wire.advance(2.1)
    here, there = first.gets("INVITE"), second.gets("INVITE")
    first.answers(603, to=here)
    second.answers(503, to=there)
    wire.advance(0.1)
    third.hears_nothing()
    wire.caller.hears(100)
    wire.caller.hears(603)
    assert rank(603) < rank(503)
    wire.quiet()


@pytest.mark.req("SIP-058", "SIP-048")
def test_a_hop_that_answers_although_it_was_told_to_stop_has_the_call(fork: Wire) -> None:
    first, second = fork.callees
    here, there = fork.forked()
    second.answers(180, to=there)
    first.answers(180, to=here)
    first.gets("CANCEL")  # the second rings, so this one shall not
    first.answers(200, to=here)
    for status in (100, 180, 200):
        fork.caller.hears(status)
    second.gets("CANCEL")
    second.answers(487, to=there)
    second.gets("ACK")
    fork.quiet()
