"""Which transaction a request opens or moves. What the user makes of it is told in tests/conversations."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Acked, Arrived, Cancelled, Loose, PlainAcked, Refused, Retransmitted
from tests.conversations.wire import Wire


@pytest.fixture
def wire() -> Wire:
    """A proxy whose user makes up its mind later."""
    one = Wire()
    one.acts.mode = "hold"
    return one


def test_a_request_that_comes_again_is_told_once_and_opens_nothing(wire: Wire) -> None:
    wire.caller.invites()
    wire.caller.again()
    assert len(wire.told(Arrived)) == 1
    assert [one.ours for one in wire.told(Retransmitted)] == [False]
    assert wire.proxy.transactions == 1


def test_a_cancel_is_answered_at_once_and_ends_a_call_that_waits(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.caller.cancels(invite, "Reason: SIP;cause=200")
    wire.caller.hears(200)
    wire.caller.hears(487)
    assert len(wire.told(Cancelled)) == 1
    (context,) = wire.acts.held
    assert context.dead and context.reasons == (b"Reason: SIP;cause=200",)


def test_a_cancel_of_nothing_is_the_users_business(wire: Wire) -> None:
    wire.caller.cancels(wire.caller.request("INVITE", branch="z9hG4bKnever"))
    assert len(wire.told(Loose)) == 1 and not wire.told(Cancelled)
    wire.caller.hears_nothing()


def test_the_ack_of_a_refusal_ends_here_and_any_other_is_told(wire: Wire) -> None:
    wire.acts.mode = "reject"
    invite = wire.caller.invites()
    wire.caller.acks(invite, wire.caller.hears(603))
    assert not wire.told(Acked) and not wire.told(PlainAcked)
    wire.caller.asks("ACK", to_tag="x")
    assert len(wire.told(Acked)) + len(wire.told(PlainAcked)) == 1


def test_bytes_with_a_fault_are_refused_where_an_answer_can_be_sent_and_told_each_time(wire: Wire) -> None:
    wire.caller.says(wire.caller.request(lines=["CSeq: 2 INVITE"]))
    wire.caller.hears(400)
    wire.caller.says(wire.caller.request(via="", lines=["CSeq: 2 INVITE"]))
    wire.caller.hears_nothing()
    assert len(wire.told(Refused)) == 2 and wire.proxy.transactions == 0
