"""Callers of whom people complained to the FTC or the FCC.

A hint of low weight: anybody may complain of any number, and campaigns show the numbers of others. It never refuses.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_analytics

SIDES = ("carrier",)
SLUGS = ("complaints",)

_SAID = "{} complaints about this number".format


def check(call: Call, book: Rulebook) -> Finding | None:
    """Weigh a caller whom several people complained of lately."""
    if book.complaints is None or (found := book.complaints.of(call.caller, call.utc)) is None:
        return None
    told, factor = found
    weight = book.weight("complaints")
    if factor != 1.0:
        weight = round(weight * factor)
    return kept_analytics("complaints", weight, (_SAID, told.times), "", "tag")
