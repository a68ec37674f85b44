"""What the lab's telephones write, to the byte."""

from __future__ import annotations

import pytest

from proxy.lab.dialog import (
    Invitation,
    answer,
    as_callee,
    as_caller,
    companion,
    composed,
    opening,
    renewed,
    via_line,
    where_to,
)
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse

CALL = Invitation("sip:+12025550123@127.0.0.1:5070", "<sip:+12025550101@example.net>", call_id="one@lab")
VIA = "Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKone"
HOME = ("127.0.0.1", 5060)


def invite(*lines: str) -> Request:
    request = parse(opening(CALL.with_lines(*lines), VIA, "sip:a@127.0.0.1:5060", "mine"))
    assert isinstance(request, Request)
    return request


def response(request: Request, status: int, *lines: str) -> Response:
    message = parse(answer(request, HOME, status, "OK", "theirs", lines))
    assert isinstance(message, Response)
    return message


def test_a_call_is_written_as_it_is_given() -> None:
    request = invite("X-Odd:  kept ;;", "P-Asserted-Identity: <sip:+12025550101@example.net>")
    assert request.start == b"INVITE sip:+12025550123@127.0.0.1:5070 SIP/2.0"
    assert request.first("from") == b"<sip:+12025550101@example.net>;tag=mine"
    assert request.first("to") == b"<sip:+12025550123@127.0.0.1:5070>"
    assert b"X-Odd:  kept ;;" in request.lines
    assert request.body == CALL.body
    assert request.first("content-length") == str(len(CALL.body)).encode()


@pytest.mark.parametrize("line", ["Content-Length: 3", "l: 3", "Max-Forwards: 0"])
def test_what_a_line_says_is_not_said_again(line: str) -> None:
    data = composed("OPTIONS sip:a@b SIP/2.0", [line], b"abc")
    assert data.count(line.partition(":")[0].encode() + b":") == 1
    assert data.count(b"Content-Length") + data.count(b"\r\nl:") == 1


def test_an_answer_goes_back_by_the_topmost_via_and_says_what_it_saw() -> None:
    request = invite("Record-Route: <sip:10.0.0.1;lr>")
    plain = parse(answer(request, ("10.9.9.9", 777), 180, "Ringing", "theirs"))
    assert plain.lines[0] == b"Via: SIP/2.0/UDP 127.0.0.1:5060;received=10.9.9.9;rport=777;branch=z9hG4bKone"
    assert plain.to_tag == "theirs"
    assert plain.first("record-route") == b"<sip:10.0.0.1;lr>"
    assert where_to(request, ("10.9.9.9", 777)) == ("10.9.9.9", 777)


def test_without_rport_the_port_of_the_via_counts() -> None:
    data = opening(CALL, "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKone", "sip:a@127.0.0.1:5060", "mine")
    request = parse(data)
    assert isinstance(request, Request)
    assert where_to(request, ("127.0.0.1", 777)) == ("127.0.0.1", 5060)


def test_the_two_ends_of_a_call_see_the_route_from_their_own_side() -> None:
    request = invite("Record-Route: <sip:10.0.0.2;lr>", "Record-Route: <sip:10.0.0.1:5070;lr>")
    good = response(request, 200, "Contact: <sip:b@10.0.0.9:5090>")
    caller = as_caller(request, good, HOME)
    callee = as_callee(request, "theirs", ("10.0.0.2", 5060))
    assert caller.routes == tuple(reversed(callee.routes)) == ("<sip:10.0.0.1:5070;lr>", "<sip:10.0.0.2;lr>")
    assert (caller.next_hop, callee.next_hop) == (("10.0.0.1", 5070), ("10.0.0.2", 5060))
    assert (caller.target, callee.target) == ("sip:b@10.0.0.9:5090", "sip:a@127.0.0.1:5060")
    assert (caller.ours, caller.theirs) == (callee.theirs, callee.ours)


def test_an_ack_has_the_number_of_its_invite_and_a_bye_the_next() -> None:
    request = invite()
    dialog = as_caller(request, response(request, 200, "Contact: <sip:b@10.0.0.9>"), HOME)
    assert parse(dialog.request("ACK", VIA)).cseq == (1, "ACK")
    assert parse(dialog.following().request("BYE", VIA)).cseq == (2, "BYE")


def test_an_invite_inside_a_call_moves_the_target_and_not_the_route() -> None:
    request = invite("Record-Route: <sip:10.0.0.1;lr>")
    dialog = as_caller(request, response(request, 200, "Contact: <sip:b@10.0.0.9>"), HOME)
    moved = renewed(dialog, response(invite(), 200, "Contact: <sip:b@10.0.0.10>"))
    assert (moved.target, moved.routes) == ("sip:b@10.0.0.10", dialog.routes)


@pytest.mark.parametrize("contact", ["sip:b@pbx.example.com", "tel:+12025550123"])
def test_what_has_no_address_is_sent_the_way_the_call_went(contact: str) -> None:
    request = invite()
    assert as_caller(request, response(request, 200, f"Contact: <{contact}>"), HOME).next_hop == HOME


def test_a_cancel_and_the_ack_of_a_refusal_are_the_invites_companions() -> None:
    request = invite("Route: <sip:10.0.0.1;lr>")
    refused = response(request, 486)
    for method, to in (("CANCEL", None), ("ACK", refused.first("to"))):
        other = parse(companion(request, method, to))
        assert isinstance(other, Request)
        assert (other.target, other.via, other.cseq) == (request.target, request.via, (1, method))
        assert other.first("route") == b"<sip:10.0.0.1;lr>"
        assert other.to_tag == (None if to is None else "theirs")


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert via_line("::1", 5060, "z9hG4bKone") == "Via: SIP/2.0/UDP [::1]:5060;rport;branch=z9hG4bKone"
