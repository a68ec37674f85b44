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
from policy.rulebook import Rulebook
from policy.told import Hit
from policy.verdict import Class, Finding, analytics, kept_analytics

SIDES = ("carrier",)
SLUGS = ("campaign-number", "campaign-label", "campaign-proved", "campaign-old", "campaign-traits")

NAMED = {
    "number": "number", "block": "block of numbers", "print": "software", "words": "shown name", "spc": "signer",
    "host": "certificate host", "trunk": "trunk",
}  # fmt: skip


def check(call: Call, book: Rulebook) -> Finding | None:
    """Weigh a caller that a known campaign is using, or a call that is recognised as one of a known
    campaign."""
    hit = book.campaigns.match(call.caller, call.utc)
    match = book.casebook.recognise(call) if book.casebook is not None else None
    if hit is None and match is None and call.recognised is None:
        return None
    # Only what weighs more is put into words.
    proved = call.attestation == "A"
    listed = _listed(call, hit, proved, book)
    if match is not None:
        campaign, weight, kinds, firm = match
        if proved and "number" in kinds:
            # The number is the caller's own: it was borrowed before, or the traits besides it must speak.
            weight, firm = min(weight, MOST - KINDS["number"] / 2), False
        points = book.weight("campaign-traits")
        if weight != MOST:
            points = round(points * weight / MOST)
        if listed is None or points > listed[1]:
            return kept_analytics("campaign-traits", points, (_bears, match), campaign, "reject" if firm else "tag")
    return _told(*listed) if listed is not None else None


def _listed(call: Call, hit: Hit | None, proved: bool, book: Rulebook) -> tuple[str, int, Hit] | None:
    """By what slug, and how much, a listed number or a known name weighs."""
    if (name := call.recognised) is not None:
        name = name if book.casebook is None else book.casebook.named(name)
        named = book.campaigns.recognise(name, call.utc)
        if named is not None and (hit is None or named.weight_factor >= hit.weight_factor):
            return "campaign-label", round(book.weight("campaign-label") * named.weight_factor), named
    if hit is None:
        return None
    factor = hit.weight_factor
    if proved and factor:
        return "campaign-proved", round(book.weight("campaign-proved") * factor / 2), hit
    weight = book.weight("campaign-number")
    return "campaign-number", weight if factor == 1.0 else round(weight * factor), hit


def _told(slug: str, weight: int, hit: Hit) -> Finding:
    """The finding of a listed number or a known name."""
    if slug == "campaign-proved":
        return analytics(slug, weight, (_proved, hit), hit.campaign, "tag")
    how = "recognised as" if slug == "campaign-label" else "listed for"
    if not hit.weight_factor:
        return Finding("campaign-old", Class.NOTE, 0, f"was {how} {hit.campaign} {_ago(hit)}", hit.campaign)
    return analytics(slug, weight, (_is, how, hit), hit.campaign, "reject" if hit.firm else "tag")


def _bears(match: Match) -> str:
    return f"bears traits of {match.campaign}: {', '.join(NAMED[kind] for kind in match.kinds)}"


def _proved(hit: Hit) -> str:
    return f"listed for {hit.campaign} {_ago(hit)}, but the caller proved the right to the number"


def _is(how: str, hit: Hit) -> str:
    return f"{how} {hit.campaign}, told {_ago(hit)}"


def _ago(hit: Hit) -> str:
    return "today" if not hit.age_days else f"{hit.age_days} day{'s' if hit.age_days > 1 else ''} ago"
