"""Callers that cannot be: no estimate, no threshold, and no other score is asked (REG-002 to REG-005).

An impossible number of the North American plan, a short code or "911" as caller, one of our own numbers
arriving from outside, a number whose holder never calls (do-not-originate). Numbers of other countries are
not judged (REG-003), nor is what our own PBX shows: an extension is no forgery.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding
from shaken.number import nanp_fault

OWN = "own-number-from-outside"
SIDES = ("carrier",)
SLUGS = (OWN, "dno-list", "dno-n11", "dno-short", "dno-invalid-nanp", "dno-unallocated", "dno-not-a-number")

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


def _found(slug: str, why: str) -> Finding:
    return Finding(slug, Class.DETERMINISTIC, 0, why)
