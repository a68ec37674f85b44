"""Opt-outs: who asked us not to be called is not called by telemarketing, whatever was bought or agreed before (16 CFR
310.4(b)(1)(iii)(A), 47 CFR 64.1200(d)).

Our own list, so it is certain, and it weighs enough for a refusal. A call that is no telemarketing (a delivery, an
answer to a question) owes it nothing; a text message always does.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.told import DAY
from policy.verdict import Finding, kept_duty

SIDES = ("pbx",)
SLUGS = ("opt-out",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Stop a call to somebody who asked for no more of them."""
    agreements, callee = book.agreements, call.callee
    if agreements is None or callee is None or not (book.telemarketing or book.owes(call) or call.method == "MESSAGE"):
        return None
    scope = "calls" if call.method != "MESSAGE" else "messages"
    asked = agreements.opted_out(call.caller, callee, call.utc, scope)
    if asked is None:
        return None
    days = int((call.utc - asked.at) // DAY)
    return kept_duty("opt-out", book.weight("opt-out"), (_told, scope, days))


def _told(scope: str, days: int) -> str:
    return f"the person called asked for no more {scope} {'today' if not days else f'{days} days ago'}"
