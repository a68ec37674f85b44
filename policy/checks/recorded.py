"""Recorded messages: telemarketing by a recording needs a written agreement of the person called (16 CFR
310.4(b)(1)(v), the paragraph that traceback letters cite; 47 CFR 64.1200(a)(2), (3)).

The PBX says which calls play one (`X-Screen-Purpose: prerecorded`); nobody can hear it from here. A business relation
does not excuse it, nor does an agreement that was not in writing. What the message itself owes (2 seconds, 15 seconds
or 4 rings, an opt-out) is the PBX's.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import RECORDED, Rulebook
from policy.verdict import Finding, kept_duty

SIDES = ("pbx",)
SLUGS = ("recorded-unagreed",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a recorded message to somebody who did not agree to it in writing."""
    if call.purpose != RECORDED or call.callee is None:
        return None
    agreements = book.agreements
    if agreements is not None and agreements.in_writing(call.caller, call.callee, call.utc):
        return None
    why = "a recorded message to somebody who did not agree to it in writing"
    return kept_duty("recorded-unagreed", book.weight("recorded-unagreed"), why)
