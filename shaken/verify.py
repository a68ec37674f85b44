"""Verification of one Identity header (RFC 8224 section 6.2, ATIS-1000074): first what costs nothing, then the
signature.

`examine` makes every check that needs no certificate, so that a forged flood causes no connection; `judge` does the
rest with the credential that was fetched meanwhile. Each step leaves a fact; the first failure decides the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from shaken import compact, identity, passport, quick
from shaken.credential import Credential, CredentialFailure
from shaken.errors import ParseError
from shaken.passport import MAX_TOKEN, Passport
from shaken.verdict import FAILURES, Fact, Failure, Judgement

PASS, FAIL, UNKNOWN = Fact.PASS, Fact.FAIL, Fact.UNKNOWN
_make = tuple.__new__
Fault = Callable[[Passport], "tuple[str, str] | None"]
"""Says what is wrong with the claims of a token: a slug and a sentence."""
MAX_URL = 2048
"""Characters of a certificate URL."""
MAX_SHOWN = 32
"""Characters of a kind that is not known, in a sentence about it."""

# https, a host, maybe a port, a path; no userinfo, query or fragment (ATIS-1000074 section 5.3.1; STI-073).
_URL = re.compile(
    r"https://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(?::([0-9]{1,5}))?"
    r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?\Z"
).match


# RFC 4122 section 3: written in lower case, read in either.
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}").fullmatch


class Claim(NamedTuple):
    """What the call itself says, in canonical form."""

    caller: str | None
    caller_uri: str | None
    callees: tuple[str, ...]
    """Any of them may be the destination that was signed: To, and the Request-URI."""
    date: float | None = None
    """The Date header, Unix seconds. It may be absent: the full form has its own time."""
    callee_uris: tuple[str, ...] = ()
    """The same where they are no numbers, in the form of RFC 8224 section 8.5."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator lets pass."""

    freshness: float = 60.0
    """Seconds that iat may be off, to either side (RFC 8224 section 6.2(4))."""
    ports: tuple[int, ...] = (443, 8443)
    hosts: frozenset[str] | None = None
    """Hosts that certificates may come from, lower-case; None: any."""
    lab: bool = False
    """Any port: the lab's repository has no rights to 443."""
    diverted: float = 10_800.0
    """Seconds that a token may be old which proved diversions lead back to: calls wait in queues (RFC 8946 section
    4.2).
    """
    stored: float = 86_400.0
    """The same for messages, which are stored and forwarded (RFC 9475 section 3)."""
    compact: bool = False
    """Tokens in compact form are rebuilt and checked. SHAKEN knows none (ATIS-1000082 E4)."""
    media_keys: bool = False
    """A token that names the keys of the media must name those of SDP: only where nobody on the way changes them."""
    bare_info: bool = False
    """`info` is read too where it is quoted or stands without brackets (STI-022)."""
    folded: bool = False
    """The neighbour folds lines inside tokens: blanks are taken out of them (STI-029)."""
    numbered: bool = True
    """A certificate counts that lists numbers, though no delegate's (LAB-18)."""
    kinds: frozenset[str] = frozenset(("shaken",))
    """Kinds of tokens that prove a caller's number; an empty name is the token without a kind (RFC 8225)."""


class Exam(NamedTuple):
    """What is known before any certificate. `url` is what must be fetched, None where that would change nothing."""

    url: str | None
    passport: Passport | None
    parsed: Fact
    fresh: Fact = UNKNOWN
    orig: Fact = UNKNOWN
    dest: Fact = UNKNOWN
    failure: Failure | None = None
    detail: str = ""
    readings: tuple[Passport, ...] = ()
    """What else a token in compact form may stand for."""


def _refused(slug: str, detail: str, token: Passport | None = None) -> Exam:
    return Exam(None, token, FAIL, failure=FAILURES[slug], detail=detail)


@lru_cache(maxsize=4096)
def _parts(url: str) -> tuple[str, str | None] | None:
    found = _URL(url)
    return None if found is None else (found[1], found[2])


def acceptable(url: str, rules: Rules) -> str | None:
    """Why a certificate URL may not be fetched; None if it may."""
    found = _parts(url) if len(url) <= MAX_URL else None
    if found is None:
        return "the certificate URL is not a plain https URL"
    host, port = found
    if not rules.lab and port is not None and int(port) not in rules.ports:
        return "the port of the certificate URL is not allowed"
    if rules.hosts is not None and host.lower().strip("[]") not in rules.hosts:
        return "certificates may not come from this host"
    return None


def examine(value: bytes, claim: Claim, rules: Rules, utc: float) -> Exam:
    """All steps that need no certificate. Never raises."""
    if (usual := quick.read(value)) is not None:
        return compared(usual, claim, rules, utc)
    # 1. Size and syntax; the kind of token. An unknown kind is left alone, and nothing is fetched for it.
    try:
        header = read(value, rules)
    except ParseError as error:
        return _refused(error.slug, str(error))
    if header.ppt is not None and header.ppt != "shaken":
        return unknown(header.ppt)
    return examined(header, "shaken", claim, rules, utc)


def read(value: bytes, rules: Rules) -> identity.Identity:
    """One header value, taken apart as the rules allow. Raises ParseError."""
    if len(value) > identity.MAX_VALUE:
        raise ParseError("the Identity header is too long", "identity-too-large")
    return identity.parse(value, bare=rules.bare_info, folded=rules.folded)


def unknown(kind: str) -> Exam:
    """The exam of a token of a kind that is not known here."""
    return _refused("identity-unsupported-ppt", f"a token of the kind {kind[:MAX_SHOWN]!r} is not understood here")


def examined(
    header: identity.Identity, kind: str, claim: Claim, rules: Rules, utc: float, fault: Fault | None = None
) -> Exam:
    """The steps for a header whose kind is known, before any certificate. Never raises.

    kind: what the token must be; empty: a token without a kind. fault: what only this kind's claims must hold.
    """
    if len(header.token) > MAX_TOKEN:
        return _refused("identity-too-large", "the token is too long")
    if header.info is None:
        return _refused("identity-no-info", "the header does not say where the certificate is")
    readings: tuple[Passport, ...] = ()
    try:
        if rules.compact and not kind and compact.is_compact(header.token):
            if claim.date is None:
                return _refused("identity-compact", "a token in compact form needs a Date")
            readings = compact.readings(
                header.token, header.info, claim.caller, claim.caller_uri, claim.callees, claim.callee_uris,
                int(claim.date),
            )  # fmt: skip
        token = readings[0] if readings else passport.parse(header.token)
    except ParseError as error:
        return _refused(error.slug, str(error))
    if (wrong := _claims(header, token, kind) or (fault(token) if fault is not None else None)) is not None:
        return _refused(*wrong, token)
    # 2. The certificate's URL: the same in both places, by octets.
    if token.x5u != header.info:
        return _refused("identity-info-mismatch", "info and x5u name different certificates", token)
    exam = compared(token, claim, rules, utc)
    return exam._replace(readings=readings[1:]) if readings else exam


def compared(token: Passport, claim: Claim, rules: Rules, utc: float) -> Exam:
    """The steps that look at the call and the rules; the token itself is in order."""
    url, iat, tn = token.x5u or "", token.iat, token.orig_tn
    if (why := acceptable(url, rules)) is not None:
        return _refused("identity-bad-url", why, token)
    # 3. The call is the one that was signed: its time, its caller, whom it calls. Each is a fact of its own.
    fresh = PASS if -rules.freshness <= iat - utc <= rules.freshness else FAIL
    if tn is not None and tn == claim.caller:
        orig = PASS
    elif claim.caller is None and claim.caller_uri is None:
        orig = UNKNOWN  # a call that shows nobody leaves nothing to compare with (RFC 8224 section 11; STI-038)
    else:
        orig = PASS if tn is None and claim.caller_uri is not None and token.orig_uri == claim.caller_uri else FAIL
    dest = FAIL
    for number in claim.callees:
        if number in token.dest_tns:
            dest = PASS
            break
    else:
        if claim.callee_uris and not set(claim.callee_uris).isdisjoint(token.dest_uris):
            dest = PASS
    if fresh is PASS and orig is PASS and dest is PASS:
        return _make(Exam, (url, token, PASS, PASS, PASS, PASS, None, "", ()))
    return _mismatched(token, fresh, orig, dest, utc)


def _mismatched(token: Passport, fresh: Fact, orig: Fact, dest: Fact, utc: float) -> Exam:
    """The exam of a token that is stale or was made for another call: the first failure answers."""
    if fresh is FAIL:
        slug, detail = "identity-stale-iat", f"signed {utc - token.iat:+.0f} s ago"
    elif orig is UNKNOWN:
        slug, detail = "identity-no-caller", "the call shows no caller to compare the token with"
    elif orig is FAIL:
        slug, detail = "identity-orig-mismatch", "the token was signed for another caller"
    else:
        slug, detail = "identity-dest-mismatch", "the token was signed for another called number"
    return Exam(None, token, PASS, fresh, orig, dest, FAILURES[slug], detail)


def _claims(header: identity.Identity, token: Passport, kind: str) -> tuple[str, str] | None:
    """What is wrong with the claims of the header and the payload, in the order of ATIS-1000082's cases; None if
    nothing.
    """
    if None in (token.typ, token.alg, token.x5u) or (token.ppt is None and kind):
        return "identity-header-claims", "typ, alg, ppt or x5u is missing in the token"  # E9
    if token.typ != "passport":
        return "identity-bad-typ", "the token is no passport"  # E11
    if token.alg != "ES256":
        return "identity-unsupported-alg", "the token is not signed with ES256"  # E12
    if header.alg is not None and header.alg != token.alg:
        return "identity-alg-mismatch", "the header names another algorithm than the token"
    if (token.ppt or "") != kind:
        # E13; where the header named no kind, it is the token that is of another one.
        return (
            "identity-ppt-mismatch" if header.ppt else "identity-unsupported-ppt"
        ), f"the token is not of the kind {kind or 'without a name'}"
    if "crit" in token.header:
        return "identity-unsupported-crit", "the token demands an extension that is not known here"
    if kind != "shaken":
        return None
    if token.attest is None or token.origid is None:
        return "identity-claims", "attest or origid is missing"  # E14
    if _UUID(token.origid) is None:
        return "identity-claims", "origid is no UUID"  # RFC 8588 section 5
    if token.attest not in ("A", "B", "C"):
        return "identity-bad-attest", "attest is not A, B or C"  # E19
    return None


def judge(
    exam: Exam,
    credential: Credential | CredentialFailure | None,
    utc: float,
    speaks_for: str | None = None,
    numbered: bool = True,
) -> Judgement:
    """The result, given what was fetched for `exam.url`. Never raises.

    speaks_for: the number that the certificate must cover, where it is not the caller's. numbered: whether a
    certificate counts that lists numbers and is no delegate's.
    """
    if exam.failure is not None:
        return Judgement(
            exam.parsed,
            exam.fresh,
            exam.orig,
            exam.dest,
            failure=exam.failure,
            passport=exam.passport,
            detail=exam.detail,
        )
    token = exam.passport
    assert token is not None
    # 4. The credential: there, chained to an anchor, valid at the time of the token.
    if not isinstance(credential, Credential):
        return _without(token, credential)
    begin, end = credential.not_before, credential.not_after
    if not (begin <= utc <= end and begin <= token.iat <= end):
        return _failed(token, credential, "identity-expired", "the certificate was not valid at that time", FAIL)
    # 5. It may speak for the caller.
    if credential.spc is None and not credential.covers(speaks_for or token.orig_tn or ""):
        return _unauthorised(token, credential)
    if credential.numbered and not numbered:
        return _unauthorised(token, credential, why="the certificate lists numbers and is no delegate's")
    if credential.constraints and (why := limited(token, credential)) is not None:
        return _unauthorised(token, credential, "identity-constraints", why)
    # 6. The signature, over the octets as received.
    if not credential.holds(token.signature, token.signing_input):
        for reading in exam.readings:
            if credential.holds(reading.signature, reading.signing_input):
                token = reading
                break
        else:
            return _failed(token, credential, "identity-bad-signature", "the signature does not hold", PASS, PASS, FAIL)
    return _make(Judgement, (PASS, PASS, PASS, PASS, PASS, PASS, PASS, None, token, credential, ""))


def limited(token: Passport, credential: Credential) -> str | None:
    """How a token leaves the limits that its certificate sets, in words; None where it keeps them."""
    claims = token.claims
    return next((why for limits in credential.constraints if (why := limits.fault(claims)) is not None), None)


def _unauthorised(
    token: Passport,
    credential: Credential,
    slug: str = "identity-no-authority",
    why: str = "the certificate may not speak for this caller",
) -> Judgement:
    """The result where the certificate is not one for the caller, or for these claims. The signature is looked at all
    the same: whoever writes another's certificate URL into a token must not make its holder look guilty.
    """
    return _failed(
        token, credential, slug, why, PASS, FAIL,
        PASS if credential.holds(token.signature, token.signing_input) else FAIL,
    )  # fmt: skip


def _without(token: Passport, credential: CredentialFailure | None) -> Judgement:
    """The result where there is no certificate that may speak: not at hand, or not good."""
    unreachable = credential is None or credential.kind == "unreachable"
    slug = "identity-unreachable" if credential is None else credential.slug
    return Judgement(
        PASS, PASS, PASS, PASS,
        chain=UNKNOWN if unreachable else FAIL,
        failure=FAILURES.get(slug, FAILURES["identity-unreachable" if unreachable else "identity-untrusted-chain"]),
        passport=token,
        detail="the certificate is not at hand" if credential is None else credential.detail,
    )  # fmt: skip


def _failed(
    token: Passport,
    credential: Credential,
    slug: str,
    detail: str,
    chain: Fact,
    authority: Fact = UNKNOWN,
    signature: Fact = UNKNOWN,
) -> Judgement:
    return Judgement(PASS, PASS, PASS, PASS, chain, authority, signature, FAILURES[slug], token, credential, detail)
