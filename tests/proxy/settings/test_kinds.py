"""What a value may look like: tables of what is taken and what is not."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import addresses, kinds
from proxy.settings.errors import Wrong
from proxy.settings.kinds import REJECTIONS, Kind, rejection
from proxy.settings.network import HopSettings, NextHop, Source

HERE = Path(__file__).parent

TAKEN: list[tuple[Kind, object, Any]] = [
    (kinds.flag, True, True),
    (kinds.integer(1, 9), 9, 9),
    (addresses.transport, "UDP", "udp"),
    (kinds.many(kinds.text), ["a", "b"], ("a", "b")),
    (addresses.way, "192.0.2.20", HopSettings("udp", "192.0.2.20", 5060)),
    (addresses.way, "UDP:[2001:DB8::20]:5080", HopSettings("udp", "2001:db8::20", 5080)),
    (addresses.way, "2001:db8::20", HopSettings("udp", "2001:db8::20", 5060)),
    (addresses.way, "SIP.Example.com", HopSettings(None, "sip.example.com", None)),
    (addresses.way, "udp:sip.example.com:5070", HopSettings("udp", "sip.example.com", 5070)),
    (addresses.hop, "192.0.2.20", NextHop("udp", "192.0.2.20", 5060)),
    (addresses.hop, "udp:192.0.2.20:5080", NextHop("udp", "192.0.2.20", 5080)),
    (addresses.hop, "[2001:DB8::20]:5080", NextHop("udp", "2001:db8::20", 5080)),
    (addresses.hop, "2001:db8::20", NextHop("udp", "2001:db8::20", 5060)),
    (addresses.hop, "TLS:192.0.2.20", NextHop("tls", "192.0.2.20", 5061)),
    (addresses.hop, "udp+tcp:[2001:db8::20]:5080", NextHop("udp+tcp", "2001:db8::20", 5080)),
    (addresses.transports, "udp+tcp", "udp+tcp"),
    (addresses.source, "198.51.100.7", Source(ip_network("198.51.100.7"))),
    (addresses.source, "127.0.0.1:15060", Source(ip_network("127.0.0.1"), 15060)),
    (addresses.source, "2001:db8::/48", Source(ip_network("2001:db8::/48"))),
    (addresses.hostname, "Certificates.Example.COM", "certificates.example.com"),
    (kinds.number, "+1 (202) 555-0100", "+1 (202) 555-0100"),
    (kinds.number, "1202555*", "1202555*"),
    (kinds.number, "12025550100-12025550199", "12025550100-12025550199"),
    (kinds.emergency_string, "*8911", "*8911"),
    (kinds.digits(0, 3), "", ""),
    (
        addresses.https,
        "https://certificates.example.com:8443/a.pem",
        "https://certificates.example.com:8443/a.pem",
    ),
    (kinds.telephone, "+12025550100", "+12025550100"),
    (addresses.email, "redress@example.com", "redress@example.com"),
    (kinds.origid, "DE305D54-75B4-431B-ADB2-EB6B9E546014", "de305d54-75b4-431b-adb2-eb6b9e546014"),
    (kinds.header_prefix, "X-Screen-", "X-Screen"),
    (kinds.clock, "2023-09-07T12:00:00Z", "2023-09-07T12:00:00Z"),
    (kinds.clock, "-1d12h", "-1d12h"),
    (kinds.existing, "conftest.py", HERE / "conftest.py"),
    (kinds.pathname, "/var/lib/ringwarden", Path("/var/lib/ringwarden")),
    (kinds.secret, "sixteen octets!!\n", b"sixteen octets!!"),
    (rejection, 603, 603),
]

REFUSED: list[tuple[Kind, object]] = [
    (kinds.text, 3),
    (kinds.text, " "),
    (kinds.text, "a\nb"),
    (kinds.text, "x" * 2000),
    (kinds.flag, 1),
    (kinds.flag, "true"),
    (kinds.integer(1, 9), 0),
    (kinds.integer(1, 9), True),
    (kinds.integer(1, 9), 2.0),
    (kinds.integer(1, 9), "3"),
    (addresses.transport, "ws"),
    (addresses.transport, "udp+tcp"),
    (addresses.transport, "smtp"),
    (kinds.many(kinds.text), "a"),
    (kinds.many(kinds.text), ["a"] * 10_001),
    (kinds.name, "my trunk"),
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
    (kinds.number, "none"),
    (kinds.number, "12025550199-12025550100"),
    (kinds.number, "202*"),
    (kinds.emergency_string, "1"),
    (kinds.digits(1, 3), 1),
    (kinds.digits(1, 3), "1234"),
    (addresses.https, "http://certificates.example.com/a"),
    (addresses.https, "https:///a"),
    (addresses.https, "https://u@certificates.example.com/a"),
    (addresses.https, "https://certificates.example.com:99999/a"),
    (addresses.https, 'https://certificates.example.com/a";x'),
    (addresses.https, "https://[certificates.example.com/a"),
    (kinds.telephone, "2025550100"),
    (addresses.email, "redress"),
    (kinds.origid, "one"),
    (kinds.header_prefix, "Content"),
    (kinds.header_prefix, "P-Asserted"),
    (kinds.header_prefix, "X-"),
    (kinds.clock, "2023-09-07T12:00:00"),
    (kinds.clock, "+2w"),
    (kinds.clock, "2023-99-07T12:00:00Z"),
    (kinds.existing, "not-here.pem"),
    (kinds.existing, "a\x00b"),
    (kinds.pathname, "~nobody-of-this-name/x"),
    (kinds.secret, "short"),
    (rejection, 200),
    (rejection, 603.0),
    (rejection, True),
    (rejection, [403]),
]


@pytest.mark.parametrize(("kind", "value", "expected"), TAKEN)
def test_a_good_value_is_taken(kind: Kind, value: object, expected: Any) -> None:
    assert kind(value, HERE) == expected


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_bad_value_is_refused_with_a_cure(kind: Kind, value: object) -> None:
    with pytest.raises(Wrong) as caught:
        kind(value, HERE)
    assert caught.value.what and caught.value.cure


def test_the_secret_is_never_repeated() -> None:
    with pytest.raises(Wrong) as caught:
        kinds.secret("too short", HERE)
    assert "too short" not in caught.value.what + caught.value.cure


def test_the_codes_are_those_that_a_refusal_has_a_phrase_for() -> None:
    from policy.refusal import PHRASES

    assert set(REJECTIONS) == set(PHRASES)
