from __future__ import annotations

import pytest

from policy.agreements import Agreements, Consent, OptOut, Relation
from policy.call import Call
from policy.checks.optout import check
from policy.decide import decide
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from policy.verdict import Class

UTC = 20_000 * DAY
ASKED = OptOut("*", "12025550166", UTC - 3 * DAY, "any", "stop")
CALL = Call(side="pbx", caller="12025550100", callee="12025550166", utc=UTC, purpose="telemarketing")


@pytest.mark.req("REG-051", "REG-060")
def test_who_asked_for_no_more_calls_gets_none_of_telemarketing() -> None:
    book = Rulebook(agreements=Agreements([Relation("*", "12025550166", UTC - 9 * DAY), ASKED]))
    finding = check(CALL, book)
    assert finding is not None
    assert (finding.slug, finding.kind) == ("opt-out", Class.DUTY)
    assert finding.why == "the person called asked for no more calls 3 days ago"
    assert decide(CALL, book, Profile(), "enforce").action == "reject"


@pytest.mark.parametrize(
    "call",
    [
        CALL._replace(purpose=""),
        CALL._replace(callee="12025550167"),
        CALL._replace(callee=None),
        CALL._replace(utc=UTC - 4 * DAY),
    ],
)
def test_other_calls_go_on(call: Call) -> None:
    assert check(call, Rulebook(agreements=Agreements([ASKED]))) is None
    assert check(call, Rulebook()) is None


@pytest.mark.req("REG-060", "REG-061")
@pytest.mark.parametrize(
    ("scope", "stopped"),
    [("any", {"INVITE", "MESSAGE"}), ("calls", {"INVITE"}), ("messages", {"MESSAGE"})],
)
def test_a_request_stops_what_it_is_about_and_nothing_else(scope: str, stopped: set[str]) -> None:
    book = Rulebook(agreements=Agreements([ASKED._replace(scope=scope)]))
    assert {method for method in ("INVITE", "MESSAGE") if check(CALL._replace(method=method), book) is not None} == stopped
    assert (check(CALL._replace(method="MESSAGE", purpose=""), book) is not None) is ("MESSAGE" in stopped)


@pytest.mark.req("REG-061")
@pytest.mark.parametrize(("scope", "lifted"), [("any", True), ("messages", True), ("calls", False)])
def test_a_later_consent_lifts_it_for_messages_if_it_is_about_them(scope: str, lifted: bool) -> None:
    records = [ASKED, Consent("12025550100", "12025550166", UTC - DAY, scope=scope)]
    assert (check(CALL._replace(method="MESSAGE"), Rulebook(agreements=Agreements(records))) is None) is lifted


@pytest.mark.req("REG-061")
def test_a_later_consent_lifts_it() -> None:
    records = [ASKED, Consent("12025550100", "12025550166", UTC - DAY)]
    assert check(CALL, Rulebook(agreements=Agreements(records))) is None
    assert check(CALL._replace(caller="12025550101"), Rulebook(agreements=Agreements(records))) is not None
