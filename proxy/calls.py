"""The story of one INVITE, and of what follows it: the only room where everything meets, and it decides nothing.

Events of the endpoint come in; a request is answered, screened, signed or passed on; what happened is counted and
written down after the bytes have left. Emergency first, then the checks of RFC 3261 section 16.3, then screening. A
call waits for one thing only, a certificate that is not in memory, and only to its deadline. When anything of ours
fails, the call goes on as it came (fail open), and that is counted and said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from policy.emergency import is_emergency_uri
from proxy import heeding, redirecting
from proxy.acting import Acting
from proxy.judging import Judging
from proxy.marking import bare, stripped, unscreened
from proxy.ongoing import ANY, Answered, Ongoing
from proxy.onward import Onward
from proxy.record import Story, aged, ended, row
from proxy.seal import Seal
from proxy.sip.context import Context
from proxy.sip.endpoint import (
    Acked,
    Arrived,
    Cancelled,
    Endpoint,
    Event,
    FailedOver,
    Faulted,
    Finished,
    Loose,
    PlainAcked,
    PlainArrived,
    Plan,
    Refused,
    Retransmitted,
    Ringing,
    Stray,
    TimedOut,
)
from proxy.sip.flow import Flow
from proxy.sip.routing import Me, Routed, check
from proxy.storage.rows import End
from proxy.strangers import Lines, Strangers, scanner
from proxy.world import World

OTHER = {"carrier": "pbx", "pbx": "carrier"}
DIALOG_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Methods that may open a dialog, in which we want to stay (RFC 3261, 6665, 3515)."""
ALLOW = b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, PUBLISH"


class Calls:
    """The transaction user of the endpoint."""

    def __init__(self, endpoint: Endpoint, me: Me, world: World) -> None:
        self.world = world
        self._acting = Acting(endpoint, world)
        self._acting.handle = self.handle
        self._judging = Judging(self._acting)
        self._onward = Onward(self._acting, me)
        self._strangers, self._garbled = Strangers(), Lines()
        self.hurried = False
        """More comes than can be served: what arrives now goes on unscreened."""
        self.belongs = self._onward.belongs
        """For `Options.belongs`."""
        self.ongoing = Ongoing(world)
        self._done: deque[Story | End] = deque()
        self._elsewhere: list[tuple[int, bytes, *tuple[float, ...]]] = []
        """Ends of calls that other workers wrote down."""
        self._acts: dict[type, Callable[[Any, float], None]] = {
            Arrived: self._arrived,
            Ringing: self._ringing,
            Finished: self._finished,
            Acked: self._onward.acked,
            PlainAcked: self._onward.passed,
            PlainArrived: self._hung_up,
            Cancelled: self._cancelled,
            Refused: self._refused,
            Stray: self._stray,
            TimedOut: self._timed_out,
            FailedOver: self._failed_over,
            Loose: self._onward.loose,
            Retransmitted: self._retransmitted,
            Faulted: lambda event, now: self._fault(f"timer {event.timer}", event.error),
        }

    @property
    def waiting(self) -> int:
        """Calls that wait for a certificate, a name or a service."""
        return self._acting.waiting

    def flushed_by(self, flush: Callable[[], None]) -> None:
        """Say who sends what is to be sent after a call has waited."""
        self._acting.flush = flush

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Act on what the endpoint reports."""
        acts = self._acts
        for event in events:
            try:
                acts[type(event)](event, now)
            except Exception as error:
                # A fault of ours in one event must cost no other: counted, said, and the turn goes on.
                self._fault(type(event).__name__, error)

    def afterwards(self) -> None:
        """The bookkeeping of finished calls, after their answers have left."""
        journal, elsewhere = self.world.journal, self.world.ended_elsewhere
        if self._elsewhere and elsewhere is not None:
            elsewhere(self._elsewhere)
            self._elsewhere = []
        while self._done:
            done = self._done.popleft()
            if journal is None:
                continue
            if isinstance(done, End):
                journal.put(done)
                continue
            kept = row(done)
            journal.put(kept if not kept.campaign else aged(kept, done, self.world.book))

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
        if world.quality is not None and lane is not None and not invite:
            world.quality.read(request, side, story.utc)
        tagged = request.to_tag is not None
        if not tagged and is_emergency_uri(request.target, world.emergency):
            self._emergency(context, story, now)
            return
        if (refusal := check(request)) is not None and (
            refusal.status == 483 or not is_emergency_uri(request.target, world.emergency)
        ):
            story.action = "refused"
            self._acting.reply(context, refusal.status, refusal.reason, now, refusal.lines)
            return
        routed, reached = self._onward.routed(request)
        if tagged and self._in_dialog(context, story, routed, reached, now):
            return
        if lane is not None and world.promises is not None and request.method == "MESSAGE":
            heeding.message(world.promises, request, lane, story.utc)
        if tagged and is_emergency_uri(request.target, world.emergency):
            self._emergency(context, story, now)
        elif request.method == "OPTIONS" and routed.own and not request.uri.user:
            self._acting.reply(context, 200, "OK", now, (ALLOW, b"Accept: application/sdp"))
        elif world.quality is not None and lane is not None and routed.own and world.quality.is_for_us(request):
            self._acting.reply(context, 200, "OK", now, world.quality.receipt(request.call_id))
        elif lane is None:
            # Nobody that we know: only emergency calls and calls in progress are carried for strangers.
            story.action = "refused"
            world.metrics.unknown_source()
            if (noticed := self._strangers.noticed(request, flow, now)) is not None:
                world.say("stranger", level="warning", **noticed)
            if scanner(request) or not self._strangers.answers(flow.host, now):
                self._acting.endpoint.ignore(context)  # whoever looks for somebody hears nobody
            else:
                self._acting.reply(context, 403, "Forbidden", now)
        elif not (
            targets := reached or world.routes.of(OTHER[lane.trunk.side], request.call_id, request.uri.host)
        ) and (request.method == "REGISTER" or not redirecting.asks(story)):
            story.action = "refused"
            self._acting.reply(context, 480, "Temporarily Unavailable", now)
        elif (
            invite
            and world.aftermath is not None
            and world.aftermath.comes_back(request, lane, story.utc, routed.next if reached else None)
        ):
            # Whoever calls a line that called 911 a moment ago may be the emergency centre (EMG-012).
            story.action = "callback"
            world.metrics.emergency_callback()
            # Where the line has registered from, before all others.
            every = world.routes.every(OTHER[lane.trunk.side])
            targets = (*reached, *(flow for flow in every if flow not in reached))
            self._acting.forward(context, story, Plan(targets, routed, None, self._acting.seal(story, "bypass")), now)
        elif world.bypass and (invite or not tagged) and request.method != "REGISTER":
            # No limit and no rule for a method refuses anybody now. A REGISTER is refused by none.
            story.action = "bypass"
            if invite or request.method in world.settings.policy.methods:
                world.metrics.decision(side, "bypass", "none", "none")
            token = self._acting.seal(story, "bypass") if request.method in DIALOG_METHODS else None
            self._acting.forward(context, story, Plan(targets, routed, None, token), now)
        elif invite and not world.rates.admits(lane.trunk, flow.host, now):
            # Behind the call-backs: whoever answers an emergency call is under no limit.
            story.action = "refused"
            world.metrics.over_rate()
            self._acting.reply(context, 503, "Service Unavailable", now, (b"Retry-After: 1",))
        elif invite and self.hurried:
            story.action = "unscreened"
            world.metrics.decision(side, "unscreened", "none", "none")
            # Not sealed as a bypass: what its later requests must not carry comes off them too.
            marks, sealed = unscreened(world, request, lane), self._acting.seal(story, "allow")
            plan = Plan(targets, routed, marks.edits, sealed, tuple(marks.give_back))
            self._acting.forward(context, story, plan, now)
        elif invite or (not tagged and request.method in world.settings.policy.methods):
            self._judging.screen(context, story, lane, routed, targets, now)
        elif request.method == "REGISTER":
            story.action = "register"
            self._acting.forward(context, story, self._onward.registering(request, flow, routed, targets), now)
        elif not tagged and request.method == "REFER" and lane.side == "carrier" and lane.mode == "enforce":
            # Whoever asks our PBX to call somebody from outside a call asks past all screening (TRAP-64).
            story.action = "refused"
            self._acting.reply(context, 403, "Forbidden", now)
        else:
            if tagged and request.method == "BYE":
                if world.ended_elsewhere is not None and self.ongoing.get(request.call_id) is None:
                    self._elsewhere.append((ANY, request.call_id, story.utc, float(story.side == "pbx")))
                self.over(request.call_id, story.utc, float(story.side == "pbx"))
            marks = stripped(self.world, request, lane)
            token = self._acting.seal(story, "allow") if request.method in DIALOG_METHODS else None
            self._acting.forward(context, story, Plan(targets, routed, marks.edits, token, tuple(marks.give_back)), now)

    def _emergency(self, context: Context, story: Story, now: float) -> None:
        """An emergency call goes to every hop of its way, as it came, whatever else is wrong (EMG-003)."""
        story.action, story.emergency = "emergency", True
        world = self.world
        world.metrics.emergency()
        if world.aftermath is not None:
            world.aftermath.happened(story.request, story.lane, story.flow, story.utc)
        side = OTHER[story.side] if story.side in OTHER else "carrier"
        targets, routed = world.routes.every(side), self._onward.routed(story.request)[0]
        # Only an unanswerable request and a loop may still stop it (16.3; 400 was the endpoint's).
        if (refusal := check(story.request)) is not None and refusal.status in (482, 483):
            self._acting.reply(context, refusal.status, refusal.reason, now, refusal.lines)
        elif not targets and not redirecting.asks(story):
            self._acting.reply(context, 480, "Temporarily Unavailable", now)
        else:
            plan = Plan(targets, routed, None, self._acting.seal(story, "bypass"), insist=True)
            self._acting.forward(context, story, plan, now)

    def _in_dialog(
        self, context: Context, story: Story, routed: Routed, reached: Sequence[Flow], now: float
    ) -> bool:
        """Pass on a request of a call that we let through: the sealed token says so, a To tag alone does not."""
        request = story.request
        if (seal := self._acting.opened(request, routed.tokens)) is None:
            return False
        story.action, story.seal = "in-dialog", seal
        edits = stripped(self.world, request, story.lane).edits if seal.action != "bypass" else None
        turn = None
        if request.method == "BYE":
            self._end(request.call_id, story.utc, seal)
            if self.world.quality is not None:
                turn = self.world.quality.answered(story.call_id, story.side, story.utc)

        def go(target: Flow) -> None:
            plan = Plan((target,), routed, edits, None, turn=turn, preload=False)
            self._acting.forward(context, story, plan, self.world.now())

        def lost() -> None:
            if not routed.next.scheme and story.side in OTHER and (
                targets := self.world.routes.of(OTHER[story.side], request.call_id)
            ):
                go(targets[0])  # the contact of an emergency call cannot be read: as Onward.acked has it
            else:
                self._acting.reply(context, 404, "Not Found", self.world.now())

        self._onward.go(routed, reached, go, lost)
        return True

    # Acting and what comes back

    def _ringing(self, event: Ringing, now: float) -> None:
        story = event.context.case
        if isinstance(story, Story) and story.rang is None:
            story.rang = now

    def _finished(self, event: Finished, now: float) -> None:
        world = self.world
        if event.flow is not None and event.status not in (408, 503):
            world.routes.answered(event.flow, now)
        story = event.context.case
        if not isinstance(story, Story):
            if story is not None:
                world.metrics.response(story, event.status)  # the side, of a request that went by its bytes
            return
        story.status, story.finished, story.answered_by = event.status, now, event.flow
        world.metrics.response(story.side, event.status)
        invite = story.request.method == "INVITE"
        if story.action == "in-dialog" or not (invite or story.case is not None):
            return
        case = story.case
        call = case.call if case is not None and (story.side == "carrier" or case.customer) else None
        if event.status >= 300:
            if call is not None and story.forwarded and world.following is not None:
                # What we refused ourselves says nothing about the caller.
                world.following.ended(call, None, event.status, now)
        elif invite:
            if world.promises is not None and story.case is not None:
                heeding.answered(world.promises, story.case.call, world.utc())
            outbound = story.side == "pbx" and story.action != "emergency"
            answered = _new(Answered, (story.utc, world.utc(), call, outbound))
            self.ongoing.begun(story.request.call_id, answered)
        self._done.append(story)

    def _hung_up(self, event: PlainArrived, now: float) -> None:
        """A BYE goes on by its bytes alone where it proves that its call was let through, goes where our Record-Route
        and an address lead, and carries nothing that must come off. Any other is taken apart.
        """
        context, plain, flow = event
        world, endpoint = self.world, self._acting.endpoint
        trunk = world.trunks.find(flow.host, flow.port)
        lane = world.lanes.get(trunk.name) if trunk is not None else None
        way = self._onward.plain_way(plain) if lane is not None and not plain.asks else None
        quality = world.quality
        if quality is not None and plain.low.find(b"-rtp-stat") >= 0:
            way = None  # it tells how the call sounded
        if lane is not None and way is not None:
            target, token = way
            call_id = plain.call_id[9:].strip(b" \t")
            seal = world.sealer.open(token.decode("ascii"), call_id, (plain.from_tag, plain.to_tag))
            if seal is not None and (seal.action == "bypass" or bare(world, plain.low, lane)):
                utc, side = world.utc(), lane.trunk.side
                if endpoint.pass_on(plain, flow, target, now, context):
                    context.case = side
                    world.metrics.request(side, "BYE")
                    self._end(call_id, utc, seal)
                    if quality is not None:
                        context.turn = quality.answered(call_id.decode("utf-8", "replace"), side, utc)
                    return
        self.handle(endpoint.reconsider(context, now), now)

    def _end(self, call_id: bytes, utc: float, seal: Seal) -> None:
        """A call is over: the first BYE of it completes its record."""
        self.ongoing.over(call_id, utc)
        world = self.world
        if seal.worker != world.worker and world.ended_elsewhere is not None:
            self._elsewhere.append((seal.worker, call_id, utc))
        if world.journal is not None:
            # In its place behind the row, for a call may end in the turn in which it was answered.
            self._done.append(ended(call_id, utc, seal.caller, seal.started))

    def over(self, call_id: bytes, utc: float, from_pbx: float | None = None) -> None:
        """A call that may be ours is over. from_pbx: by a BYE without a token; None: it is in the record already."""
        known = self.ongoing.get(call_id)
        if known is None or from_pbx is None:
            self.ongoing.over(call_id, utc)
        else:
            by_caller = known.outbound == bool(from_pbx)
            self._end(call_id, utc, Seal(self.world.worker, known.started, "allow", by_caller))

    def _cancelled(self, event: Cancelled, now: float) -> None:
        self.world.metrics.cancelled()

    def _timed_out(self, event: TimedOut, now: float) -> None:
        """A request other than INVITE that nobody answered: it gets nothing, not even a 408 (RFC 4320 section 4.2)."""

    def _stray(self, event: Stray, now: float) -> None:
        if not self.world.heard(event.response, now):
            self.world.metrics.stray()

    def _retransmitted(self, event: Retransmitted, now: float) -> None:
        self.world.metrics.retransmitted("sent" if event.ours else "received")

    def _fault(self, kind: str, error: Exception) -> None:
        self.world.metrics.internal_error()
        self.world.say("fault", level="error", event_kind=kind, fault=repr(error))

    def _refused(self, event: Refused, now: float) -> None:
        self.world.metrics.parse_error(event.error.status)
        trunk = self.world.trunks.find(event.flow.host, event.flow.port)
        known = trunk is not None
        if self.world.tap is not None and event.partial is not None and event.partial.line("call-id") is not None:
            lane = self.world.lanes.get(trunk.name) if trunk is not None else None
            self.world.tap.did(event.partial, lane.side if lane is not None else "unknown", lane, "refused")
        # Strangers cannot use up the lines about those that we know.
        if (self._garbled if known else self._strangers).due(now):
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


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
