"""The peers of the settings as `proxy.peers` knows them, and the operator's desk for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.locating import is_address
from proxy.peers import Directory, Hop, Peer, Row, Target
from proxy.settings import HopSettings, Settings
from proxy.sip.flow import Flow


def configured(settings: Settings, outlet: Callable[[Target], Flow | None]) -> list[Peer]:
    """The peers of a configuration. Raises OSError for an address that no listener reaches: what listens may be older
    than the configuration.
    """
    peers = []
    for one in settings.peers:
        hops = tuple(as_hop(hop) for hop in one.hops)
        for hop in hops:
            if is_address(hop.host) and outlet(Target(hop.transport or "UDP", hop.host, hop.port or 5060)) is None:
                raise OSError(f"no listener reaches {hop.host} of the peer {one.name} by {hop.transport}")
        ping = one.ping and settings.health.ping_seconds > 0
        peers.append(Peer(one.name, one.side, hops, one.priority, one.weight, ping, one.domains))
    return peers


def as_hop(hop: HopSettings) -> Hop:
    """A hop of the settings; `udp+tcp` is UDP, and TCP for what is too long."""
    words = (hop.transport or "").upper().split("+")
    return Hop(hop.host, hop.port, words[0] or None, long_by_tcp="TCP" in words[1:])


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operator may see and order of the peers of this process."""

    directory: Directory
    now: Callable[[], float]

    def rows(self) -> list[Row]:
        return self.directory.rows(self.now())

    def order(self, name: str, order: str) -> None:
        """Raises KeyError for an unknown peer, ValueError for an unknown order."""
        self.directory.order(name, order)
