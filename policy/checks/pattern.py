"""How somebody calls: through a range in order, many people at once, as everybody's neighbour, under many names, from
many numbers to one.

Each alone is seen with honest callers too (a school calls many people, a company's numbers are the callee's
neighbours), so each weighs enough for a tag at most; one of them together with other evidence weighs more.
"""

from __future__ import annotations

from policy.behaviour import Seen
from policy.call import Call
from policy.rulebook import Rulebook, Thresholds
from policy.source import Source
from policy.verdict import Finding, analytics

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
    best, slug = -1, ""
    for trait in _borne(call, seen, limits):
        weight = book.weight(trait)
        if trait == "pattern-spread" and seen.past.ended < limits.ends:
            weight //= 3  # a school that warns its parents calls as many; how its calls end is not known yet
        if weight > best:
            best, slug = weight, trait
    return analytics(slug, best, _told(slug, call, seen, limits)) if slug else None


def _borne(call: Call, seen: Seen, limits: Thresholds) -> list[str]:
    """The traits of a way of calling; of equally heavy ones the first is told."""
    borne = []
    if seen.run >= limits.sequence:
        borne.append("pattern-sequence")
    if seen.names > limits.names:
        borne.append("pattern-names")
    if seen.crowd > limits.crowd:
        borne.append("pattern-crowd")
    if seen.block > limits.block and seen.block_callers * 2 > min(seen.block, 100):
        borne.append("pattern-block")
    if seen.callees > limits.callees and (seen.past.ended < limits.ends or seen.past.wasted >= limits.wasted):
        borne.append("pattern-spread")
    if seen.neighbour and _near(call, limits) is not None:
        borne.append("pattern-neighbour")
    return borne


def _near(call: Call, limits: Thresholds) -> Source | None:
    """The source of this call that is known for neighbours."""
    return next((source for source in call.sources if source.neighbours >= limits.neighbours), None)


def _told(slug: str, call: Call, seen: Seen, limits: Thresholds) -> str:
    """The sentence of one trait: it is written for the one that is told, and for no other."""
    if slug == "pattern-sequence":
        return f"{seen.run} calls in a row, each to the next number"
    if slug == "pattern-names":
        return f"about {seen.names} names shown by one number"
    if slug == "pattern-crowd":
        return f"about {seen.crowd} different callers to this number"
    if slug == "pattern-block":
        return f"{seen.block} calls from {seen.block_callers} numbers of one thousand-block"
    if slug == "pattern-spread":
        return f"about {seen.callees} different numbers called"
    source = _near(call, limits)
    assert source is not None
    return f"a neighbour's number, as in {round(100 * source.neighbours)} % of the calls of this {source.kind}"
