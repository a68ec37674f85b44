"""How somebody calls: through a range in order, many people at once, as everybody's neighbour, under many names, from
many numbers to one.

Each alone is seen with honest callers too (a school calls many people, a company's numbers are the callee's
neighbours), so each weighs enough for a tag at most; one of them together with other evidence weighs more.
"""

from __future__ import annotations

from typing import Any

from policy.behaviour import Seen
from policy.call import Call
from policy.rulebook import Rulebook, Thresholds
from policy.source import Source
from policy.verdict import Finding, kept_analytics

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
    return _heaviest(call, seen, book)


_IN_ORDER = "{} calls in a row, each to the next number".format
_NAMES = "about {} names shown by one number".format
_CROWD = "about {} different callers to this number".format
_BLOCK = "{} calls from {} numbers of one thousand-block".format
_SPREAD = "about {} different numbers called".format
_NEIGHBOUR = "a neighbour's number, as in {} % of the calls of this {}".format


def _heaviest(call: Call, seen: Seen, book: Rulebook) -> Finding | None:
    """The trait of a way of calling that weighs most; of equally heavy ones the first."""
    limits, weight = book.limits, book.weight
    _, callees, run, names, _, block, block_callers, crowd, neighbour, past, _ = seen
    most, slug, said = -1, "", _NOTHING
    if run >= limits.sequence:
        most, slug, said = weight("pattern-sequence"), "pattern-sequence", (_IN_ORDER, run)
    if names > limits.names and (one := weight("pattern-names")) > most:
        most, slug, said = one, "pattern-names", (_NAMES, names)
    if crowd > limits.crowd and (one := weight("pattern-crowd")) > most:
        most, slug, said = one, "pattern-crowd", (_CROWD, crowd)
    if block > limits.block and block_callers * 2 > min(block, 100) and (one := weight("pattern-block")) > most:
        most, slug, said = one, "pattern-block", (_BLOCK, block, block_callers)
    if callees > limits.callees:
        # A school that warns its parents calls as many; how its calls end is not known yet.
        early = past.ended < limits.ends
        if early or past.wasted >= limits.wasted:
            one = weight("pattern-spread") // 3 if early else weight("pattern-spread")
            if one > most:
                most, slug, said = one, "pattern-spread", (_SPREAD, callees)
    if neighbour and (one := weight("pattern-neighbour")) > most and (near := _near(call, limits)) is not None:
        said = _NEIGHBOUR, round(100 * near.neighbours), near.kind
        most, slug = one, "pattern-neighbour"
    return kept_analytics(slug, most, said) if slug else None


_NOTHING: tuple[Any, ...] = ()


def _near(call: Call, limits: Thresholds) -> Source | None:
    """The source of this call that is known for neighbours."""
    return next((source for source in call.sources if source.neighbours >= limits.neighbours), None)
