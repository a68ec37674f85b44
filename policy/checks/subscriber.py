"""What the person called wants: their own deny list, and their view of callers who hide their number.

An anonymous caller is one class of its own and is never compared with number lists (TRAP-43). By itself it
is a note; it tags or rejects only where the settings say so (`tags`, `codes`).
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("deny-list", "anonymous")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse a caller that the subscriber does not want."""
    if call.caller_kind == "anonymous":
        return Finding("anonymous", Class.NOTE, 0, "the caller withholds the number")
    if book.is_denied(call.caller):
        return Finding("deny-list", Class.SUBSCRIBER, 0, "the subscriber does not want this caller")
    return None
