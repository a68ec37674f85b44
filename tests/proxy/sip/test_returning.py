"""Which branch a response belongs to. That the short way and the long one come to the same stands in test_short_way."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Stray
from tests.conversations.wire import Wire


def test_a_response_without_via_is_dropped(wire: Wire) -> None:
    wire.callee.says(b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n")
    wire.callee.hears_nothing()
    assert len(wire.events) == 1


@pytest.mark.req("SIP-046")
def test_a_stray_says_where_it_came_from(wire: Wire) -> None:
    wire.callee.says(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n")
    (stray,) = wire.told(Stray)
    assert stray.flow == wire.callee.flow and stray.response.status == 200


def test_the_answer_to_a_cancel_that_nobody_sent_is_a_stray(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.says(wire.callee.answers(100).replace(b"1 INVITE", b"1 CANCEL"))
    assert len(wire.told(Stray)) == 1


@pytest.mark.parametrize("status", [180, 486])
def test_a_response_to_another_method_is_a_stray(status: int, wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.says(wire.callee.answers(100).replace(b"SIP/2.0 100", b"SIP/2.0 %d" % status).replace(b"1 INVITE", b"1 INFO"))
    wire.caller.hears_nothing()
    assert [one.response.status for one in wire.told(Stray)] == [status]


@pytest.mark.req("SIP-092")
def test_a_branch_of_ours_under_somebody_elses_name_is_a_stray(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.says(wire.callee.answers(100).replace(b"100 Phrase", b"180 Ringing").replace(b"203.0.113.5:5060", b"203.0.113.6:5060"))
    wire.caller.hears_nothing()
    assert len(wire.told(Stray)) == 1
