"""Reassigned numbers: who agreed to be called may have given the number up, and somebody else answers now (47 CFR
64.1200(m)).

Looks at calls that rest on an agreement of the person called. Of a number that nobody asked the database about,
nothing is known, and nothing is said.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_duty

SIDES = ("pbx",)
SLUGS = ("number-reassigned",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a call to a number that was given up since its holder agreed."""
    reassigned, agreements, callee = book.reassigned, book.agreements, call.callee
    if reassigned is None or agreements is None or callee is None or not (book.telemarketing or book.owes(call)):
        return None
    agreed = agreements.since(call.caller, callee, call.utc)
    if agreed is None or not reassigned.given_up(callee, agreed, call.utc):
        return None
    why = "the number called was given up since the person agreed: somebody else may have it now"
    return kept_duty("number-reassigned", book.weight("number-reassigned"), why)
