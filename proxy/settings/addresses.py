"""What an address must look like: hosts with ports, next hops, sources, URLs and where mail and log lines go. As in
`kinds`, each takes what TOML gave and returns what we use, or raises Wrong with a cure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from proxy.settings.errors import Wrong
from proxy.settings.kinds import TEXT_OF_REASON, pathname, said, text
from proxy.settings.network import HopSettings, NextHop, Source

SIP_PORT = 5060
SIPS_PORT = 5061
TRANSPORTS = ("udp", "tcp", "tls")
SPOKEN = (*TRANSPORTS, "udp+tcp")
"""How a next hop is reached; `udp+tcp`: by UDP, and by TCP what is too long for a datagram. Where none is written, an
address is reached so too, as soon as it is found to have TCP.
"""
COMING = {"ws": "WebSocket", "wss": "WebSocket over TLS", "sctp": "SCTP"}

HOST = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def transport(value: object, folder: Path) -> str:
    word = text(value, folder).lower()
    if word in TRANSPORTS:
        return word
    if word in COMING:
        raise Wrong(f"{COMING[word]} is not served", 'use "udp", "tcp" or "tls"')
    raise Wrong(f"{said(value)} is not a transport", 'use "udp", "tcp" or "tls"')


def transports(value: object, folder: Path) -> str:
    """What a listener speaks: one transport, or UDP and TCP at one address (RFC 3261 section 18.2.1)."""
    return "udp+tcp" if value == "udp+tcp" else transport(value, folder)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port, as written; the port is None where none was given."""

    host: str
    port: int | None
    address: IPv4Address | IPv6Address | None
    """None where the host is a name."""


def split(value: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]`, `[v6]:port` and a bare v6 address into their parts."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(\d{1,5}))?", value)
    plain = re.fullmatch(r"([^:\[\]]*)(?::(\d{1,5}))?", value)
    if (match := bracketed or plain) is not None:
        port = int(match[2]) if match[2] is not None else None
        if port is not None and port > 65_535:
            raise Wrong(f"there is no port {port}", "ports end at 65535")
        return match[1], port
    return value, None


def numeric(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise Wrong(f"{host!r} has a zone", "addresses with a zone cannot be used here")
    return address


def endpoint(value: object, folder: Path) -> Endpoint:
    host, port = split(text(value, folder))
    address = numeric(host)
    if address is None and not HOST.fullmatch(host):
        raise Wrong(
            f"{said(value)} is not an address",
            'write "192.0.2.1:5060", "[2001:db8::1]:5060" or "sip.example.com"',
        )
    if address is None and re.fullmatch(r"[0-9.]+", host):
        raise Wrong(f"{said(value)} is not an address", "four numbers up to 255 are needed, or a name")
    return Endpoint(str(address) if address is not None else host.lower(), port, address)


def numeric_endpoint(value: object, folder: Path) -> Endpoint:
    found = endpoint(value, folder)
    if found.address is None:
        raise Wrong(f"{said(value)} is a name", "write its numeric address: names are not looked up here")
    if found.address.is_multicast:
        raise Wrong(f"{said(value)} is a group, not a host", "write the address of one host")
    return found


def hop(value: object, folder: Path) -> NextHop:
    """`192.0.2.20`, `192.0.2.20:5060`, `tcp:192.0.2.20:5060`, `tls:192.0.2.20`, `udp+tcp:192.0.2.20`."""
    written = text(value, folder)
    word, colon, rest = written.partition(":")
    spoken: str | None = None
    if colon and word.lower() in {*SPOKEN, *COMING}:
        spoken = word.lower() if word.lower() == "udp+tcp" else transport(word, folder)
        written = rest
    found = numeric_endpoint(written, folder)
    assert found.address is not None
    if found.address.is_unspecified or found.port == 0:
        raise Wrong(f"{said(value)} leads nowhere", "write the address and port of one host")
    port = found.port or (SIPS_PORT if spoken == "tls" else SIP_PORT)
    return NextHop(spoken or "udp", found.host, port, unsaid=spoken is None)


def way(value: object, folder: Path) -> HopSettings:
    """As `hop`, and names too: `sip.example.com`, `tls:sip.example.com`."""
    written = text(value, folder)
    word, colon, rest = written.partition(":")
    spoken: str | None = None
    if colon and word.lower() in {*SPOKEN, *COMING}:
        spoken = word.lower() if word.lower() == "udp+tcp" else transport(word, folder)
        written = rest
    found = endpoint(written, folder)
    if found.port == 0 or (found.address is not None and (found.address.is_unspecified or found.address.is_multicast)):
        raise Wrong(f"{said(value)} leads nowhere", "write the address and port of one host, or a name")
    if found.address is None:
        return HopSettings(spoken, found.host, found.port, unsaid=spoken is None)
    port = found.port or (SIPS_PORT if spoken == "tls" else SIP_PORT)
    return HopSettings(spoken or "udp", found.host, port, unsaid=spoken is None)


def source(value: object, folder: Path) -> Source:
    """An address, an address with a port, or a network."""
    written = text(value, folder)
    if "/" in written:
        try:
            return Source(ip_network(written))
        except ValueError as error:
            try:
                cure = f"did you mean {ip_network(written, strict=False)}?"
            except ValueError:
                cure = 'write a network as "198.51.100.0/24" or "2001:db8::/48"'
            raise Wrong(f"{said(value)} is not a network", cure) from error
    found = numeric_endpoint(value, folder)
    assert found.address is not None
    if found.address.is_unspecified or found.port == 0:
        raise Wrong(
            f"nothing can come from {said(value)}",
            "write the address that the messages of this trunk come from",
        )
    return Source(ip_network(found.address), found.port)


def hostname(value: object, folder: Path) -> str:
    found = endpoint(value, folder)
    if found.port is not None:
        raise Wrong(f"{said(value)} has a port", "write the host alone; ports have a key of their own")
    return found.host


def https(value: object, folder: Path) -> str:
    written = text(value, folder)
    try:
        parts = urlsplit(written)
        port_is_well = parts.port is None or parts.port > 0
    except ValueError as error:
        raise Wrong(f"{said(value)} is not a URL", 'write "https://host/path"') from error
    if (
        parts.scheme != "https"
        or not parts.hostname
        or not port_is_well
        or not TEXT_OF_REASON.fullmatch(written)
    ):
        raise Wrong(
            f"{said(value)} is not a plain https URL", 'write "https://host/path", printable, without blanks'
        )
    if parts.username is not None or parts.fragment:
        raise Wrong(f"{said(value)} names a user or a fragment", "leave them out")
    return written


def service(value: object, folder: Path) -> str:
    """https anywhere; http to a numeric address of this machine only: nobody signs for others over an open network."""
    written = text(value, folder)
    if not written.lower().startswith("http:"):
        return https(value, folder)
    try:
        parts = urlsplit(written)
        address = numeric(parts.hostname or "")
        usual = parts.port is None or parts.port > 0
    except ValueError as error:
        raise Wrong(f"{said(value)} is not a URL", 'write "https://host"') from error
    if address is None or not address.is_loopback or not usual or not TEXT_OF_REASON.fullmatch(written):
        raise Wrong(f"{said(value)} is not on this machine", "use https, or http to a loopback address")
    return written


def webhook(value: object, folder: Path) -> str:
    """https anywhere; http to a numeric address of this machine or of a private network only."""
    written = text(value, folder)
    if not written.lower().startswith("http:"):
        return https(value, folder)
    try:
        address = numeric(urlsplit(written).hostname or "")
    except ValueError as error:
        raise Wrong(f"{said(value)} is not a URL", 'write "https://host/path"') from error
    if address is None or not address.is_private or not TEXT_OF_REASON.fullmatch(written):
        raise Wrong(
            f"{said(value)} would tell the network where somebody needs help",
            "use https, or the numeric address of a private network",
        )
    return written


def syslog(value: object, folder: Path) -> Path | Endpoint:
    """`/dev/log`, `192.0.2.9`, `192.0.2.9:514`."""
    if "/" in text(value, folder):
        return pathname(value, folder)
    found = numeric_endpoint(value, folder)
    assert found.address is not None
    if found.address.is_unspecified or found.port == 0:
        raise Wrong(f"{said(value)} leads nowhere", "write the address and port of one host")
    return found


def email(value: object, folder: Path) -> str:
    written = text(value, folder)
    local, at, domain = written.partition("@")
    if not (local and at and HOST.fullmatch(domain) and TEXT_OF_REASON.fullmatch(written)):
        raise Wrong(f"{said(value)} is not an e-mail address", 'write "redress@example.com"')
    return written
