"""A hop answers that the called one has moved: by default that goes back to the caller, and by setting the call follows, once."""

from __future__ import annotations

import pytest

from proxy.sip.context import Context
from proxy.sip.flow import Flow
from proxy.sip.message import Response
from tests.conversations.wire import SDP, Phone, Wire

MOVED = b"sip:+12025550147@192.0.2.30"
DIVERTED = b"Identity: a.b.c;info=<https://cr.example.net/a.pem>;ppt=div"


@pytest.fixture
def wire() -> Wire:
    return Wire(1)


def followed(wire: Wire) -> Phone:
    """Where the called one is now: known to the user of the endpoint, and no hop of the call's."""
    phone = wire.phone("192.0.2.30")

    def follow(context: Context, response: Response, flow: Flow) -> tuple[bytes, Flow, tuple[bytes, ...]] | None:
        assert response.status < 400 and flow == wire.callee.flow
        return (MOVED, phone.flow, (DIVERTED,)) if response.first("contact") == b"<" + MOVED + b">" else None

    wire.acts.follow = follow
    return phone


@pytest.mark.req("SIP-031")
@pytest.mark.parametrize("status", [300, 301, 302, 305])
def test_a_redirection_goes_back_as_it_came(wire: Wire, status: int) -> None:
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(status, "Moved", lines=[f"Contact: <{MOVED.decode()}>;q=0.5"])
    answer = wire.caller.hears(status)
    assert answer.first("contact") == b"<" + MOVED + b">;q=0.5"
    wire.caller.acks(invite, answer)
    wire.quiet()


def test_by_setting_the_call_goes_where_it_says_and_the_caller_hears_nothing_of_it(wire: Wire) -> None:
    other = followed(wire)
    wire.caller.invites(body=SDP)
    first = wire.callee.gets("INVITE")
    wire.callee.answers(302, "Moved Temporarily", lines=[f"Contact: <{MOVED.decode()}>"])
    wire.callee.gets("ACK")
    second = other.gets("INVITE")
    assert second.target == MOVED and second.body == first.body
    assert second.via.branch != first.via.branch and second.first("record-route") == first.first("record-route")
    assert second.max_forwards == first.max_forwards
    assert DIVERTED in second.lines and DIVERTED not in first.lines
    wire.caller.hears_nothing()
    other.answers(180, "Ringing")
    other.answers(200, "OK", body=SDP)
    wire.caller.hears(180)
    assert wire.caller.hears(200).to_tag == "callee"
    wire.advance(40)
    assert [event.status for event in wire.events if hasattr(event, "status")] == [200]


def test_a_second_redirection_and_one_that_leads_nowhere_go_back(wire: Wire) -> None:
    other = followed(wire)
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(302, lines=[f"Contact: <{MOVED.decode()}>"])
    other.gets("INVITE")
    other.answers(302, lines=["Contact: <sip:third@192.0.2.40>"])
    assert wire.caller.hears(302).first("contact") == b"<sip:third@192.0.2.40>"
    wire.caller.invites(call="call-2")
    wire.callee.gets("ACK")
    wire.callee.gets("INVITE")
    wire.callee.answers(302, lines=["Contact: <sip:elsewhere@198.18.0.1>"])
    assert wire.caller.hears(302).first("contact") == b"<sip:elsewhere@198.18.0.1>"
    wire.advance(400)
    assert wire.proxy.transactions == 0


def test_a_caller_who_has_given_up_is_not_called_for_elsewhere(wire: Wire) -> None:
    other = followed(wire)
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.gets("CANCEL")
    wire.callee.answers(302, lines=[f"Contact: <{MOVED.decode()}>"])
    other.hears_nothing()
    wire.caller.hears(302)


def test_whoever_is_called_in_the_end_hears_of_a_cancel(wire: Wire) -> None:
    other = followed(wire)
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(302, lines=[f"Contact: <{MOVED.decode()}>"])
    other.gets("INVITE")
    other.answers(180)
    wire.caller.hears(180)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    assert other.gets("CANCEL").target == MOVED
    other.answers(487, "Request Terminated")
    wire.caller.hears(487)
