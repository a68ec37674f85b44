"""Where a request goes that needs no verdict: by its route set, by a contact that was registered through us, by the way
of the call that it belongs to (RFC 3261 sections 12.2, 16.4, 16.10, 16.11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proxy.acting import Acting
from proxy.locating import is_address
from proxy.marking import bare, stripped
from proxy.registration import MARK
from proxy.sip.edit import Edits
from proxy.sip.endpoint import Acked, Loose, PlainAcked, Plan
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.plain import Plain
from proxy.sip.routing import Me, Routed, leads_on, own_route, route

OTHER = {"carrier": "pbx", "pbx": "carrier"}
MAX_WAYS = 2048
"""Contacts whose way is remembered: each comes back in every request of its dialog."""


class Onward:
    """The ways of requests."""

    def __init__(self, acting: Acting, me: Me) -> None:
        self._acting, self._world, self._me = acting, acting.world, me
        self._ways: dict[bytes, Flow] = {}
        """Contacts that are addresses, and where they are."""

    def routed(self, request: Request) -> tuple[Routed, Sequence[Flow]]:
        """The route of a request; and where to send it, if that is what a PBX has registered through us. Raises
        ParseError.
        """
        routed = route(request, self._me)
        bindings = self._world.bindings
        flow: Flow | None = None
        if (
            routed.own
            and routed.target.find(MARK) >= 0
            and (found := bindings.opened(routed.target)) is not None
            and found.uri is not None
        ):
            routed = routed._replace(target=found.contact, next=found.uri, own=False)
            flow = found.flow or self._world.resolver.at_once(found.uri)
        elif routed.tokens:
            flow = bindings.path_of(routed.tokens)
        return routed, (flow,) if flow is not None else ()

    def belongs(self, request: Request) -> bool:
        """Whether a request whose bytes have faults bears our token for its call, and that is an emergency call, or one
        of which nothing else was asked either (`bypass`).
        """
        if request.line("route") is None or request.to_tag is None:
            return False
        seal = self._acting.opened(request, self.routed(request)[0].tokens)
        return seal is not None and seal.action == "bypass"

    def registering(self, request: Request, flow: Flow, routed: Routed, targets: Sequence[Flow]) -> Plan:
        """A REGISTER as it came, but for what leads calls for its contacts back through us (RFC 3261 section 10)."""
        bindings, through = self._world.bindings, self._world.settings.registration.through
        if through == "none":
            return Plan(targets, routed, None, None)
        outlet = targets[0].listener
        if through == "path" and b"path" in (value.lower() for value in request.values("supported")):
            edits = Edits()
            edits.add.append(bindings.path(flow, outlet))
            return Plan(targets, routed, edits, None)
        return Plan(targets, routed, bindings.hidden(request, flow, outlet), None, turn=bindings.shown)

    def go(
        self, routed: Routed, reached: Sequence[Flow], go: Callable[[Flow], None], lost: Callable[[], None]
    ) -> None:
        """Find where a request of a route set goes next: at once if it is an address, beside the others if a name."""
        if routed.own:
            lost()
            return
        target = reached[0] if reached else self._world.resolver.at_once(routed.next)
        if target is not None:
            go(target)
            return

        async def look_up() -> None:
            found = await self._world.resolver.find(routed.next)
            if found is not None:
                go(found)
            else:
                lost()
            self._acting.flush()

        if routed.next.scheme not in ("sip", "sips") or not self._acting.room:
            lost()
        else:
            self._acting.beside(look_up(), "resolve")

    def acked(self, event: Acked, now: float) -> None:
        """The ACK of a 2xx follows its route set; it opens nothing, so it needs no token."""
        request, flow = event.request, event.flow
        routed, reached = self.routed(request)
        trunk = self._world.trunks.find(flow.host, flow.port)
        lane = self._world.lanes.get(trunk.name) if trunk is not None else None
        if lane is None and self._acting.opened(request, routed.tokens) is None:
            self._world.metrics.unknown_source()
            return
        edits = stripped(self._world, request, lane).edits
        if (routed.own or not routed.next.scheme) and lane is not None and (
            targets := self._world.routes.of(OTHER[lane.trunk.side], request.call_id)
        ):
            # The sender keeps no route set, as simple test tools do, or the contact of an emergency call cannot be
            # read: the way of its INVITE is the best guess.
            self._acting.endpoint.relay(request, routed, targets[0], edits, now, flow)
            return
        self.go(
            routed,
            reached,
            lambda target: self._acting.endpoint.relay(request, routed, target, edits, self._world.now(), flow),
            self._world.metrics.stray,
        )

    def passed(self, event: PlainAcked, now: float) -> None:
        """The same, by its bytes alone where it comes from a trunk of ours, goes where our Record-Route and an address
        lead, and carries nothing that must come off.
        """
        plain, flow, data = event
        world, endpoint = self._world, self._acting.endpoint
        trunk = world.trunks.find(flow.host, flow.port)
        lane = world.lanes.get(trunk.name) if trunk is not None else None
        if lane is not None and bare(world, plain.low, lane) and (way := self.plain_way(plain)) is not None:
            if endpoint.pass_on(plain, flow, way[0], now):
                return
        self._acting.handle(endpoint.take_apart(data, flow, now), now)

    def plain_way(self, plain: Plain) -> tuple[Flow, bytes] | None:
        """Where a plain request goes, and our token: it came by our own Record-Route, and an address leads on. None
        where it has to be looked at more closely.
        """
        token = own_route(plain, self._me)
        if not token or token.startswith(MARK):
            return None
        target = plain.target
        way = self._ways.get(target)
        if way is None:
            uri, world = plain.uri, self._world
            if not leads_on(uri, self._me) or world.bindings.concerns(target, b""):
                return None
            way = world.resolver.at_once(uri)
            if way is not None and is_address(uri.host):
                if len(self._ways) >= MAX_WAYS:
                    self._ways.clear()
                self._ways[target] = way
        return (way, token) if way is not None else None

    def loose(self, event: Loose, now: float) -> None:
        """A CANCEL that matches nothing of ours is passed on without state (RFC 3261 16.10)."""
        request, flow = event.request, event.flow
        trunk = self._world.trunks.find(flow.host, flow.port)
        if trunk is not None and (
            targets := self._world.routes.of(OTHER[trunk.side], request.call_id)
        ):
            self._acting.endpoint.relay(request, route(request, self._me), targets[0], None, now, flow)
