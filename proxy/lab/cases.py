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
    forged: bool = False
    phrase: str = ""
    verstat: str = ""
    """What the PBX must read in P-Asserted-Identity."""
    campaign: str = ""
    outbound: bool = False
    target: str = CALLEE
    leaves_with: str = ""
    """The attestation that the carrier must be able to prove on an outbound call."""


CASES = (
    Case("signed A", "12025550301", "allow", "none", 200, "A", verstat="TN-Validation-Passed"),
    Case("signed B", "12025550302", "allow", "none", 200, "B", verstat="TN-Validation-Passed"),
    Case("signed C, gateway", "12025550303", "tag", "attestation-c", 200, "C", verstat="TN-Validation-Passed"),
    Case("unsigned is normal", "12025550304", "allow", "none", 200, verstat="No-TN-Validation"),
    Case("bad signature", "12025550305", "reject", "identity-bad-signature", 438, "A", forged=True,
         phrase="Invalid Identity Header"),
    Case("signed 3 h ago", "12025550306", "reject", "identity-stale-iat", 403, "A", age=10_800, phrase="Stale Date"),
    Case("token of another caller", "12025550307", "reject", "identity-orig-mismatch", 438, "A", orig="12025550198"),
    Case("token for another callee", "12025550308", "reject", "identity-dest-mismatch", 438, "A", dest="12025550197"),
    Case("listed campaign", UTILITY, "reject", "campaign-number", 603, phrase="Network Blocked", campaign="Utility-SupplyCharges"),
    Case("FCC's number, unsigned", FCC, "reject", "campaign-number", 603, phrase="Network Blocked", campaign="GovtImpers"),
    Case("FCC's number, proved", FCC, "tag", "campaign-proved", 200, "A", verstat="TN-Validation-Passed", campaign="GovtImpers"),
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
            case.orig or case.caller, [case.dest or case.target], case.signed, age=case.age, forged=case.forged
        )
        lines.append(f"Identity: {value}")
    return Invitation(target, f"<{identity}>", lines=tuple(lines))


async def place(case: Case, world: World) -> tuple[Outcome, list[str]]:
    """Make the call; what came of it, and what of that is not as expected."""
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

    def demand(what: str, found: str | None, wanted: str | None) -> None:
        if found != wanted:
            faults.append(f"{what}: {found!r}, expected {wanted!r}")

    if case.verdict == "emergency":
        demand("Identity of an emergency call", heard.header("identity"), None)
        demand("our marks on an emergency call", heard.header("x-screen-verdict"), None)
    elif case.outbound:
        faults += await proved(case, heard.header("identity") or "", world)
    else:
        demand("X-Screen-Verdict", heard.header("x-screen-verdict"), case.verdict)
        demand("X-Screen-Reason", heard.header("x-screen-reason"), None if case.reason == "none" else case.reason)
        demand("X-Screen-Campaign", heard.header("x-screen-campaign"), case.campaign or None)
        demand("P-Attestation-Indicator", heard.header("p-attestation-indicator"), case.signed or None)
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
