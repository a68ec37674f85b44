from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.checks.complaint import check
from policy.complaints import Complaints, Told
from policy.decide import decide
from policy.rulebook import Profile, Rulebook
from policy.told import DAY

NOW = 20_000 * DAY
CALL = Call(caller="12025550140", callee="12025550123", utc=NOW)


def book(count: int, days: float = 0.0, **more: object) -> Rulebook:
    return Rulebook(complaints=Complaints({"12025550140": Told(count, NOW - days * DAY)}), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "days", "weight"), [(1, 0, None), (2, 0, 15), (500, 7, 15), (2, 18, 8), (2, 30, None)])
def test_several_complaints_of_late_weigh_a_little(count: int, days: int, weight: int | None) -> None:
    found = check(CALL, book(count, days))
    assert (found.weight if found is not None else None) == weight
    assert decide(CALL, book(count, days), Profile(), "enforce").action == "allow"


def test_another_caller_and_an_empty_list_are_left_alone() -> None:
    assert check(CALL._replace(caller="12025550141"), book(9)) is None
    assert check(CALL._replace(caller=None), book(9)) is None
    assert check(CALL, Rulebook()) is None
    assert "complaint" in Rulebook().off and "complaint" not in book(1).off


def test_who_calls_often_besides_is_tagged() -> None:
    verdict = decide(CALL._replace(attempts=31), book(3), Profile(), "enforce")
    assert (verdict.action, verdict.score) == ("tag", 55)


@given(st.integers(2, 10**9), st.integers(0, 10**6), st.integers(0, 10_000))
def test_complaints_alone_never_refuse(count: int, attempts: int, weight: int) -> None:
    one = book(count, weights={"complaints": weight})
    assert decide(CALL._replace(attempts=attempts), one, Profile(), "enforce").action in ("allow", "tag")
