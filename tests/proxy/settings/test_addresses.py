"""What an address may look like: tables of what is taken and what is not."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import addresses
from proxy.settings.errors import Wrong
from proxy.settings.kinds import Kind
from proxy.settings.network import HopSettings, NextHop, Source

HERE = Path(__file__).parent

TAKEN: list[tuple[Kind, object, Any]] = [
    (addresses.transport, "UDP", "udp"),
    (addresses.way, "192.0.2.20", HopSettings("udp", "192.0.2.20", 5060, unsaid=True)),
    (addresses.way, "UDP:[2001:DB8::20]:5080", HopSettings("udp", "2001:db8::20", 5080)),
    (addresses.way, "2001:db8::20", HopSettings("udp", "2001:db8::20", 5060, unsaid=True)),
    (addresses.way, "SIP.Example.com", HopSettings(None, "sip.example.com", None, unsaid=True)),
    (addresses.way, "udp:sip.example.com:5070", HopSettings("udp", "sip.example.com", 5070)),
    (addresses.hop, "192.0.2.20", NextHop("udp", "192.0.2.20", 5060, unsaid=True)),
    (addresses.hop, "udp:192.0.2.20:5080", NextHop("udp", "192.0.2.20", 5080)),
    (addresses.hop, "[2001:DB8::20]:5080", NextHop("udp", "2001:db8::20", 5080, unsaid=True)),
    (addresses.hop, "2001:db8::20", NextHop("udp", "2001:db8::20", 5060, unsaid=True)),
    (addresses.hop, "TLS:192.0.2.20", NextHop("tls", "192.0.2.20", 5061)),
    (addresses.hop, "udp+tcp:[2001:db8::20]:5080", NextHop("udp+tcp", "2001:db8::20", 5080)),
    (addresses.transports, "udp+tcp", "udp+tcp"),
    (addresses.source, "198.51.100.7", Source(ip_network("198.51.100.7"))),
    (addresses.source, "127.0.0.1:15060", Source(ip_network("127.0.0.1"), 15060)),
    (addresses.source, "2001:db8::/48", Source(ip_network("2001:db8::/48"))),
    (addresses.hostname, "Certificates.Example.COM", "certificates.example.com"),
    (addresses.email, "redress@example.com", "redress@example.com"),
    (
        addresses.https,
        "https://certificates.example.com:8443/a.pem",
        "https://certificates.example.com:8443/a.pem",
    ),
]

REFUSED: list[tuple[Kind, object]] = [
    (addresses.transport, "ws"),
    (addresses.transport, "udp+tcp"),
    (addresses.transport, "smtp"),
    (addresses.way, "sctp:pbx.example.com"),
    (addresses.way, "pbx.example.com:0"),
    (addresses.way, "224.0.0.1"),
    (addresses.way, "fe80::1%eth0"),
    (addresses.way, "a b"),
    (addresses.hop, "pbx.example.com"),
    (addresses.hop, "ws:192.0.2.20"),
    (addresses.hop, "192.0.2.20:0"),
    (addresses.hop, "192.0.2.20:70000"),
    (addresses.hop, "0.0.0.0"),
    (addresses.hop, "224.0.0.1"),
    (addresses.hop, "fe80::1%eth0"),
    (addresses.source, "192.0.2.1/24"),
    (addresses.source, "192.0.2.1/99"),
    (addresses.source, "carrier.example.com"),
    (addresses.endpoint, "192.0.2.999"),
    (addresses.endpoint, "a b"),
    (addresses.endpoint, "[::1"),
    (addresses.hostname, "a.example:443"),
    (addresses.https, "http://certificates.example.com/a"),
    (addresses.https, "https:///a"),
    (addresses.https, "https://u@certificates.example.com/a"),
    (addresses.https, "https://certificates.example.com:99999/a"),
    (addresses.https, 'https://certificates.example.com/a";x'),
    (addresses.https, "https://[certificates.example.com/a"),
    (addresses.email, "redress"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), TAKEN)
def test_a_good_value_is_taken(kind: Kind, value: object, expected: Any) -> None:
    assert kind(value, HERE) == expected


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_bad_value_is_refused_with_a_cure(kind: Kind, value: object) -> None:
    with pytest.raises(Wrong) as caught:
        kind(value, HERE)
    assert caught.value.what and caught.value.cure
