"""Robocall campaigns: the numbers that they used, their names where something recognises them, and their other traits.

A listed number is evidence for days, not for ever: full weight for 7 days after the notice or the last
call, none after 30. Listed numbers are often spoofed, so a caller who proves the right to the number
(attestation A) is tagged at most (REG-026, TRAP-95): the FCC's own number is in the letter of 2023. A
campaign that is recognised by something else than its number keeps its weight for months, and a signature
does not excuse it. Nothing is refused before two independent sources have told of it.
"""

from __future__ import annotations

from policy.call import Call
from policy.casebook import KINDS, MOST, Match
from policy.lists import Hit
from policy.rulebook import Rulebook
from policy.verdict import Action, Class, Finding, analytics

SIDES = ("carrier",)
SLUGS = ("campaign-number", "campaign-label", "campaign-proved", "campaign-old", "campaign-traits")

NAMED = {
    "number": "number", "block": "block of numbers", "print": "software", "words": "shown name", "spc": "signer",
    "host": "certificate host", "trunk": "trunk",
}  # fmt: skip


def check(call: Call, book: Rulebook) -> Finding | None:
    """Weigh a caller that a known campaign is using, or a call that is recognised as one of a known
    campaign."""
    listed = _listed(call, book)
    if listed is not None and listed.weight >= book.weight("campaign-traits"):
        return listed  # traits weigh no more than that
    if (casebook := book.casebook) is None or (match := casebook.recognise(call)) is None:
        return listed
    traits = _traits(call, match, book)
    return traits if listed is None or traits.weight > listed.weight else listed


def _listed(call: Call, book: Rulebook) -> Finding | None:
    hit = book.campaigns.match(call.caller, call.utc)
    named = None
    if (name := call.recognised) is not None:
        name = name if book.casebook is None else book.casebook.named(name)
        named = book.campaigns.recognise(name, call.utc)
    if named is not None and (hit is None or named.weight_factor >= hit.weight_factor):
        return _found("campaign-label", named, book, "recognised as")
    if hit is None:
        return None
    if hit.weight_factor and call.attestation == "A":
        weight = round(book.weight("campaign-proved") * hit.weight_factor / 2)
        why = f"listed for {hit.campaign} {_ago(hit)}, but the caller proved the right to the number"
        return analytics("campaign-proved", weight, why, hit.campaign, "tag")
    return _found("campaign-number", hit, book, "listed for")


def _traits(call: Call, match: Match, book: Rulebook) -> Finding:
    weight, firm = match.weight, match.firm
    if "number" in match.kinds and call.attestation == "A":
        # The number is the caller's own: it was borrowed before, or the traits besides it must speak.
        weight, firm = min(weight, MOST - KINDS["number"] / 2), False
    why = f"bears traits of {match.campaign}: {', '.join(NAMED[kind] for kind in match.kinds)}"
    ceiling: Action = "reject" if firm else "tag"
    points = round(book.weight("campaign-traits") * weight / MOST)
    return analytics("campaign-traits", points, why, match.campaign, ceiling)


def _found(slug: str, hit: Hit, book: Rulebook, how: str) -> Finding:
    if not hit.weight_factor:
        return Finding("campaign-old", Class.NOTE, 0, f"was {how} {hit.campaign} {_ago(hit)}", hit.campaign)
    ceiling: Action = "reject" if hit.firm else "tag"
    weight = round(book.weight(slug) * hit.weight_factor)
    why = f"{how} {hit.campaign}, told {_ago(hit)}"
    return analytics(slug, weight, why, hit.campaign, ceiling)


def _ago(hit: Hit) -> str:
    return "today" if not hit.age_days else f"{hit.age_days} day{'s' if hit.age_days > 1 else ''} ago"
