"""What is remembered of a call while it is decided and answered, and the journal's row that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from policy.rulebook import Rulebook
from proxy.screening.case import Case, Lane, asserted, number_in, who
from proxy.seal import Seal
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.storage.rows import End, Row
from shaken.number import NANP, Plan
from shaken.verdict import Fact

STEPS = ("parsed", "fresh", "orig", "dest", "chain", "authority", "signature")
"""The facts of a judgement, in their order."""


@dataclass(slots=True)
class Story:
    """One request on its way. Times `arrived`, `decided`, `rang`, `finished` are monotonic seconds; `utc` is Unix."""

    request: Request
    flow: Flow
    side: str
    lane: Lane | None
    arrived: float
    utc: float
    action: str = ""
    """allow, tag, reject, emergency, callback (to a line that called 911 lately), bypass, unscreened, in-dialog,
    fail-open, refused.
    """
    emergency: bool = False
    case: Case | None = None
    seal: Seal | None = None
    attempts: int = 0
    cache: str = ""
    """hit, or miss where the certificate had to be fetched; empty where none was needed."""
    forwarded: bool = False
    signed: str | None = None
    decided: float | None = None
    rang: float | None = None
    finished: float | None = None
    status: int = 0
    answered_by: Flow | None = None

    @property
    def call_id(self) -> str:
        return self.request.call_id.decode("utf-8", "replace")


HELD = " ".join(f"{step}={Fact.PASS.value}" for step in STEPS)
"""What stands in nearly every row of a signed call."""


@lru_cache(maxsize=256)
def in_words(facts: tuple[Fact, ...]) -> str:
    """The facts of a judgement as the journal has them; there are few combinations."""
    return " ".join(f"{step}={fact.value}" for step, fact in zip(STEPS, facts, strict=True))


@lru_cache(maxsize=1024)
def hostport(flow: Flow) -> str:
    """A peer as `host:port`."""
    return f"{flow.host}:{flow.port}"


def row(story: Story) -> Row:
    """The journal's row of a call whose final answer has left."""
    case = story.case
    if case is None:
        return _unjudged(story)
    at = story.answered_by
    decided = story.decided if story.decided is not None else story.arrived
    judgement, verdict = case.judgement, case.verdict
    findings = verdict.findings if verdict is not None else ()
    token = judgement.passport if judgement is not None else None
    signer = judgement.credential if judgement is not None else None
    if judgement is None:
        verify, facts = "unsigned", ""
    else:
        verify = "passed" if judgement.proved else judgement.slug or "failed"
        facts = HELD if verify == "passed" else in_words(judgement[: len(STEPS)])
    return Row(
        utc=story.utc,
        call_id=case.call_id,
        direction="inbound" if story.side == "carrier" else "outbound",
        trunk=case.lane.trunk.name,
        source=hostport(story.flow),
        caller=case.caller.tn or case.caller_text,
        caller_kind=case.caller.kind,
        caller_field=case.caller_field,
        display=case.display_name[:128],
        callee=case.callee or "",
        attest=(judgement.attestation or "") if judgement is not None else "",
        verstat=judgement.verstat if judgement is not None else case.verstat or "No-TN-Validation",
        verify=verify,
        facts=facts,
        detail=judgement.detail if judgement is not None else "",
        orig=(token.orig_tn or token.orig_uri or "") if token is not None else "",
        dest=",".join((*token.dest_tns, *token.dest_uris)) if token is not None else "",
        origid=(token.origid or "")[:64] if token is not None else "",
        iat_age=story.utc - token.iat if token is not None else None,
        x5u=(token.x5u or "")[:512] if token is not None else "",
        spc=(signer.spc or "") if signer is not None else "",
        signer=" ".join(filter(None, (signer.subject, signer.organisation))) if signer is not None else "",
        cache=story.cache,
        mode=case.lane.mode,
        action=story.action,
        would=verdict.would if verdict is not None else "",
        reason=verdict.reason if verdict is not None else "",
        score=verdict.score if verdict is not None else 0,
        campaign=verdict.campaign if verdict is not None else "",
        findings=tuple((one.slug, one.kind.value, one.weight, one.why) for one in verdict.findings) if verdict else (),
        refusal=verdict.id if verdict is not None else "",
        signed=case.signed or "",
        status=story.status,
        decision_us=round((decided - story.arrived) * 1e6),
        forwarded_to=hostport(at) if at is not None else "",
        method=story.request.method,
        customer=(case.call.customer if case.call is not None else "") or case.lane.trunk.customer,
        shown=case.caller_text if case.caller_field == "From" else user_in(story.request.first("from")),
        asserted=user_in(story.request.first("p-asserted-identity")),
        rehearsed=verdict.rehearsed if verdict is not None else "",
        shadows=" ".join([one.slug for one in findings if one.shadow]) if findings else "",
        ceilings=" ".join([f"{one.slug}={one.ceiling}" for one in findings if one.ceiling != "reject"])
        if findings
        else "",
        tag_at=(case.profile or case.lane.profile).tag_at if findings else 0,
        reject_at=(case.profile or case.lane.profile).reject_at if findings else 0,
        rings=until_answer(story),
    )


def _unjudged(story: Story) -> Row:
    """The row of a call that nobody looked into: emergency, callback, bypass, unscreened, refused, or failed open at
    once. Whom it names is written down all the same, for a traceback asks for it too (47 CFR 64.1200(n)(1)).
    """
    request, lane, action = story.request, story.lane, story.action
    plan = lane.plan if lane is not None else NANP
    caller, kind, field = _caller(request, lane, plan)
    at = story.answered_by
    decided = story.decided if story.decided is not None else story.arrived
    return Row(
        utc=story.utc,
        call_id=story.call_id,
        direction="inbound" if story.side == "carrier" else "outbound",
        trunk=lane.trunk.name if lane is not None else "",
        source=hostport(story.flow),
        caller=caller,
        caller_kind=kind,
        caller_field=field,
        callee=user_of(request) if story.emergency else _callee(request, plan),
        emergency=story.emergency,
        mode=lane.mode if lane is not None else "",
        action=action,
        would="allow" if action in ("emergency", "callback") else "",
        reason={"emergency": "emergency", "callback": "emergency-callback"}.get(action, ""),
        status=story.status,
        decision_us=round((decided - story.arrived) * 1e6),
        forwarded_to=hostport(at) if at is not None else "",
        method=request.method,
        customer=lane.trunk.customer if lane is not None else "",
        shown=user_in(request.first("from")),
        asserted=user_in(request.first("p-asserted-identity")),
        rings=until_answer(story),
    )


def _caller(request: Request, lane: Lane | None, plan: Plan) -> tuple[str, str, str]:
    """Who calls as a judged call would have it: the number (or the user as it came), its kind, the header that it was
    read from. Empty where nothing can be read.
    """
    believed = lane is not None and lane.trunk.trust != "none"
    for field in ("P-Asserted-Identity", "From") if believed else ("From",):
        try:
            source = request.from_ if field == "From" else asserted(request)
            if source is not None:
                party = who(source.uri, plan)
                return party.tn or (source.uri.user or source.uri.host)[:64], party.kind, field
        except Exception:  # a ParseError; or what the call failed open for, which must not cost its row
            continue
    return "", "", ""


def _callee(request: Request, plan: Plan) -> str:
    """The called number, of the Request-URI or else of To; where there is none, whom the request is for."""
    try:
        return who(request.uri, plan).tn or number_in(request, plan) or user_of(request)
    except Exception:  # likewise
        return user_of(request)


def until_answer(story: Story) -> float | None:
    """Seconds from the INVITE to its answer."""
    if story.finished is None or not 200 <= story.status < 300:
        return None
    return round(story.finished - story.arrived, 3)


def aged(kept: Row, story: Story, book: Rulebook) -> Row:
    """The same row with the age of what a list told of its campaign, where it is of one."""
    call = story.case.call if story.case is not None else None
    if not kept.campaign or call is None:
        return kept
    hit = book.campaigns.match(call.caller, call.utc) or book.campaigns.recognise(kept.campaign, call.utc)
    return kept._replace(list_age=float(hit.age_days)) if hit is not None else kept


def user_in(value: bytes | None) -> str:
    """The user part of a header's first address, as it came; empty where there is none."""
    if value is None:
        return ""
    user, at, _ = value.rpartition(b"<")[2].partition(b":")[2].partition(b"@")
    if not at:
        user = user.partition(b">")[0]  # a tel URI
    return user[:64].decode("utf-8", "replace")


def ended(call_id: bytes, utc: float, caller: bool, started: float) -> End:
    """The end of a call that began at `started`, told by the caller's or the callee's BYE at `utc` (Unix seconds)."""
    cause = "caller" if caller else "callee"
    return End(call_id.decode("utf-8", "replace"), utc, max(0.0, utc - started), cause)


def user_of(request: Request) -> str:
    """Whom a request is for, as written."""
    try:
        uri = request.uri
    except ParseError:
        return ""
    return uri.user or uri.opaque or uri.host
