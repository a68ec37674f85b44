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
    """Open at one time, ours and theirs. A provider's trunks need tens; registered phones thousands. Beyond it one of
    nobody that we know ends for each that comes."""
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


Ends = OrderedDict[int, Callable[[], None]]
"""What ends each of some connections for good, the oldest first."""


class Room:
    """The connections of all listeners together, as numbers.

    A stranger's connection lasts as long as there is room. Bringing something whole makes it no better than another
    stranger's: a ping is two line ends, and holds nobody up whom we know, nor us on the way to a hop.
    """

    def __init__(
        self,
        bounds: Bounds,
        ids: Iterator[int] | None = None,
        knows: Callable[[str, int], bool] = lambda host, port: False,
    ) -> None:
        """ids: of connections, never 0; where connections of several processes are told apart, their own. knows: told a
        host and a port, says whether a trunk sends from there, or a hop is there.
        """
        self.bounds = bounds
        self.ids = ids if ids is not None else numbers(1)
        self.knows = knows
        self.total = 0
        self._sources: dict[str, int] = {}
        self._half_open: Ends = OrderedDict()
        """Of strangers."""
        self._strange: Ends = OrderedDict()
        """Of strangers too, that have brought something whole or that we opened ourselves: to where an answer or a
        contact leads, which is whatever somebody wrote."""
        self._greeting: Ends = OrderedDict()
        """Half-open, of those that we know."""

    @property
    def half_open(self) -> int:
        return len(self._half_open) + len(self._greeting)

    def refuses(self, host: str, ours: bool = False, known: bool = False) -> str:
        """Why a connection with this host cannot be: `total` or `source`; empty: it can. Where that makes room, another
        goes: the oldest half-open one of strangers, else their oldest one; for somebody whom we know, else the oldest
        half-open one. ours: we open it; known: as `knows` says. A way of ours to a hop is under no limit of its source,
        which others may share.
        """
        if self._sources.get(source(host), 0) >= self.bounds.per_source and not (ours and known):
            return "source"
        if self.total < self.bounds.connections:
            return ""
        return "" if (self.evict() if known else self._ended(self._half_open, self._strange)) else "total"

    def evict(self) -> bool:
        """End the connection that can be spared first; False when there is none."""
        return self._ended(self._half_open, self._strange, self._greeting)

    def enter(self, number: int, host: str, end: Callable[[], None], ours: bool = False, known: bool = False) -> None:
        """A connection is there; one that comes is half-open. `end` closes it for good; it must call `leave`."""
        place = source(host)
        self.total += 1
        self._sources[place] = self._sources.get(place, 0) + 1
        if not ours:
            if self.half_open >= self.bounds.half_open:
                self._ended(self._half_open, self._greeting)
            (self._greeting if known else self._half_open)[number] = end
        elif not known:
            self._strange[number] = end

    def proved(self, number: int) -> None:
        """It brought something whole: it is half-open no more."""
        if (end := self._half_open.pop(number, None)) is not None:
            self._strange[number] = end
        self._greeting.pop(number, None)

    def leave(self, number: int, host: str) -> None:
        """It is gone."""
        for some in (self._half_open, self._strange, self._greeting):
            some.pop(number, None)
        self.total -= 1
        place = source(host)
        left = self._sources.get(place, 1) - 1
        if left > 0:
            self._sources[place] = left
        else:
            self._sources.pop(place, None)

    def _ended(self, *ends: Ends) -> bool:
        """End the oldest of the first of these that has any."""
        for some in ends:
            if some:
                _, end = some.popitem(last=False)
                end()
                return True
        return False


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
