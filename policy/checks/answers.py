"""How calls end: people hang up on robocalls within seconds, or do not answer at all.

A caller is judged by its own calls. Whoever has no past of its own (a new number for each call) is judged by the
company it keeps: calls with the same looks of the sending software, the same customer or signer; there the share must
be high, the callers mostly strangers, and the finding tags at most, because good callers are among them.
"""

from __future__ import annotations

from policy.call import Call
from policy.rulebook import Rulebook
from policy.sources import ENOUGH
from policy.verdict import Finding, analytics

SIDES = ("carrier",)
SLUGS = ("answers-caller", "answers-company")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a caller, or a group of strangers, whose calls nobody wants."""
    seen, limits = call.seen, book.limits
    if seen is None:
        return None
    if seen.ended >= limits.ends:
        wasted = (seen.short + seen.unanswered) / seen.ended
        if wasted >= limits.wasted:
            why = f"{seen.short} of {seen.ended} calls hung up at once, {seen.unanswered} not answered"
            return analytics("answers-caller", book.weight("answers-caller"), why)
    if seen.ended < 3:
        for source in call.sources:
            if (
                source.ended >= ENOUGH
                and source.kind != "trunk"
                and source.wasted >= limits.wasted
                and source.strangers >= limits.strangers
            ):
                wasted, new = round(100 * source.wasted), round(100 * source.strangers)
                why = f"{wasted} % of the calls of this {source.kind} end unheard, {new} % are by new numbers"
                return analytics("answers-company", book.weight("answers-company"), why, ceiling="tag")
    return None
