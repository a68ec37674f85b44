"""How many connections there may be, and how long each may take: a stranger costs a bounded part of that and no more.

No socket here. `Room` counts and says who may come in and who must go; the connections do it.
"""

from __future__ import annotations

import ipaddress
import resource
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count as numbers

OTHER_FILES = 256
"""File descriptors beside those of connections: listeners, journal, lists, the admin address, fetches."""
IPV6_SITE = 64
"""Bits of an IPv6 address that count as one source: whoever has one address has the rest of its /64 too."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may cost, those of all listeners together; times in seconds."""

    connections: int = 4096
    """Open at one time, ours and theirs. A provider's trunks need tens; registered phones thousands."""
    per_source: int = 1024
    """Of one IPv4 address or one IPv6 /64: one address cannot use up the others' share."""
    half_open: int = 1024
    """That have not brought a whole message or ping yet. A further one takes the place of the oldest."""
    connect: float = 3.0
    """Until a connection that we open must stand, TLS included."""
    first: float = 10.0
    """From a connection that comes, TLS included, to its first whole message or ping."""
    message: float = 16.0
    """From the first octet of a message to its last: a slow sender is cut off."""
    idle: float = 900.0
    """Without any whole message or ping. Trunks ping more often than that."""
    unsent: int = 1024 * 1024
    """Octets that may wait to be written: a peer that does not read loses the connection."""
    stalled: float = 16.0
    """For how long a peer may take nothing while something is there for it."""


class Room:
    """The connections of all listeners together, as numbers."""

    def __init__(self, bounds: Bounds, ids: Iterator[int] | None = None) -> None:
        """ids: of connections, never 0; where connections of several processes are told apart, their own."""
        self.bounds = bounds
        self.ids = ids if ids is not None else numbers(1)
        self.total = 0
        self._sources: dict[str, int] = {}
        self._half_open: OrderedDict[int, Callable[[], None]] = OrderedDict()

    @property
    def half_open(self) -> int:
        return len(self._half_open)

    def refuses(self, host: str) -> str:
        """Why a connection with this host cannot be: `total` or `source`; empty: it can. The oldest half-open one goes
        where that makes room.
        """
        if self._sources.get(source(host), 0) >= self.bounds.per_source:
            return "source"
        if self.total >= self.bounds.connections and not self.evict():
            return "total"
        return ""

    def evict(self) -> bool:
        """End the oldest half-open connection; False when there is none."""
        if not self._half_open:
            return False
        _, end = self._half_open.popitem(last=False)
        end()
        return True

    def enter(self, number: int, host: str, end: Callable[[], None] | None) -> None:
        """A connection is there. `end` closes it for good, where it counts as half-open; it must call `leave`."""
        place = source(host)
        self.total += 1
        self._sources[place] = self._sources.get(place, 0) + 1
        if end is not None:
            if len(self._half_open) >= self.bounds.half_open:
                self.evict()
            self._half_open[number] = end

    def proved(self, number: int) -> None:
        """It brought something whole: it is half-open no more."""
        self._half_open.pop(number, None)

    def leave(self, number: int, host: str) -> None:
        """It is gone."""
        self._half_open.pop(number, None)
        self.total -= 1
        place = source(host)
        left = self._sources.get(place, 1) - 1
        if left > 0:
            self._sources[place] = left
        else:
            self._sources.pop(place, None)


def source(host: str) -> str:
    """What counts as one source: the IPv4 address, the /64 of an IPv6 address."""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.IPv6Network((host.partition("%")[0], IPV6_SITE), strict=False).network_address)
    except ValueError:
        return host


def descriptors(connections: int) -> int:
    """Let this process open files for so many connections, as far as the system allows; for how many it does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else min(connections, max(soft - OTHER_FILES, 0))
