"""The callers that nothing may stop: emergency centres (47 CFR 64.1200(k)(6)) and the operator's allow-list.

They outrank every block, the do-not-originate list too (REG-010). The call passes and is recorded.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("psap", "allow-list")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Let an emergency centre, or a caller on the allow-list, through."""
    caller = call.caller
    if book.is_psap(caller):
        return Finding("psap", Class.NOTE, 0, "the caller is an emergency centre", allows=True)
    if book.is_allowed(caller):
        return Finding("allow-list", Class.NOTE, 0, "the caller is on the allow-list", allows=True)
    return None
