"""All peers and the health of their targets: it is told what happened, and says where a call may go.

The order of a call: the targets that are well, by priority and weight; then those that asked for rest; then those
that are down, because when all seem dead trying them is better than refusing the call (RFC 3263 section 4.3, and we
may be the one who is wrong). Peers that their operator has taken out (drain, force down) serve only when nothing else
is left, and emergency calls, which try everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from proxy.peers import machine
from proxy.peers.choice import Draw, drawn, ordered, seeded
from proxy.peers.machine import Health, Rules
from proxy.peers.values import Hop, Peer, Place, Target

ORDERS = ("", "drain", "up", "down")
"""What an operator wants of a peer: nothing, no new calls, or that it counts as up or down whatever is seen."""
MAX_PLACES = 16
"""Targets that one hop may have; a zone with more does not grow our memory."""
MAX_TRIED = 8
"""Targets of an ordinary call: at 2 s of silence each, its caller has long given up."""
MAX_TRIED_EMERGENCY = 60
"""Of an emergency call: everybody, up to what Max-Breadth allows (RFC 5393 section 5.3.3)."""
LOTS = 1024
"""Orders that chance may choose from: weights are kept to a thousandth, and a call costs a look instead of a sort."""
TRIAL_SECONDS = 1.0
"""How often it is looked whether a target that nobody pings may be tried."""
UNRESOLVED = "unresolved"
"""Shown in the place of a state where DNS has not said yet what a hop stands for."""
REASONS = ("503", "transport", "timeout", "silence")

Change = Callable[[Target, str, str, str], None]
"""Told when a target changes: target, state before, state now, why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What there is to know about one target of a peer, for people."""

    peer: str
    side: str
    priority: int
    weight: int
    order: str
    """drain, up, down, or empty."""
    target: str
    """As `udp:192.0.2.20:5060`; the name as configured where DNS has not said yet."""
    state: str
    usable: bool
    seconds: float
    """In this state."""
    why: str
    """The last failure."""
    round_trip_ms: float | None


class Directory:
    """The peers of both sides. Not thread-safe: it belongs to one event loop."""

    def __init__(
        self,
        peers: Sequence[Peer],
        rules: Rules = Rules(),  # noqa: B008 - frozen
        now: float = 0.0,
        changed: Change = lambda target, before, after, why: None,
    ) -> None:
        self._rules = rules
        self._changed = changed
        self._places: dict[Hop, tuple[Place, ...]] = {}
        self._health: dict[Target, Health] = {}
        self._trips: dict[Target, float] = {}
        self._orders: dict[str, str] = {}
        self._fixed: dict[tuple[str, bool, str], tuple[Target, ...]] = {}
        self._lots: dict[tuple[str, bool, str, int], Sequence[Target]] = {}
        self._domains: frozenset[tuple[str, str]] = frozenset()
        self._wakes: float | None = None
        self._trials: float | None = None
        """When a call may try a target that is down and that nobody pings; or is asked again whether one may."""
        self.peers: tuple[Peer, ...] = ()
        self.replace(peers, now)

    # What is configured, and what names stand for

    def replace(self, peers: Sequence[Peer], now: float) -> None:
        """Take other peers; what is known of a target stays, and so does an order to a peer of the same name, or to one
        that had the same hops under another.
        """
        hops = {peer.hops: self._orders.get(peer.name, "") for peer in self.peers}
        orders = {peer.name: self._orders.get(peer.name) or hops.get(peer.hops, "") for peer in peers}
        self._orders = {name: order for name, order in orders.items() if order}
        self.peers = tuple(peers)
        self._domains = frozenset((peer.side, domain) for peer in peers for domain in peer.domains)
        kept = {hop for peer in peers for hop in peer.hops}
        self._places = {hop: places for hop, places in self._places.items() if hop in kept}
        self._settle(now)

    def names(self) -> list[Hop]:
        """The hops that somebody must look up, each once."""
        return list(dict.fromkeys(hop for peer in self.peers for hop in peer.hops))

    def place(self, hop: Hop, places: Sequence[Place], now: float) -> None:
        """Say what a hop stands for now. An empty answer leaves what was known: an old address beats none."""
        if places and tuple(places[:MAX_PLACES]) != self._places.get(hop):
            self._places[hop] = tuple(places[:MAX_PLACES])
            self._settle(now)

    def _settle(self, now: float) -> None:
        """Have a health for each target, and for no other."""
        pinged: dict[Target, bool] = {}
        for peer in self.peers:
            for place in self._of(peer):
                pinged[place.target] = pinged.get(place.target, False) or peer.ping
        for target, asked in pinged.items():
            health = self._health.get(target)
            if health is None:
                self._health[target] = Health(self._rules, now, asked)
            else:
                health.pinged = asked
        for target in [target for target in self._health if target not in pinged]:
            del self._health[target]
            self._trips.pop(target, None)
        self._moved()

    def _of(self, peer: Peer) -> Iterable[Place]:
        return (place for hop in peer.hops for place in self._places.get(hop, ()))

    # Where a call goes

    def choose(
        self, side: str, now: float, draw: Draw, every: bool = False, domain: str = ""
    ) -> Sequence[Target]:
        """The targets of a side in the order to try them; at least one if the side has any. `every`: an emergency call,
        which tries even those that were taken out; `domain`: the host of the Request-URI, lower case, which one peer
        alone may be there for.
        """
        if domain and (side, domain) not in self._domains:
            domain = ""
        if self._wakes is not None and now >= self._wakes:
            self.tick(now)
        if self._trials is not None and now >= self._trials and not (every or domain):
            if found := self._trial(side, now, int(draw() * LOTS)):
                return found
        fixed = self._fixed.get((side, every, domain))
        if fixed is not None:
            return fixed
        lot = int(draw() * LOTS)
        known = self._lots.get((side, every, domain, lot))
        if known is None:
            known, chance = self._arranged(side, every, lot, domain=domain)
            if chance:
                self._lots[side, every, domain, lot] = known
            else:
                self._fixed[side, every, domain] = known
        return known

    def _trial(self, side: str, now: float, lot: int) -> tuple[Target, ...]:
        """One call tries a target that nobody pings, if it would come first were it well; empty: there is none."""
        self._trials = now + TRIAL_SECONDS
        for target, health in self._health.items():
            if (at := health.trial()) is not None and now >= at:
                found, _ = self._arranged(side, False, lot, target)
                if found and found[0] == target:
                    health.tried(now)
                    return found
        return ()

    def _arranged(
        self, side: str, every: bool, lot: int, trial: Target | None = None, domain: str = ""
    ) -> tuple[tuple[Target, ...], bool]:
        """The order that one lot stands for, kept until something changes: the first choice by its place among all
        lots, the others by numbers that follow from it. And whether chance had a hand in it.
        """
        numbers = chain(((lot + 0.5) / LOTS,), iter(seeded(b"%d" % lot), None))

        def draw() -> float:
            return next(numbers)

        peers = [(peer.priority, peer.weight, peer) for peer in self.peers if peer.side == side]
        if domain:
            peers = [one for one in peers if domain in one[2].domains]
        chance = drawn(peers)
        ranks: dict[Target, int] = {}
        for peer in ordered(peers, draw):
            order = self._orders.get(peer.name, "")
            for hop in peer.hops:
                places = [(one.priority, one.weight, one.target) for one in self._places.get(hop, ())]
                chance = chance or drawn(places)
                for target in ordered(places, draw):
                    rank = self._rank(target, order) if target != trial or order else 0
                    # A target that two peers share is as well placed as the better of them.
                    if ranks.get(target, _LAST) > rank:
                        ranks.pop(target, None)
                        ranks[target] = rank
        found = sorted(ranks, key=ranks.__getitem__)
        if every:
            found = found[:MAX_TRIED_EMERGENCY]
        else:
            found = ([target for target in found if ranks[target] != _OUT] or found)[:MAX_TRIED]
        return tuple(found), chance

    def _rank(self, target: Target, order: str) -> int:
        if order == "up":
            return 0
        if order in ("drain", "down"):
            return _OUT
        health = self._health[target]
        return 0 if health.usable else 1 if health.state == machine.HELD else 2

    # What happened

    def well(self, target: Target, now: float, call: bool = True, round_trip: float | None = None) -> None:
        """It answered a call, or a ping with the seconds that it took."""
        if (health := self._health.get(target)) is not None:
            if round_trip is not None:
                self._trips[target] = round_trip
            before = health.state
            if health.well(now, call):
                self._moved(target, before, health.state, "")

    def ill(
        self, target: Target, why: str, now: float, since: float, call: bool = True, retry_after: float = 0.0
    ) -> None:
        """It failed: `why` is one of REASONS, or the status that a ping got; `since` is when it was sent what it did
        not answer; `retry_after` what a 503 asked for, in seconds.
        """
        if (health := self._health.get(target)) is not None:
            before = health.state
            held = why == "503" and retry_after > 0
            if health.hold(retry_after, now) if held else health.ill(why, now, since, call):
                self._moved(target, before, health.state, why)

    def adopt(self, target: Target, state: str, now: float, until: float | None = None, why: str = "") -> None:
        """Take over what another process has seen of a target; `until` is when a rest ends there, `why` its last
        failure. Nobody is told of the change: it is not ours to tell.
        """
        if (health := self._health.get(target)) is not None and health.adopt(state, now, until):
            health.why = why or health.why
            self._moved()

    def rests(self, target: Target) -> float:
        """When a rest of this target ends; 0 for one that no peer has."""
        health = self._health.get(target)
        return health.until if health is not None else 0.0

    def tick(self, now: float) -> float | None:
        """Let rests end that are over; when to be called again, None while nobody rests."""
        for target, health in self._health.items():
            before = health.state
            if health.tick(now):
                self._moved(target, before, health.state, "")
        self._wakes = min((at for one in self._health.values() if (at := one.wakes()) is not None), default=None)
        return self._wakes

    def _moved(self, target: Target | None = None, before: str = "", after: str = "", why: str = "") -> None:
        self._fixed.clear()
        self._lots.clear()
        self._wakes = min((at for one in self._health.values() if (at := one.wakes()) is not None), default=None)
        self._trials = min((at for one in self._health.values() if (at := one.trial()) is not None), default=None)
        if target is not None:
            self._changed(target, before, after, why)

    # What the operator wants, and sees

    def order(self, name: str, order: str) -> None:
        """Carry out an order to a peer; "" takes it back. Raises KeyError for an unknown peer, ValueError for an
        unknown order.
        """
        if all(peer.name != name for peer in self.peers):
            raise KeyError(name)
        if order not in ORDERS:
            raise ValueError(order)
        self._orders.pop(name, None)
        if order:
            self._orders[name] = order
        self._moved()

    def rows(self, now: float) -> list[Row]:
        """Every target of every peer, in the order of the configuration."""
        rows = []
        for peer in self.peers:
            order = self._orders.get(peer.name, "")
            for hop in peer.hops:
                places = self._places.get(hop, ())
                if not places:
                    rows.append(
                        Row(peer.name, peer.side, peer.priority, peer.weight, order, hop.host, UNRESOLVED, False, 0.0,
                            "dns", None)
                    )  # fmt: skip
                for place in places:
                    health, trip = self._health[place.target], self._trips.get(place.target)
                    rows.append(
                        Row(
                            peer.name, peer.side, peer.priority, peer.weight, order, str(place.target), health.state,
                            self._rank(place.target, order) == 0, max(now - health.since, 0.0), health.why,
                            round(trip * 1000, 3) if trip is not None else None,
                        )
                    )  # fmt: skip
        return rows

    def usable(self) -> dict[str, float]:
        """Peer -> how many of its targets calls would try first: 0 is a peer that is down or taken out."""
        return {
            peer.name: float(
                sum(self._rank(place.target, self._orders.get(peer.name, "")) == 0 for place in self._of(peer))
            )
            for peer in self.peers
        }

    def pinged(self) -> dict[Target, tuple[Health, str]]:
        """The targets that are asked how they are, with what is known and the domain that they were found by."""
        found: dict[Target, tuple[Health, str]] = {}
        for peer in self.peers:
            if peer.ping:
                for place in self._of(peer):
                    found.setdefault(place.target, (self._health[place.target], place.name))
        return found

    def long_by_tcp(self, target: Target) -> bool:
        """Whether what is too long for a datagram goes there by TCP."""
        hops = (hop for peer in self.peers for hop in peer.hops if hop.long_by_tcp)
        return any(place.target == target for hop in hops for place in self._places.get(hop, ()))

    def twins(self) -> list[Target]:
        """The UDP targets that may have TCP beside it, each once."""
        hops = (hop for peer in self.peers for hop in peer.hops if hop.long_by_tcp or hop.unsaid)
        found = (place.target for hop in hops for place in self._places.get(hop, ()))
        return list(dict.fromkeys(target for target in found if target.transport == "UDP"))

    def route(self, target: Target) -> tuple[str, ...]:
        """The loose routers that requests to a target pass."""
        found = (peer.route for peer in self.peers if peer.route for place in self._of(peer) if place.target == target)
        return next(found, ())

    def routes(self) -> dict[Target, tuple[str, ...]]:
        """The same of all targets that have any."""
        found: dict[Target, tuple[str, ...]] = {}
        for peer in self.peers:
            if peer.route:
                for place in self._of(peer):
                    found.setdefault(place.target, peer.route)
        return found

    def domain(self, target: Target) -> str:
        """The domain that a target was found by; empty: it was configured by address, or is not known."""
        for peer in self.peers:
            for place in self._of(peer):
                if place.target == target and place.name:
                    return place.name
        return ""

    def knows(self, host: str) -> bool:
        """Whether a target of any peer is at this address."""
        return any(target.host == host for target in self._health)

    def state(self, target: Target) -> str | None:
        """The state of a target; None for one that no peer has."""
        health = self._health.get(target)
        return health.state if health is not None else None


_OUT, _LAST = 3, 4
