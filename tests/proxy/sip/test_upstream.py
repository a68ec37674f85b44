"""What goes back to where a request came from, at its edges. The rest of it is told in tests/conversations."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Finished, Listener, TimedOut
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from tests.conversations.wire import OWN, Wire


def held(**options: object) -> Wire:
    """A call that nothing was done about."""
    wire = Wire(**options)
    wire.acts.mode = "hold"
    wire.caller.invites()
    return wire


def test_an_answer_of_our_own_names_the_server_where_a_name_is_wanted() -> None:
    for name in ("", "ringwarden"):
        wire = held(server_name=name)
        wire.act(wire.proxy.reply(wire.acts.held[0], 603, "Decline", wire.now))
        wire.drain()
        assert wire.caller.hears(603).first("server") == (name.encode() or None)


@pytest.mark.req("SIP-055")
def test_all_answers_to_one_request_have_one_tag_and_other_requests_another() -> None:
    wire = held()
    (first,) = wire.acts.held
    up = wire.proxy._up
    assert up.tag(first) == up.tag(first) != ""
    wire.caller.invites(call="second")
    assert up.tag(wire.acts.held[1]) != up.tag(first)


def test_a_request_is_told_to_be_over_once_whether_it_was_answered_or_given_up() -> None:
    wire = held()
    wire.act(wire.proxy.reply(wire.acts.held[0], 603, "Decline", wire.now))
    wire.act(wire.proxy.reply(wire.acts.held[0], 486, "Busy Here", wire.now))
    assert [one.status for one in wire.told(Finished)] == [603] and not wire.told(TimedOut)
    wire = held()
    wire.proxy._up.give_up(wire.acts.held[0])
    wire.act(wire.proxy.ignore(wire.acts.held[0]))
    assert len(wire.told(TimedOut)) == 1 and not wire.told(Finished)
    assert wire.proxy.transactions == 0


@pytest.mark.req("SIP-043")
def test_a_stream_needs_a_length_and_a_datagram_does_not() -> None:
    wire = held(listeners=(Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN)))
    up, request = wire.proxy._up, wire.acts.held[0].request
    bare = Request(b"MESSAGE sip:a SIP/2.0", [], [], b"abc", "MESSAGE", b"sip:a")
    assert up.length(bare, Flow(1, "192.0.2.1", 5060, 7)) == (b"Content-Length: 3",)
    assert up.length(bare, Flow(0, "192.0.2.1", 5060)) == ()
    assert up.length(request, Flow(1, "192.0.2.1", 5060, 7)) == ()
