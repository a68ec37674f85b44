from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.checks.upstream import check
from policy.decide import decide, rejection
from policy.lists import NumberSet
from policy.rulebook import Profile, Rulebook
from policy.upstreams import DAY, Block, unlisted

SINCE = 20_000 * DAY
BOOK = Rulebook(upstreams={"bad": (Block("upstream-blocked", "this upstream is blocked: FCC notice", SINCE),)}, psap=NumberSet.of("+12025550111"))
CALL = Call(trunk="bad", caller="12025550101", callee="12025550123", utc=SINCE)


@pytest.mark.req("REG-008")
def test_a_blocked_upstream_is_refused_from_its_day_on_with_the_reason() -> None:
    verdict = decide(CALL, BOOK, Profile(), "enforce")
    assert verdict.reason == "upstream-blocked" and rejection(verdict, BOOK).status == 403
    assert verdict.findings[0].why == "this upstream is blocked: FCC notice"
    for other in (CALL._replace(utc=SINCE - 1), CALL._replace(trunk="good"), CALL._replace(caller="12025550111")):
        assert decide(other, BOOK, Profile(), "enforce").action == "allow"
    assert "upstream" in Rulebook().off


@pytest.mark.req("REG-008")
@pytest.mark.parametrize(
    ("apart", "until", "found"),
    [(-0.001, float("inf"), False), (0, float("inf"), True), (1e9, float("inf"), True), (9.999, 10, True), (10, 10, False)],
)
def test_a_block_holds_from_its_first_moment_to_before_its_last(apart: float, until: float, found: bool) -> None:
    book = Rulebook(upstreams={"bad": (Block("upstream-blocked", "why", SINCE, SINCE + until),)})
    assert (check(CALL._replace(utc=SINCE + apart), book) is not None) is found


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5), st.integers(-5, 60), st.sampled_from(["bad", "good", ""]))
def test_a_call_is_refused_while_any_block_of_its_own_upstream_holds(spans: list[tuple[int, int]], at: int, trunk: str) -> None:
    blocks = tuple(Block("upstream-blocked", "why", SINCE + first, SINCE + last) for first, last in spans)
    finding = check(CALL._replace(utc=SINCE + at, trunk=trunk), Rulebook(upstreams={"bad": blocks}))
    assert (finding is not None) is (trunk == "bad" and any(first <= at < last for first, last in spans))


@pytest.mark.req("REG-040", "REG-042")
def test_who_is_struck_off_the_database_is_refused_for_a_week_at_most() -> None:
    database = {"RMD1": "active", "RMD2": "removed"}
    assert unlisted("rmd1", database, SINCE) is None and unlisted("", database, SINCE) is None
    assert unlisted("RMD1", {}, SINCE) is None
    for filing, said in (("RMD2", "is removed in"), ("RMD3", "does not stand in")):
        block = unlisted(filing, database, SINCE)
        assert block is not None and said in block.why
        book = Rulebook(upstreams={"bad": (block,)})
        assert [check(CALL._replace(utc=SINCE + days * DAY), book) is not None for days in (0, 6.9, 7, 30)] == [True, True, False, False]
