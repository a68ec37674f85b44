"""Which addresses a certificate may be fetched from.

An x5u is a URL written by whoever makes a call, so without this table each caller could make us knock on
doors inside our own network (server-side request forgery: AST-2022-002 was this). The question is asked of
the resolved address, because a name may point anywhere. The ranges are listed here and not taken from
`ipaddress.is_global`, whose answers have changed between Python versions. Sources: RFC 6890, RFC 4291, RFC
6052 and the IANA special-purpose registries.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

REFUSED_V4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
"""All of IPv6 that is routed; the rest (::1, ULA, link-local, multicast, mapped addresses) is refused."""
REFUSED_V6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, with Teredo: it carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: it carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
"""How an IPv6-only network names an IPv4 host: judged by the IPv4 address inside."""
LAB: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
"""What a lab may use too: this machine and private networks; not link-local, where clouds keep secrets."""


def is_allowed(address: str, lab: bool = False) -> bool:
    """Whether we may connect to this literal address; anything that is not one, or has a zone, is refused."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if lab and any(parsed in network for network in LAB if network.version == parsed.version):
        return True
    if isinstance(parsed, IPv4Address):
        return _is_public_v4(parsed)
    return _is_public_v6(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in REFUSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)
