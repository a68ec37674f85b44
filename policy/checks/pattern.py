"""How somebody calls: through a range in order, many people at once, as everybody's neighbour, under many names, from
many numbers to one.

Each alone is seen with honest callers too (a school calls many people, a company's numbers are the callee's
neighbours), so each weighs enough for a tag at most; one of them together with other evidence weighs more.
"""

from __future__ import annotations

from operator import itemgetter

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
    borne = _borne(call, seen, book)
    if not borne:
        return None
    weight, slug = borne[0] if len(borne) == 1 else max(borne, key=_first)
    return analytics(slug, weight, (_told, slug, call, seen, limits))


_first = itemgetter(0)


def _borne(call: Call, seen: Seen, book: Rulebook) -> list[tuple[int, str]]:
    """What the traits of a way of calling weigh; of equally heavy ones the first is told."""
    limits, weight = book.limits, book.weight
    borne = []
    if seen.run >= limits.sequence:
        borne.append((weight("pattern-sequence"), "pattern-sequence"))
    if seen.names > limits.names:
        borne.append((weight("pattern-names"), "pattern-names"))
    if seen.crowd > limits.crowd:
        borne.append((weight("pattern-crowd"), "pattern-crowd"))
    if seen.block > limits.block and seen.block_callers * 2 > min(seen.block, 100):
        borne.append((weight("pattern-block"), "pattern-block"))
    if seen.callees > limits.callees:
        if seen.past.ended < limits.ends:
            # A school that warns its parents calls as many; how its calls end is not known yet.
            borne.append((weight("pattern-spread") // 3, "pattern-spread"))
        elif seen.past.wasted >= limits.wasted:
            borne.append((weight("pattern-spread"), "pattern-spread"))
    if seen.neighbour and _near(call, limits) is not None:
        borne.append((weight("pattern-neighbour"), "pattern-neighbour"))
    return borne


def _near(call: Call, limits: Thresholds) -> Source | None:
    """The source of this call that is known for neighbours."""
    return next((source for source in call.sources if source.neighbours >= limits.neighbours), None)


def _told(slug: str, call: Call, seen: Seen, limits: Thresholds) -> str:
    """The sentence of one trait."""
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
