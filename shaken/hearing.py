"""All Identity headers of one request, heard together (RFC 8224 section 6.2; RFC 8443, 8946, 9475, 9795).

Each header gets its own result; then they are looked at as one. Diversions that hold lead back from where the call
arrived to whom the caller dialled, and excuse the other destination and the age of what was signed before them. A
token inside a `div-o` counts as one of the call's. What cannot be known without a certificate is left to
`conclude`; `open_hearing` says which URLs are needed, and none for what fails by itself.

The one `shaken` header that nearly every signed call has needs none of this: `shaken.verify` alone says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from shaken import div, identity, mky, msg, passport, quick, rcd, rph
from shaken.credential import Credential, CredentialFailure
from shaken.errors import ParseError
from shaken.passport import Passport
from shaken.rcd import Card
from shaken.verdict import FAILURES, Fact, Judgement, best
from shaken.verify import MAX_SHOWN, Claim, Exam, Fault, Rules, acceptable, compared, examined, judge, read, unknown

PASS, FAIL, UNKNOWN = Fact.PASS, Fact.FAIL, Fact.UNKNOWN
MAX_TOKENS = 10
"""Tokens heard in one request, those inside others included; the rest is counted, not read (TRAP-18)."""
LEGACY = "legacy"
"""The kind of an RFC 4474 header."""


class Circumstances(NamedTuple):
    """What else the request says, for the kinds of token that speak of it."""

    priorities: tuple[str, ...] = ()
    """Values of Resource-Priority, lower-case."""
    priority: str = ""
    """The value of Priority, lower-case."""
    display: str = ""
    """The name that is shown of the caller."""
    message: bytes | None = None
    """The body of a MESSAGE; None: the request is something else."""
    media_keys: tuple[tuple[str, str], ...] | None = None
    """Fingerprints in SDP (`shaken.mky`); None: nobody looked."""


PLAIN = Circumstances()


class Part(NamedTuple):
    """One token of the request."""

    kind: str
    """Its ppt; empty: a token without one; `legacy`; or the name of an unknown kind."""
    exam: Exam
    """What it is worth by itself."""
    excused: Exam | None = None
    """What it is worth where diversions lead back to it; None: they could not help."""
    inside: int | None = None
    """The position of the `div-o` that holds it; None: it has a header of its own."""


class Hearing(NamedTuple):
    """What is known before any certificate."""

    parts: tuple[Part, ...]
    """Headers in the order of the message, then the tokens inside them."""
    values: tuple[bytes, ...]
    """The header values that were heard, joined ones apart."""
    urls: tuple[str, ...]
    """What must be fetched."""
    target: tuple[str, ...]
    """Where the call has arrived: numbers or URIs of the Request-URI."""
    circumstances: Circumstances
    rules: Rules
    doubted: tuple[Part, ...] = ()
    """What counts in the place of `parts` where no token proves who calls (`beside`); empty: the same."""


class Conclusion(NamedTuple):
    """What all headers say together."""

    judgement: Judgement | None
    """The one that speaks for the caller's number; None where no header tries to."""
    results: tuple[Judgement, ...]
    """One for each header, in order."""
    kinds: tuple[str, ...]
    """The kind of each header."""
    diversions: Fact = UNKNOWN
    """Whether the forwarding of the call is proved: UNKNOWN where nobody says that it was forwarded."""
    via: tuple[str, ...] = ()
    """The numbers that it was forwarded by, the last one first."""
    priorities: tuple[str, ...] = ()
    """Values of Resource-Priority that are proved, lower-case."""
    psap_callback: bool = False
    """It is proved to be an emergency centre that calls back (RFC 9027)."""
    card: Card | None = None
    """Rich call data of a proved token."""
    legacy: int = 0
    """Headers of RFC 4474: ignored, counted."""

    @property
    def priority_failed(self) -> bool:
        """A token speaks of priority, and none of those that do holds."""
        asked = [result for kind, result in zip(self.kinds, self.results, strict=True) if kind == "rph"]
        return bool(asked) and not any(result.proved for result in asked)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The kinds that are not known here."""
        return tuple(kind for kind in self.kinds if kind not in KINDS and kind != LEGACY)


KINDS = frozenset(("", "shaken", "div", "div-o", "rph", "rcd", "msg"))
"""What is heard; an empty name is the token without a kind."""


def open_hearing(
    values: Sequence[bytes], claim: Claim, rules: Rules, utc: float, circumstances: Circumstances = PLAIN
) -> Hearing:
    """All steps that need no certificate. Never raises."""
    heard = tuple(one for value in values[:MAX_TOKENS] for one in identity.split(value))[:MAX_TOKENS]
    parts = [_part(value, claim, rules, utc, circumstances) for value in heard]
    for place, part in enumerate(parts):  # which grows: what was inside may hold another
        if part.kind == "div-o" and part.exam.passport is not None and len(parts) < MAX_TOKENS:
            _unwrap(parts, place, claim, rules, utc, circumstances)
    target = claim.callees[-1:] + claim.callee_uris[-1:]
    links = [link for place, part in enumerate(parts) if (link := _link(place, part, rules, utc)) is not None]
    if links:
        reached, _ = div.followed(links, target)
        parts = [part._replace(excused=_excused(part, reached, rules, utc)) for part in parts]
    needed = (exam.url for part in parts for exam in (part.exam, part.excused) if exam is not None)
    return Hearing(
        tuple(parts),
        heard,
        tuple(dict.fromkeys(url for url in needed if url is not None)),
        target,
        circumstances,
        rules,
    )


def strayed(hearing: Hearing) -> bool:
    """Whether a token that may prove a caller's number was signed for another one."""
    return any(part.exam.orig is FAIL and part.kind in hearing.rules.kinds for part in hearing.parts)


def _signed(hearing: Hearing) -> int:
    """How well such tokens are signed for this caller: 0 where none is, 2 where one has not failed so far."""
    return max(
        (
            2 if part.exam.failure is None or part.excused is not None else 1
            for part in hearing.parts
            if part.exam.orig is PASS and part.kind in hearing.rules.kinds
        ),
        default=0,
    )


def beside(hearing: Hearing, other: Hearing) -> Hearing | None:
    """What counts of two hearings of one request beside two callers: None for the first, unless the second caller is
    signed for better. Until a token proves that one, tokens of other kinds are heard beside the first.
    """
    if _signed(other) <= _signed(hearing):
        return None
    both = zip(hearing.parts, other.parts, strict=True)
    doubted = tuple(new if new.kind in hearing.rules.kinds else old for old, new in both)
    return other._replace(doubted=doubted, urls=tuple(dict.fromkeys(other.urls + hearing.urls)))


def _part(value: bytes, claim: Claim, rules: Rules, utc: float, circumstances: Circumstances) -> Part:
    if (usual := quick.read(value)) is not None:
        return Part("shaken", compared(usual, claim, rules, utc))
    try:
        header = read(value, rules)
    except ParseError as error:
        failed = Exam(None, None, FAIL, failure=FAILURES[error.slug], detail=str(error))
        return Part(LEGACY if error.slug == "identity-legacy" else "shaken", failed)
    return _examined(header, claim, rules, utc, circumstances)


def _examined(header: identity.Identity, claim: Claim, rules: Rules, utc: float, circumstances: Circumstances) -> Part:
    """One header whose syntax is right."""
    kind = header.ppt
    if kind is None:
        # The token itself says, where it does; the compact form has no kind (RFC 8224 section 4.1).
        token = _token(header)
        kind = (token.ppt or "") if token is not None else "" if rules.compact else "shaken"
        if not kind and "" not in rules.kinds and not rules.compact:
            kind = "shaken"  # where only SHAKEN is spoken, a token without a kind is a shaken one that lacks it (E9)
    if kind not in KINDS:
        return Part(kind, unknown(kind))
    fault = _fault(kind, circumstances)
    if kind == "msg":
        exam = examined(header, kind, claim, _later(rules, rules.stored), utc, fault)
    elif kind in div.KINDS:
        # Its destination is where the call was sent, which is the Request-URI and never To (RFC 8946 section 4.1).
        claim = claim._replace(callees=claim.callees[-1:], callee_uris=claim.callee_uris[-1:])
        exam = examined(header, kind, claim, rules, utc, fault)
    else:
        exam = examined(header, kind, claim, rules, utc, fault)
    return Part(kind, exam)


def _later(rules: Rules, seconds: float) -> Rules:
    """The same rules with another freshness."""
    return replace(rules, freshness=seconds)


def _token(header: identity.Identity) -> Passport | None:
    try:
        return passport.parse(header.token)
    except ParseError:
        return None


def _fault(kind: str, circumstances: Circumstances) -> Fault:
    """What the claims of this kind must hold."""
    if kind == "rph":
        first: Fault = partial(rph.fault, priorities=circumstances.priorities, priority=circumstances.priority)
    elif kind == "msg":
        first = partial(msg.fault, body=circumstances.message)
    elif kind in div.KINDS:
        first = div.fault
    else:
        first = rcd.fault
    return lambda token: first(token) or mky.fault(token, circumstances.media_keys)


def _unwrap(
    parts: list[Part], place: int, claim: Claim, rules: Rules, utc: float, circumstances: Circumstances
) -> None:
    """Put the token inside a `div-o` beside the others; the whole is worth nothing where it cannot be read."""
    part = parts[place]
    assert part.exam.passport is not None
    depth, outer = 1, part.inside
    while outer is not None:
        depth, outer = depth + 1, parts[outer].inside
    try:
        token = div.inner(part.exam.passport)
        if depth >= div.MAX_NESTED:
            raise ParseError("tokens are nested too deep", "identity-claims")
    except ParseError as error:
        parts[place] = part._replace(
            exam=part.exam._replace(url=None, failure=FAILURES["identity-claims"], detail=str(error))
        )
        return
    whole = token.signing_input + b"." + part.exam.passport.claims["opt"].rpartition(".")[2].encode()
    held = _examined(identity.Identity(whole, token.x5u, None, token.ppt, {}), claim, rules, utc, circumstances)
    parts.append(held._replace(inside=place))


_EXCUSABLE = frozenset(("identity-dest-mismatch", "identity-stale-iat"))


def _readable(part: Part) -> Passport | None:
    """The token of a part that failed by nothing or by what diversions may excuse."""
    exam = part.exam
    excusable = exam.failure is None or exam.failure.slug in _EXCUSABLE
    return exam.passport if excusable and exam.orig is PASS else None


def _link(place: int, part: Part, rules: Rules, utc: float) -> div.Link | None:
    token = _readable(part) if part.kind in div.KINDS else None
    was = div.diverted(token) if token is not None else None
    if token is None or was is None or not _recent(token, rules, utc):
        return None
    return div.Link(place, was, div.destinations(token), part.exam.fresh is PASS)


def _recent(token: Passport, rules: Rules, utc: float) -> bool:
    return -rules.freshness <= utc - token.iat <= max(rules.diverted, rules.freshness)


def _excused(part: Part, reached: frozenset[str], rules: Rules, utc: float) -> Exam | None:
    """What a token is worth if the diversions hold: its destination and its age are no fault then."""
    token = _readable(part)
    if token is None or not _recent(token, rules, utc) or acceptable(token.x5u or "", rules) is not None:
        return None
    if part.kind not in div.KINDS and div.destinations(token).isdisjoint(reached):
        return None
    return Exam(token.x5u, token, PASS, PASS, PASS, PASS)


def conclude(hearing: Hearing, credentials: Mapping[str, Credential | CredentialFailure], utc: float) -> Conclusion:
    """The results, given what was fetched for `hearing.urls`. Never raises."""
    parts, rules = hearing.parts, hearing.rules

    def judged(exam: Exam, speaks_for: str | None = None) -> Judgement:
        return judge(exam, credentials.get(exam.url) if exam.url is not None else None, utc, speaks_for, rules.numbered)

    # 1. Each by itself; what diversions may excuse is left open.
    alone: list[Judgement] = []
    for part in parts:
        token = part.exam.passport if part.kind in div.KINDS else None
        alone.append(judged(part.excused or part.exam, div.diverted(token) if token is not None else None))
    # 2. The chain of the diversions that hold, and of whose inner tokens hold, from where the call has arrived. One
    # that was signed for another caller voids it.
    sound = [one.proved for one in alone]
    for place in reversed(range(len(parts))):
        holder = parts[place].inside
        if holder is not None and not sound[place]:
            sound[holder] = False
    void = any(part.kind in div.KINDS and part.exam.orig is FAIL for part in parts)
    links = [
        link
        for place, part in enumerate(parts)
        if sound[place] and (link := _link(place, part, rules, utc)) is not None
    ]
    reached, order = div.followed(links, hearing.target) if not void else (frozenset(), ())
    # 3. All others: what the chain leads back to is excused.
    whole: list[Judgement] = []
    ends = False
    for part, result in zip(parts, alone, strict=True):
        if part.kind not in div.KINDS and part.excused is not None:
            if result.passport is not None and not div.destinations(result.passport).isdisjoint(reached):
                ends = ends or result.proved
            elif part.exam.failure is not None:
                result = judged(part.exam)
        whole.append(result)
    # 4. A diversion that leads to no signed call proves nothing (RFC 8946 section 4.2), nor does one with a bad
    # token in it.
    for place, part in enumerate(parts):
        if part.kind in div.KINDS and whole[place].failure is None and (place not in order or not ends):
            whole[place] = _unlinked(part, whole[place], sound[place])
    found = _concluded(hearing, whole, tuple(place for place in order if whole[place].proved))
    if hearing.doubted and (found.judgement is None or not found.judgement.proved):
        return conclude(hearing._replace(parts=hearing.doubted, doubted=()), credentials, utc)
    return found


def _unlinked(part: Part, result: Judgement, sound: bool) -> Judgement:
    """The result of a diversion that is well signed and belongs to no chain."""
    exam = part.exam
    slug, why = "identity-div-incomplete", "the diversions do not lead from this call back to a signed one"
    if not sound:
        why = "the token inside it does not hold"
    elif exam.fresh is FAIL:
        slug, why = "identity-stale-iat", exam.detail
    return result._replace(fresh=exam.fresh, dest=exam.dest, failure=FAILURES[slug], detail=why)


def _concluded(hearing: Hearing, whole: Sequence[Judgement], order: Sequence[int]) -> Conclusion:
    parts, rules, circumstances = hearing.parts, hearing.rules, hearing.circumstances
    diverted = [place for place, part in enumerate(parts) if part.kind in div.KINDS]
    via = [div.diverted(token) for place in order if (token := whole[place].passport) is not None]
    priorities: list[str] = []
    callback, card = False, None
    for part, result in zip(parts, whole, strict=True):
        token = result.passport
        if not result.proved or token is None:
            continue
        if part.kind == "rph":
            named = rph.asserted(token) or ()
            priorities += [one for one in circumstances.priorities if one in named]
            callback = callback or token.claims.get("sph") == rph.CALLBACK
        elif card is None and part.kind in ("rcd", "shaken") and rcd.present(token):
            card = rcd.card(token, circumstances.display)
    own = [place for place, part in enumerate(parts) if part.inside is None]
    return Conclusion(
        _speaking(parts, whole, rules),
        tuple(whole[place] for place in own),
        tuple(parts[place].kind for place in own),
        UNKNOWN if not diverted else PASS if order else FAIL,
        tuple(one for one in via if one is not None),
        tuple(dict.fromkeys(priorities)),
        callback,
        card,
        sum(part.kind == LEGACY for part in parts),
    )


def _speaking(parts: Sequence[Part], whole: Sequence[Judgement], rules: Rules) -> Judgement | None:
    """The judgement that speaks for the caller's number.

    Tokens of the kinds that prove a number, if there are any; else the failure of another kind that is known. A call
    with none but unknown kinds is answered so (RFC 8224 section 6.2.2), one with none but old headers is unsigned.
    """
    counted = [one for part, one in zip(parts, whole, strict=True) if part.kind in rules.kinds]
    if counted:
        return best(counted)
    failed = [one for part, one in zip(parts, whole, strict=True) if part.kind in KINDS and one.failure is not None]
    if failed:
        return best(failed)
    strange = [part.kind for part in parts if part.kind not in KINDS and part.kind != LEGACY]
    if strange and len(strange) == sum(part.kind != LEGACY for part in parts):
        why = f"no token is of a kind that is known here: {strange[0][:MAX_SHOWN]!r}"
        return Judgement(FAIL, failure=FAILURES["identity-no-known-ppt"], detail=why)
    return None
