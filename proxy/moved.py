"""Where a call goes on that a hop answers with 3xx, where its redirections are followed (RFC 3261 section 16.7(5)).

By default a 3xx goes back to the caller, as any other answer. Where `follow_redirects` is set for the trunk that
answers, the best contact is tried once, if it leads to a neighbour of the same side: a PBX may send a call to another
PBX of ours, and nobody can have us dial out by an answer. Everything else, and a second 3xx, goes back.
"""

from __future__ import annotations

from collections.abc import Callable

from policy.emergency import is_emergency_uri
from proxy.diverting import sent_on
from proxy.sip import address
from proxy.sip.context import Context
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Response
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri
from proxy.world import World

MAX_CONTACTS = 8
"""Contacts of one answer that are looked at."""

Follow = Callable[[Context, Response, Flow], tuple[bytes, Flow, tuple[bytes, ...]] | None]


def follower(world: World) -> Follow:
    """Told a 3xx and who gave it, says what is called instead, where that is, and which lines are added; None: it goes
    back.
    """

    def follow(context: Context, response: Response, flow: Flow) -> tuple[bytes, Flow, tuple[bytes, ...]] | None:
        giver = world.trunks.find(flow.host, flow.port)
        if giver is None or not giver.follow_redirects:
            return None
        for uri in contacts(response):
            reached = world.resolver.at_once(uri)
            if reached is None or is_emergency_uri(uri.raw, world.emergency):
                continue
            neighbour = world.trunks.find(reached.host, reached.port)
            if neighbour is not None and neighbour.side == giver.side:
                return uri.raw, reached, sent_on(world, context.case, uri, giver.name)
        return None

    return follow


def contacts(response: Response) -> list[Uri]:
    """What a 3xx names, the best first. What cannot be read, and what would write headers, is left out."""
    found: list[tuple[float, Uri]] = []
    for value in response.values("contact")[:MAX_CONTACTS]:
        try:
            _, raw, params = address.shape(value)
            uri = parse_uri(raw)
        except ParseError:
            continue
        if uri.scheme in ("sip", "sips") and not uri.headers:
            found.append((_preference(params), uri))
    return [uri for _, uri in sorted(found, key=lambda one: -one[0])]


def _preference(params: bytes) -> float:
    """The q of a contact, 0 to 1; 1 where it has none (RFC 3261 section 20.10)."""
    for part in params.split(b";"):
        name, _, value = part.partition(b"=")
        if name.strip().lower() == b"q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
