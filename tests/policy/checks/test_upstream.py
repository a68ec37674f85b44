from __future__ import annotations

import pytest

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
