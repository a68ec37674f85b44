"""Upstreams that nothing is taken from: the operator's own block, and the Robocall Mitigation Database.

True or false, no estimate. Emergency calls never come here, and calls of emergency centres have passed before.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("upstream-blocked", "upstream-unlisted")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Refuse what comes from a blocked upstream."""
    for block in book.upstreams.get(call.trunk, ()):
        if block.since <= call.utc < block.until:
            return Finding(block.slug, Class.DETERMINISTIC, 0, block.why)
    return None
