"""Callers who call too often. The count comes with the call: `policy.tally` keeps it, this file only
compares.

A school that warns its parents calls as fast. What tells the two apart is how their calls end: so a burst weighs a
third until it is known, and nothing once people listen.

Calls that leave are not judged: behind a PBX one number stands for many people.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_analytics

SIDES = ("carrier",)
SLUGS = ("velocity-caller",)

_SAID = "{} calls of this caller in {} s".format


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a caller with more calls in the window than a person makes."""
    if call.attempts <= book.velocity.limit:
        return None
    weight = book.weight("velocity-caller")
    if call.seen is not None:
        past = call.seen.past
        if past.ended < book.limits.ends:
            weight //= 3
        elif past.wasted < book.limits.wasted:
            return None
    return kept_analytics("velocity-caller", weight, (_SAID, call.attempts, book.velocity.told))
