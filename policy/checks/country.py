"""Where a call comes from, goes to, or was signed, against what the operator wants of such countries.

Nothing is asked where no rule is set. Emergency calls never come here, and emergency centres and the allow-list have
passed before. A refusal stands either on the operator's own rule (deterministic) or on the wish of the person called.
"""

from __future__ import annotations

from policy.call import Call
from policy.countries import Place, Rule, named
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding, analytics

SIDES = ("carrier", "pbx")
SLUGS = ("country-denied", "country-unwanted", "country-tagged")

_SAID = "{} {}".format
SAID = {"caller": "the caller's number belongs to", "callee": "the number called belongs to", "signer": "signed in"}


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse or tag by the first rule that fits."""
    countries = book.countries
    if countries is None:
        return None
    peers = countries.asked[call.side]
    rules, caller, callee, signer = peers.get(call.trunk) or peers[""]
    here = countries.of(call.caller) if caller else None
    there = countries.of(call.callee) if callee and call.callee is not None else None
    signed = _signer(call) if signer else None
    # Nearly every call is from, to and signed where no rule looks.
    if (
        (here is None or caller.isdisjoint(here.words))
        and (there is None or callee.isdisjoint(there.words))
        and (signed is None or signer.isdisjoint(signed.words))
    ):
        return None
    if signed is not None and (call.judgement is None or not call.judgement.proved):
        signed = None
    places = {"caller": here, "callee": there, "signer": signed}
    for rule in rules:
        if (place := places[rule.end]) is not None and not rule.countries.isdisjoint(place.words):
            return _found(rule, place, book)
    return None


def _signer(call: Call) -> Place | None:
    """Where the certificate says that its owner is, whatever the signature is worth."""
    judgement = call.judgement
    if judgement is None or (signer := judgement.credential) is None or not signer.country:
        return None
    return named(signer.country)


def _found(rule: Rule, place: Place, book: Rulebook) -> Finding | None:
    if rule.action == "allow":
        return None
    if rule.action == "tag":
        return analytics("country-tagged", book.weight("country-tagged"), (_SAID, SAID[rule.end], place), "", "tag")
    why = f"{SAID[rule.end]} {place}"
    if rule.claim == "subscriber":
        return Finding("country-unwanted", Class.SUBSCRIBER, 0, f"{why}: not wanted")
    return Finding("country-denied", Class.DETERMINISTIC, 0, f"{why}: not served")
