"""What is wrong with a rulebook before a call is judged by it: impossible combinations, each as a sentence
with its cure.

`lint` refuses (check-config ends with an error); `cautions` are worth reading and start anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from policy.checks import (
    allow,
    answers,
    brand,
    caller_id,
    caller_name,
    campaign,
    complaint,
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
    upstream,
    velocity,
)
from policy.countries import KINDS, UNKNOWN, WORDS, Rule
from policy.decide import CHECK_OF, OPTED_OUT
from policy.refusal import FITTING, NETWORK_BLOCKED, PHRASES, PLUS
from policy.rulebook import PROVIDERS, TRANSIT, Code, Profile, Rulebook
from policy.verdict import Class

CLASS_OF: dict[str, Class] = {
    **dict.fromkeys((*impossible.SLUGS, *message.SLUGS, *upstream.SLUGS), Class.DETERMINISTIC),
    **dict.fromkeys(identity.SLUGS, Class.IDENTITY),
    **dict.fromkeys(campaign.SLUGS, Class.ANALYTICS),
    **dict.fromkeys(velocity.SLUGS, Class.ANALYTICS),
    **{slug: Class.ANALYTICS for room in (pattern, answers, brand) for slug in room.SLUGS},
    **{slug: Class.DUTY for room in (optout, recorded, reassigned, dnc, hours, caller_id) for slug in room.SLUGS},
    "hook": Class.ANALYTICS,
    "deny-list": Class.SUBSCRIBER,
    "country-denied": Class.DETERMINISTIC,
    "country-unwanted": Class.SUBSCRIBER,
    "anonymous": Class.NOTE,
    "attestation-c": Class.NOTE,
    "certificate-numbers": Class.NOTE,
    "campaign-old": Class.NOTE,
    "dnc-unknown": Class.NOTE,
    **dict.fromkeys(caller_name.SLUGS, Class.NOTE),
}
"""The class of each slug that may be given a code."""

HARMLESS = frozenset(
    (
        *allow.SLUGS, *reputation.SLUGS, *complaint.SLUGS, OPTED_OUT, "answers-company", "campaign-old",
        "campaign-proved", "country-tagged", "emergency", "none",
    )  # fmt: skip
)
"""Slugs that must never refuse a call."""

_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/%-]*)?\Z").match
_TEL = re.compile(r"\+[1-9][0-9]{6,14}\Z").match
_DIVERT = re.compile(r"(?:sips?:[^\s<>\"]{1,200}|tel:\+?[0-9]{1,15})\Z").match
_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{3,255}\Z").match


def lint(book: Rulebook) -> list[str]:
    """Sentences on what cannot work; empty if the book may be used."""
    return [
        *_codes(book), *_redress(book), *_profiles(book), *_checks(book), *_countries(book), *_others(book)
    ]


def cautions(book: Rulebook) -> list[str]:
    """Sentences on what works and is probably not meant."""
    found: list[str] = []
    provider = book.role in PROVIDERS
    for slug in sorted(set(book.codes) & set(identity.SLUGS)):
        if provider:
            found.append(
                f"codes.{slug}: a provider should not refuse calls for missing or failed authentication "
                "alone (85 FR 56530)"
            )
    if book.identity_required and identity.MISSING not in book.codes:
        found.append(
            f"an Identity is required, but unsigned calls are not refused: codes.{identity.MISSING} = 428 "
            "would refuse them"
        )
    for name, other in (("dno", book.dno), ("deny", book.deny), ("own", book.own)):
        both = sorted(tn for tn in (book.allow.exact | book.psap.exact) if tn in other)
        if both:
            found.append(f"{len(both)} number(s) are allowed and also on the list {name}: allowed wins")
    if book.role == "originating":
        for name in ("caller_id", "optout", "recorded", "reassigned", "dnc", "hours"):
            if book.checks.get(name) == "off":
                found.append(f"checks.{name} is off, and an originating provider answers for its customers' calls")
    if book.network_level and provider:
        found.append(
            f"network_level stops calls to lines that opted out ({', '.join(sorted(book.network_level))}): tell your"
            " subscribers what is blocked so (47 CFR 64.1200(k)(11))"
        )
    if (mode := book.checks.get("impossible")) in ("off", "shadow") and book.role in PROVIDERS:
        found.append(
            f"checks.impossible is {mode}, and every provider must block on a reasonable do-not-originate list "
            "(47 CFR 64.1200(o))"
        )
    if provider and any(rule.action == "deny" and rule.claim == "deterministic" for rule in _rules(book)):
        found.append(
            "policy.country: a provider should not refuse calls for their country alone (47 USC 201(b)); a subscriber "
            'may wish it: class = "subscriber"'
        )
    return found


def _rules(book: Rulebook) -> tuple[Rule, ...]:
    return book.countries.rules if book.countries is not None else ()


def _countries(book: Rulebook) -> Iterator[str]:
    regions = book.countries.regions if book.countries is not None else frozenset()
    for place, rule in enumerate(_rules(book), 1):
        key = f"policy.country[{place}]"
        for word in sorted(rule.countries - regions - WORDS):
            near = get_close_matches(word, regions | WORDS, 1)
            yield f"{key}: no numbers belong to {word}" + (f"; did you mean {near[0]}?" if near else "")
        if rule.end == "signer" and (words := rule.countries & {*KINDS, UNKNOWN}):
            yield f"{key}: a signer is in a country, and {', '.join(sorted(words))} is none"
        if rule.end == "signer" and rule.side == "pbx":
            yield f"{key}: calls of our own side are signed by nobody else"
        if rule.action == "deny" and rule.claim == "subscriber" and book.role in TRANSIT:
            yield f'{key}: the role {book.role} has no subscribers who could wish it; set class = "deterministic"'


def _codes(book: Rulebook) -> Iterator[str]:
    for slug, status in sorted(book.codes.items()):
        if slug in HARMLESS:
            yield f"codes.{slug}: this finding never refuses a call; remove the line"
            continue
        kind = CLASS_OF.get(slug)
        if kind is None:
            near = get_close_matches(slug, CLASS_OF, 1)
            yield f"codes.{slug}: there is no such finding" + (f"; did you mean {near[0]}?" if near else "")
        else:
            yield from _code(book, f"codes.{slug}", kind, status)
    for kind, status in sorted(book.refusals.items(), key=lambda item: item[0].value):
        yield from _code(book, f"refusals.{kind.value}", kind, status)


def _code(book: Rulebook, key: str, kind: Class, status: Code) -> Iterator[str]:
    """What is wrong with answering this class so; one sentence at most."""
    if status != PLUS and status not in PHRASES:
        yield f"{key} = {status}: not a refusal; use one of {_listed(FITTING[kind])}"
    elif kind is Class.ANALYTICS and book.role in PROVIDERS and status not in (603, PLUS):
        yield (
            f"{key} = {status}: the role {book.role} answers analytics with 603 {NETWORK_BLOCKED} "
            "only (47 CFR 64.1200(k)(9)); remove the line"
        )
    elif kind is Class.SUBSCRIBER and book.role in TRANSIT:
        yield f"{key}: the role {book.role} has no subscribers whose wish this could be; remove the line"
    elif status not in FITTING[kind]:
        yield f"{key} = {status}: does not fit the class {kind.value}; use one of {_listed(FITTING[kind])}"
    elif status == PLUS and not book.redress and book.role not in PROVIDERS:  # of a provider it is said anyway
        yield f"{key} = 603+: it names a redress contact: set url, tel or email of redress"
    elif status == 608 and not (book.redress.card and book.redress):
        yield f"{key} = 608: it names a signed card (RFC 8688): set card of redress, and a url, tel or email for it"


def _redress(book: Rulebook) -> Iterator[str]:
    redress = book.redress
    if book.role in PROVIDERS and not redress:
        yield (
            f"the role {book.role} must answer analytics with 603 {NETWORK_BLOCKED}, which names a redress "
            "contact: set url, tel or email of redress"
        )
    if redress.url and not _URL(redress.url):
        yield f"redress url {redress.url!r}: must be https with a public name, and no query"
    if redress.card and not _URL(redress.card):
        yield f"redress card {redress.card!r}: must be https with a public name, and no query"
    if redress.tel and not _TEL(redress.tel):
        yield f"redress tel {redress.tel!r}: must be a number with plus and country code"
    if redress.email and not _EMAIL(redress.email):
        yield f"redress email {redress.email!r}: must be one address"


def _profiles(book: Rulebook) -> Iterator[str]:
    for name, profile in sorted(book.profiles.items()):
        if profile.divert_at is not None and book.role in TRANSIT:
            yield f"profile {name}: the role {book.role} passes calls on; to divert them is the called side's"
        yield from (f"profile {name}: {fault}" for fault in _profile(profile))


def _profile(profile: Profile) -> Iterator[str]:
    if profile.tag_at < 1:
        yield f"tag_at = {profile.tag_at} would tag every call; 1 is the least"
    if profile.reject_at < profile.tag_at:
        yield f"reject_at = {profile.reject_at} is below tag_at = {profile.tag_at}"
    if (at := profile.divert_at) is not None:
        if not profile.tag_at <= at <= profile.reject_at:
            yield f"divert_at = {at} must lie between tag_at and reject_at"
        if not _DIVERT(profile.divert_to):
            yield f"divert_to {profile.divert_to!r}: must be a sip, sips or tel URI"
    for slug in sorted(profile.tags - set(CLASS_OF) - HARMLESS):
        near = get_close_matches(slug, CLASS_OF, 1)
        yield f"tags names {slug}, which is no finding" + (f"; did you mean {near[0]}?" if near else "")


def _checks(book: Rulebook) -> Iterator[str]:
    names = frozenset(CHECK_OF.values())
    for name, mode in sorted(book.checks.items()):
        if name not in names:
            near = get_close_matches(name, names, 1)
            yield f"checks.{name}: there is no such check" + (f"; did you mean {near[0]}?" if near else "")
        elif name == "allow" and mode != "enforce":
            yield "checks.allow: emergency centres and the allow-list are always let through (47 CFR 64.1200(k)(6))"


def _others(book: Rulebook) -> Iterator[str]:
    for slug in sorted(book.network_level):
        if slug in HARMLESS or CLASS_OF.get(slug) is not Class.ANALYTICS:
            near = get_close_matches(slug, [name for name, kind in CLASS_OF.items() if kind is Class.ANALYTICS], 1)
            yield f"network_level names {slug}, which is no finding of analytics that refuses" + (
                f"; did you mean {near[0]}?" if near else ""
            )
    for slug, weight in sorted(book.weights.items()):
        if weight < 0:
            yield f"weights.{slug} = {weight}: a finding cannot speak for a caller; 0 is the least"
    if book.velocity.limit < 1 or book.velocity.seconds <= 0:
        yield "velocity: limit and seconds must be positive"
    if len(book.key) > 64:
        yield "the secret of the rulebook is longer than 64 bytes"


def _listed(codes: frozenset[Code]) -> str:
    return ", ".join(sorted(str(code) for code in codes))
