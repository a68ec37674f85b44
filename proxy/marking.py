"""What is written on a call that goes on, and taken off it, as its trunk's mode allows; what is counted of verdicts."""

from __future__ import annotations

from policy.emergency import callback_proved
from policy.verdict import Verdict
from proxy.screening.case import Case, Lane
from proxy.screening.marks import Marks, add, strip
from proxy.screening.signing import sign
from proxy.sip.edit import Edits
from proxy.sip.message import Request
from proxy.world import World


def marked(world: World, request: Request, case: Case, verdict: Verdict, lane: Lane) -> Marks:
    """The header edits of a call that goes on: taken off and put on in tag and enforce, only counted in observe."""
    marking = world.settings.marking
    marks = _strip(world, request, lane, case)
    if lane.trunk.side == "pbx":
        if lane.trunk.name in world.signers:
            signer, terms = world.signers[lane.trunk.name]
            signed = sign(request, case, signer, world.inventory, terms, world.utc())
            world.metrics.signed(signed.result, signed.attestation or "none")
            case.signed = signed.attestation
            marks.edits.add.extend(signed.lines)
        return marks
    if verdict.action == "reject":
        return marks
    judgement = case.judgement
    proved = judgement is not None and judgement.proved
    add(
        marks,
        request,
        verdict,
        prefix=marking.prefix + "-",
        verstat=judgement.verstat if judgement is not None else case.verstat or "No-TN-Validation",
        attestation=judgement.attestation if judgement is not None else None,
        origid=judgement.passport.origid if proved and judgement and judgement.passport else None,
        in_from=marking.verstat_in_from,
    )
    world.metrics.marked(lane.mode, marks.stripped, marks.added)
    return marks if lane.mode != "observe" else Marks(Edits())


def _strip(world: World, request: Request, lane: Lane, case: Case | None = None) -> Marks:
    caller, trusted = case.caller.tn if case is not None else None, lane.trunk.trust != "none"
    return strip(
        request,
        keep_callback=callback_proved(caller, trusted, world.book.psap),
        prefix=world.settings.marking.prefix.lower() + "-",
        keep_verdicts=lane.trunk.trust == "verdicts",
        keep_asserted=lane.trunk.trust != "none",
    )


def stripped(world: World, request: Request, lane: Lane | None) -> Marks:
    """What comes off a request that is not screened: in-dialog ones and other methods."""
    if lane is None or lane.mode == "observe" or world.bypass:
        return Marks(Edits())
    marks = _strip(world, request, lane)
    world.metrics.marked(lane.mode, marks.stripped, 0)
    return marks


def counted(world: World, case: Case, verdict: Verdict, seconds: float) -> None:
    metrics, judgement = world.metrics, case.judgement
    attestation = (judgement.attestation if judgement is not None else None) or "none"
    reason = verdict.deciding.slug if verdict.deciding is not None else "none"
    metrics.decision(case.lane.trunk.side, verdict.action, reason, attestation)
    metrics.decided(seconds)
    if world.tap is not None:
        world.tap.judged(case, verdict, seconds)
    if judgement is not None:
        metrics.verified("passed" if judgement.proved else judgement.slug or "failed", attestation)
    elif case.lane.trunk.side == "carrier":
        metrics.verified("unsigned", "none")
