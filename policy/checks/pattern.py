"""How somebody calls: through a range in order, many people at once, as everybody's neighbour, under many names, from
many numbers to one.

Each alone is seen with honest callers too (a school calls many people, a company's numbers are the callee's
neighbours), so each weighs enough for a tag at most; one of them together with other evidence weighs more.
"""

from __future__ import annotations

from policy.behaviour import Seen
from policy.call import Call
from policy.rulebook import Rulebook, Thresholds
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("pattern-sequence", "pattern-names", "pattern-crowd", "pattern-block", "pattern-spread", "pattern-neighbour")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a way of calling that people do not have; of several the heaviest is told."""
    seen, limits = call.seen, book.limits
    if seen is None:
        return None
    if (
        seen.run < limits.sequence
        and seen.callees <= limits.callees
        and seen.names <= limits.names
        and seen.crowd <= limits.crowd
        and seen.block <= limits.block
        and not seen.neighbour
    ):
        return None
    heaviest = -1
    for slug, why in _told(call, seen, limits):
        weight = book.weight(slug)
        if weight > heaviest:
            heaviest, said = weight, (slug, why)
    return Finding(said[0], Class.ANALYTICS, heaviest, said[1]) if heaviest >= 0 else None


def _told(call: Call, seen: Seen, limits: Thresholds) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if seen.run >= limits.sequence:
        told.append(("pattern-sequence", f"{seen.run} calls in a row, each to the next number"))
    if seen.names > limits.names:
        told.append(("pattern-names", f"about {seen.names} names shown by one number"))
    if seen.crowd > limits.crowd:
        told.append(("pattern-crowd", f"about {seen.crowd} different callers to this number"))
    if seen.block > limits.block and seen.block_callers * 2 > min(seen.block, 100):
        told.append(("pattern-block", f"{seen.block} calls from {seen.block_callers} numbers of one thousand-block"))
    if seen.callees > limits.callees:
        told.append(("pattern-spread", f"about {seen.callees} different numbers called"))
    if seen.neighbour:
        for source in call.sources:
            if source.neighbours >= limits.neighbours:
                share = round(100 * source.neighbours)
                why = f"a neighbour's number, as in {share} % of the calls of this {source.kind}"
                told.append(("pattern-neighbour", why))
                break
    return told
