"""Calls over peers that die and come back: what one call learns, the next one knows (RFC 3263 section 4)."""

from __future__ import annotations

import pytest

from proxy.peers import Directory, Hop, Peer, Place, Target
from proxy.routes import Routes
from proxy.sip.endpoint import FailedOver, Finished
from tests.conversations.wire import Wire


class Learning:
    """The hops of a wire as peers, asked and told as the calls do."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        peers = [
            Peer(f"p{place}", "pbx", (Hop(one.flow.host, one.flow.port, "UDP"),), place)
            for place, one in enumerate(wire.callees)
        ]
        self.directory = Directory(peers, now=wire.now)
        for hop in self.directory.names():
            self.directory.place(hop, (Place(Target("UDP", hop.host, hop.port or 5060)),), wire.now)
        flows = {Target("UDP", one.flow.host, one.flow.port): one.flow for one in wire.callees}
        self.routes = Routes(self.directory, wire.options.listeners, flows.get, lambda: wire.now)
        self.seen = 0

    def learn(self) -> None:
        events, self.seen = self.wire.events[self.seen :], len(self.wire.events)
        for event in events:
            if isinstance(event, FailedOver):
                self.routes.left(event.left, event.why, self.wire.now)
            elif isinstance(event, Finished) and event.flow is not None:
                self.routes.answered(event.flow, self.wire.now)

    def call(self, number: int) -> bytes:
        self.learn()
        self.wire.acts.targets = tuple(self.routes["pbx"])
        return self.wire.caller.invites(branch=f"z9hG4bKcall{number}", call=f"call{number}@a")


@pytest.mark.req("SIP-114")
def test_after_three_silent_calls_the_next_one_does_not_try_the_dead_hop_first(fork: Wire) -> None:
    learning, (first, second) = Learning(fork), fork.callees
    for number in range(3):
        learning.call(number)
        fork.advance(2.1)
        second.gets("INVITE")
        second.answers(200)
        fork.caller.hears(100)
        fork.caller.hears(200)
    first.inbox.clear()
    learning.call(3)
    second.gets("INVITE")
    first.hears_nothing()
    second.answers(200)
    assert learning.directory.state(Target("UDP", first.flow.host, 5060)) == "down"


@pytest.mark.req("SIP-113")
def test_what_was_found_for_a_call_holds_for_all_of_its_transaction(fork: Wire) -> None:
    first, second = fork.callees
    invite = fork.caller.invites()
    sent = first.gets("INVITE")
    # From now on the name leads elsewhere.
    fork.acts.targets = (second.flow, first.flow)
    fork.advance(0.6)
    assert first.gets("INVITE").via.branch == sent.via.branch
    first.answers(180)
    fork.caller.cancels(invite)
    cancel = first.gets("CANCEL")
    assert cancel.via.branch == sent.via.branch
    first.answers(487, to=sent)
    assert first.gets("ACK").via.branch == sent.via.branch
    second.hears_nothing()
