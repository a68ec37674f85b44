from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.checks.answers import SIDES, check
from policy.rulebook import Rulebook
from policy.sources import Source

BOOK = Rulebook()


def source(kind: str = "signer", ended: int = 20, wasted: float = 0.8, strangers: float = 0.8) -> tuple[Source, ...]:
    return (Source(kind, "1234", 100, ended, wasted, 0.0, 0.0, strangers),)


@pytest.mark.parametrize(
    ("seen", "sources", "slug"),
    [
        (None, source(), None),
        (Seen(ended=9, short=9), (), None),
        (Seen(ended=10, short=8), (), "answers-caller"),
        (Seen(ended=10, short=4, unanswered=4), (), "answers-caller"),
        (Seen(ended=10, short=7), (), None),
        (Seen(), source(), "answers-company"),
        (Seen(), source(ended=19), None),
        (Seen(), source(wasted=0.79), None),
        (Seen(), source(strangers=0.79), None),
        (Seen(), source("trunk"), None),  # a trunk carries everybody
        (Seen(ended=3), source(), None),  # who has a past of its own is judged by it
        (Seen(ended=2), source(), "answers-company"),
    ],
)
def test_calls_that_nobody_wants(seen: Seen | None, sources: tuple[Source, ...], slug: str | None) -> None:
    finding = check(Call(seen=seen, sources=sources), BOOK)
    assert (finding.slug if finding is not None else None) == slug
    if slug == "answers-company":
        assert finding is not None and finding.ceiling == "tag"
    assert SIDES == ("carrier",)
