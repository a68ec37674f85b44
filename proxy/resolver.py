"""Where a URI leads: an address that a socket can be given.

Configured next hops are addresses already. In-dialog requests go where their route set says: nearly always a numeric
host, which costs nothing; a name is looked up beside the call, with a deadline and a bounded memory. NAPTR and SRV
are not asked here yet.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence

from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.uri import Uri

DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061
MAX_NAMES = 1024
"""Names remembered; the oldest goes first."""
MAX_FLOWS = 4096
"""Numeric addresses remembered as flows; forgetting them costs a few microseconds each."""
NAME_SECONDS = 60.0
"""How long an answer serves. The system's resolver does not tell the TTL."""
LOOKUP_SECONDS = 2.0
"""How long a look-up may take before the request is answered as undeliverable."""


def usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a request may be sent there at all: one host, not a group and not nobody (SIP-107)."""
    return not (address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255")


def transport_of(uri: Uri) -> str:
    """What a URI wants to be reached by, upper case; empty where it leaves that to us."""
    if uri.scheme == "sips":
        return "TLS"
    word = uri.params.get("transport")
    return word.upper() if word else ""


class Resolver:
    """URI -> Flow over the listeners that we have."""

    def __init__(self, listeners: Sequence[Listener], now: Callable[[], float]) -> None:
        self._now = now
        self._outlets: dict[tuple[str, int], int] = {}
        """(transport, IP version) -> the first such listener."""
        for index, listener in enumerate(listeners):
            version = ipaddress.ip_address(listener.host.strip("[]")).version
            self._outlets.setdefault((listener.transport, version), index)
        self._flows: dict[tuple[str, int | None, str], Flow] = {}
        self._names: OrderedDict[str, tuple[float, str | None]] = OrderedDict()

    def flow(self, host: str, port: int | None, transport: str = "") -> Flow | None:
        """The flow to a numeric host, by the first listener of its family and transport; None where there is no way.

        Without a transport it is UDP where we have that, else what we have (RFC 3263 section 4.1).
        """
        known = self._flows.get((host, port, transport))
        if known is None and (known := self._flow(host, port, transport)) is not None:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            self._flows[host, port, transport] = known
        return known

    def _flow(self, host: str, port: int | None, transport: str) -> Flow | None:
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return None
        for spoken in (transport,) if transport else ("UDP", "TCP", "TLS"):
            outlet = self._outlets.get((spoken, address.version))
            if outlet is not None:
                break
        if outlet is None or not usable(address):
            return None
        if port is None:
            port = DEFAULT_TLS_PORT if spoken == "TLS" else DEFAULT_PORT
        if not 0 < port < 65_536:
            return None
        return Flow(outlet, str(address), port)

    def at_once(self, uri: Uri) -> Flow | None:
        """Where a URI leads, if that is known without waiting."""
        if uri.scheme not in ("sip", "sips"):
            return None
        host, transport = uri.params.get("maddr") or uri.host, transport_of(uri)
        found = self.flow(host, uri.port, transport)
        if found is None and (known := self._names.get(host.lower())) is not None:
            until, address = known
            if address is not None and self._now() < until:
                return self.flow(address, uri.port, transport)
        return found

    async def find(self, uri: Uri) -> Flow | None:
        """Where a URI leads, looking its name up if need be; None when it leads nowhere."""
        if (found := self.at_once(uri)) is not None or uri.scheme not in ("sip", "sips"):
            return found
        host = (uri.params.get("maddr") or uri.host).lower()
        known = self._names.get(host)
        if known is None or self._now() >= known[0]:
            self._remember(host, await self._look_up(host))
            known = self._names[host]
        return self.flow(known[1], uri.port, transport_of(uri)) if known[1] is not None else None

    async def _look_up(self, host: str) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                rows = await loop.getaddrinfo(host, DEFAULT_PORT, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError, TimeoutError):
            return None
        for row in rows:
            address = str(row[4][0])
            if self.flow(address, None) is not None:
                return address
        return None

    def _remember(self, host: str, address: str | None) -> None:
        self._names[host] = (self._now() + NAME_SECONDS, address)
        self._names.move_to_end(host)
        while len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
