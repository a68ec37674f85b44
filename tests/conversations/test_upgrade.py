"""An upgrade in the middle of calls: what belongs to the old version reaches it, everything else the new one, and the
callers and callees notice nothing.
"""

from __future__ import annotations

import itertools

import pytest

from proxy.sip.endpoint import Endpoint
from proxy.sip.flow import Flow
from proxy.workers import roll
from proxy.workers.legacy import Elder, Legacy
from proxy.workers.links import DATAGRAM, Line, unwrapped
from proxy.workers.shared import GONE, Leaving
from tests.conversations.wire import OWN, Wire


class Marked:
    """Tokens that name worker and generation, as those of a running ringwarden."""

    def __init__(self, mark: str) -> None:
        self._mark, self._numbers = mark, itertools.count(1)

    def branch(self) -> str:
        return f"{self._mark}{next(self._numbers):06}"

    tag = branch


class Way:
    """To the old version."""

    def __init__(self, old: Wire) -> None:
        self._old = old
        self.taken: list[bytes] = []

    def send(self, kind: bytes, record: bytes) -> bool:
        assert kind == DATAGRAM
        data, flow = unwrapped(record)
        self.taken.append(data)
        self._old.carry(data, flow)
        return True


class Generations:
    """The wire with an old proxy on it, and from `upgrade` on a new one beside that."""

    def __init__(self) -> None:
        self.old = self.new = Wire()
        self.old.proxy = Endpoint(self.old.options, Marked("00"))
        self.caller, self.callee = self.old.caller, self.old.callee
        self.elder: Elder | None = None

    def upgrade(self) -> None:
        self.new = Wire()
        self.new.proxy = Endpoint(self.new.options, Marked("01"))
        self.new.clock, self.new.phones, self.new.acts.targets = self.old.clock, self.old.phones, self.old.acts.targets
        self.way = Way(self.old)
        memory = Leaving(1)
        roll.write(memory.roll[0], self.old.proxy.known_by())
        where = [("udp", *OWN)]
        desk = Line()
        desk.close()
        legacy = Legacy("1", 0, 1, 1, where, [[]], [self.way], desk, 0, memory.file, "")  # type: ignore[list-item]
        self.elder = Elder(legacy, None, where)
        for phone in self.old.phones.values():
            phone.wire = self  # type: ignore[assignment]

    def carry(self, data: bytes, flow: Flow) -> None:
        """Only the new one reads."""
        assert self.elder is not None
        if not self.elder.takes(data, flow, 0):
            self.new.carry(data, flow)

    def advance(self, seconds: float) -> None:
        end = self.old.clock.now + seconds
        while True:
            due = [(at, n) for n, one in enumerate((self.old, self.new)) if (at := one.proxy.next_timer()) is not None]
            if not due or min(due)[0] > end:
                break
            at, which = min(due)
            wire = (self.old, self.new)[which]
            self.old.clock.now = max(at, self.old.clock.now)
            wire.act(wire.proxy.handle_timer(self.old.clock.now))
            wire.drain()
        self.old.clock.now = end

    def quiet(self) -> None:
        """All timers run out: nothing may be left, on either side."""
        self.advance(400)
        assert self.old.proxy.transactions == self.new.proxy.transactions == 0


@pytest.fixture
def wire() -> Generations:
    return Generations()


@pytest.mark.req("SIP-041")
def test_a_call_that_rings_is_answered_through_the_old_version_and_ended_through_the_new(wire: Generations) -> None:
    wire.caller.rings(wire.callee)
    wire.upgrade()
    wire.callee.answers(200)
    wire.caller.hears(200)
    assert len(wire.way.taken) == 1 and wire.new.proxy.transactions == 0
    wire.callee.answers(200)  # again: no ACK was seen yet
    wire.caller.hears(200)
    wire.caller.asks("BYE", cseq=2, to_tag="callee")
    wire.callee.gets("BYE")
    assert wire.new.proxy.transactions == 2
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.quiet()


def test_a_call_that_rings_can_be_given_up(wire: Generations) -> None:
    invite = wire.caller.rings(wire.callee)
    wire.upgrade()
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.gets("CANCEL")
    wire.callee.answers(200)  # the two have crossed: the call is answered
    wire.caller.hears(200)
    wire.quiet()


def test_a_call_that_is_being_cancelled_ends_with_487_once(wire: Generations) -> None:
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    cancel = wire.callee.gets("CANCEL")
    wire.upgrade()
    wire.callee.answers(200, to=cancel)
    wire.callee.answers(487)
    final = wire.caller.hears(487)
    wire.callee.gets("ACK")
    wire.caller.acks(invite, final)
    assert wire.new.proxy.transactions == 0 and not wire.new.events
    wire.advance(33)
    wire.caller.hears_nothing()
    wire.callee.hears_nothing()
    wire.quiet()


def test_a_rejected_call_that_waits_for_its_ack_is_told_again_until_the_ack_comes(wire: Generations) -> None:
    wire.old.acts.mode = "reject"
    invite = wire.caller.invites()
    final = wire.caller.hears(603)
    wire.upgrade()
    wire.advance(0.6)
    wire.caller.hears(603)  # Timer G of the old version
    wire.caller.says(invite)
    wire.caller.hears(603)  # a retransmission of the INVITE is no new call
    wire.caller.acks(invite, final)
    wire.advance(32)
    wire.caller.hears_nothing()
    assert not wire.new.events
    wire.quiet()


def test_a_retransmitted_invite_is_not_forked_by_the_new_version(wire: Generations) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.upgrade()
    wire.caller.again()
    wire.callee.hears_nothing()
    assert len(wire.way.taken) == 1 and not wire.new.events


def test_a_call_that_begins_afterwards_never_meets_the_old_version(wire: Generations) -> None:
    wire.upgrade()
    invite = wire.caller.rings(wire.callee)
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.callee.answers(200, to=wire.callee.gets("CANCEL"))
    wire.callee.answers(487)
    wire.caller.acks(invite, wire.caller.hears(487))
    assert not wire.way.taken and wire.old.proxy.transactions == 0
    wire.quiet()


def test_what_comes_for_an_old_version_that_has_ended_is_nobodys_or_new(wire: Generations) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.upgrade()
    assert wire.elder is not None
    wire.elder.leaving.stages[0] = GONE
    wire.callee.answers(200)  # nobody waits for it
    wire.caller.hears_nothing()
    wire.caller.again()  # a new call: better twice than not at all
    wire.callee.gets("INVITE")
    assert not wire.way.taken


def test_a_listener_that_the_old_version_does_not_have_is_all_ours(wire: Generations) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.upgrade()
    assert wire.elder is not None
    other = Flow(7, wire.caller.flow.host, wire.caller.flow.port)
    assert not wire.elder.takes(wire.caller.sent, other, 0)
    assert wire.elder.takes(wire.caller.sent, wire.caller.flow, 0)
