"""What can be set of the network around us: where we listen, which certificates we show, who our peers are, by which
hops calls reach them. Units are in the names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from shaken.number import E164, Plan

NO_COUNTRY = "none"
"""The `country` of a neighbour that writes every number in full."""

_COUNTRY = re.compile(r"[1-9][0-9]{0,2}").fullmatch
_AREA = re.compile(r"[0-9]{0,5}").fullmatch


def plan_of(country: str, area: str = "") -> Plan:
    """How the numbers of such a neighbour are read. Raises ValueError for what is no country code, or no area code."""
    if country != NO_COUNTRY and _COUNTRY(country) is None:
        raise ValueError(f'{country[:20]!r} is no country code such as "44", nor "{NO_COUNTRY}": every number in full')
    if _AREA(area) is None or (area and country == NO_COUNTRY):
        raise ValueError(f"{area[:20]!r} is no area code, or there is none where every number comes in full")
    return E164 if country == NO_COUNTRY else Plan(country, area)


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """An address that we receive on, and the one that we write into Via and Record-Route."""

    transport: str
    host: str
    """Numeric, IPv6 without brackets."""
    port: int
    advertised_host: str
    """A numeric address (IPv6 without brackets) or a name."""
    advertised_port: int


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """The certificate for callers who ask for this name (SNI)."""

    name: str
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What the TLS listeners and our own TLS connections are made with."""

    certificate: Path
    key: Path
    ca: Path | None = None
    """Who signs the certificates of our next hops; None: whom the system believes."""
    verify: str = "name"
    """Of a next hop: name (its chain, and that it is the host that we meant), chain, or none"""
    clients: str = "none"
    """Whether those who connect to us must show a certificate: none, optional, required"""
    client_ca: Path | None = None
    names: tuple[NamedCertificate, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What TCP and TLS connections may cost, all listeners together."""

    total: int = 4096
    per_source: int = 1024
    half_open: int = 1024
    connect_ms: int = 3000
    first_seconds: int = 10
    message_seconds: int = 16
    idle_seconds: int = 900
    unsent_kib: int = 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where messages of a trunk come from."""

    network: IPv4Network | IPv6Network
    port: int | None = None
    """None: any port."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A neighbour: a carrier or a PBX, known by its source address."""

    name: str
    side: str
    sources: tuple[Source, ...]
    trust: str = "none"
    """none | identity (its P-Asserted-Identity is believed) | verdicts (its verstat too)"""
    verdicts: str = "3gpp"
    """In whose form it states them, where it is trusted for verdicts."""
    profile: str = "default"
    mode: str = "observe"
    enforce_percent: int = 100
    country: str = "1"
    area: str = ""
    sign: bool = False
    customer: str = ""
    """Whose calls come this way, by the name in the inventory; empty: it says whose number it is."""
    transit: bool = False
    """The calls of people we do not know come this way: C."""
    attest: str = "A"
    """The most that a call gets."""
    attest_other: str = "B"
    """For a known customer's other numbers: B, C or none."""
    origid: str = ""
    shell: str = "inline"
    """inline (its calls are carried), or redirect (it asks, and carries them itself)"""
    go_on: int = 404
    """What tells an asker to go on: 404, 503, or 302."""
    contact: str = ""
    """Where a 302 sends it, as host or host:port; empty: to itself."""
    calls_per_second: int = 0
    """New calls a second, and as many at once; 0: no limit. Emergency calls are never counted."""
    calls_per_source: int = 0
    """The same for each address that it sends from."""
    embed: bool = False
    """The headers of a 302 stand inside its Contact too."""
    follow_redirects: bool = False
    """A 3xx of it is followed to another neighbour of its side, and does not go back."""
    folds_tokens: bool = False
    """It folds lines inside the tokens of Identity: blanks there are taken out."""
    blocked: str = ""
    """Why nothing is taken from it; empty: it is not blocked."""
    blocked_since: float = 0.0
    """Unix seconds."""
    rmd: str = ""
    """Its filing in the Robocall Mitigation Database."""
    run_by: str = ""
    """Who runs it and how they are reached, for the answer to a traceback."""


@dataclass(frozen=True, slots=True)
class HopSettings:
    """Where a peer is reached: an address, or a name that DNS says more about (RFC 3263)."""

    transport: str | None
    """Lower case; None: as DNS says."""
    host: str
    """Numeric (IPv6 without brackets) or a name."""
    port: int | None
    unsaid: bool = False
    """No transport was written: what is too long for a datagram goes by TCP, once the hop is found to have it."""


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Where calls to a neighbour go."""

    name: str
    side: str
    hops: tuple[HopSettings, ...]
    priority: int = 1
    weight: int = 1
    ping: bool = True
    domains: tuple[str, ...] = ()
    """Lower case: requests for these hosts go to it, and to nobody else of its side."""
    route: tuple[str, ...] = ()
    """URIs of loose routers that its requests pass, written into Route."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How it is seen that a hop is dead, and that it is back."""

    silence_ms: int = 1800
    ping_seconds: int = 10
    down_after: int = 3
    up_after: int = 2


@dataclass(frozen=True, slots=True)
class NextHop:
    transport: str
    """udp, tcp, tls, or udp+tcp: by TCP what is too long for a datagram"""
    host: str
    port: int
    unsaid: bool = False
    """No transport was written: what is too long for a datagram goes by TCP, once the hop is found to have it."""
