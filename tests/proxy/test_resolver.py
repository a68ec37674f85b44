"""Where a URI leads: addresses at once, never to a group or to nobody, names with a bound."""

from __future__ import annotations

import pytest

from proxy.resolver import MAX_FLOWS, Resolver
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.uri import parse

LISTENERS = (
    Listener("UDP", "192.0.2.1", 5060, "192.0.2.1", 5060),
    Listener("UDP", "2001:db8::1", 5060, "2001:db8::1", 5060),
)


@pytest.mark.req("SIP-107")
@pytest.mark.parametrize(
    ("uri", "flow"),
    [
        (b"sip:a@198.51.100.7", Flow(0, "198.51.100.7", 5060)),
        (b"sip:a@198.51.100.7:5070;lr", Flow(0, "198.51.100.7", 5070)),
        (b"sip:a@[2001:db8::7]:5070", Flow(1, "2001:db8::7", 5070)),
        (b"sip:a@far.example;maddr=198.51.100.8", Flow(0, "198.51.100.8", 5060)),
        (b"sip:a@224.0.0.1", None),
        (b"sip:a@255.255.255.255", None),
        (b"sip:a@0.0.0.0", None),
        (b"sip:a@far.example", None),
        (b"tel:+12025550101", None),
    ],
)
def test_a_uri_leads_to_one_host_or_nowhere(uri: bytes, flow: Flow | None) -> None:
    assert Resolver(LISTENERS, lambda: 0.0).at_once(parse(uri)) == flow


async def test_a_name_is_looked_up_once_and_then_remembered() -> None:
    resolver = Resolver((Listener("UDP", "127.0.0.1", 5060, "127.0.0.1", 5060),), lambda: 0.0)
    uri = parse(b"sip:a@localhost:5070")
    assert resolver.at_once(uri) is None
    assert await resolver.find(uri) == Flow(0, "127.0.0.1", 5070)
    assert resolver.at_once(uri) == Flow(0, "127.0.0.1", 5070)


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    resolver = Resolver(LISTENERS, lambda: 0.0)
    for port in range(1, MAX_FLOWS + 100):
        assert resolver.flow("198.51.100.7", port) == Flow(0, "198.51.100.7", port)
    assert len(resolver._flows) <= MAX_FLOWS
