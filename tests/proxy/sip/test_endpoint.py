"""The verbs at their edges. What they do for a call is told in tests/conversations."""

from __future__ import annotations

from proxy.sip.context import Plan
from proxy.sip.endpoint import Arrived
from proxy.sip.routing import route
from tests.conversations.wire import Wire


def test_a_request_is_forwarded_once(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    (arrived,) = wire.told(Arrived)
    wire.forward(arrived.context)
    assert wire.proxy.reply(arrived.context, 603, "Decline", wire.now) == []
    wire.drain()
    wire.callee.hears_nothing()
    wire.caller.hears_nothing()
    assert arrived.context.forwarded and not arrived.context.dead


def test_to_send_hands_over_and_empties(wire: Wire) -> None:
    wire.proxy.receive(wire.caller.request(), wire.caller.flow, wire.now)
    (context,) = wire.proxy._layer.servers.values()
    plan = Plan((wire.callee.flow,), route(context.request, wire.me), None, None)
    wire.proxy.forward(context, plan, wire.now)
    ((data, flow),) = wire.proxy.to_send()
    assert flow == wire.callee.flow and data.startswith(b"INVITE ")
    assert wire.proxy.to_send() == []


def test_the_request_line_is_the_routed_target(wire: Wire) -> None:
    wire.caller.invites(lines=["Route: <sip:strict.example>"])
    invite = wire.callee.gets("INVITE")
    assert invite.target == b"sip:strict.example"
    wire.caller.asks("ACK", to_tag="x", lines=["Route: <sip:strict.example>"])
    ack = wire.callee.gets("ACK")
    assert ack.target == b"sip:strict.example" and ack.all("route")[0].startswith(b"<sip:+1202")


def test_a_relayed_request_has_the_same_branch_each_time(wire: Wire) -> None:
    wire.caller.asks("ACK", to_tag="x")
    wire.caller.again()
    first, again = wire.callee.gets("ACK"), wire.callee.gets("ACK")
    assert first.via.branch == again.via.branch and first.via.branch.startswith("z9hG4bK-")
    wire.caller.asks("ACK", to_tag="x")
    assert wire.callee.gets("ACK").via.branch != first.via.branch
    assert b";rport=5060;received=198.51.100.10;" in first.all("via")[1]


def test_without_a_source_a_relayed_via_is_left_alone(wire: Wire) -> None:
    request = wire.proxy.receive(wire.caller.request("ACK"), wire.caller.flow, wire.now)[0].request
    wire.proxy.relay(request, route(request, wire.me), wire.callee.flow, None, wire.now)
    wire.drain()
    assert b";rport;" in wire.callee.gets("ACK").all("via")[1]
