from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.behaviour import Seen
from policy.call import Call
from policy.checks.velocity import SIDES, check
from policy.past import Ends
from policy.rulebook import Rulebook, Velocity
from policy.verdict import Class

BOOK = Rulebook(velocity=Velocity(limit=10, seconds=60))


@pytest.mark.parametrize(
    ("attempts", "found"), [(0, False), (1, False), (10, False), (11, True), (5000, True)]
)
def test_more_calls_than_the_limit_are_a_finding(attempts: int, found: bool) -> None:
    finding = check(Call(caller="12025550100", attempts=attempts), BOOK)
    assert (finding is not None) is found
    if finding is not None:
        assert (finding.slug, finding.kind) == ("velocity-caller", Class.ANALYTICS)
        assert finding.why == f"{attempts} calls of this caller in 60 s"


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.builds(Ends, st.integers(10, 500), st.integers(0, 500)))
def test_the_limit_decides_and_who_is_listened_to_is_spared(attempts: int, limit: int, past: Ends) -> None:
    book = Rulebook(velocity=Velocity(limit=limit, seconds=60))
    finding = check(Call(caller="12025550100", attempts=attempts, seen=Seen(past=past)), book)
    assert (finding is not None) is (attempts > limit and past.wasted >= book.limits.wasted)
    assert finding is None or finding.weight <= 40  # a tag by itself, never a refusal


def test_calls_that_leave_are_not_judged() -> None:
    assert SIDES == ("carrier",)


@pytest.mark.parametrize(
    ("past", "weight"), [(Ends(), 13), (Ends(9, 9), 13), (Ends(10, 7), None), (Ends(10, 8), 40), (Ends(900, 400), None)]
)
def test_a_burst_weighs_by_how_its_calls_end(past: Ends, weight: int | None) -> None:
    finding = check(Call(caller="12025550100", attempts=11, seen=Seen(past=past)), BOOK)
    assert (finding.weight if finding is not None else None) == weight
