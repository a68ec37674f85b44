"""The peers of the settings as `proxy.peers` knows them, the operator's desk for them, and what several processes tell
each other of them.

Each worker has a directory of its own. One of them pings; all hear at once when a target goes out of use or comes
back, whoever noticed it, and each follows the operator's orders. What only raises a doubt stays where it arose: another
worker's ping must take no failed call back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from proxy.locating import is_address
from proxy.peers import Directory, Hop, Peer, Row, Target
from proxy.peers.directory import UNRESOLVED
from proxy.peers.machine import DOWN, HELD, RISING, USABLE
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
        peers.append(Peer(one.name, one.side, hops, one.priority, one.weight, ping, one.domains, one.route))
    return peers


def as_hop(hop: HopSettings) -> Hop:
    """A hop of the settings; `udp+tcp` is UDP, and TCP for what is too long."""
    words = (hop.transport or "").upper().split("+")
    return Hop(hop.host, hop.port, words[0] or None, long_by_tcp="TCP" in words[1:], unsaid=hop.unsaid)


def by_datagram(settings: Settings) -> list[str]:
    """A sentence for each peer that gets by UDP even what is too long for a datagram (RFC 3261 section 18.1.1)."""
    heard = any(one.transport == "tcp" for one in settings.listeners)
    said = []
    for peer in settings.peers:
        why = set()
        for hop in peer.hops:
            if hop.transport == "udp" and not hop.unsaid:
                why.add("udp: is written")
            elif hop.unsaid and not heard:
                why.add("no [[listen]] speaks TCP")
        said += [f"{peer.name}: what is longer than 1300 octets leaves by UDP too: {one}" for one in sorted(why)]
    return said


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


TOLD = frozenset((DOWN, HELD, RISING))
"""States whose beginning and end the other workers are told of."""

Moved = tuple[str, str, int, str, float, str]
"""Transport, host and port of a target, the state that it is in now, when a rest ends, and the last failure."""


@dataclass(frozen=True, slots=True)
class Hearsay:
    """What one worker tells the others of the peers, and hears of them."""

    directory: Directory
    now: Callable[[], float]
    tell: Callable[[Moved], None]
    """To every other worker."""
    report: Callable[[Moved], None]
    """To the desk, which keeps it for those that begin."""

    def changed(self, target: Target, before: str, after: str, why: str) -> None:
        """A target has changed here."""
        if before in TOLD or after in TOLD:
            moved = (*target, after, self.directory.rests(target), why)
            self.tell(moved)
            self.report(moved)

    def heard(self, moved: Moved) -> None:
        """It has changed elsewhere."""
        transport, host, port, state, until, why = moved
        self.directory.adopt(Target(transport, host, port), state, self.now(), until, why)

    def ordered(self, name: str, order: str) -> None:
        """The operator wants something; a peer that is not here any more is nobody's."""
        with contextlib.suppress(KeyError, ValueError):
            self.directory.order(name, order)

    def welcomed(self, orders: Mapping[str, str], states: Iterable[Moved]) -> None:
        """What the others know already, told to a worker that begins."""
        for name, order in orders.items():
            self.ordered(name, order)
        for moved in states:
            self.heard(moved)

    def shown(self) -> list[tuple[Any, ...]]:
        """All rows, as the operator sees them."""
        return [astuple(row) for row in self.directory.rows(self.now())]


class Board:
    """The operator's desk for several workers: shows what one of them has told last, and passes orders on to all."""

    def __init__(self, now: Callable[[], float], tell: Callable[[str, str], None]) -> None:
        """tell: an order, to every worker."""
        self._now, self._tell = now, tell
        self._rows: list[Row] = []
        self._taken = 0.0
        self._orders: dict[str, str] = {}
        self._moved: dict[tuple[str, str, int], Moved] = {}

    def take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """The rows of the worker that pings."""
        before = [row.peer for row in self._rows]
        self._rows, self._taken = [Row(*row) for row in rows], self._now()
        if before != (names := [row.peer for row in self._rows]):
            # The first of them, or those of another configuration: what was ordered is as the worker has it.
            known = {row.peer: row.order for row in self._rows}
            self._orders = {name: known[name] or self._orders.get(name, "") for name in dict.fromkeys(names)}

    def moved(self, moved: Moved) -> None:
        """A target has changed somewhere: kept for workers that begin."""
        transport, host, port, *_ = moved
        self._moved[transport, host, port] = moved
        targets = {row.target for row in self._rows}
        for target in [one for one in self._moved if str(Target(*one)) not in targets and targets]:
            del self._moved[target]

    def welcome(self) -> tuple[dict[str, str], list[Moved]]:
        """What a worker that begins must know: orders, and targets that are out of use."""
        orders = {name: order for name, order in self._orders.items() if order}
        return orders, [moved for moved in self._moved.values() if moved[3] in TOLD]

    def inherit(self, orders: Mapping[str, str], states: Iterable[Moved]) -> None:
        """What the desk of another generation knew."""
        self._orders.update(orders)
        for moved in states:
            self.moved(moved)

    def rows(self) -> list[Row]:
        age = self._now() - self._taken
        return [self._as_ordered(row, age) for row in self._rows]

    def _as_ordered(self, row: Row, age: float) -> Row:
        order = self._orders.get(row.peer, "")
        usable = row.state != UNRESOLVED and (order == "up" or (not order and row.state in USABLE))
        return Row(
            row.peer, row.side, row.priority, row.weight, order, row.target, row.state, usable, row.seconds + age,
            row.why, row.round_trip_ms,
        )  # fmt: skip

    def order(self, name: str, order: str) -> None:
        """Raises KeyError for an unknown peer."""
        if all(row.peer != name for row in self._rows):
            raise KeyError(name)
        self._orders[name] = order
        self._tell(name, order)

    def usable(self) -> dict[str, float]:
        """Peer -> how many of its targets calls would try first."""
        found: dict[str, float] = {}
        for row in self.rows():
            found[row.peer] = found.get(row.peer, 0.0) + float(row.usable)
        return found
