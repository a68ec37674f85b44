"""How a refusal reads: the SIP code by the class of the deciding finding and the operator's role, and the
603+ notice.

603+ (ATIS-1000099, 47 CFR 64.1200(k)(9)) tells a caller that analytics blocked the call and where to
complain. It is sent where analytics decided and a redress contact is configured, and never for impossible
callers, subscribers' wishes or signatures (TRAP-94). 608 (RFC 8688) says the same with a signed card; we play no
announcement, so only a caller's side that says it knows 608 gets it. None of them names a time to try again
(STI-131).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from policy.rulebook import PROVIDERS, TRANSIT, Code, Redress, Role, Rulebook
from policy.verdict import Class, Finding, Rejection, Verdict
from shaken.verdict import FAILURES

NETWORK_BLOCKED = "Network Blocked"
NOTICE = "v=analytics1"
PLUS: Code = "603+"

PHRASES = {
    403: "Forbidden",
    404: "Not Found",
    428: "Use Identity Header",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    603: "Decline",
    607: "Unwanted",
    608: "Rejected",
}
"""Every code that a refusal may carry."""

IDENTITY_CODES = frozenset((403, 428, 436, 437, 438))
"""Codes of RFC 8224 section 6.2.2: they speak of signatures and fit nothing else (403 also means plain
"forbidden")."""

FITTING: dict[Class, frozenset[Code]] = {
    Class.DETERMINISTIC: frozenset((403, 404, 480, 603)),
    Class.SUBSCRIBER: frozenset((403, 404, 480, 486, 603, 607)),
    Class.ANALYTICS: frozenset((403, 404, 480, 603, PLUS, 608)),
    Class.IDENTITY: IDENTITY_CODES | {603},
    Class.DUTY: frozenset((403, 480, 603)),
    Class.NOTE: frozenset((403, 433, 480, 603, 607)),
}
"""What each class may be answered with. A 6xx ends every fork of the call (RFC 3261 section 21.6); a 4xx
only this one."""

DEFAULTS: dict[Class, Code] = {
    Class.DETERMINISTIC: 603,
    Class.SUBSCRIBER: 607,  # RFC 8197: the called party does not want this caller
    Class.ANALYTICS: PLUS,
    Class.IDENTITY: 438,
    Class.DUTY: 603,
    Class.NOTE: 603,
}

USUAL: dict[str, Code] = {"message-unregistered": 403, "upstream-blocked": 403, "upstream-unlisted": 403}
"""Where one slug's code is another than that of its class."""

LOCATIONS: dict[Role, str] = {
    "enterprise": "RPN",  # private network serving the remote (called) user
    "hosted": "RLN",  # public network serving the remote user
    "terminating": "RLN",
    "intermediate": "TN",
    "gateway": "TN",
    "originating": "LN",
}
"""Where the call was refused (RFC 8606 section 4)."""

_KNOWS_608 = re.compile(rb"\*[^,]*;[ \t]*\+sip\.608[ \t]*(?:[;=]|$)", re.I).match
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z").match
_NOTICE = re.compile(
    r'(?:SIP\s*;\s*cause\s*=\s*603|Q\.850\s*;\s*cause\s*=\s*21)\s*;(?:[^"]*;)?\s*text\s*=\s*"([^"]*)"', re.I
).match


def rejection(verdict: Verdict, book: Rulebook, knows_608: bool = False) -> Rejection:
    """The answer to a call that `verdict` refuses. Always an answer: what does not fit falls back to 603
    Decline. knows_608: the caller's side has said that it understands that answer (`understands`).
    """
    finding = verdict.deciding
    if finding is None:
        return Rejection(603, PHRASES[603])
    chosen, redress = code(finding, book), book.redress
    if chosen == PLUS:
        return Rejection(603, NETWORK_BLOCKED, (notice(redress, verdict.id, LOCATIONS[book.role], redress.reason),))
    status = int(chosen)
    if status == 608 and not (redress.card and knows_608):
        status = 603
    lines = [f'Reason: SIP;cause={status};text="{finding.slug}"'.encode()]
    if status == 608:
        lines.append(f"Call-Info: <{redress.card}>;purpose=jwscard".encode())
    return Rejection(status, _phrase(status, finding), tuple(lines))


def code(finding: Finding, book: Rulebook) -> Code:
    """The operator's code for this slug or its class, or else the default; 603+ only where analytics decided and a
    contact is set, and always there where the operator is a provider (47 CFR 64.1200(k)(9)).
    """
    kind = finding.kind
    chosen = book.codes.get(finding.slug) or book.refusals.get(kind)
    if chosen is None or (chosen != PLUS and chosen not in PHRASES):
        failure = FAILURES.get(finding.slug)
        chosen = failure.code if failure is not None else USUAL.get(finding.slug, DEFAULTS[kind])
        if chosen == 607 and book.role in TRANSIT:
            chosen = 603  # a transit network has no subscriber who could have said so
    if kind is Class.ANALYTICS and book.role in PROVIDERS:
        chosen = PLUS
    if chosen == PLUS and not (kind is Class.ANALYTICS and book.redress):
        chosen = 603
    return chosen


def understands(feature_caps: Sequence[bytes]) -> bool:
    """Whether somebody before us has said that he knows 608: the values of Feature-Caps (RFC 8688 section 3.4)."""
    return any(_KNOWS_608(value) for value in feature_caps)


def _phrase(status: int, finding: Finding) -> str:
    failure = FAILURES.get(finding.slug)
    return failure.phrase if failure is not None and failure.code == status else PHRASES[status]


def notice(redress: Redress, call: str, location: str, form: str = "sip") -> bytes:
    """The Reason line of a 603+ (STI-118). `form` "q850" is the other spelling that receivers know (STI-120): with
    cause 21, as a gateway maps it (STI-123), and the only one whose location RFC 8606 defines."""
    text = [NOTICE]
    contacts = (("url", redress.url), ("tel", redress.tel), ("email", redress.email))
    text += [f"{name}={value}" for name, value in contacts if value]
    if _ID(call):
        text.append(f"id={call}")
    cause = "Q.850;cause=21" if form == "q850" else "SIP;cause=603"
    return f'Reason: {cause};text="{";".join(text)}";location={location}'.encode()


def recognised(status: int, phrase: str, reasons: Sequence[str]) -> dict[str, str] | None:
    """The fields of a 603+ that came to us, or None if it is none: both the phrase and the notice must be
    there (STI-117).

    `reasons` are the values of the Reason header fields. Recognised means: pass it on unchanged, try no
    other hop (STI-121, STI-122).
    """
    if status != 603 or phrase.strip().casefold() != NETWORK_BLOCKED.casefold():
        return None
    for value in reasons:
        if (found := _NOTICE(value.strip())) and (found[1] == NOTICE or found[1].startswith(NOTICE + ";")):
            pairs = (part.partition("=") for part in found[1].split(";"))
            return {name.strip(): text.strip() for name, _, text in pairs if name.strip()}
    return None
