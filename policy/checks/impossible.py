"""Callers that cannot be: no estimate, no threshold, and no other score is asked (REG-002 to REG-005).

An impossible number of the North American plan, a short code or "911" as caller, one of our own numbers
arriving from outside, a number whose holder never calls (do-not-originate). Numbers of other countries are
not judged (REG-003), nor is what our own PBX shows: an extension is no forgery.

No number at all is possible. Only telemarketing must show one (16 CFR 310.4(a)(8)), and where a call is known for that
by its trusted trunk, by its campaign or by the name that it shows, the missing number is an estimate among others.
"""

from __future__ import annotations

from policy.call import Call
from policy.campaigns import family
from policy.rulebook import RECORDED, TELEMARKETING, Rulebook
from policy.verdict import Class, Finding, analytics
from shaken.number import nanp_fault

OWN = "own-number-from-outside"
SIDES = ("carrier",)
HIDDEN = "telemarketing-hidden"
SLUGS = (
    OWN, "dno-list", "dno-n11", "dno-short", "dno-invalid-nanp", "dno-unallocated", "dno-not-a-number", HIDDEN,
)  # fmt: skip
SELLING = frozenset(("telemarketing", "telemarketer", "telemarketers", "telesales"))
"""Words of a shown name by which a call says itself that it sells."""

SHORTEST = 7
"""Digits of the shortest numbers with a country code; what is shorter can be dialled, but nobody can be
reached by it."""

_N11 = frozenset(f"{digit}11" for digit in range(2, 10))
# A country code in front of the short code changes nothing: +1 911 is as impossible as 911.
_SHORT_SERVICES = _N11 | {"1" + code for code in _N11} | {"112", "933", "988", "1112", "1933", "1988"}

# Derived from the one rule, so that it cannot differ from it.
_EXCHANGES = frozenset(f"{code}" for code in range(200, 1000) if nanp_fault(f"1202{code}0100") is None)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse a caller that cannot be."""
    caller = call.caller
    if not caller:
        if call.caller_kind == "invalid":
            return _found("dno-not-a-number", "the caller is written as a number and is none")
        if sells := _selling(call, book):
            why = f"{sells}, and shows no number to call back"
            return analytics(HIDDEN, book.weight(HIDDEN), why, ceiling="tag")
        return None
    if book.is_barred(caller):
        if book.is_own(caller):
            return _found(OWN, "one of our own numbers arrives from outside")
        return _found("dno-list", "the holder of this number says that it never calls")
    # Nearly every caller is a possible number of the plan, and two look-ups say so.
    if len(caller) == 11 and caller[4:7] in _EXCHANGES and caller[:4] in book.areas and caller.isdigit():
        return None
    if len(caller) < SHORTEST:
        if caller in _SHORT_SERVICES:
            return _found("dno-n11", f"{caller} is a service to be called; it does not call")
        return _found("dno-short", f"{caller} is too short to be called back")
    if (fault := nanp_fault(caller)) is not None:
        return _found("dno-invalid-nanp", f"no such number: {fault}")
    if caller[0] == "1" and caller[:4] not in book.areas:
        return _found("dno-unallocated", f"area code {caller[1:4]} was never given out")
    return None


def _selling(call: Call, book: Rulebook) -> str:
    """By what a call is known for telemarketing; empty where it is not. A proof of the number does not matter here."""
    if call.purpose in (TELEMARKETING, RECORDED):
        return "its trunk says that it is telemarketing"
    name = call.recognised
    if book.casebook is not None:
        if name is not None:
            name = book.casebook.named(name)
        elif (match := book.casebook.recognise(call)) is not None:
            name = match.campaign
    if name is not None and family(name) == TELEMARKETING:
        return f"is recognised as {name}, which is telemarketing"
    if not SELLING.isdisjoint(call.display_name[:128].casefold().replace("-", "").split()):
        return "calls itself telemarketing"
    return ""


def _found(slug: str, why: str) -> Finding:
    return Finding(slug, Class.DETERMINISTIC, 0, why)
