"""What months have shown of a signer, a trunk or a software (`policy.reputation`).

Unsigned is normal, A earns nothing, B and C lose nothing (TRAP-89, TRAP-90). The rule is one share for all (REG-018),
and the finding tags at most: good callers share signers and trunks with bad ones.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, analytics

SIDES = ("carrier",)
SLUGS = ("reputation-signer", "reputation-trunk", "reputation-print")

_SAID = "{:.0f} % of about {:.0f} calls of this {} were bad".format


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a call that comes the way bad ones came."""
    standing = call.standing
    if standing is None:
        return None
    kind, _, calls, bad, _ = standing
    if bad < book.limits.bad:
        return None
    slug = f"reputation-{kind}"
    said = (_SAID, 100 * bad, calls, kind)
    return analytics(slug, book.weight(slug), said, "", "tag")
