"""Where a URI leads, step by step (RFC 3263 section 4): questions out, answers in, and no I/O here.

`locate` is a generator: it gives the next question and is sent the records, so that the same steps run from memory
without waiting, or beside the calls with waiting. A numeric host asks nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Sequence
from typing import NamedTuple

from proxy.names import Naptr, Record, Srv
from proxy.peers.choice import Draw, ordered
from proxy.peers.values import Hop, Place, Target
from proxy.sip.uri import Uri

SECURE = frozenset(("TLS", "WSS"))
MEANT: dict[str | None, str] = {"TCP": "TLS", "WS": "WSS"}
"""With sips TLS is meant, whatever it runs over (RFC 3261 section 26.2.2, RFC 5630 section 3.1.1); what is not said
stays for NAPTR to say.
"""
DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}
SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS", "SIP+D2W": "WS", "SIPS+D2W": "WSS"}
"""The NAPTR services and their transports (RFC 3263 section 4.1, RFC 7118 section 5.5)."""
PREFIXES = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp.", "WS": "_sip._ws.", "WSS": "_sips._ws."}
MAX_PLACES = 16
"""Targets of one look-up."""
MAX_QUESTIONS = 24
"""Questions of one look-up: a zone cannot make us ask for ever."""


class Wanted(NamedTuple):
    """What a URI says of where it leads."""

    host: str
    port: int | None = None
    transport: str | None = None
    """Upper case; None: not said."""
    secure: bool = False
    """sips: nothing but TLS will do."""


class Question(NamedTuple):
    name: str
    kind: str


Steps = Generator[Question, Sequence[Record], list[Place]]


def wanted(uri: Uri) -> Wanted | None:
    """What is asked for by a sip or sips URI; None for others."""
    if uri.scheme not in ("sip", "sips"):
        return None
    return said(uri.params.get("maddr") or uri.host, uri.port, uri.params.get("transport") or "", uri.scheme)


def said(host: str, port: int | None, transport: str, scheme: str) -> Wanted:
    """The same of its parts; transport: as it is written, empty where it is not."""
    meant = transport.upper() or None
    if scheme != "sips":
        return Wanted(host, port, meant)
    return Wanted(host, port, MEANT.get(meant, meant), True)


def of_hop(hop: Hop) -> Wanted:
    """What a configured hop asks for."""
    return Wanted(hop.host, hop.port, hop.transport, hop.transport in SECURE)


def of_reply(host: str, port: int | None, transport: str) -> Wanted:
    """Where a response goes whose Via names a host: SRV only where no port is given (RFC 3263 section 5)."""
    return Wanted(host, port, transport, transport in SECURE)


def usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a request may be sent there at all: one host, not a group and not nobody (SIP-107)."""
    return not (address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255")


def numeric(host: str) -> str | None:
    """The address that a host is, in its usual spelling; None for a name, and for what nothing can be sent to."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    return str(address) if usable(address) and getattr(address, "scope_id", None) is None else None


def locate(wanted: Wanted, speaks: Sequence[str], versions: Sequence[int], draw: Draw) -> Steps:
    """The targets, in the order to try them. `speaks`: our transports, the preferred first; `versions`: the IP versions
    that we have listeners of.
    """
    allowed = [one for one in speaks if not wanted.secure or one in SECURE]
    plain = "TLS" if wanted.secure else allowed[0] if allowed else "UDP"
    host = wanted.host
    if is_address(host):
        address = numeric(host)
        transport = wanted.transport or plain
        if address is None or transport not in allowed or not _port(wanted.port, transport):
            return []
        return [Place(Target(transport, address, wanted.port or DEFAULT_PORTS[transport]), "")]
    name = host.lower().rstrip(".")
    if wanted.transport is not None and wanted.transport not in allowed:
        return []
    asked = 0
    found: list[Place] = []

    def addresses(
        where: str, port: int, transport: str, rank: int, weight: int
    ) -> Generator[Question, Sequence[Record], None]:
        nonlocal asked
        hosts: list[str] = []
        for version in versions:
            if asked >= MAX_QUESTIONS or len(found) + len(hosts) >= MAX_PLACES:
                break
            asked += 1
            rows = yield Question(where, "A" if version == 4 else "AAAA")
            for row in rows:
                address = numeric(row) if isinstance(row, str) else None
                if address is not None and ipaddress.ip_address(address).version == version:
                    hosts.append(address)
        # The addresses of one host share its weight.
        for address in hosts[: MAX_PLACES - len(found)]:
            found.append(Place(Target(transport, address, port), name, rank, -(-weight // len(hosts))))

    if wanted.port is not None:
        # 4.2: with a port, neither NAPTR nor SRV.
        transport = wanted.transport or plain
        if transport in allowed and _port(wanted.port, transport):
            yield from addresses(name, wanted.port, transport, 0, 0)
        return found
    services: list[tuple[str, str]]  # (name of the SRV records, transport)
    certain = False
    if wanted.transport is not None:
        services = [(PREFIXES[wanted.transport] + name, wanted.transport)]
    else:
        asked += 1
        rows = yield Question(name, "NAPTR")
        services = _services(rows, allowed)
        certain = bool(services)
        if not certain:
            services = [(PREFIXES[one] + name, one) for one in allowed if one in PREFIXES]
    rank = 0
    for service, transport in services:
        if asked >= MAX_QUESTIONS:
            break
        asked += 1
        rows = yield Question(service, "SRV")
        records = [row for row in rows if isinstance(row, Srv)]
        # "." says that the service is decidedly not there (RFC 2782).
        there = [row for row in records if row.host and 0 < row.port < 65_536]
        for one in ordered([(row.priority, row.weight, row) for row in there], draw):
            # A place for each record, so that whoever draws again does so among the records of one priority.
            yield from addresses(one.host, one.port, transport, rank + one.priority, one.weight)
        if records and (wanted.transport is not None or not certain):
            return found
        rank += 65_536
    if not found:
        # No SRV at all: the addresses of the name itself, at the default port.
        transport = wanted.transport or plain
        if transport in allowed:
            yield from addresses(name, DEFAULT_PORTS[transport], transport, 0, 0)
    return found


def _services(rows: Sequence[Record], allowed: Sequence[str]) -> list[tuple[str, str]]:
    """The SRV names of NAPTR records for what we speak, by order and preference. Records of a higher order do not count
    once one of a lower matched (RFC 3403 section 4.1).
    """
    usable = sorted(
        row
        for row in rows
        if isinstance(row, Naptr) and row.flags == "s" and row.replacement and SERVICES.get(row.service) in allowed
    )
    return [(row.replacement, SERVICES[row.service]) for row in usable if row.order == usable[0].order]


def _port(port: int | None, transport: str) -> bool:
    return transport in DEFAULT_PORTS and (port is None or 0 < port < 65_536)


def is_address(host: str) -> bool:
    """Whether a host is written as an address, well or badly: such a one is never asked for."""
    bare = host.strip("[]")
    return ":" in bare or bare.replace(".", "").isdigit()
