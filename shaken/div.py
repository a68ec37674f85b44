"""Calls that were forwarded: `div` says from whom, and a chain of them leads back to whom the caller dialled (RFC
8946).

The signature over the first call names the number that was dialled; the call arrives at another. Each diversion adds a
token whose `div` is the old target and whose `dest` is the new one. Followed from where the call has arrived,
backwards, they prove that the first signature belongs to this call; without them it would be the classic cut and paste.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shaken import passport
from shaken.errors import ParseError
from shaken.passport import Passport

KINDS = frozenset(("div", "div-o"))
MAX_NESTED = 5
"""Tokens inside tokens inside one `div-o`: more diversions than networks let a call make."""


class Link(NamedTuple):
    """One diversion: where the call was headed, and where it went instead."""

    place: int
    """The position of its token among those of the call."""
    was: str
    became: frozenset[str]
    direct: bool
    """It may be the last one, next to us: its time is not too old for that."""


def diverted(token: Passport) -> str | None:
    """The number or URI that `div` names, in canonical form (RFC 8946 section 3): exactly one; None for anything
    else.
    """
    div = token.claims.get("div")
    if not isinstance(div, dict):
        return None
    tn, uri = div.get("tn"), div.get("uri")
    if isinstance(tn, str) and uri is None:
        return passport.canonical(tn)
    return uri if isinstance(uri, str) and tn is None else None


def fault(token: Passport) -> tuple[str, str] | None:
    """What is wrong with the claims of a `div` or `div-o`; None if nothing."""
    if diverted(token) is None:
        return "identity-claims", "div names not exactly one target"
    opt = token.claims.get("opt")
    if token.ppt == "div-o" and not isinstance(opt, str):
        return "identity-claims", "a div-o holds no other token"
    return None


def inner(token: Passport) -> Passport:
    """The token inside a `div-o`: in full form (RFC 8946 section 5). Raises ParseError, also for one in compact
    form.
    """
    opt = token.claims.get("opt")
    if not isinstance(opt, str) or not opt.isascii():
        raise ParseError("a div-o holds no other token", "identity-claims")
    return passport.parse(opt.encode("ascii"))


def destinations(token: Passport) -> frozenset[str]:
    """Numbers and URIs that a token was signed for."""
    return frozenset((*token.dest_tns, *token.dest_uris))


def followed(links: Sequence[Link], targets: Iterable[str]) -> tuple[frozenset[str], tuple[int, ...]]:
    """Where the call was headed before it arrived at one of `targets`, and the places of the diversions that say
    so, the last diversion first. The one next to us must be direct; a circle ends by itself.
    """
    arrived = frozenset(targets)
    reached: set[str] = set()
    used: list[int] = []
    found = True
    while found:
        found = False
        for link in links:
            if link.place in used:
                continue
            if (link.direct and link.became & arrived) or link.became & reached:
                used.append(link.place)
                reached.add(link.was)
                found = True
    return frozenset(reached), tuple(used)
