"""What a peer is: a neighbour that calls can be sent to, its hops as configured, and the targets behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Target(NamedTuple):
    """One way to reach one host: what health is known of."""

    transport: str
    """Upper case: UDP, TCP, TLS."""
    host: str
    """A numeric address, IPv6 without brackets."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.lower()}:{host}:{self.port}"


class Place(NamedTuple):
    """A target as a look-up found it (RFC 3263), with its place among the others."""

    target: Target
    name: str = ""
    """The domain that was asked for: what a TLS certificate must be of (RFC 5922 section 7.2); empty: none was."""
    priority: int = 0
    """The lowest first."""
    weight: int = 0
    """Shares of the calls inside one priority (RFC 2782)."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a peer is reached, as its operator wrote it."""

    host: str
    """A numeric address (IPv6 without brackets) or a name."""
    port: int | None = None
    transport: str | None = None
    """Upper case. Without port or transport, what DNS says counts (RFC 3263)."""
    long_by_tcp: bool = False
    """Reached by UDP, and by TCP what is too long for a datagram (RFC 3261 section 18.1.1)."""
    unsaid: bool = False
    """The same, once it is found to have TCP: its operator wrote no transport."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour that calls go to."""

    name: str
    side: str
    """carrier or pbx."""
    hops: tuple[Hop, ...]
    """Tried in this order."""
    priority: int = 1
    """The lowest first: the others serve when it fails."""
    weight: int = 1
    """Shares of the calls among the peers of one priority."""
    ping: bool = True
    """Whether it is asked how it is (OPTIONS)."""
    domains: tuple[str, ...] = ()
    """Lower case: requests for these hosts are its business, and of no other peer of its side."""
    route: tuple[str, ...] = ()
    """URIs of loose routers that stand before its own, the first one first (RFC 3261 section 16.6(6))."""
