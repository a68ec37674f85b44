"""The judgement of a call: what it needs is brought together, the verdict is given, and acted on.

A call waits for one thing only, a certificate that is not in memory (or the operator's own service), and only to its
deadline. When anything of ours fails, it goes on as it came (fail open), and that is counted and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from policy.call import Call
from policy.decide import rejection
from policy.refusal import understands
from policy.verdict import Verdict
from proxy import diverting, redirecting
from proxy.acting import Acting
from proxy.diverting import diverted
from proxy.hook import DecisionHook
from proxy.marking import UNTOUCHED, counted, for_service, marked
from proxy.record import Story
from proxy.screening.case import Case, Lane, hear, judge, open_case
from proxy.screening.signing import Signed, Turned, Wanted
from proxy.screening.telling import stir_reasons, turn_of
from proxy.signer import SigningService
from proxy.sip.context import Context
from proxy.sip.endpoint import Plan
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.routing import Routed
from proxy.verifier import VerificationService
from proxy.world import World
from shaken.credential import Credential, CredentialFailure

_new = tuple.__new__
BAD_SIGNATURE = "identity-bad-signature"


def named(call: Call, name: str, then: Callable[[Call], None] | None) -> None:
    """Put into a call the caller's name, and whatever else is remembered."""
    call.name = name
    if then is not None:
        then(call)


def customer_of(world: World, case: Case, utc: float) -> str:
    """Whose call one of ours is: its trunk's customer's, else the owner's of its number; empty: nobody's."""
    if case.lane.trunk.customer or case.caller.tn is None:
        return case.lane.trunk.customer
    grant = world.inventory.find(case.caller.tn, utc)
    return grant.customer if grant is not None else ""


class Judging:
    """Judges new requests."""

    def __init__(self, acting: Acting) -> None:
        self._acting, self._world = acting, acting.world

    def screen(
        self, context: Context, story: Story, lane: Lane, routed: Routed, targets: Sequence[Flow], now: float
    ) -> None:
        """Judge a new INVITE, waiting for certificates only where they are not in memory."""
        world = self._world
        try:
            case = story.case = open_case(story.request, lane, story.utc)
        except ParseError as error:
            story.action = "refused"
            self._acting.reply(context, error.status, error.why, now)
            return
        except Exception as error:  # a fault of ours must not cost a call
            self._fail_open(context, story, routed, targets, error)
            return
        if case.caller.tn is not None:
            story.attempts = world.tally.note(case.caller.tn, now)
            if world.fleet is not None:
                story.attempts += world.fleet.noted(case.caller.tn, story.utc)
        nameless = world.naming is not None and self._nameless(case)
        if world.verifier is not None and case.urls and self._acting.room:
            self._acting.endpoint.trying(context, now)
            self._acting.beside(self._vouched(world.verifier, context, story, routed, targets, nameless), "verifier")
            return
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
        if (missing or nameless) and self._acting.room:
            self._acting.endpoint.trying(context, now)
            fetched = self._fetched(context, story, routed, targets, credentials, missing, nameless)
            self._acting.beside(fetched, "certificate" if missing else "name")
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
        nameless: bool = False,
    ) -> None:
        store, seconds = self._world.store, self._world.settings.identity.deadline_ms / 1000
        waits: list[Awaitable[Any]] = []
        if store is not None and missing:
            waits.append(store.get_all(missing, seconds))
        if nameless:
            waits.append(self._named(story))
        got = await asyncio.gather(*waits, return_exceptions=True)
        for result in got:
            if isinstance(result, BaseException):
                self._world.say("certificate-fault", level="error", fault=repr(result))
            elif result is not None:
                credentials.update(result)
        if not context.dead:
            self._decided(context, story, routed, targets, credentials)
        self._acting.flush()

    async def _vouched(
        self,
        verifier: VerificationService,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        nameless: bool = False,
    ) -> None:
        """Have the tokens judged elsewhere; that service has its own limit, and fails open."""
        case = story.case
        assert case is not None
        name = asyncio.ensure_future(self._named(story)) if nameless else None
        try:
            credentials = await verifier.credentials(case, story.request, story.utc)
        except Exception as error:  # a fault of ours must not cost a call
            self._world.say("verifier-fault", level="error", fault=repr(error))
            credentials = {}
        if name is not None:
            for fault in await asyncio.gather(name, return_exceptions=True):
                if fault is not None:
                    self._world.say("name-fault", level="error", fault=repr(fault))
        if not context.dead:
            self._decided(context, story, routed, targets, credentials)
        self._acting.flush()

    def _nameless(self, case: Case) -> bool:
        """Whether the name of the caller must be asked for; what is known already is written into the case."""
        naming, number = self._world.naming, case.caller.tn
        if naming is None or number is None or case.lane.side != "carrier" or case.method != "INVITE":
            return False
        known = naming.peek(number)
        case.name = known or ""
        return known is None

    async def _named(self, story: Story) -> None:
        naming, case = self._world.naming, story.case
        if naming is not None and case is not None and case.caller.tn is not None:
            case.name = await naming.ask(case.caller.tn)

    def _decided(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        credentials: Mapping[str, Credential | CredentialFailure],
        again: bool = False,
    ) -> None:
        """Give the verdict and act on it. `again`: other certificates were looked for already."""
        world, case, lane = self._world, story.case, story.lane
        assert case is not None and lane is not None
        following = world.following if lane.side == "carrier" else None
        try:
            if lane.side == "pbx":
                case.customer = customer_of(world, case, story.utc)
            if case.exams:
                hear(case, credentials, story.utc)
                failed = case.judgement is not None and case.judgement.failure is not None
                if failed and not again and self._doubtful(context, story, routed, targets, credentials):
                    return
            look = partial(following.look_up, now=world.now()) if following is not None else None
            if case.name:
                look = partial(named, name=case.name, then=look)
            elif case.customer and world.following is not None:
                look = partial(world.following.look_up_ours, now=world.now())
            verdict = judge(case, credentials, world.book, story.utc, story.attempts, look)
            if following is not None and case.call is not None:
                following.judged(case.call, verdict)
        except Exception as error:  # a fault of ours must not cost a call
            self._fail_open(context, story, routed, targets, error)
            return
        if world.hook is not None and self._acting.room:
            self._acting.endpoint.trying(context, world.now())
            self._acting.beside(self._asked(world.hook, context, story, routed, targets, verdict), "hook")
        elif world.services:
            self._leave(context, story, routed, targets, verdict)
        else:
            self._act(context, story, routed, targets, verdict)

    def _doubtful(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        credentials: Mapping[str, Credential | CredentialFailure],
    ) -> bool:
        """Whether the call waits once more: a signature does not hold, and the certificate may have been replaced since
        it was fetched (TRAP-82).
        """
        case, store = story.case, self._world.store
        assert case is not None
        bad = case.judgement.credential if case.judgement is not None and case.judgement.slug == BAD_SIGNATURE else None
        if bad is None or store is None or not self._acting.room or not store.suspect(bad.url, bad):
            return False
        self._acting.endpoint.trying(context, self._world.now())
        self._acting.beside(self._renewed(context, story, routed, targets, credentials, bad), "certificate")
        return True

    async def _renewed(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        credentials: Mapping[str, Credential | CredentialFailure],
        bad: Credential,
    ) -> None:
        """Judge again, with the certificate that took the place of this one, if one does so in time."""
        case, store, seconds = story.case, self._world.store, self._world.settings.identity.deadline_ms / 1000
        assert case is not None and store is not None
        if (fresh := await store.successor(bad.url, bad, seconds)) is not None:
            case.judgement = case.heard = None
            credentials = {**credentials, bad.url: fresh}
        if not context.dead:
            self._decided(context, story, routed, targets, credentials, again=True)
        self._acting.flush()

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
        case.verdict = verdict = await hook.ask(case.call, verdict, self._world.book, lane.mode, lane.percent)
        if not context.dead:
            self._leave(context, story, routed, targets, verdict)
        self._acting.flush()

    def _leave(
        self, context: Context, story: Story, routed: Routed, targets: Sequence[Flow], verdict: Verdict
    ) -> None:
        """Act on the verdict, once a service has signed the call where it is to be signed elsewhere."""
        world, case, lane = self._world, story.case, story.lane
        assert case is not None and lane is not None
        if not world.services or verdict.action == "reject":
            self._act(context, story, routed, targets, verdict)
            return
        try:
            want = for_service(world, story.request, case, lane)
            turned = diverting.for_service(world, case, verdict) if lane.side == "carrier" else None
        except Exception as error:  # a fault of ours must not cost a call
            self._fail_open(context, story, routed, targets, error)
            return
        if turned is not None and self._acting.room:
            self._acting.endpoint.trying(context, world.now())
            self._acting.beside(self._diverted(context, story, routed, targets, verdict, *turned), "signer")
        elif want is None:
            self._act(context, story, routed, targets, verdict)
        elif self._acting.room:
            self._acting.endpoint.trying(context, world.now())
            self._acting.beside(self._signed(context, story, routed, targets, verdict, want), "signer")
        else:
            case.elsewhere = Signed((), None, "full", want.why)
            self._act(context, story, routed, targets, verdict)

    async def _signed(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        verdict: Verdict,
        want: Wanted,
    ) -> None:
        """Have the call signed; the service has its own limit, and fails open."""
        case, lane = story.case, story.lane
        assert case is not None and lane is not None
        service, _ = self._world.services[lane.trunk.name]
        case.elsewhere = await service.sign(want)
        if not context.dead:
            self._act(context, story, routed, targets, verdict)
        self._acting.flush()

    async def _diverted(
        self,
        context: Context,
        story: Story,
        routed: Routed,
        targets: Sequence[Flow],
        verdict: Verdict,
        service: SigningService,
        turned: Turned,
    ) -> None:
        """Have a diversion signed, likewise."""
        case = story.case
        assert case is not None
        case.elsewhere = done = await service.divert(turned)
        if done.lines:
            case.turned = turned.became
        else:
            self._world.metrics.signed(done.result, "none")
        if not context.dead:
            self._act(context, story, routed, targets, verdict)
        self._acting.flush()

    def _act(
        self, context: Context, story: Story, routed: Routed, targets: Sequence[Flow], verdict: Verdict
    ) -> None:
        """Refuse, divert or forward, as the verdict says."""
        world, case, lane = self._world, story.case, story.lane
        assert case is not None and lane is not None
        try:
            # Nobody reads the marks of a call from outside that is refused.
            refused = verdict.action == "reject" and lane.trunk.side == "carrier"
            marks = UNTOUCHED if refused else marked(world, story.request, case, verdict, lane)
        except Exception as error:
            self._fail_open(context, story, routed, targets, error)
            return
        now = world.now()
        story.action, story.decided = verdict.action, now
        if verdict.action == "reject":
            caps = story.request.line("feature-caps")
            answer = rejection(
                verdict, world.book, caps is not None and understands(story.request.values("feature-caps"))
            )
            answer = redirecting.refusal(story, answer)
            told = stir_reasons(story.request, case)
            self._acting.reply(context, answer.status, answer.reason, now, (*answer.lines, *told))
        elif verdict.action == "divert" and verdict.divert_by == "302":
            to = b"Contact: <" + verdict.divert_to.encode("utf-8", "replace") + b">"
            lines = (to, *diverted(world, case, verdict))
            self._acting.reply(context, 302, "Moved Temporarily", now, lines)
        else:
            if verdict.action == "divert":
                routed = routed._replace(target=verdict.divert_to.encode("utf-8", "replace"))
            token = self._acting.seal(story, "tag" if verdict.action == "divert" else verdict.action)
            turn = turn_of(story.request, case) if lane.mode != "observe" else None
            # A named tuple makes itself in Python, which takes three times as long.
            plan = _new(Plan, (targets, routed, marks.edits, token, tuple(marks.give_back), turn, True, False, None))
            self._acting.forward(context, story, plan, now)
        counted(world, case, verdict, now - story.arrived)

    def _fail_open(
        self, context: Context, story: Story, routed: Routed, targets: Sequence[Flow], error: Exception
    ) -> None:
        story.action = "fail-open"
        self._world.metrics.internal_error()
        self._world.say("screening-fault", level="error", call_id=story.call_id, fault=repr(error))
        now = self._world.now()
        self._acting.forward(context, story, Plan(targets, routed, None, self._acting.seal(story, "bypass")), now)
