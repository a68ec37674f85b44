"""The hops of a call as flows, and what the calls tell of them."""

from __future__ import annotations

import pytest

from proxy.peers import Directory, Hop, Peer, Place, Target
from proxy.routes import WITHOUT_SECONDS, Routes, retry_after
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Response
from proxy.sip.parser import parse

LISTENERS = (Listener("UDP", "192.0.2.1", 5060, "192.0.2.1", 5060), Listener("TCP", "192.0.2.1", 5060, "192.0.2.1", 5060))
ONE, TWO = Target("UDP", "198.51.100.1", 5060), Target("TCP", "198.51.100.2", 5060)
FLOWS = {ONE: Flow(0, "198.51.100.1", 5060), TWO: Flow(1, "198.51.100.2", 5060)}


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        hops = {one: Hop(one.host, one.port, one.transport) for one in (ONE, TWO)}
        peers = [Peer("a", "carrier", (hops[ONE],)), Peer("b", "carrier", (hops[TWO],), 2)]
        self.directory = Directory(peers)
        for target, hop in hops.items():
            self.directory.place(hop, (Place(target, "b.example" if target is TWO else ""),), 0.0)
        self.routes = Routes(self.directory, LISTENERS, FLOWS.get, lambda: self.now, 2.0, lambda: 0.0)


def response(*lines: str) -> Response:
    start = "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
    message = parse((start + "".join(f"{line}\r\n" for line in lines) + "CSeq: 1 INVITE\r\n\r\n").encode())
    assert isinstance(message, Response)
    return message


def test_a_side_has_its_flows_and_a_side_without_peers_has_none() -> None:
    scene = Scene()
    routes, both = scene.routes, [FLOWS[ONE], FLOWS[TWO]]
    assert routes["carrier"] == routes.of("carrier", b"a@b") == routes.every("carrier") == both
    assert routes.get("pbx", ()) == () and routes.of("pbx", b"a@b") == [] and set(routes) == {"carrier", "pbx"}
    assert routes["carrier"] is routes["carrier"]


def test_what_calls_tell_changes_where_the_next_one_goes() -> None:
    scene = Scene()
    for _ in range(3):
        scene.now += 3
        scene.routes.left(FLOWS[ONE], "silence", scene.now)
    assert scene.routes["carrier"] == [FLOWS[TWO], FLOWS[ONE]]
    scene.routes.answered(FLOWS[ONE], scene.now)
    scene.routes.answered(FLOWS[ONE], scene.now)
    assert scene.routes["carrier"] == [FLOWS[ONE], FLOWS[TWO]]


def test_a_silence_that_began_before_the_last_answer_is_old_news() -> None:
    scene = Scene()
    scene.routes.answered(FLOWS[ONE], 99.0)
    for why, now in (("silence", 100.9), ("timeout", 130.9)):
        for _ in range(5):
            scene.routes.left(FLOWS[ONE], why, now)
    assert scene.directory.state(ONE) == "up"


@pytest.mark.req("SIP-114")
def test_a_503_sends_calls_away_for_as_long_as_it_says() -> None:
    scene = Scene()
    scene.routes.left(FLOWS[ONE], "503", scene.now, response("Retry-After: 20"))
    assert scene.routes["carrier"][0] == FLOWS[TWO]
    scene.now += 20
    assert scene.routes["carrier"][0] == FLOWS[ONE]


def test_flows_that_belong_to_no_peer_are_nobodys_business() -> None:
    scene = Scene()
    scene.routes.left(Flow(0, "203.0.113.9", 5060), "transport", scene.now)
    scene.routes.answered(Flow(0, "203.0.113.9", 5060), scene.now)
    assert [row.state for row in scene.directory.rows(scene.now)] == ["unknown", "unknown"]


@pytest.mark.req("SIP-105")
def test_a_flow_knows_the_domain_that_its_peer_was_configured_with() -> None:
    routes = Scene().routes
    assert routes.domain(FLOWS[TWO]) == "b.example" and routes.domain(FLOWS[ONE]) == ""


def test_a_target_that_no_listener_reaches_is_left_out() -> None:
    scene = Scene()
    routes = Routes(scene.directory, LISTENERS, {TWO: FLOWS[TWO]}.get, lambda: 0.0)
    assert routes["carrier"] == [FLOWS[TWO]]


@pytest.mark.req("SIP-091")
def test_a_hop_that_has_tcp_for_what_is_too_long_is_one_target() -> None:
    peer = Peer("a", "carrier", (Hop(ONE.host, ONE.port, "UDP", long_by_tcp=True),))
    directory = Directory([peer])
    directory.place(peer.hops[0], (Place(ONE),), 0.0)

    def outlet(target: Target) -> Flow:
        return Flow(("UDP", "TCP").index(target.transport), target.host, target.port)

    routes = Routes(directory, LISTENERS, outlet, lambda: 0.0)
    datagram, stream = Flow(0, ONE.host, ONE.port), Flow(1, ONE.host, ONE.port)
    assert routes["carrier"] == [datagram] and routes.large == {datagram: stream}
    routes.answered(stream._replace(connection=7), 10.0)
    assert directory.state(ONE) == "up"
    # No connection is no reason to leave the datagrams; silence there is one.
    routes.left(stream, "transport", 11.0)
    assert directory.state(ONE) == "up"
    for now in (13.0, 14.0, 15.0):
        routes.left(stream, "silence", now)
    assert directory.state(ONE) == "down"


@pytest.mark.req("SIP-087", "TRAP-52")
def test_a_hop_without_a_word_has_tcp_once_it_is_proved_and_loses_it_for_a_while() -> None:
    now = [0.0]
    peer = Peer("a", "carrier", (Hop(ONE.host, ONE.port, "UDP", unsaid=True),))
    directory = Directory([peer])
    directory.place(peer.hops[0], (Place(ONE),), 0.0)

    def outlet(target: Target) -> Flow:
        return Flow(("UDP", "TCP").index(target.transport), target.host, target.port)

    routes = Routes(directory, LISTENERS, outlet, lambda: now[0])
    datagram, stream = Flow(0, ONE.host, ONE.port), Flow(1, ONE.host, ONE.port)
    assert routes["carrier"] == [datagram] and not routes.large and routes.unproved() == [ONE]
    routes.proved(ONE, True)
    assert routes.large == {datagram: stream} and routes.unproved() == []
    for why, state in (("transport", "unknown"), ("silence", "failing"), ("timeout", "failing")):
        routes.left(stream, why, now[0])
        assert not routes.large and routes.unproved() == [] and directory.state(ONE) == state
        now[0] += WITHOUT_SECONDS - 1
        assert routes.unproved() == []
        now[0] += 1
        assert routes.unproved() == [ONE]
        routes.proved(ONE, False)
        assert routes.unproved() == []
        now[0] += WITHOUT_SECONDS
        routes.proved(ONE, True)
    directory.replace([Peer("a", "carrier", (Hop(ONE.host, ONE.port, "UDP"),))], now[0])
    assert routes.unproved() == [] and not routes.large  # from now on the operator says udp


class Routed:
    """Peers with route sets of our own, whose targets are reached at their address."""

    def __init__(self, *peers: Peer) -> None:
        self.now = 0.0
        self.directory = Directory(peers)
        for hop in self.directory.names():
            self.directory.place(hop, (Place(Target("UDP", hop.host, 5060)),), 0.0)
        self.routes = Routes(self.directory, LISTENERS, self.outlet, lambda: self.now, 2.0, lambda: 0.0)

    @staticmethod
    def outlet(target: Target) -> Flow:
        return Flow(("UDP", "TCP").index(target.transport), target.host, target.port)

    def reloads(self, *peers: Peer) -> None:
        self.directory.replace(peers, self.now)
        self.routes.renew()

    def called(self) -> dict[str, tuple[bytes, ...]]:
        """Host -> the Route lines of a call that tries it."""
        return {flow.host: self.routes.preloaded.get(flow, ()) for flow in self.routes["carrier"]}


def peer(hop: Hop, *route: str, name: str = "a") -> Peer:
    return Peer(name, "carrier", (hop,), route=route)


OLD, NEW = (b"Route: <sip:old.example;lr>",), (b"Route: <sip:new.example;lr>",)


@pytest.mark.req("SIP-040")
def test_after_a_reload_a_peer_has_the_route_set_that_stands_there_now() -> None:
    hop = Hop(ONE.host, 5060, "UDP")
    scene = Routed(peer(hop, "sip:old.example;lr"))
    assert scene.called() == {ONE.host: OLD}
    preloaded = scene.routes.preloaded
    scene.reloads(peer(hop, "sip:new.example;lr"))
    # A call in progress tries its next hop before any new call has asked for one: it is not without a route set meanwhile.
    assert preloaded == {FLOWS[ONE]: NEW}
    assert scene.called() == {ONE.host: NEW} and scene.routes.preloaded is preloaded
    scene.reloads(peer(hop))
    assert preloaded == {} and scene.called() == {ONE.host: ()}
    scene.reloads(peer(hop, "sip:old.example;lr"))
    assert scene.called() == {ONE.host: OLD}
    scene.reloads(peer(Hop(TWO.host, 5060, "UDP"), "sip:old.example;lr"))
    assert preloaded == {}  # the hop is nobody's any more, and DNS has not said what the new one stands for
    scene.reloads(peer(hop, "sip:new.example;lr"), peer(hop, "sip:old.example;lr", name="b"))
    scene.directory.place(hop, (Place(ONE),), 0.0)
    assert scene.called() == {ONE.host: NEW}


@pytest.mark.req("SIP-040")
def test_a_name_that_leads_back_to_an_address_has_its_route_set_there() -> None:
    hop = Hop("edge.example", 5060, "UDP")
    scene = Routed()
    scene.reloads(peer(hop, "sip:old.example;lr"))
    for change, host in enumerate(("192.0.2.1", "192.0.2.2", "192.0.2.1")):
        scene.directory.place(hop, (Place(Target("UDP", host, 5060)),), 0.0)
        if change == 1:
            scene.reloads(peer(hop, "sip:new.example;lr"))
        assert scene.called() == {host: NEW if change else OLD}


@pytest.mark.req("SIP-040")
def test_no_number_of_targets_costs_a_peer_its_route_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.routes.MAX_REMEMBERED", 4)
    hops = [Hop(f"192.0.2.{place}", 5060, "UDP") for place in range(1, 7)]
    scene = Routed(*(peer(hop, "sip:old.example;lr", name=hop.host) for hop in hops))
    for _ in range(2):
        assert scene.called() == {hop.host: OLD for hop in hops}
    # Those of addresses that names have left are forgotten.
    name = Hop("edge.example", 5060, "UDP")
    scene.reloads(peer(name, "sip:old.example;lr"))
    for place in range(20):
        scene.directory.place(name, (Place(Target("UDP", f"192.0.2.{place}", 5060)),), 0.0)
        assert scene.called() == {f"192.0.2.{place}": OLD} and len(scene.routes.preloaded) <= 4


@pytest.mark.req("SIP-087", "TRAP-52")
def test_a_reload_does_not_forget_that_a_hop_has_no_tcp_just_now() -> None:
    hop = Hop(ONE.host, 5060, "UDP", long_by_tcp=True)
    scene = Routed(peer(hop))
    assert scene.called() and scene.routes.large
    scene.routes.left(Flow(1, ONE.host, 5060), "silence", 0.0)
    scene.reloads(peer(hop))
    assert scene.called() and not scene.routes.large
    scene.routes.proved(ONE, True)
    scene.reloads(peer(hop))
    assert scene.called() and scene.routes.large


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("Retry-After: 120", 120), ("Retry-After: 18000;duration=3600", 18000), ("Retry-After: 5 (in a meeting)", 5),
        ("Retry-After: soon", 0), ("Retry-After: -5", 0), ("Retry-After:", 0), ("Retry-After: 99999999999999", 9999999999),
        ("Other: 5", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_far_as_it_can_be(line: str, seconds: float) -> None:
    assert retry_after(response(line)) == seconds
