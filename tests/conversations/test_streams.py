"""Over TCP nothing is sent twice, a long request takes the stream, and an answer goes back by its connection."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import FailedOver, Listener, Refused
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from tests.conversations.wire import OWN, Wire

UDP, TCP = Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN)
SILENCE = 2.5
"""Seconds after which a hop that says nothing is left, by the usual options."""
LONG = [f"X-Long: {'a' * 1300}"]


def both(**options: object) -> Wire:
    """A proxy with UDP and TCP, whose callee has both."""
    wire = Wire(listeners=(UDP, TCP), **options)
    return wire


@pytest.mark.req("SIP-072", "SIP-077")
def test_over_tcp_an_invite_is_sent_once_and_an_answer_is_not_repeated() -> None:
    wire = both()
    wire.callee.flow = wire.callee.flow._replace(listener=1)
    wire.acts.targets = (wire.callee.flow,)
    wire.caller.flow = wire.caller.flow._replace(listener=1, connection=7)
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    assert invite.via.transport == "TCP"
    wire.advance(20)
    assert wire.caller.hears(100)
    wire.callee.hears_nothing()
    wire.callee.says(wire.callee.answers(486))
    assert wire.caller.hears(486)
    wire.callee.gets("ACK")
    wire.advance(20)
    wire.caller.hears_nothing()  # no timer G
    wire.quiet()


def test_over_tcp_a_finished_request_is_forgotten_at_once() -> None:
    wire = both()
    wire.callee.flow = wire.callee.flow._replace(listener=1)
    wire.acts.targets = (wire.callee.flow,)
    wire.caller.flow = wire.caller.flow._replace(listener=1, connection=7)
    wire.caller.asks("OPTIONS")
    wire.callee.gets("OPTIONS")
    wire.callee.says(wire.callee.answers(200))
    assert wire.caller.hears(200)
    wire.advance(0.01)
    assert wire.proxy.transactions == 0  # timers J and K are zero


@pytest.mark.req("SIP-096")
def test_an_answer_goes_back_by_the_connection_that_the_request_came_by() -> None:
    wire = both()
    wire.proxy.receive(wire.caller.request(), Flow(1, "198.51.100.10", 40_000, 7), wire.now)
    (context,) = wire.proxy._layer.servers.values()
    wire.proxy.reply(context, 486, "Busy Here", wire.now)
    ((_, flow),) = wire.proxy.to_send()
    assert flow == Flow(1, "198.51.100.10", 5060, 7)  # and where a new one leads, if that one is gone


@pytest.mark.req("SIP-087", "SIP-088")
def test_a_request_too_long_for_a_datagram_leaves_by_tcp() -> None:
    there = Flow(0, "192.0.2.20", 5060)
    wire = both(large={there: there._replace(listener=1)})
    wire.caller.invites(lines=LONG)
    invite = wire.callee.gets("INVITE")
    assert invite.via.transport == "TCP"
    wire.caller.invites()
    assert wire.callee.gets("INVITE").via.transport == "UDP"


@pytest.mark.req("SIP-089")
def test_where_tcp_cannot_be_had_it_goes_by_udp_after_all() -> None:
    there = Flow(0, "192.0.2.20", 5060)
    wire = both(large={there: there._replace(listener=1)})
    wire.proxy.receive(wire.caller.request(lines=LONG), wire.caller.flow, wire.now)
    (context,) = wire.proxy._layer.servers.values()
    wire.forward(context)
    ((_, flow),) = wire.proxy.to_send()
    assert flow.listener == 1
    events = wire.proxy.transport_error(flow, wire.now)
    assert [event.why for event in events if isinstance(event, FailedOver)] == ["transport"]
    ((data, flow),) = wire.proxy.to_send()
    assert flow == there and b"Via: SIP/2.0/UDP" in data


@pytest.mark.req("SIP-061", "SIP-089")
@pytest.mark.parametrize("more", [0, 1])
def test_who_is_silent_by_tcp_is_asked_by_udp_only_where_nobody_else_is_left(more: int) -> None:
    there, other = Flow(0, "192.0.2.20", 5060), Flow(0, "192.0.2.21", 5060)
    stream = there._replace(listener=1)
    wire = both(large={there: stream})
    wire.acts.targets = (there, other)[: 1 + more]
    wire.proxy.receive(wire.caller.request(lines=LONG), wire.caller.flow, wire.now)
    (context,) = wire.proxy._layer.servers.values()
    wire.forward(context)
    assert [flow for _, flow in wire.proxy.to_send()] == [stream]
    events = wire.proxy.handle_timer(wire.now + SILENCE)
    taken = [(event.left, event.taken) for event in events if isinstance(event, FailedOver)]
    assert taken == [(stream, other if more else there)]
    assert taken[0][1] in [flow for _, flow in wire.proxy.to_send()]


@pytest.mark.req("SIP-099")
def test_a_stream_that_breaks_is_answered_where_it_can_be() -> None:
    wire = both()
    head = wire.caller.request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: -1")
    events = wire.proxy.broken(head, Flow(1, "198.51.100.10", 40_000, 7), ParseError("no length"), wire.now)
    assert [type(event) for event in events] == [Refused]
    ((answer, flow),) = wire.proxy.to_send()
    assert answer.startswith(b"SIP/2.0 400 ") and flow.connection == 7
    assert wire.proxy.broken(b"", Flow(1, "198.51.100.10", 40_000, 7), ParseError("nothing"), wire.now)
    assert wire.proxy.to_send() == []
