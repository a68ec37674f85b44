from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.checks.pattern import SIDES, SLUGS, check
from policy.past import Ends
from policy.rulebook import Rulebook, Thresholds
from policy.source import Source

BOOK = Rulebook()
UNHEARD = Ends(10, 8)
NEIGHBOURS = (Source("trunk", "carrier", 100, neighbours=0.4),)
FEW = (Source("trunk", "carrier", 100, neighbours=0.39),)


@pytest.mark.req("REG-018")
@pytest.mark.parametrize(
    ("seen", "sources", "slug"),
    [
        (None, (), None),
        (Seen(), (), None),
        (Seen(run=4), (), None),
        (Seen(run=5), (), "pattern-sequence"),
        (Seen(callees=60), (), None),
        (Seen(callees=61, past=UNHEARD), (), "pattern-spread"),
        (Seen(names=3), (), None),
        (Seen(names=4), (), "pattern-names"),
        (Seen(crowd=40), (), None),
        (Seen(crowd=41), (), "pattern-crowd"),
        (Seen(block=200, block_callers=200), (), None),
        (Seen(block=201, block_callers=51), (), "pattern-block"),
        (Seen(block=201, block_callers=50), (), None),  # one busy number is no block
        (Seen(neighbour=True), (), None),
        (Seen(neighbour=True), FEW, None),
        (Seen(neighbour=True), NEIGHBOURS, "pattern-neighbour"),
        (Seen(), NEIGHBOURS, None),  # not a neighbour itself
        (Seen(run=9, callees=99, names=9), (), "pattern-sequence"),  # the heaviest is told
    ],
)
def test_a_way_of_calling_is_noticed_from_its_limit_on(
    seen: Seen | None, sources: tuple[Source, ...], slug: str | None
) -> None:
    finding = check(Call(caller="12025550100", seen=seen, sources=sources), BOOK)
    assert (finding.slug if finding is not None else None) == slug
    if finding is not None:
        assert finding.slug in SLUGS and finding.why
        assert BOOK.profiles["default"].tag_at <= finding.weight + 5 < BOOK.profiles["default"].reject_at


def test_the_limits_are_settings_and_calls_that_leave_are_not_judged() -> None:
    assert check(Call(seen=Seen(run=3)), Rulebook(limits=Thresholds(sequence=3))) is not None
    assert SIDES == ("carrier",)


def test_many_calls_weigh_by_how_they_end() -> None:
    """A school that warns its parents calls as many (REG-018)."""
    at_first, heard, unheard = (
        check(Call(caller="12025550100", seen=Seen(callees=90, past=past)), BOOK)
        for past in (Ends(9, 9), Ends(10, 7), UNHEARD)
    )
    assert at_first is not None and at_first.weight == 8
    assert heard is None
    assert unheard is not None and unheard.weight == 25
