"""Where a call comes from, goes to, or was signed, against what the operator wants of such countries.

Nothing is asked where no rule is set. Emergency calls never come here, and emergency centres and the allow-list have
passed before. A refusal stands either on the operator's own rule (deterministic) or on the wish of the person called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policy.call import Call
from policy.countries import NOWHERE, SHORTEST, SURE, End, Place, Rule, named
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding, kept_analytics

SIDES = ("carrier", "pbx")
SLUGS = ("country-denied", "country-unwanted", "country-tagged")

_SAID = "{} {}".format
SAID = {"caller": "the caller's number belongs to", "callee": "the number called belongs to", "signer": "signed in"}


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse or tag by the first rule that fits."""
    countries = book.countries
    if countries is None:
        return None
    side, trunk, tn, called, judgement = call.side, call.trunk, call.caller, call.callee, call.judgement
    credential = judgement.credential if judgement is not None else None
    country = credential.country if credential is not None else ""
    # A short number belongs nowhere, whatever longer ones that begin like it are: it is none of theirs.
    start = tn[:SURE] if tn and len(tn) >= SHORTEST else ""
    end = called[:SURE] if called and len(called) >= SHORTEST else ""
    way = side, trunk, start, end, country
    fits = countries.ways.get(way, _UNKNOWN)
    if fits is _UNKNOWN:
        peers = countries.asked[side]
        asked = peers.get(trunk) or peers[""]
        rules, caller, callee, signer = asked
        here = countries.of(tn) if caller else None
        there = countries.of(called) if callee and called is not None else None
        signed = named(country) if signer and country else None
        if signed is not None and signer.isdisjoint(signed.words):
            signed = None
        counts = signed is None or (judgement is not None and judgement.proved)
        fits = _first(rules, {"caller": here, "callee": there, "signer": signed if counts else None})
        if signed is None:
            countries.note_way(way, asked, fits)
    if fits is None:
        return None
    rule, place = fits
    return _found(rule, place, book)


_UNKNOWN = Rule("allow", frozenset()), NOWHERE
"""Stands for what was not found out yet."""


def _first(rules: Iterable[Rule], places: Mapping[End, Place | None]) -> tuple[Rule, Place] | None:
    """The first rule that fits, and the place."""
    for rule in rules:
        if (place := places[rule.end]) is not None and not rule.countries.isdisjoint(place.words):
            return rule, place
    return None


def _found(rule: Rule, place: Place, book: Rulebook) -> Finding | None:
    if rule.action == "allow":
        return None
    if rule.action == "tag":
        said = _SAID, SAID[rule.end], place.text
        return kept_analytics("country-tagged", book.weight("country-tagged"), said, "", "tag")
    why = f"{SAID[rule.end]} {place}"
    if rule.claim == "subscriber":
        return Finding("country-unwanted", Class.SUBSCRIBER, 0, f"{why}: not wanted")
    return Finding("country-denied", Class.DETERMINISTIC, 0, f"{why}: not served")
