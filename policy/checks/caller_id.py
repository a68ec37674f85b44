"""The number that our own customers show: one of ours, and one that can be called back (16 CFR 310.4(a)(8))."""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_duty
from shaken.number import nanp_fault

SIDES = ("pbx",)
SLUGS = ("caller-id-hidden", "caller-id-undialable", "caller-id-foreign")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a call that leaves under a number that is not ours, or that leads nowhere."""
    caller = call.caller
    if book.is_own(caller):
        return None
    if not caller:
        return _found("caller-id-hidden", "no number is shown", book)
    if not 7 <= len(caller) <= 15 or nanp_fault(caller) is not None:
        return _found("caller-id-undialable", "the number shown cannot be called back", book)
    return _found("caller-id-foreign", "the number shown is none of ours", book)


def _found(slug: str, why: str, book: Rulebook) -> Finding:
    return kept_duty(slug, book.weight(slug), why)
