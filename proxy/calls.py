"""The story of one INVITE, and of what follows it: the only room where everything meets, and it decides nothing.

Events of the endpoint come in; a request is answered, screened, signed or passed on; what happened is counted and
written down after the bytes have left. Emergency first, then the checks of RFC 3261 section 16.3, then screening. A
call waits for one thing only, a certificate that is not in memory, and only to its deadline. When anything of ours
fails, the call goes on as it came (fail open), and that is counted and said.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from policy.call import Call
from policy.decide import rejection
from policy.emergency import is_emergency_uri
from policy.refusal import understands
from policy.verdict import Verdict
from proxy import redirecting
from proxy.hook import DecisionHook
from proxy.marking import counted, marked, stripped
from proxy.record import Story, ended, row
from proxy.screening.case import Lane, judge, open_case
from proxy.sip.context import Context
from proxy.sip.edit import Edits
from proxy.sip.endpoint import (
    Acked,
    Arrived,
    Cancelled,
    Endpoint,
    Event,
    FailedOver,
    Finished,
    Loose,
    Plan,
    Refused,
    Retransmitted,
    Ringing,
    Stray,
    TimedOut,
)
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.routing import Me, Routed, check, route
from proxy.strangers import Strangers
from proxy.world import World
from shaken.credential import Credential, CredentialFailure

MAX_WAITING = 2_000
"""Calls that may wait for a certificate at one time; one more is judged without it (fail open, counted)."""
MAX_ACTIVE = 200_000
"""Answered calls remembered for the gauge and the end of their record; beyond it the oldest is forgotten, not ended."""

OTHER = {"carrier": "pbx", "pbx": "carrier"}
DIALOG_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Methods that may open a dialog, in which we want to stay (RFC 3261, 6665, 3515)."""
ALLOW = b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, PUBLISH"


class Answered(NamedTuple):
    """An answered call whose end was not seen yet. `started` and `answered` are Unix seconds."""

    started: float
    answered: float
    call: Call | None


class Calls:
    """The transaction user of the endpoint."""

    def __init__(self, endpoint: Endpoint, me: Me, world: World) -> None:
        self.world = world
        self.flush: Callable[[], None] = lambda: None
        self._endpoint = endpoint
        self._me = me
        self._waiting = 0
        self._strangers = Strangers()
        self._active: OrderedDict[bytes, Answered] = OrderedDict()
        self._done: deque[Story] = deque()
        self._acts: dict[type, Callable[[Any, float], None]] = {
            Arrived: self._arrived,
            Ringing: self._ringing,
            Finished: self._finished,
            Acked: self._acked,
            Cancelled: self._cancelled,
            Refused: self._refused,
            Stray: self._stray,
            TimedOut: self._timed_out,
            FailedOver: self._failed_over,
            Loose: self._loose,
            Retransmitted: self._retransmitted,
        }

    @property
    def active(self) -> int:
        """Answered calls whose end was not seen yet."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Calls that wait for a certificate."""
        return self._waiting

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Act on what the endpoint reports."""
        acts = self._acts
        for event in events:
            try:
                acts[type(event)](event, now)
            except Exception as error:
                # A fault of ours in one event must cost no other: counted, said, and the turn goes on.
                self.world.metrics.internal_error()
                self.world.say("fault", level="error", event_kind=type(event).__name__, fault=repr(error))

    def afterwards(self) -> None:
        """The bookkeeping of finished calls, after their answers have left."""
        while self._done:
            story = self._done.popleft()
            if self.world.journal is not None:
                self.world.journal.put(row(story))

    # Requests

    def _arrived(self, event: Arrived, now: float) -> None:
        context, request, flow = event.context, event.request, event.flow
        world = self.world
        trunk = world.trunks.find(flow.host, flow.port)
        lane = world.lanes.get(trunk.name) if trunk is not None else None
        side = lane.trunk.side if lane is not None else "unknown"
        world.metrics.request(side, request.method)
        invite = request.method == "INVITE"
        story = context.case = Story(request=request, flow=flow, side=side, lane=lane, arrived=now, utc=world.utc())
        try:
            tagged = request.to_tag is not None
        except ParseError:
            tagged = False  # an emergency call that is let in despite its faults
        if not tagged and is_emergency_uri(request.target, world.emergency):
            self._emergency(context, story, now)
            return
        if (refusal := check(request)) is not None:
            story.action = "refused"
            self._reply(context, refusal.status, refusal.reason, now, refusal.lines)
            return
        routed, reached = self._routed(request)
        if tagged and self._in_dialog(context, story, routed, reached, now):
            return
        if tagged and is_emergency_uri(request.target, world.emergency):
            self._emergency(context, story, now)
        elif request.method == "OPTIONS" and routed.own and not request.uri.user:
            self._reply(context, 200, "OK", now, (ALLOW, b"Accept: application/sdp"))
        elif lane is None:
            # Nobody that we know: only emergency calls and calls in progress are carried for strangers.
            story.action = "refused"
            world.metrics.unknown_source()
            if (noticed := self._strangers.noticed(request, flow, now)) is not None:
                world.say("stranger", level="warning", **noticed)
            self._reply(context, 403, "Forbidden", now)
        elif not (
            targets := reached or world.routes.of(OTHER[lane.trunk.side], request.call_id, request.uri.host)
        ) and not redirecting.asks(story):
            story.action = "refused"
            self._reply(context, 480, "Temporarily Unavailable", now)
        elif invite and world.aftermath is not None and world.aftermath.comes_back(request, lane, story.utc):
            # Whoever calls a line that called 911 a moment ago may be the emergency centre (EMG-012).
            story.action = "callback"
            world.metrics.emergency_callback()
            targets = world.routes.every(OTHER[lane.trunk.side])
            self._forward(context, story, Plan(targets, routed, None, self._seal(story, "bypass")), now)
        elif invite and world.bypass:
            story.action = "bypass"
            world.metrics.decision(side, "bypass", "none", "none")
            self._forward(context, story, Plan(targets, routed, None, self._seal(story, "bypass")), now)
        elif invite or (not tagged and request.method in world.settings.policy.methods):
            self._screen(context, story, lane, routed, targets, now)
        elif request.method == "REGISTER":
            story.action = "register"
            self._forward(context, story, self._registering(request, flow, routed, targets), now)
        elif not tagged and request.method == "REFER" and lane.side == "carrier" and lane.mode == "enforce":
            # Whoever asks our PBX to call somebody from outside a call asks past all screening (TRAP-64).
            story.action = "refused"
            self._reply(context, 403, "Forbidden", now)
        else:
            if tagged and request.method == "BYE" and request.call_id in self._active:
                self._end(request, story, self._active[request.call_id].started)
            marks = stripped(self.world, request, lane)
            token = self._seal(story, "allow") if request.method in DIALOG_METHODS else None
            self._forward(context, story, Plan(targets, routed, marks.edits, token, tuple(marks.give_back)), now)

    def _emergency(self, context: Context, story: Story, now: float) -> None:
        """An emergency call goes to every hop of its way, as it came, whatever else is wrong (EMG-003)."""
        story.action, story.emergency = "emergency", True
        world = self.world
        world.metrics.emergency()
        if world.aftermath is not None:
            world.aftermath.happened(story.request, story.lane, story.flow, story.utc)
        side = OTHER[story.side] if story.side in OTHER else "carrier"
        targets = world.routes.every(side)
        try:
            routed = route(story.request, self._me)
        except ParseError as error:
            self._reply(context, error.status, "Bad Request", now)
            return
        # Only an unanswerable request and a loop may still stop it (16.3; 400 was the endpoint's).
        if (refusal := check(story.request)) is not None and refusal.status in (482, 483):
            self._reply(context, refusal.status, refusal.reason, now, refusal.lines)
        elif not targets and not redirecting.asks(story):
            self._reply(context, 480, "Temporarily Unavailable", now)
        else:
            plan = Plan(targets, routed, None, self._seal(story, "bypass"), insist=True)
            self._forward(context, story, plan, now)

    def _routed(self, request: Request) -> tuple[Routed, Sequence[Flow]]:
        """The route of a request; and where to send it, if that is what a PBX has registered through us. Raises
        ParseError.
        """
        routed = route(request, self._me)
        bindings = self.world.bindings
        flow: Flow | None = None
        if routed.own and (found := bindings.opened(routed.target)) is not None and found.uri is not None:
            routed = routed._replace(target=found.contact, next=found.uri, own=False)
            flow = found.flow or self.world.resolver.at_once(found.uri)
        elif routed.tokens:
            flow = bindings.path_of(routed.tokens)
        return routed, (flow,) if flow is not None else ()

    def _registering(self, request: Request, flow: Flow, routed: Routed, targets: Sequence[Flow]) -> Plan:
        """A REGISTER as it came, but for what leads calls for its contacts back through us (RFC 3261 section 10)."""
        bindings, through = self.world.bindings, self.world.settings.registration.through
        if through == "none":
            return Plan(targets, routed, None, None)
        outlet = targets[0].listener
        if through == "path" and b"path" in (value.lower() for value in request.values("supported")):
            edits = Edits()
            edits.add.append(bindings.path(flow, outlet))
            return Plan(targets, routed, edits, None)
        return Plan(targets, routed, bindings.hidden(request, flow, outlet), None, turn=bindings.shown)

    def _in_dialog(
        self, context: Context, story: Story, routed: Routed, reached: Sequence[Flow], now: float
    ) -> bool:
        """Pass on a request of a call that we let through: the sealed token says so, a To tag alone does not."""
        request = story.request
        tags = (request.from_tag, request.to_tag)
        for token in routed.tokens:
            if (seal := self.world.sealer.open(token, request.call_id, tags)) is not None:
                break
        else:
            return False
        story.action, story.seal = "in-dialog", seal
        edits = stripped(self.world, request, story.lane).edits if seal.action != "bypass" else None
        if request.method == "BYE":
            self._end(request, story, seal.started)
        self._onward(
            routed,
            reached,
            lambda target: self._forward(context, story, Plan((target,), routed, edits, None), self.world.now()),
            lambda: self._reply(context, 404, "Not Found", self.world.now()),
        )
        return True

    def _onward(
        self, routed: Routed, reached: Sequence[Flow], go: Callable[[Flow], None], lost: Callable[[], None]
    ) -> None:
        """Find where a request of a route set goes next: at once if it is an address, beside the others if a name."""
        if routed.own:
            lost()
            return
        target = reached[0] if reached else self.world.resolver.at_once(routed.next)
        if target is not None:
            go(target)
            return

        async def look_up() -> None:
            found = await self.world.resolver.find(routed.next)
            if found is not None:
                go(found)
            else:
                lost()
            self.flush()

        if routed.next.scheme not in ("sip", "sips") or self._waiting >= MAX_WAITING:
            lost()
        else:
            self.world.spawn(self._counted(look_up()), "resolve")

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        self._waiting += 1
        try:
            await work
        finally:
            self._waiting -= 1

    def _acked(self, event: Acked, now: float) -> None:
        """The ACK of a 2xx follows its route set; it opens nothing, so it needs no token."""
        request, flow = event.request, event.flow
        routed, reached = self._routed(request)
        trunk = self.world.trunks.find(flow.host, flow.port)
        lane = self.world.lanes.get(trunk.name) if trunk is not None else None
        tags = (request.from_tag, request.to_tag)
        known = lane is not None or any(self.world.sealer.open(token, request.call_id, tags) for token in routed.tokens)
        if not known:
            self.world.metrics.unknown_source()
            return
        edits = stripped(self.world, request, lane).edits
        if routed.own and lane is not None and (
            targets := self.world.routes.of(OTHER[lane.trunk.side], request.call_id)
        ):
            # The sender keeps no route set, as simple test tools do: the way of its INVITE is the best guess.
            self._endpoint.relay(request, routed, targets[0], edits, now, flow)
            return
        self._onward(
            routed,
            reached,
            lambda target: self._endpoint.relay(request, routed, target, edits, self.world.now(), flow),
            self.world.metrics.stray,
        )

    def _loose(self, event: Loose, now: float) -> None:
        """A CANCEL that matches nothing of ours is passed on without state (RFC 3261 16.10)."""
        request, flow = event.request, event.flow
        trunk = self.world.trunks.find(flow.host, flow.port)
        if trunk is not None and (
            targets := self.world.routes.of(OTHER[trunk.side], request.call_id)
        ):
            self._endpoint.relay(request, route(request, self._me), targets[0], None, now, flow)

    # Screening

    def _screen(
        self, context: Context, story: Story, lane: Lane, routed: Routed, targets: Sequence[Flow], now: float
    ) -> None:
        """Judge a new INVITE, waiting for certificates only where they are not in memory."""
        world = self.world
        try:
            case = story.case = open_case(story.request, lane, story.utc)
        except ParseError as error:
            story.action = "refused"
            self._reply(context, error.status, error.why, now)
            return
        except Exception as error:  # a fault of ours must not cost a call
            self._fail_open(context, story, routed, targets, error)
            return
        if case.caller.tn is not None:
            story.attempts = world.tally.note(case.caller.tn, now)
        credentials: dict[str, Credential | CredentialFailure] = {}
        missing: list[str] = []
        for url in case.urls:
            if world.store is None:
                credentials[url] = CredentialFailure("identity-unreachable", "unreachable", "no trust anchors", url)
            elif (known := world.store.peek(url)) is not None:
                credentials[url] = known
            else:
                missing.append(url)
        if case.urls:
            story.cache = "miss" if missing else "hit"
            world.metrics.cache(story.cache)
        if missing and self._waiting < MAX_WAITING:
            self._endpoint.trying(context, now)
            world.spawn(
                self._counted(self._fetched(context, story, routed, targets, credentials, missing)), "certificate"
            )
            return
        self._decided(context, story, routed, targets, credentials)

    async def _fetched(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        credentials: dict[str, Credential | CredentialFailure],
        missing: Sequence[str],
    ) -> None:
        store, seconds = self.world.store, self.world.settings.identity.deadline_ms / 1000
        assert store is not None
        got = await asyncio.gather(*(store.get(url, seconds) for url in missing), return_exceptions=True)
        for url, result in zip(missing, got, strict=True):
            if isinstance(result, BaseException):
                self.world.say("certificate-fault", level="error", fault=repr(result))
            else:
                credentials[url] = result
        if not context.dead:
            self._decided(context, story, routed, targets, credentials)
        self.flush()

    def _decided(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        credentials: Mapping[str, Credential | CredentialFailure],
    ) -> None:
        """Give the verdict and act on it."""
        world, case, lane = self.world, story.case, story.lane
        assert case is not None and lane is not None
        following = world.following if lane.side == "carrier" else None
        try:
            look = partial(following.looked_up, now=world.now()) if following is not None else None
            verdict = judge(case, credentials, world.book, story.utc, story.attempts, look)
            if following is not None and case.call is not None:
                following.judged(case.call, verdict)
        except Exception as error:  # a fault of ours must not cost a call
            self._fail_open(context, story, routed, targets, error)
            return
        if world.hook is not None and self._waiting < MAX_WAITING:
            self._endpoint.trying(context, world.now())
            world.spawn(self._counted(self._asked(world.hook, context, story, routed, targets, verdict)), "hook")
        else:
            self._act(context, story, routed, targets, verdict)

    async def _asked(
        self,
        hook: DecisionHook,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        verdict: Verdict,
    ) -> None:
        """Ask the operator's own service; it has its own limit, and fails open."""
        case, lane = story.case, story.lane
        assert case is not None and case.call is not None and lane is not None
        case.verdict = verdict = await hook.ask(case.call, verdict, self.world.book, lane.mode, lane.percent)
        if not context.dead:
            self._act(context, story, routed, targets, verdict)
        self.flush()

    def _act(
        self, context: Context, story: Story, routed: Routed, targets: Sequence[Flow], verdict: Verdict
    ) -> None:
        """Refuse, divert or forward, as the verdict says."""
        world, case, lane = self.world, story.case, story.lane
        assert case is not None and lane is not None
        try:
            marks = marked(world, story.request, case, verdict, lane)
        except Exception as error:
            self._fail_open(context, story, routed, targets, error)
            return
        now = world.now()
        story.action, story.decided = verdict.action, now
        if verdict.action == "reject":
            answer = rejection(verdict, world.book, understands(story.request.values("feature-caps")))
            answer = redirecting.refusal(story, answer)
            self._reply(context, answer.status, answer.reason, now, answer.lines)
        elif verdict.action == "divert" and verdict.divert_by == "302":
            lines = (b"Contact: <" + verdict.divert_to.encode("utf-8", "replace") + b">",)
            self._reply(context, 302, "Moved Temporarily", now, lines)
        else:
            if verdict.action == "divert":
                routed = routed._replace(target=verdict.divert_to.encode("utf-8", "replace"))
            token = self._seal(story, "tag" if verdict.action == "divert" else verdict.action)
            self._forward(context, story, Plan(targets, routed, marks.edits, token, tuple(marks.give_back)), now)
        counted(world, case, verdict, now - story.arrived)

    def _fail_open(
        self, context: Context, story: Story, routed: Routed, targets: Sequence[Flow], error: Exception
    ) -> None:
        story.action = "fail-open"
        self.world.metrics.internal_error()
        self.world.say("screening-fault", level="error", call_id=story.call_id, fault=repr(error))
        now = self.world.now()
        self._forward(context, story, Plan(targets, routed, None, self._seal(story, "bypass")), now)

    # Acting and what comes back

    def _seal(self, story: Story, action: str) -> bytes:
        try:
            tag = story.request.from_tag or ""
        except ParseError:
            tag = ""
        return self.world.sealer.close(story.request.call_id, tag, story.utc, action)

    def _reply(self, context: Context, status: int, reason: str, now: float, lines: Sequence[bytes] = ()) -> None:
        if events := self._endpoint.reply(context, status, reason, now, lines):
            self.handle(events, now)

    def _forward(self, context: Context, story: Story, plan: Plan, now: float) -> None:
        if redirecting.asks(story):
            told = redirecting.answer(story, plan)
            self._reply(context, told.status, told.reason, now, told.lines)
            return
        story.forwarded = True
        if events := self._endpoint.forward(context, plan, now):
            self.handle(events, now)

    def _ringing(self, event: Ringing, now: float) -> None:
        story = event.context.case
        if isinstance(story, Story) and story.rang is None:
            story.rang = now

    def _finished(self, event: Finished, now: float) -> None:
        if event.flow is not None and event.status not in (408, 503):
            self.world.routes.answered(event.flow, now)
        story = event.context.case
        if not isinstance(story, Story):
            return
        story.status, story.finished, story.answered_by = event.status, now, event.flow
        self.world.metrics.response(story.side, event.status)
        invite = story.request.method == "INVITE"
        if story.action == "in-dialog" or not (invite or story.case is not None):
            return
        call = story.case.call if story.case is not None and story.side == "carrier" else None
        if event.status >= 300:
            if call is not None and story.forwarded and self.world.following is not None:
                # What we refused ourselves says nothing about the caller.
                self.world.following.ended(call, None, event.status, now)
        elif invite:
            self._active[story.request.call_id] = Answered(story.utc, self.world.utc(), call)
            if len(self._active) > MAX_ACTIVE:
                self._active.popitem(last=False)
        self._done.append(story)

    def _end(self, request: Request, story: Story, started: float) -> None:
        """A call is over: the first BYE of it completes its record."""
        self.over(request.call_id, story.utc)
        seal, world = story.seal, self.world
        if seal is not None and seal.worker != world.worker and world.ended_elsewhere is not None:
            world.ended_elsewhere(seal.worker, request.call_id, story.utc)
        if world.journal is not None:
            world.journal.put(ended(story, started))

    def over(self, call_id: bytes, utc: float) -> None:
        """An answered call of this worker's is over."""
        known = self._active.pop(call_id, None)
        if known is not None and known.call is not None and self.world.following is not None:
            self.world.following.ended(known.call, max(0.0, utc - known.answered), 200, self.world.now())

    def _cancelled(self, event: Cancelled, now: float) -> None:
        self.world.metrics.cancelled()

    def _timed_out(self, event: TimedOut, now: float) -> None:
        """A request other than INVITE that nobody answered: it gets nothing, not even a 408 (RFC 4320 section 4.2)."""

    def _stray(self, event: Stray, now: float) -> None:
        if not self.world.heard(event.response, now):
            self.world.metrics.stray()

    def _retransmitted(self, event: Retransmitted, now: float) -> None:
        self.world.metrics.retransmitted("sent" if event.ours else "received")

    def _refused(self, event: Refused, now: float) -> None:
        self.world.metrics.parse_error(event.error.status)
        known = self.world.trunks.find(event.flow.host, event.flow.port) is not None
        why, status = event.error.why, event.error.status
        self.world.say("bad-message", source=event.flow.host, known=known, why=why, status=status)

    def _failed_over(self, event: FailedOver, now: float) -> None:
        self.world.metrics.failed_over(event.why)
        if event.why == "refused":
            self.world.routes.answered(event.left, now)
        else:
            self.world.routes.left(event.left, event.why, now, event.response)
        self.world.say(
            "failover",
            level="warning",
            call_id=story.call_id if isinstance(story := event.context.case, Story) else "",
            left=f"{event.left.host}:{event.left.port}",
            taken=f"{event.taken.host}:{event.taken.port}",
            why=event.why,
        )
