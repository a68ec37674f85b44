"""Do-not-call: a duty of who calls, so it looks at calls that leave and at the number called (16 CFR
310.4(b)(1)(iii)(B)).

That a number of ours is on the registry says nothing against a caller from outside. Consent and business relations
excuse a call (`Rulebook.excuse`). Political calls, polls and calls between companies owe nothing to the registry, and
cannot be told from others here: the finding weighs enough for a tag and not for a refusal.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("pbx",)
SLUGS = ("dnc-listed",)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a call from the PBX to a number on the do-not-call registry."""
    if book.dnc is None or call.callee is None or not book.dnc.listed(call.callee) or book.excused(call):
        return None
    why = "the number called is on the do-not-call registry"
    return Finding("dnc-listed", Class.DUTY, book.weight("dnc-listed"), why)
