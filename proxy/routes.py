"""The hops of a call as flows: the directory of peers, asked and told in the words of the calls.

A call asks once, when it goes out, and tells what became of it: which hop answered, which was left and why. What it
tells costs a look into a dictionary; flows that belong to no peer (those of route sets) are nobody's business here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from proxy.peers import Directory, Target
from proxy.peers.choice import Draw, seeded
from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Response

SIDES = ("carrier", "pbx")
MAX_REMEMBERED = 4096
"""Targets whose flows are remembered."""
TIMEOUT_SECONDS = 32.0
"""64*T1: how long ago a request was sent that has timed out (RFC 3261 sections 17.1.1.2 and 17.1.2.2)."""
MAX_DIGITS = 10
WITHOUT_SECONDS = 300.0
"""How long a hop counts as one without TCP that refused a connection, or said nothing by it: one call in so long waits
for it, where any does.
"""


class Routes(Mapping[str, Sequence[Flow]]):
    """Side -> where a call to that side may go now, the best first."""

    def __init__(
        self,
        directory: Directory,
        listeners: Sequence[Listener],
        outlet: Callable[[Target], Flow | None],
        now: Callable[[], float],
        silence: float = 2.0,
        draw: Draw = random.random,
    ) -> None:
        """outlet: the flow to a target. silence: seconds after which a hop that says nothing is left."""
        self.directory = directory
        self._transports = [listener.transport.upper() for listener in listeners]
        self._outlet, self._now, self._silence, self._draw = outlet, now, silence, draw
        self.large: dict[Flow, Flow] = {}
        """UDP flows that have TCP too, for `Options.large`; it knows a flow before a call gets it."""
        self.preloaded: dict[Flow, tuple[bytes, ...]] = {}
        """Flows that are reached by a route set of our own, for `Options.preloaded`."""
        self._short: dict[Flow, Target] = {}
        """And back: what is heard by TCP is told of the UDP target that it stands in for."""
        self._without: dict[Flow, float] = {}
        """UDP flows that have no TCP, and until when that is believed."""
        self._flows: dict[Target, Flow | None] = {}
        self._chosen_before: dict[int, tuple[Sequence[Target], list[Flow]]] = {}
        """What the directory has answered before, by its identity, and its flows: nearly always the same again."""

    # Asked

    def __getitem__(self, side: str) -> Sequence[Flow]:
        if not (found := self._chosen(side, self._draw, False)):
            raise KeyError(side)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(SIDES)

    def __len__(self) -> int:
        return len(SIDES)

    def of(self, side: str, call_id: bytes, host: str = "") -> Sequence[Flow]:
        """The same, drawn by the Call-ID: all requests of a call, and all workers, choose alike. `host`: of the
        Request-URI, which one peer alone may be there for.
        """
        return self._chosen(side, seeded(call_id), False, host)

    def every(self, side: str) -> Sequence[Flow]:
        """For an emergency call: every hop of the side, those that were taken out last (EMG-003)."""
        return self._chosen(side, self._draw, True)

    def _chosen(self, side: str, draw: Draw, every: bool, host: str = "") -> Sequence[Flow]:
        targets = self.directory.choose(side, self._now(), draw, every, host.lower())
        last = self._chosen_before.get(id(targets))
        if last is not None and last[0] is targets:
            return last[1]
        known = self._flows
        found: list[Flow] = []
        if len(self._chosen_before) >= MAX_REMEMBERED:
            self._chosen_before.clear()
        self._chosen_before[id(targets)] = (targets, found)
        for target in targets:
            if target not in known:
                if len(known) >= MAX_REMEMBERED:
                    known.clear()
                known[target] = self._found(target)
            if (flow := known[target]) is not None:
                found.append(flow)
        return found

    def _found(self, target: Target) -> Flow | None:
        flow = self._outlet(target)
        if flow is None:
            return None
        if route := self.directory.route(target):
            if len(self.preloaded) >= MAX_REMEMBERED and flow not in self.preloaded:
                self.renew()  # without the addresses that names have left
            self.preloaded[flow] = _lines(route)
        if self.directory.long_by_tcp(target):
            self._beside(target, flow, self.stream(target))
        return flow

    def renew(self) -> None:
        """Take the route sets of the peers as they are now: after a reload. All at once, because calls in progress try
        their next hop without asking here again.
        """
        # Who stays is not found anew: that he has no TCP just now still holds.
        self._flows = {target: flow for target, flow in self._flows.items() if self.directory.state(target) is not None}
        self._chosen_before.clear()
        self.preloaded.clear()
        for target, route in self.directory.routes().items():
            if (flow := self._outlet(target)) is not None:
                self.preloaded[flow] = _lines(route)

    def stream(self, target: Target) -> Flow | None:
        """The same host and port by TCP; None where we have none."""
        return self._outlet(target._replace(transport="TCP"))

    def _beside(self, target: Target, flow: Flow, stream: Flow | None) -> None:
        if stream is not None:
            if len(self.large) >= MAX_REMEMBERED:
                self.large.clear()
                self._short.clear()
            self.large[flow] = stream
            self._short[stream] = target

    def unproved(self) -> list[Target]:
        """The UDP targets of which it is to be found out now whether they have TCP too."""
        now, found, known = self._now(), [], set()
        for target in self.directory.twins():
            flow = self._outlet(target)
            if flow is not None and self.stream(target) is not None:
                known.add(flow)
                if flow not in self.large and self._without.get(flow, now) <= now:
                    found.append(target)
        for flow in [flow for flow in self.large if flow not in known]:
            del self.large[flow]  # the operator wants it otherwise now
        self._without = {flow: until for flow, until in self._without.items() if flow in known}
        return found

    def proved(self, target: Target, there: bool) -> None:
        """What was found out."""
        flow = self._outlet(target)
        if flow is not None and there:
            self._beside(target, flow, self.stream(target))
        elif flow is not None:
            self.large.pop(flow, None)
            self._without[flow] = self._now() + WITHOUT_SECONDS

    def target(self, flow: Flow) -> Target:
        """The target that a flow leads to."""
        if self._short and (short := self._short.get(Flow(flow.listener, flow.host, flow.port))) is not None:
            return short
        return _new(Target, (self._transports[flow.listener], flow.host, flow.port))

    def domain(self, flow: Flow) -> str:
        """The name that a TLS certificate of this hop must be of; empty: its address (RFC 5922 section 7.2)."""
        return self.directory.domain(self.target(flow))

    # Told

    def answered(self, flow: Flow, now: float) -> None:
        """A hop gave an answer that proves that it is well: any but 408 and 503."""
        self.directory.well(self.target(flow), now)

    def left(self, flow: Flow, why: str, now: float, response: Response | None = None) -> None:
        """A hop was left for the next one, or failed as the last one. `why`: 503 (with its response), transport,
        timeout or silence.
        """
        target = self.target(flow)
        if target.transport != self._transports[flow.listener] and why != "503":
            self.proved(target, False)
            if why == "transport":
                return  # no connection for what was too long: that says nothing of the datagrams that follow
        before = {"silence": self._silence, "timeout": TIMEOUT_SECONDS}.get(why, 0.0)
        rest = retry_after(response) if response is not None and why == "503" else 0.0
        self.directory.ill(target, why, now, now - before, retry_after=rest)


def _lines(route: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(b"Route: <" + uri.encode() + b">" for uri in route)


def retry_after(response: Response) -> float:
    """The seconds of Retry-After (RFC 3261 section 20.33); 0 where there are none that can be read."""
    try:
        value = response.first("retry-after") or b""
    except ParseError:
        return 0.0
    digits = value.strip()[:MAX_DIGITS]
    while digits and not digits.isdigit():
        digits = digits[:-1]
    return float(digits or 0)


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
