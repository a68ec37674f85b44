"""What a value must look like. Each kind takes what TOML gave and returns what we use, or raises Wrong with
a cure.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from policy.lists import entry
from proxy.settings.errors import Wrong, nearest
from proxy.settings.values import HopSettings, NextHop, Source

Kind = Callable[[object, Path], Any]
"""(value, folder of the file) -> the value that we use."""

SIP_PORT = 5060
MAX_TEXT = 1024
MAX_ITEMS = 10_000
"""Entries of one list in the file; longer lists belong into list files."""
SIPS_PORT = 5061
TRANSPORTS = ("udp", "tcp", "tls")
SPOKEN = (*TRANSPORTS, "udp+tcp")
"""How a next hop is reached; `udp+tcp`: by UDP, and by TCP what is too long for a datagram."""
COMING = {"ws": "WebSocket", "wss": "WebSocket over TLS", "sctp": "SCTP"}

HOST = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
TEXT_OF_REASON = re.compile(r"[!#-:<-\[\]-~]+")
"""Printable ASCII without blank, quote, semicolon and backslash: it is written inside a quoted Reason
text.
"""
OFFSET = re.compile(r"[+-](?:\d{1,6}[dhms])+")


def text(value: object, folder: Path) -> str:
    if not isinstance(value, str):
        raise Wrong(f"a text is needed, not {said(value)}", "put it in quotes")
    if len(value) > MAX_TEXT or not value.strip() or not value.isprintable():
        raise Wrong(
            "the text is empty, too long or has control characters",
            f"write 1 to {MAX_TEXT} printable characters",
        )
    return value


def said(value: object) -> str:
    """A value as a message names it: short, on one line."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def flag(value: object, folder: Path) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"true or false is needed, not {said(value)}", "write true or false, without quotes")
    return value


def integer(low: int, high: int) -> Kind:
    def kind(value: object, folder: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(
                f"a whole number is needed, not {said(value)}",
                f"write one from {low} to {high}, without quotes",
            )
        if not low <= value <= high:
            raise Wrong(f"{said(value)} is out of range", f"write a number from {low} to {high}")
        return value

    return kind


def one_of(*words: str) -> Kind:
    def kind(value: object, folder: Path) -> str:
        if text(value, folder) not in words:
            raise Wrong(f"{said(value)} is not one of {', '.join(words)}", nearest(str(value), words))
        return str(value)

    return kind


def many(kind: Kind) -> Kind:
    """A list of values of one kind."""

    def every(value: object, folder: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Wrong(
                f"a list is needed, not {said(value)}", "put the values in [ ], with commas between them"
            )
        if len(value) > MAX_ITEMS:
            raise Wrong(
                f"{len(value)} entries are too many",
                f"{MAX_ITEMS} at most; put longer lists into a list file",
            )
        return tuple(kind(item, folder) for item in value)

    return every


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


def name(value: object, folder: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text(value, folder)):
        raise Wrong(
            f"{said(value)} cannot be a name", "use up to 64 letters, digits, dots, dashes and underscores"
        )
    return str(value)


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
    spoken = "udp"
    if colon and word.lower() in {*SPOKEN, *COMING}:
        spoken = word.lower() if word.lower() == "udp+tcp" else transport(word, folder)
        written = rest
    found = numeric_endpoint(written, folder)
    assert found.address is not None
    if found.address.is_unspecified or found.port == 0:
        raise Wrong(f"{said(value)} leads nowhere", "write the address and port of one host")
    return NextHop(spoken, found.host, found.port or (SIPS_PORT if spoken == "tls" else SIP_PORT))


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
        return HopSettings(spoken, found.host, found.port)
    return HopSettings(spoken or "udp", found.host, found.port or (SIPS_PORT if spoken == "tls" else SIP_PORT))


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


def existing(value: object, folder: Path) -> Path:
    """A file or folder that must be there; relative to the folder of the configuration."""
    path = pathname(value, folder)
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if not found:
        raise Wrong(
            f"{path} is not there",
            "create it, or correct the path (relative paths start at the configuration's folder)",
        )
    return path


def pathname(value: object, folder: Path) -> Path:
    try:
        return folder / Path(text(value, folder)).expanduser()
    except RuntimeError as error:
        raise Wrong(f"{said(value)} names a home that nobody has", "write the whole path") from error


def hostname(value: object, folder: Path) -> str:
    found = endpoint(value, folder)
    if found.port is not None:
        raise Wrong(f"{said(value)} has a port", "write the host alone; ports have a key of their own")
    return found.host


def number(value: object, folder: Path) -> str:
    """A number, a prefix with `*`, or a range, in the one grammar that list files have too."""
    try:
        entry(text(value, folder))
    except ValueError as error:
        cure = 'write "+12025550100", a prefix "+1202555*" or a range "12025550100-12025550199"'
        raise Wrong(f"{said(value)} cannot be read ({error})", cure) from error
    return str(value)


def emergency_string(value: object, folder: Path) -> str:
    if not re.fullmatch(r"[0-9*#]{2,8}", text(value, folder)):
        raise Wrong(f"{said(value)} is not an emergency string", "write what is dialled, 2 to 8 digits")
    return str(value)


def digits(least: int, most: int) -> Kind:
    def kind(value: object, folder: Path) -> str:
        if not isinstance(value, str) or not re.fullmatch(rf"[0-9]{{{least},{most}}}", value):
            raise Wrong(
                f"{said(value)} is not {least} to {most} digits in quotes",
                'write digits in quotes, such as "202"',
            )
        return value

    return kind


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


def telephone(value: object, folder: Path) -> str:
    if not re.fullmatch(r"\+[1-9]\d{6,14}", text(value, folder)):
        raise Wrong(
            f"{said(value)} is not a whole telephone number", 'write "+" and the digits with the country code'
        )
    return str(value)


def email(value: object, folder: Path) -> str:
    written = text(value, folder)
    local, at, domain = written.partition("@")
    if not (local and at and HOST.fullmatch(domain) and TEXT_OF_REASON.fullmatch(written)):
        raise Wrong(f"{said(value)} is not an e-mail address", 'write "redress@example.com"')
    return written


def origid(value: object, folder: Path) -> str:
    try:
        return str(uuid.UUID(text(value, folder)))
    except ValueError as error:
        raise Wrong(
            f"{said(value)} is not a UUID", "make one with uuidgen, once, and keep it (RFC 8588 section 5)"
        ) from error


def header_prefix(value: object, folder: Path) -> str:
    written = text(value, folder).removesuffix("-")
    # Every header that begins so is stripped from untrusted sides: `Content` would take Content-Length with
    # it.
    if not re.fullmatch(r"[Xx]-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", written) or len(written) > 32:
        raise Wrong(
            f"{said(value)} cannot begin our headers",
            'write something like "X-Screen": X-, then letters and digits',
        )
    return written


def clock(value: object, folder: Path) -> str:
    written = text(value, folder)
    if OFFSET.fullmatch(written):
        return written
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < 1971 or moment.year > 9990:
        raise Wrong(
            f"{said(value)} is not a clock", 'write a moment "2023-09-07T12:00:00Z" or an offset "+2d", "-3h"'
        )
    return written


def secret(value: object, folder: Path) -> bytes:
    if not isinstance(value, str) or not 16 <= len(value.strip().encode("utf-8", "surrogateescape")) <= 1024:
        # The value itself is never repeated.
        raise Wrong("the secret is not a text of 16 to 1024 octets", "make one with: openssl rand -base64 32")
    return value.strip().encode("utf-8", "surrogateescape")
