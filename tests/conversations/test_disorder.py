"""Whatever the network and the people do, in whatever order: nothing raises, and when all timers have run out nothing is left."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.sip.context import Plan
from proxy.sip.endpoint import Arrived, Endpoint, Finished
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.sip.routing import route
from tests.conversations.wire import CountedTokens, Wire

STEP = st.tuples(
    st.sampled_from(
        ("invite", "ask", "cancel", "ack", "answer", "answer", "answer", "again", "again", "lose", "wait", "wait",
         "mode", "release", "dead", "alive", "mangle", "cut")
    ),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)  # fmt: skip
STATUSES = (100, 180, 183, 200, 202, 302, 401, 407, 404, 408, 486, 487, 500, 503, 503, 603, 699)
WAITS = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 3.5, 5.0, 31.0, 32.0, 64.0, 185.0)
MODES = ("forward", "forward", "forward", "hold", "reject")


class Disorder:
    """A wire on which everything may be said at any time, twice, late, or broken."""

    def __init__(self, callees: int) -> None:
        self.wire = Wire(callees=callees)
        self.said: list[tuple[bytes, Flow]] = []
        self.invites: list[bytes] = []
        self.heard: list[Request] = []
        self.wire.acts.trying = True

    def step(self, what: str, one: int, two: int) -> None:
        wire, caller = self.wire, self.wire.caller
        if what == "invite":
            self.say(caller.request("INVITE", branch=f"z9hG4bK{one % 4}", call=f"call-{one % 4}"), caller.flow)
        elif what == "ask":
            method = ("OPTIONS", "BYE", "MESSAGE", "FROB")[one % 4]
            self.say(caller.request(method, branch=f"z9hG4bK{two % 4}", to_tag="x" if one % 2 else ""), caller.flow)
        elif what == "cancel" and self.invites:
            self.say(caller._after(self.invites[one % len(self.invites)], b"CANCEL"), caller.flow)
        elif what == "ack" and self.invites:
            self.say(caller._after(self.invites[one % len(self.invites)], b"ACK"), caller.flow)
        elif what == "answer" and self.heard:
            # The last ones are likelier than those of long ago.
            request = self.heard[-1 - (one % min(len(self.heard), 6))]
            callee = wire.callees[two % len(wire.callees)]
            callee.answers(STATUSES[two % len(STATUSES)], to=request)
            self.said.append((callee.sent, callee.flow))
        elif what == "again" and self.said:
            wire.carry(*self.said[-1 - (one % len(self.said))])
        elif what == "lose":
            for callee in wire.callees:
                callee.inbox.clear()
        elif what == "wait":
            wire.advance(WAITS[one % len(WAITS)])
        elif what == "mode":
            wire.acts.mode = MODES[one % len(MODES)]
        elif what == "release":
            wire.release()
        elif what == "dead":
            callee = wire.callees[one % len(wire.callees)]
            wire.dead.add((callee.flow.host, callee.flow.port))
        elif what == "alive":
            wire.dead.clear()
        elif what == "mangle" and self.said:
            data, flow = self.said[one % len(self.said)]
            at = two % (len(data) + 1)
            wire.carry(data[:at] + bytes((one % 256,)) + data[at + 1 :], flow)
        elif what == "cut" and self.said:
            data, flow = self.said[one % len(self.said)]
            wire.carry(data[: two % (len(data) + 1)], flow)
        for callee in wire.callees:
            self.heard += [message for _, message, _ in callee.inbox if isinstance(message, Request)]
            callee.inbox.clear()
        caller.inbox.clear()

    def say(self, data: bytes, flow: Flow) -> None:
        self.said.append((data, flow))
        if data.startswith(b"INVITE"):
            self.invites.append(data)
        self.wire.carry(data, flow)


@given(st.integers(1, 3), st.lists(STEP, max_size=60))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_events_leaves_the_tables_closed(callees: int, steps: list[tuple[str, int, int]]) -> None:
    disorder = Disorder(callees)
    for step in steps:
        disorder.step(*step)
    wire = disorder.wire
    wire.advance(1000)
    assert wire.proxy.transactions == 0
    assert wire.proxy.next_timer() is None
    assert not wire.proxy._branches.unanswered and not wire.proxy._up.pending
    finals = [id(event.context) for event in wire.told(Finished)]
    assert len(finals) == len(set(finals))  # a call ends once
    assert all(event.context.dead for event in wire.told(Arrived))


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_taken_in_silence_or_refused(data: bytes) -> None:
    wire = Wire()
    wire.caller.says(data)
    wire.advance(400)
    assert wire.proxy.transactions == 0


LINES = st.lists(
    st.sampled_from(
        [
            b"Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK000001", b"Via: SIP/2.0/UDP \xff;branch=z9hG4bK1",
            b"Via: SIP/2.0/UDP [::1]:1;rport;branch=z9hG4bKq", b"v: SIP/2.0/TCP a,SIP/2.0/UDP b", b"Via:",
            b"From: <sip:a@b>;tag=1", b"From: \xff", b"To: <sip:a@b>", b"t: \"", b"To: a;tag=", b"Call-ID: 1",
            b"CSeq: 1 INVITE", b"CSeq: 2 CANCEL", b"CSeq: 1 ACK", b"CSeq: 1 OPTIONS", b"CSeq: x",
            b"Route: <sip:203.0.113.5:5060;lr;rw=a>", b"Route: <sip:203.0.113.5:5060;lr;rw=\xff>", b"Route: <<<", b"Route:",
            b"Route: <sip:203.0.113.5>, <sip:x>", b"Route: <tel:+1>", b"Max-Forwards: 0", b"Max-Forwards: 1", b"Max-Breadth: -1",
            b"Max-Breadth: 2, 3", b"Proxy-Require: ,,", b"Reason: x", b"Content-Length: 0", b"X: \0", b" folded", b"bad line",
        ]
    ),
    max_size=12,
)  # fmt: skip
STARTS = st.sampled_from(
    [
        b"INVITE sip:a@b SIP/2.0", b"CANCEL sip:a@b SIP/2.0", b"ACK sip:a@b SIP/2.0", b"OPTIONS sip:203.0.113.5 SIP/2.0",
        b"INVITE sip:203.0.113.5;lr SIP/2.0", b"INVITE sip:a@b;maddr=203.0.113.5 SIP/2.0", b"INVITE tel:+1 SIP/2.0",
        b"INVITE sip:\xff@b SIP/2.0", b"BYE urn:service:sos SIP/2.0", b"SIP/2.0 200 OK", b"SIP/2.0 180", b"SIP/2.0 503 \xff",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(STARTS, LINES), max_size=6), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_headers_in_any_order_never_raise(messages: list[tuple[bytes, list[bytes]]], vital: bool) -> None:
    wire = Wire(callees=2, vital=(lambda target: True) if vital else None)
    for start, lines in messages:
        data = b"\r\n".join([start, *lines, b"", b""])
        for event in wire.proxy.receive(data, wire.caller.flow, wire.now):
            if isinstance(event, Arrived):
                try:
                    routed = route(event.request, wire.me)
                except ValueError:
                    wire.proxy.reply(event.context, 400, "Bad Request", wire.now)
                    continue
                wire.proxy.forward(event.context, Plan(wire.acts.targets, routed, None, b"t"), wire.now)
        for sent, _ in wire.proxy.to_send():
            if not vital:
                assert parse(sent)
    while (due := wire.proxy.next_timer()) is not None:
        wire.proxy.handle_timer(due)
        wire.proxy.to_send()
    assert wire.proxy.transactions == 0


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.floats(0, 50)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_time_may_jump(steps: list[tuple[str, float]]) -> None:
    """A suspended machine wakes up: everything due happens at one go, and each thing once."""
    proxy = Endpoint(Wire().options, CountedTokens())
    wire = Wire()
    now, number = 0.0, 0
    for what, seconds in steps:
        if what in "AB":
            number += 1
            request = wire.caller.request("INVITE" if what == "A" else "BYE", branch=f"z9hG4bK{number}")
            for event in proxy.receive(request, wire.caller.flow, now):
                routed = route(event.request, wire.me)
                proxy.forward(event.context, Plan((wire.callee.flow,), routed, None, None), now)
        elif what == "C":
            now += seconds
        else:
            now += seconds
            proxy.handle_timer(now)
        proxy.to_send()
    for _ in range(20):
        now += 100
        proxy.handle_timer(now)
        proxy.to_send()
    assert proxy.transactions == 0 and proxy.next_timer() is None
