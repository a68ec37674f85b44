"""Do-not-call: a duty of who calls, so it looks at calls that leave and at the number called (16 CFR
310.4(b)(1)(iii)(B)).

The operator's own list speaks of every call, the national registry of telemarketing only: most homes are on it. That a
number of ours is on it says nothing against a caller from outside. Consent and business relations excuse a call.
Political calls, polls and calls between companies owe nothing to the registry, and cannot be told from others here: the
finding weighs enough for a tag and not for a refusal. What stands on a registry older than 31 days is told and has no
effect (REG-059); of an area that is not loaded nothing is known (REG-073).
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_duty, kept_note

SIDES = ("pbx",)
SLUGS = ("dnc-listed", "dnc-unknown")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a call from the PBX to a number on the do-not-call registry."""
    callee = call.callee
    if callee is None:
        return None
    if book.dnc is not None and book.dnc.listed(callee):
        if book.excused(call):
            return None
        why = "the number called is on the do-not-call list"
        return kept_duty("dnc-listed", book.weight("dnc-listed"), why)
    national = book.national
    if national is None or not (book.telemarketing or book.owes(call)):
        return None
    if national.listed(callee):
        if book.excused(call):
            return None
        why, shadow = "the number called is on the do-not-call registry", national.stale(callee, call.utc)
        if shadow:
            why += ", as it was more than 31 days ago"
        return kept_duty("dnc-listed", book.weight("dnc-listed"), why, shadow)
    if callee[:1] == "1" and not national.covers(callee):
        return kept_note("dnc-unknown", "the do-not-call registry of this area is not loaded")
    return None
