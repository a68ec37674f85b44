"""Which trunk a message belongs to, by where it came from: asked for each request, so known sources are one
look away.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.settings.network import Trunk

MAX_REMEMBERED = 4096
"""Sources remembered besides the configured addresses. A flood of forged sources only makes us forget and
look again.
"""


class TrunkTable:
    """Source address -> trunk. Address with port before address, the longest network first."""

    def __init__(self, trunks: Sequence[Trunk]) -> None:
        self._ported: dict[tuple[str, int], Trunk] = {}
        self._addresses: dict[str, Trunk] = {}
        networks: dict[tuple[int, int], dict[int, Trunk]] = {}
        for trunk in trunks:
            for source in trunk.sources:
                network = source.network
                if source.port is not None:
                    self._ported[str(network.network_address), source.port] = trunk
                elif network.prefixlen == network.max_prefixlen:
                    self._addresses[str(network.network_address)] = trunk
                else:
                    shift = network.max_prefixlen - network.prefixlen
                    networks.setdefault((network.version, shift), {})[
                        int(network.network_address) >> shift
                    ] = trunk
        self.follows = any(trunk.follow_redirects for trunk in trunks)
        """Whether redirections of any are followed."""
        self._networks = sorted(networks.items(), key=lambda item: item[0][1])
        self._memo: dict[str, Trunk | None] = dict(self._addresses)

    def find(self, host: str, port: int = 0) -> Trunk | None:
        """The trunk of a source as a socket names it; None for a stranger. `port` matters to sources given
        with a port.
        """
        if self._ported and (trunk := self._ported.get((host, port))) is not None:
            return trunk
        try:
            return self._memo[host]
        except KeyError:
            return self._look(host)

    def _look(self, host: str) -> Trunk | None:
        if len(self._memo) >= MAX_REMEMBERED + len(self._addresses):
            self._memo = dict(self._addresses)
        found = self._memo[host] = self._match(host)
        return found

    def _match(self, host: str) -> Trunk | None:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return None
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        exact = self._addresses.get(str(address))
        if exact is not None:
            return exact
        whole = int(address)
        for (version, shift), trunks in self._networks:
            if version == address.version and (trunk := trunks.get(whole >> shift)) is not None:
                return trunk
        return None
