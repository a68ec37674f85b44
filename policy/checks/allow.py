"""The callers that nothing may stop: emergency centres (47 CFR 64.1200(k)(6)) and the operator's allow-list.

They outrank every block, the do-not-originate list too (REG-010). The call passes and is recorded. A number that our
own people called lately passes too, if no list and no failed signature speaks against it.
"""

from __future__ import annotations

from policy.call import FAILED, Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("psap", "allow-list", "learned")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Let an emergency centre, or a caller on the allow-list, through."""
    caller = call.caller
    if book.is_passed(caller):
        if book.is_psap(caller):
            return Finding("psap", Class.NOTE, 0, "the caller is an emergency centre", allows=True)
        return Finding("allow-list", Class.NOTE, 0, "the caller is on the allow-list", allows=True)
    learned = book.learned
    if learned is None or caller not in learned.numbers:
        return None
    assert caller is not None
    if learned.knows(caller, call.utc) and _plain(call, caller, book):
        return Finding("learned", Class.NOTE, 0, "our own people called this number lately", allows=True)
    return None


def _plain(call: Call, caller: str, book: Rulebook) -> bool:
    """Does nothing firm speak against it? A number that we called can be borrowed by anybody."""
    judgement = call.judgement
    if judgement is not None and judgement.failure is not None:
        return False
    if judgement is None and call.verstat is not None and call.verstat.startswith(FAILED):
        return False
    return not (book.is_own(caller) or book.is_dno(caller) or book.is_denied(caller))
