"""How calls end: people hang up on robocalls within seconds, or do not answer at all, hardly anybody talks, and some of
the numbers do not exist, because nobody who calls them knows who is there.

A caller is judged by its own calls, of the last days; whoever uses many numbers of one
thousand-block, by the block. Whoever has no past of its own (a new number for each call) is judged by the company it
keeps: calls with the same looks of the sending software, the same customer, origination or signer. Good callers are
among those, so such a finding tags at most, unless hardly anybody ever talked with that company at all.

Calls of ours are followed by the customer only, and noticed: at most they are tagged, whatever the figures.
"""

from __future__ import annotations

from policy.behaviour import Seen
from policy.call import Call
from policy.past import Ends
from policy.rulebook import Rulebook, Thresholds
from policy.source import ENOUGH
from policy.verdict import Finding, analytics

SIDES = ("carrier", "pbx")
SLUGS = ("answers-dead", "answers-caller", "answers-block", "answers-company", "answers-machine")

_DEAD = "{} of {} calls to numbers that nobody has, {} talked".format
_MACHINE = "{} of {} calls of this {} ended unheard, {} talked".format
_CALLER = "{} of {} calls not answered or hung up at once".format

OWN = ("print", "customer", "origid")
"""Sources that may be one caller's alone; signers, hosts and trunks have many customers."""


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a caller, a block, or a group of strangers, whose calls nobody wants."""
    seen, limits = call.seen, book.limits
    if seen is None:
        return _of_ours(call, book) if call.customer and call.side == "pbx" else None
    past = seen.past
    if past.ended < limits.ends and past.ended < limits.dials and seen.block_past.ended < limits.dials:
        for source in call.sources:
            if source.ended or source.past.ended:
                break
        else:
            return None  # nobody has much of a past
    if past.ended >= limits.dials and past.wasted >= limits.wasted and past.blind >= limits.blind:
        return analytics("answers-dead", book.weight("answers-dead"), (_DEAD, past.dead, past.ended, past.talked))
    for source in call.sources:
        if (ends := source.past).ended and source.kind in OWN and _machine(ends, limits) and not past.talked:
            said = (_MACHINE, ends.unheard, ends.ended, source.kind, ends.talked)
            return analytics("answers-machine", book.weight("answers-machine"), said)
    if past.ended >= limits.ends and past.wasted >= limits.wasted:
        return analytics("answers-caller", book.weight("answers-caller"), (_CALLER, past.unheard, past.ended))
    return _of_others(call, seen, book)


def _of_others(call: Call, seen: Seen, book: Rulebook) -> Finding | None:
    """What those around the caller say of it, where it has hardly a past of its own."""
    limits, past, block = book.limits, seen.past, seen.block_past
    if past.talked:
        return None
    if block.ended >= limits.dials and block.wasted >= limits.wasted and block.ended > 2 * past.ended:
        if block.blind >= limits.blind:
            why = f"{block.dead} of {block.ended} calls of its thousand-block to numbers that nobody has"
            return analytics("answers-block", book.weight("answers-dead"), why)
        why = f"{block.unheard} of {block.ended} calls of its thousand-block ended unheard"
        return analytics("answers-block", book.weight("answers-block"), why, "", "tag")
    if seen.ended < 3 and past.ended < 3:
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


def _of_ours(call: Call, book: Rulebook) -> Finding | None:
    """What is to be seen of a customer of ours; a customer has many callers, so it is no reason to refuse one."""
    limits = book.limits
    for source in call.sources:
        if source.kind != "customer":
            continue
        if (ends := source.past).ended and _machine(ends, limits):
            why = f"{ends.unheard} of {ends.ended} calls of this customer ended unheard, {ends.talked} talked"
            return analytics("answers-machine", book.weight("answers-machine"), why, ceiling="tag")
        if source.ended >= ENOUGH and source.wasted >= limits.wasted:
            why = f"{round(100 * source.wasted)} % of the calls of this customer end unheard"
            return analytics("answers-company", book.weight("answers-company"), why, ceiling="tag")
    return None


def _machine(past: Ends, limits: Thresholds) -> bool:
    """Is this source one machine that dials blindly, and was it never anything else?"""
    return (
        past.blind >= limits.blind
        and past.wasted >= limits.wasted
        and past.talked <= limits.talked * past.ended
    )
