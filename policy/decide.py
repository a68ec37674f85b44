"""ORDER, the one visible list of checks, and what their findings add up to.

Deterministic and subscriber findings act at once, in ORDER. The others add up against the thresholds of the
profile; what the signature says may fill half of the way to a rejection at most, so identity alone never
rejects (REG-011), whatever the weights are. The mode of the trunk then lowers the result; `Verdict.would`
keeps what it was.

Emergency calls never come here (`policy.emergency`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b

from policy.call import Call, Side
from policy.checks import (
    allow,
    answers,
    brand,
    caller_id,
    caller_name,
    campaign,
    complaint,
    country,
    dnc,
    hours,
    identity,
    impossible,
    message,
    optout,
    pattern,
    reassigned,
    recorded,
    reputation,
    subscriber,
    upstream,
    velocity,
)
from policy.membership import second_mark
from policy.refusal import rejection
from policy.rulebook import Profile, Rulebook
from policy.verdict import STRICTNESS, Action, Class, Finding, Mode, Verdict

__all__ = ["ORDER", "decide", "reason_slugs", "rejection", "sampled"]

Check = Callable[[Call, Rulebook], Finding | None]

ROOMS = (
    allow,  # stops everything else
    upstream,  # deterministic
    impossible,  # deterministic
    subscriber,  # subscriber
    country,  # deterministic or subscriber, by setting
    identity,  # identity
    campaign,  # analytics
    complaint,  # analytics
    message,  # deterministic
    caller_id,  # duty
    optout,  # duty
    recorded,  # duty
    reassigned,  # duty
    dnc,  # duty
    hours,  # duty
    velocity,  # analytics
    pattern,  # analytics
    answers,  # analytics
    reputation,  # analytics
    brand,  # analytics
    caller_name,  # note
)
"""The files of the checks, in the order of asking."""

ORDER: tuple[Check, ...] = tuple(room.check for room in ROOMS)


CHECK_OF: dict[str, str] = {slug: room.__name__.rpartition(".")[2] for room in ROOMS for slug in room.SLUGS}
"""The name of the check that a slug belongs to."""


@lru_cache(256)
def asked(side: Side, off: frozenset[str] = frozenset()) -> tuple[Check, ...]:
    """The checks that look at calls from this side, in their order; `off`: those that are not asked."""
    return tuple(room.check for room in ROOMS if side in room.SIDES and room.__name__.rpartition(".")[2] not in off)


HOOK = "hook"
"""The slug of what the operator's own service decided."""
OPTED_OUT = "line-opted-out"
"""The slug of the note that a line wants nothing blocked by analytics."""

_new = tuple.__new__
_DETERMINISTIC, _SUBSCRIBER, _ANALYTICS, _IDENTITY, _DUTY, _NOTE = Class

_STOPS = ("reject", "divert")
_ALLOW = allow.check
"""Alone lets a call pass whatever else may be found."""
_CLEAR: dict[Mode, Verdict] = {mode: Verdict(mode=mode) for mode in ("observe", "tag", "enforce")}


def reason_slugs() -> tuple[str, ...]:
    """All that `Verdict.reason` can say: a closed set, so it may be a metric label (TRAP-93)."""
    return ("none", "emergency", HOOK, OPTED_OUT, *(slug for room in ROOMS for slug in room.SLUGS))


def decide(call: Call, book: Rulebook, profile: Profile, mode: Mode = "observe", percent: int = 100) -> Verdict:
    """Ask the checks in their order and say what is done with the call.

    `percent` of the calls are really refused in `enforce`; the others are tagged. Which ones depends on the
    Call-ID and a secret.
    """
    findings: list[Finding] | None = None
    if (marks := book.marks) is not None and (caller := call.caller) is not None:
        place = hash(caller) & book.mask
        if not marks[place >> 3] >> (place & 7) & 1 or not second_mark(caller, book):
            book = book.unlisted
    shadow = book.shadow
    numbered = call.caller_kind == "number"
    blocked = call.trunk in book.upstreams
    checks = book.asks.get((call.side, numbered, blocked))
    if checks is None:
        # Of a caller with a number the check of the deny list can say nothing where that is empty.
        off = book.off if not numbered or book.deny else book.off | {"subscriber"}
        off = off if blocked else off | {"upstream"}
        checks = book.asks[call.side, numbered, blocked] = asked(call.side, off)
    for check in checks:
        if (finding := check(call, book)) is not None:
            if shadow and CHECK_OF[finding.slug] in shadow:
                finding = replace(finding, shadow=True)
            elif check is _ALLOW and finding.allows:
                return Verdict(findings=(finding,), deciding=finding, mode=mode, allowed=True)
            if findings is None:
                findings = [finding]
            else:
                findings.append(finding)
    if findings is None:
        return _CLEAR[mode]
    score, would, deciding, campaign, shadows = _weighed(findings, book, profile)
    rehearsed = would
    if book.spares and would in _STOPS and _spared(would, deciding, call, book):
        findings.append(Finding(OPTED_OUT, _NOTE, 0, "this line wants nothing blocked by analytics: tagged instead"))
        would = rehearsed = "tag"
    if shadows:
        rehearsed = _rehearsed(findings, call, book, profile)
    return _new(Verdict, (  # a named tuple makes itself in Python, which takes three times as long
        would if mode == "enforce" and percent >= 100 else _lowered(would, call, book, mode, percent),
        would,
        rehearsed,
        score,
        tuple(findings),
        deciding,
        campaign,
        mode,
        False,
        False,
        _drawn(call.call_id, book.key, b"refusal").hex() if would == "reject" else "",
        profile.divert_to if would == "divert" else "",
        profile.divert_by,
    ))  # fmt: skip


def overruled(
    verdict: Verdict, action: Action, why: str, call: Call, book: Rulebook, mode: Mode, percent: int = 100
) -> Verdict:
    """The verdict after the operator's own service has decided otherwise. An emergency centre or a caller on the
    allow-list stays let through, and the trunk's mode stays the ceiling."""
    if verdict.allowed or verdict.emergency or action == verdict.would or action not in STRICTNESS:
        return verdict
    finding = Finding(HOOK, Class.ANALYTICS, 0, why[:200] or "the operator's service decided so")
    if book.spares and action in _STOPS and _spared(action, finding, call, book):
        return verdict  # a service estimates too, and this line wants none of that
    return verdict._replace(
        action=_lowered(action, call, book, mode, percent),
        would=action,
        findings=(*verdict.findings, finding),
        deciding=finding,
        id=_drawn(call.call_id, book.key, b"refusal").hex() if action == "reject" else "",
    )


def _rehearsed(findings: Sequence[Finding], call: Call, book: Rulebook, profile: Profile) -> Action:
    """What would be done if the shadows were real."""
    for finding in findings:
        if finding.allows:
            return "allow"
    _, would, deciding, _, _ = _weighed(findings, book, profile, rehearsed=True)
    return "tag" if book.spares and would in _STOPS and _spared(would, deciding, call, book) else would


def _spared(would: Action, deciding: Finding | None, call: Call, book: Rulebook) -> bool:
    """Does the line called want no such block (47 CFR 64.1200(k)(3))? What is certain, what the subscriber decides
    and what the operator calls sure enough for all (64.1200(k)(11)) stops calls to every line."""
    if call.callee is None or call.side != "carrier" or call.callee not in book.opted_out or deciding is None:
        return False
    estimated = would == "divert" or deciding.kind is _ANALYTICS
    return estimated and deciding.slug not in book.network_level


def _weighed(
    findings: Sequence[Finding], book: Rulebook, profile: Profile, rehearsed: bool = False
) -> tuple[int, Action, Finding | None, str, bool]:
    """Score, action and the finding that it rests on, the first campaign that is named, and whether any finding is in
    shadow. rehearsed: as if none were."""
    acting: Finding | None = None
    blocking: Finding | None = None
    proof = evidence = sure = unsure = blocked = 0
    campaign, shadows = "", False
    codes = book.codes
    for finding in findings:
        if not campaign:
            campaign = finding.campaign
        if finding.shadow:
            shadows = True
            if not rehearsed:
                continue
        kind = finding.kind
        if kind is _ANALYTICS or kind is _DUTY:
            ceiling, weight = finding.ceiling, finding.weight
            if ceiling == "tag":
                evidence += weight
            elif ceiling == "reject":
                sure += weight
                if weight > blocked or blocking is None:
                    blocking, blocked = finding, weight
            else:
                unsure += weight
        elif kind is _DETERMINISTIC or kind is _SUBSCRIBER or finding.slug in codes:
            acting = acting or finding
        elif kind is _IDENTITY:
            proof += finding.weight
    if proof > (half := profile.reject_at // 2):
        proof = half
    firm = sure + unsure
    score = proof + evidence + firm
    if acting is not None:
        return score, "reject", acting, campaign, shadows
    if blocking is not None and proof + sure >= profile.reject_at:
        return score, "reject", blocking, campaign, shadows
    heaviest: Finding | None = None
    tagging: Finding | None = None
    for finding in findings:
        if rehearsed or not finding.shadow:
            if finding.weight > (heaviest.weight if heaviest is not None else 0):
                heaviest = finding
            if tagging is None and finding.slug in profile.tags:
                tagging = finding
    if profile.divert_at is not None and profile.divert_to and proof + firm >= profile.divert_at and firm:
        return score, "divert", heaviest, campaign, shadows
    if heaviest is not None and score >= profile.tag_at:
        return score, "tag", heaviest, campaign, shadows
    if tagging is not None:
        return score, "tag", tagging, campaign, shadows
    return score, "allow", None, campaign, shadows


def _lowered(would: Action, call: Call, book: Rulebook, mode: Mode, percent: int) -> Action:
    """What the mode lets through of it."""
    if mode == "observe":
        return "allow"
    if STRICTNESS[would] > STRICTNESS["tag"] and (mode == "tag" or not sampled(call.call_id, book.key, percent)):
        return "tag"
    return would


def sampled(call_id: str, key: bytes, percent: int) -> bool:
    """Does this call fall into the percentage? The same answer on every worker and at every repetition;
    callers cannot choose it."""
    if percent >= 100:
        return True
    return int.from_bytes(_drawn(call_id, key, b"percent"), "big") % 10_000 < percent * 100


def _drawn(call_id: str, key: bytes, purpose: bytes) -> bytes:
    """Twelve bytes that belong to this call and this purpose, and that nobody without the key can foresee."""
    drawing = _keyed(key, purpose).copy()
    drawing.update(call_id.encode("utf-8", "replace"))
    return drawing.digest()


@lru_cache(16)
def _keyed(key: bytes, purpose: bytes) -> blake2b:
    """The beginning of a drawing, which is the same for all calls. A key in front is as good as a keyed hash, for
    nothing can be added to what BLAKE2 has ended (RFC 7693), and a Call-ID fits into the same block."""
    return blake2b(key.ljust(64, b"\0"), digest_size=12, person=purpose)
