"""Where a URI leads: flows that a socket can be given (RFC 3263).

A numeric host costs nothing. A name goes through the steps of `proxy.locating`: from memory while the call waits for
nothing, or beside the other calls, with a deadline. What DNS says is remembered by `proxy.names`; which of our
listeners a target is sent from is known here.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Sequence

from proxy.locating import Wanted, is_address, locate, of_hop, said, usable, wanted
from proxy.names import Names, Servers, written_hosts
from proxy.peers.values import Hop, Place, Target
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.uri import Uri

__all__ = ["Resolver", "usable"]

MAX_FLOWS = 4096
"""Numeric addresses remembered as flows; forgetting them costs a few microseconds each."""
MAX_KEY = 64
"""Characters of a host or a transport that is remembered: the wire cannot fill our memory with long ones."""
LOOKUP_SECONDS = 2.0
"""How long a look-up may take, all its questions together, before the request is answered as undeliverable."""
QUESTION_SECONDS = 1.0
"""How long one of them may hold the others up."""
PREFERENCE = ("UDP", "TCP", "TLS", "WS", "WSS")
"""Our order where neither the URI nor NAPTR says."""


class Resolver:
    """URI -> flows over the listeners that we have. Every call's look-up sees one state of DNS: what was found is
    used for all of its transaction (RFC 3263 section 4; SIP-113).
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        now: Callable[[], float],
        names: Names | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._now = now
        self._draw = draw
        self.names = names if names is not None else Names(Servers(), now, hosts=written_hosts())
        self._outlets: dict[tuple[str, int], int] = {}
        for index, listener in enumerate(listeners):
            version = ipaddress.ip_address(listener.host.strip("[]")).version
            self._outlets.setdefault((listener.transport.upper(), version), index)
        spoken = {transport for transport, _ in self._outlets}
        self._speaks = tuple(one for one in PREFERENCE if one in spoken)
        self._versions = tuple(dict.fromkeys(version for _, version in self._outlets))
        self._own = frozenset((one.host.strip("[]"), one.port) for one in listeners)
        self._flows: dict[tuple[str, int | None, str, str], Flow] = {}

    # Numeric hosts

    def outlet(self, target: Target) -> Flow | None:
        """The flow to a target, by the first listener of its transport and family; None when we have none."""
        listener = self._outlets.get((target.transport, 6 if ":" in target.host else 4))
        return Flow(listener, target.host, target.port) if listener is not None else None

    def flow(self, host: str, port: int | None) -> Flow | None:
        """The flow to a numeric host; None when there is no way there."""
        return self._numeric(host, port, "", "sip")

    def _numeric(self, host: str, port: int | None, transport: str, scheme: str) -> Flow | None:
        key = (host, port, transport, scheme)
        known = self._flows.get(key)
        if known is None:
            ask = self._spoken(said(host, port, transport, scheme))
            found = self._from_memory(ask) if is_address(host) else None
            known = self.outlet(found[0].target) if found else None
            if known is not None and len(host) <= MAX_KEY and len(transport) <= MAX_KEY:
                if len(self._flows) >= MAX_FLOWS:
                    self._flows.clear()
                self._flows[key] = known
        return known

    def _spoken(self, ask: Wanted) -> Wanted:
        """A transport that we do not have at all counts as not said, unless it is a secure one: the far end that wrote
        `transport=tcp` into its Contact nearly always hears UDP too, and the call is worth the try.
        """
        if ask.transport in self._speaks or ask.secure or ask.transport in ("TLS", "WSS"):
            return ask
        return ask._replace(transport=None)

    # URIs

    def at_once(self, uri: Uri) -> Flow | None:
        """Where a URI leads first, if that is known without waiting."""
        if uri.scheme in ("sip", "sips"):
            params = uri.params
            host = params.get("maddr") or uri.host
            if (found := self._flows.get((host, uri.port, params.get("transport") or "", uri.scheme))) is not None:
                return found
        ways = self.ways_at_once(uri)
        return ways[0] if ways else None

    async def find(self, uri: Uri) -> Flow | None:
        """Where a URI leads first, looking its name up if need be; None when it leads nowhere."""
        ways = await self.ways(uri)
        return ways[0] if ways else None

    def ways_at_once(self, uri: Uri) -> tuple[Flow, ...] | None:
        """All that a URI leads to, in the order to try them, without waiting: () when it leads nowhere, None when
        somebody must be asked.
        """
        ask = wanted(uri)
        if ask is None:
            return ()
        if is_address(ask.host):
            found = self._numeric(ask.host, ask.port, uri.params.get("transport") or "", uri.scheme)
            return (found,) if found is not None else ()
        places = self._from_memory(self._spoken(ask))
        return self._ways(places) if places is not None else None

    async def ways(self, uri: Uri) -> tuple[Flow, ...]:
        """All that a URI leads to, in the order to try them (SIP-114). Waits LOOKUP_SECONDS at most, never raises."""
        known = self.ways_at_once(uri)
        ask = wanted(uri)
        if known is not None or ask is None:
            return known or ()
        return self._ways(await self._asking(self._spoken(ask), LOOKUP_SECONDS))

    async def places(self, hop: Hop, seconds: float = LOOKUP_SECONDS) -> tuple[list[Place], float]:
        """The targets of a configured hop that we have a way to, and for how many seconds they may be believed."""
        asked: list[tuple[str, str]] = []
        found = await self._asking(of_hop(hop), seconds, asked)
        fresh = min((self.names.left(name, kind) for name, kind in asked), default=float("inf"))
        # A name that stands for ourselves would make every call a loop.
        return [
            place
            for place in found
            if self.outlet(place.target) is not None and (place.target.host, place.target.port) not in self._own
        ], fresh

    def _ways(self, places: Sequence[Place]) -> tuple[Flow, ...]:
        flows = (self.outlet(place.target) for place in places)
        return tuple(dict.fromkeys(flow for flow in flows if flow is not None))

    # The steps of RFC 3263, from memory and with waiting

    def _from_memory(self, ask: Wanted) -> list[Place] | None:
        steps = locate(ask, self._speaks, self._versions, self._draw)
        try:
            question = next(steps)
            while True:
                known = self.names.known(question.name, question.kind)
                if known is None:
                    return None
                question = steps.send(known)
        except StopIteration as end:
            places: list[Place] = end.value
            return places

    async def _asking(
        self, ask: Wanted, seconds: float, asked: list[tuple[str, str]] | None = None
    ) -> list[Place]:
        until = self._now() + seconds
        steps = locate(ask, self._speaks, self._versions, self._draw)
        try:
            question = next(steps)
            while True:
                if asked is not None:
                    asked.append(question)
                left = min(until - self._now(), QUESTION_SECONDS)
                if left > 0:
                    found = await self.names.find(question.name, question.kind, left)
                else:
                    found = self.names.known(question.name, question.kind)
                question = steps.send(found or ())
        except StopIteration as end:
            places: list[Place] = end.value
            return places

