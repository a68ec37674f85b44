"""Where a call comes from, goes to, or was signed, against what the operator wants of such countries.

Nothing is asked where no rule is set. Emergency calls never come here, and emergency centres and the allow-list have
passed before. A refusal stands either on the operator's own rule (deterministic) or on the wish of the person called.
"""

from __future__ import annotations

from policy.call import Call
from policy.countries import Countries, End, Place, Rule, named
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding, analytics

SIDES = ("carrier", "pbx")
SLUGS = ("country-denied", "country-unwanted", "country-tagged")

SAID = {"caller": "the caller's number belongs to", "callee": "the number called belongs to", "signer": "signed in"}


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse or tag by the first rule that fits."""
    countries = book.countries
    if countries is None:
        return None
    places: dict[End, Place | None] = {}
    for rule in countries.of_side[call.side]:
        _, wanted, end, _, peers, _ = rule
        if peers and call.trunk not in peers:
            continue
        if end not in places:
            places[end] = _place(call, end, countries)
        if (place := places[end]) is not None and not wanted.isdisjoint(place.words):
            return _found(rule, place, book)
    return None


def _place(call: Call, end: End, countries: Countries) -> Place | None:
    """The country that a rule asks for; None: the call has none there, and the rule says nothing of it."""
    if end == "caller":
        return countries.of(call.caller)
    if end == "callee":
        return countries.of(call.callee) if call.callee is not None else None
    judgement = call.judgement
    if judgement is None or (signer := judgement.credential) is None or not signer.country or not judgement.proved:
        return None
    return named(signer.country)


def _found(rule: Rule, place: Place, book: Rulebook) -> Finding | None:
    if rule.action == "allow":
        return None
    why = f"{SAID[rule.end]} {place}"
    if rule.action == "tag":
        weight = book.weight("country-tagged")
        return analytics("country-tagged", weight, why, ceiling="tag")
    if rule.claim == "subscriber":
        return Finding("country-unwanted", Class.SUBSCRIBER, 0, f"{why}: not wanted")
    return Finding("country-denied", Class.DETERMINISTIC, 0, f"{why}: not served")
