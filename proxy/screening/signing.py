"""The other direction: what an Identity header of ours says of a call from the PBX (RFC 8224 section 6.1).

Pure: the key sits in the signer that is handed in, and so does the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.attest import Terms, decide
from policy.inventory import Inventory
from proxy.screening.case import Case
from proxy.screening.dates import sip_date, sip_date_line
from proxy.sip.message import Request
from shaken import mky
from shaken.div import destinations
from shaken.errors import SigningError
from shaken.reason import ppi
from shaken.sign import Signer

DATE_WINDOW = 60
"""Seconds that a Date of the caller may be off before nothing is signed over it (RFC 8224 section 4.1; STI-045)."""

ASKED = "x-screen-attest"
"""By which a PBX asks for a lower attestation of one call: A, B, C or none. Read from the PBX's side only, and taken
off with the other headers of that name before the call leaves."""

@dataclass(frozen=True, slots=True)
class Signed:
    """The header lines to add to a call that leaves, or why there are none."""

    lines: tuple[bytes, ...]
    attestation: str | None
    result: str
    """A slug for metrics: signed, or the reason for leaving the call as it is."""
    why: str = ""
    """What set the level: one of `policy.attest.WHY`."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """How others name the token, if there is one (RFC 9410)."""
        name = ppi(self.lines[-1].removeprefix(b"Identity: ")) if self.lines else None
        return (name,) if name is not None else ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be signed for a call."""

    orig: str
    dest: tuple[str, ...]
    iat: int
    attest: str
    origid: str
    lines: tuple[bytes, ...]
    """Header lines that go with the header."""
    why: str


@dataclass(frozen=True, slots=True)
class Turned:
    """What is to be said of a call that goes elsewhere than it was for."""

    orig: dict[str, str]
    was: str
    became: str
    iat: int


def sign(
    request: Request, case: Case, signer: Signer, inventory: Inventory, terms: Terms, utc: float, *, media: bool = False
) -> Signed:
    """The Identity header for a call from the PBX. media: bind the keys that SDP offers (RFC 8225 section 5.2.2); only
    where nobody on the way changes them.
    """
    want = wanted(request, case, inventory, terms, utc)
    if isinstance(want, Signed):
        return want
    try:
        value = signer.identity(
            orig=want.orig, dest=want.dest, iat=want.iat, attest=want.attest, origid=want.origid,
            mky=mky.claim(request.body) if media else (),
        )  # fmt: skip
    except SigningError:
        return Signed((), None, "failed", want.why)
    return Signed((*want.lines, b"Identity: " + value), want.attest, "signed", want.why)


def wanted(request: Request, case: Case, inventory: Inventory, terms: Terms, utc: float) -> Wanted | Signed:
    """What is to be signed, over the numbers that the call itself carries; or why it leaves as it came.

    The caller is whom P-Asserted-Identity names, else From; the destination is To (STI-056). A call without a number
    at either end, one that is signed already, and one whose Date is not fresh leave as they came.
    """
    if any(b"ppt" in value and b"shaken" in value for value in request.all("identity")):
        return Signed((), None, "already-signed")
    caller, callees = case.caller.tn, case.callees
    if caller is None or not callees:
        return Signed((), None, "no-number", "no-number")
    asked = request.first(ASKED) if case.lane.side == "pbx" else None
    choice = decide(caller, inventory, terms, utc, _wish(asked) if asked is not None else "")
    if choice.level is None:
        return Signed((), None, "not-entitled", choice.why)
    lines: list[bytes] = []
    if (date := request.first("date")) is None:
        lines.append(sip_date_line(utc))
    elif (stated := sip_date(date.decode("utf-8", "replace"))) is None or abs(stated - utc) > DATE_WINDOW:
        return Signed((), None, "stale-date", choice.why)
    return Wanted(caller, callees[:1], int(utc), choice.level, choice.origid, tuple(lines), choice.why)


def _wish(value: bytes) -> str:
    """What the PBX asks for, as `policy.attest` has it."""
    text = value[:16].strip().decode("ascii", "replace")
    return text.lower() if len(text) > 1 else text.upper()


def divert(case: Case, signer: Signer, inventory: Inventory, became: str | None, utc: float) -> Signed:
    """The `div` header for a call, as `turned` has it."""
    said = turned(case, inventory, became, utc)
    if isinstance(said, Signed):
        return said
    try:
        value = signer.div(orig=said.orig, was=said.was, became=said.became, iat=said.iat)
    except SigningError:
        return Signed((), None, "failed")
    return Signed((b"Identity: " + value,), None, "signed")


def turned(case: Case, inventory: Inventory, became: str | None, utc: float) -> Turned | Signed:
    """What the `div` header says for a call that we send to another number than the one it was for (RFC 8946 section
    4.1): beside the headers that it has, which stay, and on the request as well as in a 3xx.

    became: the new target in canonical form; of a call that was sent on before, the next one. Nothing is added to a
    call that is not signed for the number it was for, where the number stays the same however it is written, and where
    the old number is not ours to divert (STI-097).
    """
    first, was = case.callee, case.turned or case.callee
    if first is None or was is None or became is None or was == became:
        return Signed((), None, "no-number")
    origin = _origin(case, first)
    if origin is None:
        return Signed((), None, "no-identity")
    if inventory.find(was, utc) is None:
        return Signed((), None, "not-entitled")
    return Turned(origin, was, became, int(utc))


def _origin(case: Case, callee: str) -> dict[str, str] | None:
    """The caller, as the token has it that the call carries for this number: one that came with it, or ours."""
    for exam in case.exams:
        token = exam.passport
        if exam.failure is None and token is not None and callee in destinations(token):
            return {"tn": token.orig_tn} if token.orig_tn is not None else {"uri": token.orig_uri or ""}
    if case.signed is not None and case.caller.tn is not None and callee == case.callees[0]:
        return {"tn": case.caller.tn}
    return None
