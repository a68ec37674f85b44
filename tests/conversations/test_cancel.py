"""CANCEL (RFC 3261 sections 9 and 16.10)."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Cancelled, Finished, Loose
from tests.conversations.wire import Wire

REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.req("SIP-062", "SIP-065", "SIP-066", "SIP-085", "SIP-086", "SIP-057", "TRAP-54", "SIP-013")
def test_a_cancel_is_answered_at_once_and_follows_the_call(wire: Wire) -> None:
    invite = wire.caller.invites(lines=["Route: <sip:203.0.113.5;lr>, <sip:edge.example;lr>", "Require: x"])
    forwarded = wire.callee.gets("INVITE")
    wire.callee.answers(180)
    wire.caller.hears(180)
    wire.caller.cancels(invite, REASON, "Proxy-Require: foo")
    assert wire.caller.hears(200).cseq == (1, "CANCEL")
    cancel = wire.callee.gets("CANCEL")
    assert cancel.target == forwarded.target
    assert cancel.all("via") == [forwarded.all("via")[0]]
    for name in ("from", "to", "call-id", "route"):
        assert cancel.all(name) == forwarded.all(name)
    assert cancel.cseq == (1, "CANCEL")
    assert cancel.first("reason") == b'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.body == b"" and cancel.line("require") is None and cancel.line("proxy-require") is None
    wire.caller.hears_nothing()
    wire.callee.answers(200, to=cancel)  # for us; shares the branch of the INVITE
    wire.caller.hears_nothing()
    wire.callee.answers(487)
    assert wire.callee.gets("ACK").cseq == (1, "ACK")
    ended = wire.caller.hears(487)
    wire.caller.acks(invite, ended)
    assert len(wire.told(Cancelled)) == 1 and len(wire.told(Finished)) == 1
    wire.quiet()
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-063")
def test_a_cancel_waits_for_a_provisional_of_the_next_hop(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.hears_nothing()
    wire.callee.answers(100)
    wire.callee.gets("CANCEL")
    wire.callee.answers(487)
    wire.callee.gets("ACK")
    wire.caller.hears(487)


@pytest.mark.req("SIP-063")
def test_no_cancel_follows_a_final_response(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.hears_nothing()
    assert not wire.told(Cancelled)


def test_an_answer_that_crosses_the_cancel_wins(wire: Wire) -> None:
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.gets("CANCEL")
    wire.callee.answers(200)
    assert wire.caller.hears(200).cseq.method == "INVITE"
    wire.advance(0.1)
    wire.quiet()


def test_a_next_hop_that_is_silent_after_a_cancel_is_given_up(wire: Wire) -> None:
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    start = wire.now
    wire.advance(31)
    assert wire.callee.times(start) == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5]  # our CANCEL, timer E
    wire.caller.hears_nothing()
    wire.advance(2)
    wire.caller.hears(487)
    wire.quiet()


def test_a_cancel_while_nobody_answers_ends_in_487(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.advance(33)
    wire.caller.hears(100)
    wire.caller.hears(487)
    wire.quiet()


def test_a_cancel_that_comes_again_is_answered_again_and_acts_once(wire: Wire) -> None:
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.again()
    wire.caller.hears(200)
    wire.caller.hears(200)
    wire.callee.gets("CANCEL")
    wire.callee.hears_nothing()
    assert len(wire.told(Cancelled)) == 1


@pytest.mark.req("SIP-064")
def test_a_cancel_that_matches_nothing_is_passed_on_without_state(wire: Wire) -> None:
    invite = wire.caller.request("INVITE")
    wire.caller.cancels(invite)
    assert len(wire.told(Loose)) == 1
    cancel = wire.callee.gets("CANCEL")
    assert len(cancel.all("via")) == 2
    wire.caller.hears_nothing()  # no 481 of ours
    assert wire.proxy.transactions == 0


def test_no_other_hop_is_tried_after_a_cancel(fork: Wire) -> None:
    invite = fork.caller.invites()
    fork.callees[0].gets("INVITE")
    fork.callees[0].answers(100)
    fork.caller.cancels(invite)
    fork.callees[0].gets("CANCEL")
    fork.callees[0].answers(503)
    fork.callees[0].gets("ACK")
    fork.caller.hears(200)
    fork.caller.hears(487)
    fork.callees[1].hears_nothing()
    fork.advance(100)
    fork.callees[1].hears_nothing()


@pytest.mark.req("SIP-083", "TRAP-73")
def test_a_cancel_finds_its_invite_whatever_the_case_of_the_branch(wire: Wire) -> None:
    wire.acts.mode = "hold"
    invite = wire.caller.invites(branch="z9hG4bKAbCdEf")
    wire.caller.cancels(invite.replace(b"z9hG4bKAbCdEf", b"Z9HG4BKabcdef"))
    wire.caller.hears(200)
    wire.caller.hears(487)
