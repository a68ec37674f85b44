"""What a finished request leaves behind."""

from __future__ import annotations

import gc
import sys
import weakref

from proxy.sip.context import GONE, Branch, Context
from proxy.sip.layer import Transaction
from tests.conversations.wire import Wire


def test_a_finished_call_lets_its_request_and_the_users_case_go() -> None:
    wire = Wire()
    wire.caller.invites()
    wire.callee.gets("INVITE")
    (context,) = (one for one in wire.proxy._layer.servers.values() if isinstance(one, Context))

    class Case:
        """The user's."""

    case = context.case = Case()
    seen = weakref.ref(case)
    del case
    wire.callee.answers(200)
    gc.collect()
    assert seen() is None
    assert context.request is GONE and context.plan is None and context.edits is None and context.last is None
    (branch,) = wire.proxy._layer.clients.values()
    assert isinstance(branch, Branch) and branch.last is None
    wire.events.clear()


def test_an_answered_call_lingers_at_little_cost() -> None:
    """Per call for 32 seconds: a server and a client transaction, their keys and two timers."""
    wire = Wire()
    for number in range(300):
        wire.caller.invites(call=f"call-{number}")
        wire.callee.gets("INVITE")
        wire.callee.answers(200)
    wire.advance(1)  # the husks of the short timers go
    layer = wire.proxy._layer
    assert len(layer) == 600 and layer.timers.held <= 2 * 600
    for server in layer.servers.values():
        parts = [server, server.key, *server.key, server.timer]
        assert sum(map(sys.getsizeof, parts)) < 1100
    for branch in layer.clients.values():
        assert sum(map(sys.getsizeof, [branch, branch.key, branch.timer, branch.cseq])) < 600
    wire.events.clear()


def test_a_rejected_call_keeps_the_rejection_until_it_is_acknowledged() -> None:
    wire = Wire()
    wire.acts.mode = "reject"
    invite = wire.caller.invites()
    (context,) = wire.proxy._layer.servers.values()
    assert isinstance(context, Context) and context.request is GONE and context.last is not None
    wire.caller.acks(invite, wire.caller.hears(603))
    assert context.last is None


def test_what_has_ended_is_freed_without_the_garbage_collector() -> None:
    """No cycles: with tens of thousands of transactions a collection would hold up every call."""
    wire = Wire(callees=2)
    gc.collect()
    before = _transactions()
    gc.disable()
    try:
        seen = 0
        for number, status in enumerate((200, 486, 503, 603, None)):
            invite = wire.caller.invites(call=f"call-{number}")
            wire.callees[0].gets("INVITE")
            if status is not None:
                wire.callees[0].answers(180)
                wire.callees[0].answers(status)
            else:
                wire.caller.cancels(invite)
            seen += wire.proxy.transactions
            for phone in wire.phones.values():
                phone.inbox.clear()
        wire.events.clear()
        wire.advance(400)
        wire.events.clear()
        assert seen > 10 and wire.proxy.transactions == 0
        assert _transactions() == before
    finally:
        gc.enable()


def _transactions() -> int:
    return sum(isinstance(one, Transaction) for one in gc.get_objects())
