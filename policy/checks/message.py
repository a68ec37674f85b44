"""Text messages from our side: only a number that is registered for a messaging campaign may send.

True or false by the operator's own table, so no estimate. Without a table nothing is asked, and calls never are.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("pbx",)
SLUGS = ("message-unregistered",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse a message of a number that is not registered."""
    if book.messages is None or call.method != "MESSAGE":
        return None
    fault = book.messages.fault(call.caller)
    return Finding("message-unregistered", Class.DETERMINISTIC, 0, fault) if fault is not None else None
