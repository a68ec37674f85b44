"""Which of several finals is the best. What becomes of it is told in tests/conversations."""

from __future__ import annotations

import pytest

from proxy.sip.context import Branch, Context
from proxy.sip.finals import best_of, rank, with_challenges
from proxy.sip.message import Response
from tests.conversations.wire import Wire


@pytest.mark.req("SIP-050")
def test_the_order_of_finals() -> None:
    order = [603, 302, 401, 404, 408, 500, 503]
    assert sorted(reversed(order), key=rank) == order
    for preferred in (401, 407, 415, 420, 484):
        assert rank(preferred) < rank(400) and rank(preferred) < rank(486)
    assert rank(600) == rank(699)


def held() -> Context:
    """A request that waits."""
    wire = Wire()
    wire.acts.mode = "hold"
    wire.caller.invites()
    return wire.acts.held[0]


def given(context: Context, status: int, challenge: bytes = b"") -> tuple[Response, Branch]:
    """A final of one more branch of it."""
    branch = Branch(context.table, context.state, b"", {}, context.to, context, b"CSeq: 1 INVITE")
    lines, names = ([challenge], ["www-authenticate"]) if challenge else ([], [])
    one = Response(b"SIP/2.0 %d x" % status, lines, names, b"", status, b"x")
    context.best = (*context.best, (one, branch))
    return one, branch


def test_where_nothing_came_there_is_no_best() -> None:
    assert best_of(held()) == (None, None)


def test_the_best_is_given_with_its_branch_and_the_first_of_equals_wins() -> None:
    context = held()
    given(context, 503)
    first = given(context, 404)
    given(context, 486)
    assert best_of(context) == first


def test_a_401_gathers_the_challenges_of_the_others_and_nothing_else() -> None:
    context = held()
    best, _ = given(context, 401, b"WWW-Authenticate: Digest realm=a")
    assert with_challenges(best, context) is best
    given(context, 401, b"WWW-Authenticate: Digest realm=b")
    given(context, 404, b"WWW-Authenticate: Digest realm=c")
    both = with_challenges(best, context)
    assert both.lines == [b"WWW-Authenticate: Digest realm=a", b"WWW-Authenticate: Digest realm=b"]
    assert (both.status, best.lines) == (401, [b"WWW-Authenticate: Digest realm=a"])


def test_what_is_no_challenge_stays_as_it_came() -> None:
    context = held()
    best, _ = given(context, 404)
    given(context, 401, b"WWW-Authenticate: Digest realm=b")
    assert with_challenges(best, context) is best
