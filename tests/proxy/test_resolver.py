"""Where a URI leads: addresses at once, never to a group or to nobody, names with a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from proxy.lab.nameserver import NameServer
from proxy.names import Names, Servers
from proxy.peers import Hop
from proxy.resolver import LOOKUP_SECONDS, MAX_FLOWS, Resolver
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.uri import parse

LISTENERS = (
    Listener("UDP", "192.0.2.1", 5060, "192.0.2.1", 5060),
    Listener("UDP", "2001:db8::1", 5060, "2001:db8::1", 5060),
    Listener("TCP", "192.0.2.1", 5060, "192.0.2.1", 5060),
    Listener("TLS", "192.0.2.1", 5061, "192.0.2.1", 5061),
)


@pytest.mark.req("SIP-030", "SIP-107", "SIP-108")
@pytest.mark.parametrize(
    ("uri", "flow"),
    [
        (b"sip:a@198.51.100.7", Flow(0, "198.51.100.7", 5060)),
        (b"sip:a@198.51.100.7:5070;lr", Flow(0, "198.51.100.7", 5070)),
        (b"sip:a@[2001:db8::7]:5070", Flow(1, "2001:db8::7", 5070)),
        (b"sip:a@far.example;maddr=198.51.100.8", Flow(0, "198.51.100.8", 5060)),
        (b"sip:a@198.51.100.7;transport=tcp", Flow(2, "198.51.100.7", 5060)),
        (b"sips:a@198.51.100.7", Flow(3, "198.51.100.7", 5061)),
        (b"sips:a@198.51.100.7:5071;transport=tcp", Flow(3, "198.51.100.7", 5071)),  # TLS over TCP (RFC 5630 section 3.1.1)
        (b"sips:a@far.example;maddr=198.51.100.8;transport=TCP", Flow(3, "198.51.100.8", 5061)),
        (b"sips:a@198.51.100.7;transport=udp", None),
        (b"sips:a@[2001:db8::7]", None),
        (b"sip:a@224.0.0.1", None),
        (b"sip:a@255.255.255.255", None),
        (b"sip:a@0.0.0.0", None),
        (b"sip:a@far.example", None),
        (b"tel:+12025550101", None),
    ],
)
async def test_a_uri_leads_to_one_host_or_nowhere(uri: bytes, flow: Flow | None) -> None:
    resolver = Resolver(LISTENERS, lambda: 0.0)
    assert resolver.at_once(parse(uri)) == flow
    assert resolver.at_once(parse(uri)) == flow


def test_a_transport_that_we_do_not_have_counts_as_not_said_unless_it_is_a_secure_one() -> None:
    resolver = Resolver(LISTENERS[:1], lambda: 0.0)
    assert resolver.at_once(parse(b"sip:a@198.51.100.7;transport=tcp")) == Flow(0, "198.51.100.7", 5060)
    assert resolver.at_once(parse(b"sip:a@198.51.100.7;transport=tls")) is None
    assert resolver.at_once(parse(b"sips:a@198.51.100.7")) is None


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    resolver = Resolver(LISTENERS, lambda: 0.0)
    for port in range(1, MAX_FLOWS + 100):
        assert resolver.flow("198.51.100.7", port) == Flow(0, "198.51.100.7", port)
    assert len(resolver._flows) <= MAX_FLOWS
    known = len(resolver._flows)
    assert resolver.at_once(parse(b"sip:a@198.51.100.8;transport=" + b"x" * 1000)) == Flow(0, "198.51.100.8", 5060)
    assert len(resolver._flows) == known


async def test_a_name_of_the_hosts_file_is_known_at_once() -> None:
    resolver = Resolver((Listener("UDP", "127.0.0.1", 5060, "127.0.0.1", 5060),), lambda: 0.0)
    assert resolver.at_once(parse(b"sip:a@localhost:5070")) == Flow(0, "127.0.0.1", 5070)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with NameServer() as made:
        yield made


def over(server: NameServer) -> Resolver:
    names = Names(Servers([("127.0.0.1", server.port)], 0.2), time.monotonic)
    return Resolver(LISTENERS, time.monotonic, names, lambda: 0.0)


@pytest.mark.req("SIP-109", "SIP-114", "SIP-116")
async def test_a_name_is_looked_up_once_and_then_known_with_all_its_ways(server: NameServer) -> None:
    server.put("far.example", "NAPTR", '10 1 "s" "SIP+D2U" "" _sip._udp.far.example.')
    server.put("_sip._udp.far.example", "SRV", "1 1 5070 a.far.example.", "2 1 5080 b.far.example.")
    server.put("a.far.example", "A", "198.51.100.1")
    server.put("b.far.example", "A", "198.51.100.2")
    resolver, uri = over(server), parse(b"sip:a@far.example")
    assert resolver.at_once(uri) is None and resolver.ways_at_once(uri) is None
    ways = (Flow(0, "198.51.100.1", 5070), Flow(0, "198.51.100.2", 5080))
    assert await resolver.ways(uri) == ways and await resolver.find(uri) == ways[0]
    asked = len(server.asked)
    assert resolver.at_once(uri) == ways[0] and resolver.ways_at_once(uri) == ways
    assert len(server.asked) == asked


@pytest.mark.req("SIP-116")
async def test_a_slow_server_holds_up_nobody_but_who_asked_and_him_not_for_long(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.resolver.LOOKUP_SECONDS", 0.2)
    for name in ("mute.example", "_sip._udp.mute.example", "_sip._tcp.mute.example", "_sips._tcp.mute.example"):
        server.mute.add(name)
    server.put("well.example", "A", "198.51.100.1")
    resolver, began = over(server), time.monotonic()
    slow = asyncio.ensure_future(resolver.find(parse(b"sip:a@mute.example")))
    assert await resolver.find(parse(b"sip:a@well.example:5060")) == Flow(0, "198.51.100.1", 5060)
    assert not slow.done()
    assert resolver.at_once(parse(b"sip:a@198.51.100.9")) is not None
    assert await slow is None
    assert time.monotonic() - began < LOOKUP_SECONDS + 2
    await resolver.names.close()


async def test_a_configured_name_has_places_for_as_long_as_dns_says_and_never_ourselves(server: NameServer) -> None:
    server.put("peer.example", "A", "198.51.100.1", "192.0.2.1", ttl=40)
    resolver = over(server)
    places, seconds = await resolver.places(Hop("peer.example", 5060, "TCP"))
    assert [str(place.target) for place in places] == ["tcp:198.51.100.1:5060"] and 39 < seconds <= 40
    assert await resolver.places(Hop("198.51.100.4", None, "UDP")) == (
        [places[0]._replace(target=places[0].target._replace(transport="UDP", host="198.51.100.4"), name="")], float("inf"),
    )  # fmt: skip
    places, seconds = await resolver.places(Hop("nobody.example", 5060))
    assert places == [] and seconds <= 60
