"""What is written on a call that goes on, and taken off it, as its trunk's mode allows; what is counted of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policy.emergency import callback_proved
from policy.verdict import Verdict
from proxy.diverting import diverted
from proxy.screening.case import Case, Lane, who
from proxy.screening.marks import NONE, Marks, add, silent, strip
from proxy.screening.signing import Signed, Wanted, sign, wanted
from proxy.sip.edit import Edits
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.world import World
from shaken.verdict import NOT_DONE, PASSED

UNTOUCHED = Marks(Edits())
"""Nothing is to be changed. It belongs to all: nobody writes into it."""
OTHER_ASSERTED = MappingProxyType({"p-asserted-identity": NOT_DONE})
OTHER_FROM = MappingProxyType({"from": NOT_DONE})


def hidden(world: World, request: Request, lane: Lane) -> list[int]:
    """The lines of P-Asserted-Identity that the other side may not see: the caller asked for privacy, and nobody there
    is trusted with identities (RFC 3325 section 7). Identity stays (RFC 8224 section 11).
    """
    if "p-asserted-identity" not in request.names:
        return []
    asked = {token.strip().lower() for value in request.all("privacy") for token in value.split(b";")}
    if b"id" not in asked:
        return []
    side = lane.trunk.side
    if any(one.trust != "none" for one in world.settings.trunks if one.side != side):
        return []
    return request.where("p-asserted-identity")


def marked(world: World, request: Request, case: Case, verdict: Verdict, lane: Lane) -> Marks:
    """The header edits of a call that goes on: taken off and put on in tag and enforce, only counted in observe."""
    marking = world.settings.marking
    marks = _strip(world, request, lane, case)
    if lane.mode != "observe" and request.line("privacy") is not None and (private := hidden(world, request, lane)):
        marks.edits.drop.update(private)
        marks.stripped += len(private)
    if lane.trunk.side == "pbx":
        if lane.trunk.name in world.signers or case.elsewhere is not None:
            if case.elsewhere is not None:
                signed = case.elsewhere
            else:
                signer, terms = world.signers[lane.trunk.name]
                told = world.settings.signing
                media = told is not None and told.peers.get(lane.trunk.name, told).media_keys
                signed = sign(request, case, signer, world.inventory, terms, world.utc(), media=media)
            world.metrics.signed(signed.result, signed.attestation or "none")
            case.signed = signed.attestation
            case.ours = signed.names
            marks.edits.add.extend(signed.lines)
        else:
            world.metrics.signed("already-signed" if request.first("identity") is not None else "off", "none")
        return marks
    if verdict.action == "reject":
        return marks
    judgement = case.judgement
    attestation = origid = None
    if judgement is None:
        verstat = case.verstat or NOT_DONE
    elif judgement.proved:
        verstat = PASSED
        if (token := judgement.passport) is not None:
            attestation, origid = token.attest, token.origid
    else:
        verstat = judgement.verstat
    add(
        marks,
        request,
        verdict,
        prefix=marking.prefix + "-",
        verstat=verstat,
        attestation=attestation,
        origid=origid,
        in_from=marking.verstat_in_from,
        elsewhere=_elsewhere(request, case, marking.verstat_in_from) if judgement is not None else NONE,
    )
    if world.shows is not None:
        world.shows.on(marks, request, verdict, attestation, case.name, lane.trunk.name)
    if case.heard is not None and case.heard.priority_failed:
        # What asked for priority could not prove it: the call goes on as an ordinary one (RFC 8443 section 4.2).
        places = request.where("resource-priority")
        marks.edits.drop.update(places)
        marks.stripped += len(places)
    if verdict.action == "divert" and verdict.divert_by != "302":
        marks.edits.add.extend(diverted(world, case, verdict))
    world.metrics.marked(lane.mode, marks.stripped, marks.added)
    return marks if lane.mode != "observe" else Marks(Edits())


def _elsewhere(request: Request, case: Case, in_from: bool) -> Mapping[str, str]:
    """The header that the caller was not read from, where it has another number: nobody has judged that one."""
    if case.caller_field == "From":
        return OTHER_ASSERTED  # the field otherwise
    if not in_from:
        return NONE
    try:
        same = who(request.from_.uri, case.lane.plan).tn == case.caller.tn
    except ParseError:
        same = False
    return NONE if same else OTHER_FROM


def for_service(world: World, request: Request, case: Case, lane: Lane) -> Wanted | None:
    """What a signing service is to be asked for; None where none is asked, and the case then says why."""
    if lane.trunk.side != "pbx" or lane.trunk.name not in world.services:
        return None
    want = wanted(request, case, world.inventory, world.services[lane.trunk.name][1], world.utc())
    if isinstance(want, Signed):
        case.elsewhere = want
        return None
    return want


def _strip(world: World, request: Request, lane: Lane, case: Case | None = None) -> Marks:
    caller, trusted = case.caller.tn if case is not None else None, lane.trunk.trust != "none"
    return strip(
        request,
        keep_callback=request.line("priority") is not None
        and (
            callback_proved(caller, trusted, world.book.psap)
            or (case is not None and case.heard is not None and case.heard.psap_callback)
        ),
        prefix=world.settings.marking.prefix.lower() + "-",
        keep_verdicts=lane.trunk.trust == "verdicts",
        carrier=lane.trunk.verdicts,
        keep_asserted=trusted,
    )


def stripped(world: World, request: Request, lane: Lane | None) -> Marks:
    """What comes off a request that is not screened: in-dialog ones and other methods."""
    if lane is None or lane.mode == "observe" or world.bypass:
        return UNTOUCHED
    low = b"\n".join((b"", *request.lines)).lower()
    if bare(world, low, lane):
        return UNTOUCHED  # nearly every request of a call
    marks = _strip(world, request, lane)
    world.metrics.marked(lane.mode, marks.stripped, 0)
    return marks


def bare(world: World, low: bytes, lane: Lane) -> bool:
    """Whether nothing would come off a request with these header lines, told from their octets in lower case."""
    # The names without their colon: blanks may stand before it (HCOLON, RFC 3261 section 25.1).
    return lane.mode == "observe" or world.bypass or (
        silent(low, world.settings.marking.prefix.lower().encode() + b"-")
        and low.find(b"\npriority") < 0
        and (lane.trunk.trust != "none" or low.find(b"\np-asserted-identity") < 0)
    )


def unscreened(world: World, request: Request, lane: Lane) -> Marks:
    """The same for a call that there was no time to judge: it goes on, and says so (No-TN-Validation)."""
    marks = stripped(world, request, lane)
    if marks is UNTOUCHED:
        marks = Marks(Edits())
    if lane.trunk.side == "carrier" and lane.mode != "observe":
        marking = world.settings.marking
        add(
            marks,
            request,
            Verdict(mode=lane.mode),
            prefix=marking.prefix + "-",
            verstat="No-TN-Validation",
            attestation=None,
            origid=None,
            in_from=marking.verstat_in_from,
        )
    return marks


def counted(world: World, case: Case, verdict: Verdict, seconds: float) -> None:
    metrics, judgement = world.metrics, case.judgement
    proved = judgement is not None and judgement.proved
    attestation = "none"
    if proved and judgement is not None and judgement.passport is not None:
        attestation = judgement.passport.attest or "none"
    reason = verdict.deciding.slug if verdict.deciding is not None else "none"
    metrics.decision(case.lane.trunk.side, verdict.action, reason, attestation)
    metrics.decided(seconds)
    if world.tap is not None:
        world.tap.judged(case, verdict, seconds)
    if judgement is not None:
        metrics.verified("passed" if proved else judgement.slug or "failed", attestation)
    elif case.lane.trunk.side == "carrier":
        # A header of RFC 4474 is no signature that anybody can check: ignored, counted (TRAP-28).
        old = case.heard is not None and case.heard.legacy > 0
        metrics.verified("identity-legacy" if old else "unsigned", "none")
