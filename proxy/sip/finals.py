"""Which of the final responses of its branches a request gets (RFC 3261 section 16.7(6) and (7))."""

from __future__ import annotations

from proxy.sip.context import Branch, Context
from proxy.sip.message import Response

PREFERRED = frozenset((401, 407, 415, 420, 484))
"""Within 4xx: those that tell the caller how to try again (section 16.7(6))."""
FAILURES = frozenset((408, 503))
"""Finals that say only that this hop did not serve: a hop that is still silent may do better."""
CHALLENGES = frozenset(("www-authenticate", "proxy-authenticate"))


def rank(status: int) -> tuple[int, int]:
    """The order of final responses, the best first (section 16.7(6)): any 6xx, else the lowest class."""
    if status >= 600:
        return (0, 0)
    return (status // 100, 0 if status in PREFERRED else 2 if status in FAILURES else 1)


def best_of(context: Context) -> tuple[Response, Branch] | tuple[None, None]:
    """The best final that came so far, and the branch that gave it."""
    return min(context.best, key=_rank, default=_NOTHING)


def with_challenges(best: Response, context: Context) -> Response:
    """A 401 or 407 with the challenges of all the others (section 16.7(7))."""
    if best.status not in (401, 407) or len(context.best) == 1:
        return best
    more = [
        (line, name)
        for other, _ in context.best
        if other is not best and other.status in (401, 407)
        for line, name in zip(other.lines, other.names, strict=True)
        if name in CHALLENGES
    ]
    return Response(
        best.start, [*best.lines, *(line for line, _ in more)], [*best.names, *(name for _, name in more)],
        best.body, best.status, best.phrase,
    )  # fmt: skip


_NOTHING: tuple[None, None] = (None, None)


def _rank(given: tuple[Response, Branch]) -> tuple[int, int]:
    return rank(given[0].status)
