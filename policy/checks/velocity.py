"""Callers who call too often. The count comes with the call: `policy.tally` keeps it, this file only
compares.

Calls that leave are not judged: behind a PBX one number stands for many people.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, analytics

SIDES = ("carrier",)
SLUGS = ("velocity-caller",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a caller with more calls in the window than a person makes."""
    if call.attempts <= book.velocity.limit:
        return None
    why = f"{call.attempts} calls of this caller in {book.velocity.told} s"
    return analytics("velocity-caller", book.weight("velocity-caller"), why)
