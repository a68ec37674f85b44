"""The calls of the demo: what is sent, and what must come of it. One row, one call."""

from __future__ import annotations

import time
from dataclasses import dataclass

from certs.fetch import Fetcher, FetchError, Limits
from proxy.lab.calling import Outcome
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from shaken.credential import Anchors, validate
from shaken.errors import CredentialError
from shaken.verify import Claim, Rules, examine, judge

CALLEE = "12025550199"
ABROAD = "12125550147"
"""Whom the PBX calls."""
UTILITY = "17244428039"
"""A number of the letter's list, campaign Utility-SupplyCharges."""
FCC = "12024181122"
"""The FCC's own published number; campaign GovtImpers used it."""
PROVED, UNPROVED = "TN-Validation-Passed", "No-TN-Validation"
FORGED = (
    "X-Screen-Verdict: allow",
    "x-screen-CAMPAIGN: none",
    "P-Attestation-Indicator: A",
    "P-Origination-ID: 123e4567-e89b-42d3-a456-426655440000",
)
"""What only ringwarden, or a network that it trusts for verdicts, may say of a call."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call from the carrier's side, unless `outbound`."""

    name: str
    caller: str
    verdict: str
    reason: str
    status: int
    signed: str = ""
    """The attestation of the token that it carries; empty: unsigned."""
    orig: str = ""
    """The caller that the token names, where it is another one."""
    dest: str = ""
    age: float = 0.0
    signer: str = "carrier"
    """Which of `World.signers` made the token."""
    forges: bool = False
    """Carries marks of ours and of other networks, as a caller might who wants to be believed."""
    phrase: str = ""
    verstat: str = ""
    """What the PBX must read in P-Asserted-Identity."""
    campaign: str = ""
    outbound: bool = False
    target: str = CALLEE
    leaves_with: str = ""
    """The attestation that the carrier must be able to prove on an outbound call."""


CASES = (
    Case("signed A", "13015550101", "allow", "none", 200, "A", verstat=PROVED),
    Case("signed B", "13015550102", "allow", "none", 200, "B", verstat=PROVED),
    Case("signed C, gateway", "13015550103", "tag", "attestation-c", 200, "C", verstat=PROVED),
    Case("unsigned is normal", "13015550104", "allow", "none", 200, verstat=UNPROVED),
    Case("bad signature", "13015550105", "reject", "identity-bad-signature", 438, "A", signer="forger",
         phrase="Invalid Identity Header"),
    Case("signed 3 h ago", "13015550106", "reject", "identity-stale-iat", 403, "A", age=10_800, phrase="Stale Date"),
    Case("token of another caller", "13015550107", "reject", "identity-orig-mismatch", 438, "A", orig="12025550198"),
    Case("token for another callee", "13015550108", "reject", "identity-dest-mismatch", 438, "A", dest="12025550197"),
    Case("its repository is down", "13015550109", "allow", "none", 200, "A", signer="lost", verstat=UNPROVED),
    Case("forged marks come off", "13015550110", "allow", "none", 200, forges=True, verstat=UNPROVED),
    Case("listed campaign", UTILITY, "reject", "campaign-number", 603, phrase="Network Blocked", campaign="Utility-SupplyCharges"),
    Case("FCC's number, unsigned", FCC, "reject", "campaign-number", 603, phrase="Network Blocked", campaign="GovtImpers"),
    Case("FCC's number, proved", FCC, "tag", "campaign-proved", 200, "A", verstat=PROVED, campaign="GovtImpers"),
    Case('"911" as caller', "911", "reject", "dno-n11", 603, phrase="Decline"),
    Case("our number from outside", "12025550101", "reject", "own-number-from-outside", 603, phrase="Decline"),
    Case("anonymous", "anonymous", "allow", "none", 200),
    Case("PBX dials 911", "12025550100", "emergency", "emergency", 200, outbound=True, target="911"),
    Case("PBX calls, own number", "12025550100", "allow", "none", 200, outbound=True, target=ABROAD, leaves_with="A"),
    Case("PBX calls, other number", "13125550188", "allow", "none", 200, outbound=True, target=ABROAD, leaves_with="B"),
)  # fmt: skip


def invitation(case: Case, world: World) -> Invitation:
    """The call as it goes out."""
    host = f"127.0.0.1:{world.ports['proxy']}"
    target = f"sip:{'+' if len(case.target) > 3 else ''}{case.target}@{host}"
    if case.caller == "anonymous":
        return Invitation(target, '"Anonymous" <sip:anonymous@anonymous.invalid>', lines=("Privacy: id",))
    plus = "+" if len(case.caller) > 3 else ""
    identity = f"sip:{plus}{case.caller}@carrier.example.net"
    lines = [f"P-Asserted-Identity: <{identity}>"]
    if case.signed:
        value = world.sign(
            case.orig or case.caller, [case.dest or case.target], case.signed, age=case.age, signer=case.signer
        )
        lines.append(f"Identity: {value}")
    if case.forges:
        lines = [f"P-Asserted-Identity: <{identity.replace('@', ';verstat=TN-Validation-Passed@')}>", *FORGED]
    return Invitation(target, f"<{identity}>", lines=tuple(lines))


async def place(case: Case, world: World) -> tuple[Outcome, list[str]]:
    """Make the call; what came of it, and what of that is not as expected.

    The caller's side is asked for the answer, the callee's for what arrived: neither asks ringwarden.
    """
    caller, callee = (world.pbx, world.carrier) if case.outbound else (world.carrier, world.pbx)
    call = invitation(case, world)
    outcome = await caller.call(call, world.proxy, hang_up=False)
    faults = [] if outcome.status == case.status else [f"SIP {outcome.status}, expected {case.status}"]
    if case.phrase and outcome.phrase != case.phrase:
        faults.append(f"phrase {outcome.phrase!r}, expected {case.phrase!r}")
    if case.phrase == "Network Blocked" and "v=analytics1" not in (outcome.reason or ""):
        faults.append(f"Reason {outcome.reason!r} lacks what 603+ must say")
    if outcome.dialog is not None and (ended := await caller.within(outcome.dialog, "BYE")).status != 200:
        faults.append(f"BYE was answered {ended.status}")
    arrived = callee.requests("INVITE", call.call_id)
    if case.status == 200:
        faults += await seen(case, callee, call.call_id, world)
    elif arrived:
        faults.append("the call went through all the same")
    return outcome, faults


async def seen(case: Case, callee: Phone, call_id: str, world: World) -> list[str]:
    """What is wrong with the call as it arrived at the other side."""
    heard = await callee.hears("INVITE", call_id=call_id)
    faults = []

    def demand(name: str, wanted: str) -> None:
        if (found := heard.headers(name)) != ([wanted] if wanted else []):
            faults.append(f"{name}: {found!r}, expected {wanted or 'none'!r}")

    if case.verdict == "emergency":
        demand("Identity", "")
        demand("X-Screen-Verdict", "")
    elif case.outbound:
        faults += await proved(case, heard.header("identity") or "", world)
    else:
        demand("X-Screen-Verdict", case.verdict)
        demand("X-Screen-Reason", "" if case.reason == "none" else case.reason)
        demand("X-Screen-Campaign", case.campaign)
        demand("P-Attestation-Indicator", case.signed if case.verstat == PROVED else "")
        if case.verstat and f";verstat={case.verstat}@" not in (heard.header("p-asserted-identity") or ""):
            faults.append(f"P-Asserted-Identity: {heard.header('p-asserted-identity')!r} lacks {case.verstat}")
    return faults


async def proved(case: Case, identity: str, world: World) -> list[str]:
    """The carrier verifies what the call left with, by the certificate that it fetches from the token's URL."""
    now = time.time()
    exam = examine(identity.encode(), Claim(case.caller, None, (case.target,)), Rules(lab=True), now)
    if exam.url is None:
        return [f"it left with an Identity that no carrier would look at: {judge(exam, None, now).slug}"]
    fetcher = Fetcher(Limits(lab=True, tls_ca=world.authority.web_ca_pem))
    try:
        chain = await fetcher.get(exam.url)
    except FetchError as error:
        return [f"the carrier cannot fetch {exam.url}: {error}"]
    finally:
        await fetcher.close()
    try:
        credential = validate(exam.url, chain, Anchors.of([world.authority.anchors_pem]), now)
    except CredentialError as error:
        return [f"the carrier does not accept the certificate at {exam.url}: {error}"]
    judgement = judge(exam, credential, now)
    if judgement.attestation != case.leaves_with:
        return [f"it left with {judgement.attestation!r} ({judgement.slug}), expected {case.leaves_with!r}"]
    return []
