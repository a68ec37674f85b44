"""What DNS says, remembered: each answer for its TTL, each refusal for a shorter time, all of it within a bound.

A question is asked once however many wait for it, and whoever waits has a deadline of his own; the question goes on
and serves the next. When an answer's time is over, the old one serves while it is asked again: a call does not wait
for what was known a minute ago, and a name server that is down moves nobody (RFC 8767). Asking itself is dnspython's.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.message
import dns.resolver

KINDS = ("NAPTR", "SRV", "A", "AAAA")
RESULTS = ("answered", "nothing", "failed", "timeout", "busy")

MAX_NAME = 254
"""Characters of a name (RFC 1035 section 2.3.4); nobody has a longer one, and the wire cannot fill our memory."""
MAX_NAMES = 2048
"""Answers remembered; who was asked for longest ago goes first."""
MAX_FLIGHTS = 64
"""Questions that may be open at one time; one more gets nothing, at once."""
MAX_RECORDS = 32
"""Records of one answer; a zone with more does not grow our memory."""
ASK_SECONDS = 4.0
"""How long one question may be open, tries with other servers included."""
MIN_TTL, MAX_TTL = 1.0, 86_400.0
"""Seconds. A TTL of 0 is answered from memory within the second: a burst of calls asks once."""
MAX_NEGATIVE = 300.0
"""Seconds that a "there is none" is believed, whatever the zone says (RFC 2308 section 5 allows hours)."""
FAILED_SECONDS = 5.0
"""After a failure the servers are left alone for so long."""
STALE_SECONDS = 86_400.0
"""How long past its TTL an answer serves while nobody can be asked (RFC 8767 section 5)."""
HOSTS = "/etc/hosts"
MAX_HOSTS = 1024 * 1024


class Srv(NamedTuple):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    host: str
    """Without the dot at its end; empty: the service is not there."""


class Naptr(NamedTuple):
    """RFC 3403; only what RFC 3263 needs."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


Record = str | Srv | Naptr
"""A and AAAA records are their addresses."""


class Unanswered(Exception):
    """Nobody could say. `why`: failed or timeout."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Told(NamedTuple):
    """An answer: no records means that there are none."""

    records: tuple[Record, ...]
    seconds: float
    """How long it may be believed."""


Ask = Callable[[str, str], Awaitable[Told]]
"""Ask for (name, kind). Raises Unanswered."""


@dataclass(slots=True)
class Kept:
    records: tuple[Record, ...]
    until: float
    stale_until: float


class Names:
    """(name, kind) -> records, from memory if possible."""

    def __init__(
        self,
        ask: Ask,
        now: Callable[[], float],
        count: Callable[[str, str], None] = lambda kind, result: None,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """count: told the kind and the result of each question that is really asked. hosts: names whose addresses are
        written down on this machine; DNS is not asked for them.
        """
        self._ask, self._now, self._count = ask, now, count
        self._hosts = hosts or {}
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._flights: dict[tuple[str, str], asyncio.Task[tuple[Record, ...]]] = {}

    def known(self, name: str, kind: str) -> tuple[Record, ...] | None:
        """The records as far as they are in memory; None when nobody has asked yet. Never waits."""
        if len(name) > MAX_NAME:
            return ()
        key = (name.lower().rstrip("."), kind)
        if (written := self._hosts.get(key[0])) is not None:
            version = {"A": 4, "AAAA": 6}.get(kind)
            return tuple(one for one in written if ipaddress.ip_address(one).version == version)
        kept, now = self._kept.get(key), self._now()
        if kept is None or now >= kept.stale_until:
            return None
        if now >= kept.until:
            self._fly(key)
        self._kept.move_to_end(key)
        return kept.records

    def left(self, name: str, kind: str) -> float:
        """Seconds for which an answer is still fresh; 0 for what is not in memory."""
        kept = self._kept.get((name.lower().rstrip("."), kind))
        return max(kept.until - self._now(), 0.0) if kept is not None else 0.0

    async def find(self, name: str, kind: str, seconds: float) -> tuple[Record, ...] | None:
        """The records, asking if need be; None when nobody could say in time."""
        if (known := self.known(name, kind)) is not None:
            return known
        flight = self._fly((name.lower().rstrip("."), kind))
        if flight is None:
            return None
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(flight)
        except (TimeoutError, Unanswered):
            return None

    async def close(self) -> None:
        """Ask no more."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._kept)

    def _fly(self, key: tuple[str, str]) -> asyncio.Task[tuple[Record, ...]] | None:
        """The one question that is open for this, opened now if there is none; None when too many are."""
        if (flight := self._flights.get(key)) is not None:
            return flight
        if len(self._flights) >= MAX_FLIGHTS:
            self._count(key[1], "busy")
            return None
        flight = self._flights[key] = asyncio.get_running_loop().create_task(self._flight(key), name="dns")
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: tuple[str, str], done: asyncio.Task[tuple[Record, ...]]) -> None:
        self._flights.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever waits has seen it; a refresh that nobody waits for has nobody to tell

    async def _flight(self, key: tuple[str, str]) -> tuple[Record, ...]:
        name, kind = key
        try:
            async with asyncio.timeout(ASK_SECONDS):
                told = await self._ask(name, kind)
        except (Unanswered, TimeoutError) as error:
            why = error.why if isinstance(error, Unanswered) else "timeout"
            self._count(kind, why)
            self._failed(key)
            raise Unanswered(why) from None
        self._count(kind, "answered" if told.records else "nothing")
        longest = MAX_TTL if told.records else MAX_NEGATIVE
        until = self._now() + min(max(told.seconds, MIN_TTL), longest)
        # That there is none is not held on to: it is asked again, and waited for.
        self._keep(key, Kept(told.records[:MAX_RECORDS], until, until + STALE_SECONDS if told.records else until))
        return told.records[:MAX_RECORDS]

    def _failed(self, key: tuple[str, str]) -> None:
        """Leave the servers alone for a moment; an old answer goes on serving."""
        until = self._now() + FAILED_SECONDS
        kept = self._kept.get(key)
        if kept is not None and kept.records and kept.stale_until > until:
            kept.until = until
        else:
            self._keep(key, Kept((), until, until))

    def _keep(self, key: tuple[str, str], kept: Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_NAMES:
            self._kept.popitem(last=False)


class Servers:
    """Asks the name servers of this machine, or others; what it gives back is checked and in our own words."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), seconds: float = 1.0) -> None:
        """servers: numeric addresses with ports; empty: those of /etc/resolv.conf. seconds: for one try with one."""
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.timeout = seconds
        self._resolver.lifetime = ASK_SECONDS
        # Ours remembers, with bounds and stale answers; one memory is enough.
        self._resolver.cache = None

    async def __call__(self, name: str, kind: str) -> Told:
        """Raises Unanswered."""
        try:
            # A name of one label is somebody's own (a container, a host of this site): it is looked for there.
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search="." not in name)
        except dns.resolver.NXDOMAIN as error:
            return Told((), _negative(error))
        except dns.exception.Timeout:
            raise Unanswered("timeout") from None
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError):
            raise Unanswered("failed") from None
        seconds = float(answer.chaining_result.minimum_ttl)
        if answer.rrset is None:
            return Told((), seconds)
        records = (_read(kind, row) for row in answer.rrset)
        return Told(tuple(record for record in records if record is not None), seconds)


def _negative(error: dns.resolver.NXDOMAIN) -> float:
    """How long a "no such name" may be believed: the SOA says (RFC 2308)."""
    found = MAX_NEGATIVE
    for response in error.kwargs.get("responses", {}).values():
        if isinstance(response, dns.message.QueryMessage):
            found = min(found, float(response.resolve_chaining().minimum_ttl))
    return found


def _read(kind: str, row: object) -> Record | None:
    """A record in our words; None for one that nothing can be done with."""
    values = {slot: getattr(row, slot, None) for slot in ("address", "target", "replacement")}
    if kind in ("A", "AAAA"):
        return str(values["address"])
    if kind == "SRV":
        return Srv(
            int(getattr(row, "priority", 0)), int(getattr(row, "weight", 0)), int(getattr(row, "port", 0)),
            str(values["target"]).rstrip(".").lower(),
        )  # fmt: skip
    flags, service = getattr(row, "flags", b""), getattr(row, "service", b"")
    try:
        return Naptr(
            int(getattr(row, "order", 0)), int(getattr(row, "preference", 0)), flags.decode("ascii").lower(),
            service.decode("ascii").upper(), str(values["replacement"]).rstrip(".").lower(),
        )  # fmt: skip
    except UnicodeDecodeError:
        return None


def written_hosts(path: str = HOSTS) -> dict[str, tuple[str, ...]]:
    """The names of the hosts file (hosts(5)), lower case; empty where there is none that can be read."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_HOSTS)
    except OSError:
        return found
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        for name in names:
            found[name.lower()] = (*found.get(name.lower(), ()), address)
    return found
