"""Session timers pass as they came, privacy of the caller is the user's business, and a route set of our own stands above the others."""

from __future__ import annotations

import itertools

import pytest

from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from tests.conversations.wire import OWN, Wire

THERE = Flow(0, "192.0.2.20", 5060)
STREAM = THERE._replace(listener=1)
EDGES = (b"Route: <sip:edge1.example.net;lr>", b"Route: <sip:edge2.example.net;lr>")

EXPIRES = ("60", "90", "1800;refresher=uac", "1800;refresher=uas", "4294967295")
MINIMA = ("", "Min-SE: 90", "Min-SE: 3600")
SUPPORTED = ("", "Supported: timer", "Require: timer")


@pytest.mark.req("SIP-121", "SIP-122", "SIP-123")
@pytest.mark.parametrize(("expires", "minimum", "supported"), list(itertools.product(EXPIRES, MINIMA, SUPPORTED)))
def test_we_want_no_interval_of_our_own_and_change_none(wire: Wire, expires: str, minimum: str, supported: str) -> None:
    """A proxy may ask for another interval (RFC 4028 section 8.1). We keep no state that an interval would save, so we ask for none:
    what is too small for the called side is for it to refuse with 422, and its answer passes.
    """
    lines = [line for line in (f"Session-Expires: {expires}", minimum, supported) if line]
    wire.caller.invites(lines=lines)
    invite = wire.callee.gets("INVITE")
    assert invite.all("session-expires") == [expires.encode()]
    assert invite.all("min-se") == [minimum[8:].encode()] * bool(minimum)
    assert invite.all("supported") + invite.all("require") == [b"timer"] * bool(supported)
    wire.callee.answers(422, lines=("Min-SE: 7200",))
    assert wire.caller.hears(422).all("min-se") == [b"7200"]


@pytest.mark.req("SIP-124")
@pytest.mark.parametrize("given", [(), ("Session-Expires: 1800;refresher=uac", "Require: timer")])
def test_an_answer_passes_with_its_session_timer_and_without(wire: Wire, given: tuple[str, ...]) -> None:
    """Who asked for nothing adds nothing (section 8.2): the caller's own request decides what an answer without means."""
    wire.caller.invites(lines=("Supported: timer", "Session-Expires: 1800"))
    wire.callee.gets("INVITE")
    wire.callee.answers(200, lines=given)
    found = wire.caller.hears(200)
    assert len(found.all("session-expires")) == len(found.all("require")) == bool(given)


@pytest.mark.req("SIP-125")
def test_a_session_whose_time_is_over_hears_nothing_from_us(wire: Wire) -> None:
    sent = wire.caller.invites(lines=("Supported: timer", "Session-Expires: 90;refresher=uac"))
    wire.callee.gets("INVITE")
    wire.callee.answers(200, lines=("Session-Expires: 90;refresher=uac",))
    wire.caller.acks(sent, wire.caller.hears(200))
    wire.callee.gets("ACK")
    wire.advance(3600.0)
    assert not wire.caller.inbox and not wire.callee.inbox and wire.proxy.transactions == 0


@pytest.mark.req("SIP-040")
def test_our_own_route_set_stands_above_that_of_the_request_and_the_target_is_kept() -> None:
    wire = Wire(preloaded={THERE: EDGES})
    wire.caller.invites(lines=("Route: <sip:next.example.net;lr>",))
    invite = wire.callee.gets("INVITE")
    assert invite.all("route") == [line.partition(b": ")[2] for line in (*EDGES, b"Route: <sip:next.example.net;lr>")]
    assert invite.target == b"sip:+12025550199@pbx.example.com;user=phone"
    assert len(invite.values("via")) == 2 and invite.via.host == "203.0.113.5"
    assert invite.all("record-route") == [b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"]
    wire.caller.asks("OPTIONS")
    assert len(wire.callee.gets("OPTIONS").all("route")) == 2


@pytest.mark.req("SIP-040")
def test_another_target_and_a_request_of_a_dialog_do_not_get_it() -> None:
    wire = Wire(callees=2, preloaded={THERE: EDGES})
    wire.acts.targets = (wire.callees[1].flow,)
    wire.caller.invites()
    assert wire.callees[1].gets("INVITE").all("route") == []
    wire = Wire(preloaded={THERE: EDGES})
    wire.acts.preload = False
    wire.caller.invites()
    assert wire.callee.gets("INVITE").all("route") == []


@pytest.mark.req("SIP-040", "SIP-087", "SIP-089")
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_request_that_is_too_long_for_a_datagram_passes_the_same_route_set_by_tcp(method: str) -> None:
    """Section 16.6(6) comes before (7) and 18.1.1: how a request is carried says nothing of the way that it takes."""
    values = [line.partition(b": ")[2] for line in EDGES]
    wire = Wire(listeners=(Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN)), preloaded={THERE: EDGES}, large={THERE: STREAM})
    wire.acts.token = b"TOKEN" if method == "INVITE" else None
    wire.caller.asks(method, lines=(f"Identity: {'e' * 1200}",))
    request = wire.callee.gets(method)
    assert request.via.transport == "TCP" and request.all("route") == values
    wire.act(wire.proxy.transport_error(STREAM, wire.now))  # no connection: the datagram after all
    wire.drain()
    request = wire.callee.gets(method)
    assert request.via.transport == "UDP" and request.all("route") == values
    wire.acts.preload = False
    wire.caller.asks(method, lines=(f"Identity: {'e' * 1200}",))
    request = wire.callee.gets(method)
    assert request.via.transport == "TCP" and request.all("route") == []
