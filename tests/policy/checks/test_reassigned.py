"""A number that was given up since its holder agreed is not called by that agreement."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policy.agreements import Agreements, Consent, OptOut, Relation
from policy.call import Call
from policy.checks.reassigned import check
from policy.decide import decide
from policy.reassigned import Query, Reassigned
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from policy.verdict import Class

TN = "12125550147"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-07-10")
CALL = Call(side="pbx", caller="12025550100", callee=TN, utc=NOW, purpose="telemarketing")
AGREED = Consent("*", TN, at("2026-03-01T15:00"))


def asked(day: str, answer: str, when: str = "2026-06-20") -> Query:
    return Query(TN, at(day), answer, at(when))  # type: ignore[arg-type]


@pytest.mark.req("REG-076")
@pytest.mark.parametrize(
    ("records", "queries", "found"),
    [
        ([AGREED], [asked("2026-03-01", "yes")], True),
        ([AGREED], [asked("2026-03-02", "yes")], True),
        ([AGREED], [asked("2026-02-28", "yes")], False),  # given up before, so it may have been agreed by the new one
        ([AGREED], [asked("2026-03-01", "no")], False),
        ([AGREED], [asked("2020-03-01", "no data")], False),
        ([AGREED], [asked("2026-03-01", "no", "2026-05-01"), asked("2026-03-01", "yes")], True),
        ([AGREED], [asked("2026-03-01", "yes", "2026-05-01"), asked("2026-03-01", "no")], True),  # numbers are not given back
        ([AGREED], [asked("2026-03-01", "yes", "2026-07-11")], False),  # nobody knew it yet
        ([AGREED, Consent("*", TN, at("2026-06-01"))], [asked("2026-03-01", "yes")], False),  # somebody agreed anew
        ([Relation("*", TN, at("2026-03-01"))], [asked("2026-03-01", "yes")], True),
        ([OptOut("*", TN, at("2026-03-01"))], [asked("2026-03-01", "yes")], False),  # no call rests on it
        ([AGREED], [], False),
    ],
)
def test_the_three_answers_of_the_database(records: list[object], queries: list[Query], found: bool) -> None:
    book = Rulebook(agreements=Agreements(records), reassigned=Reassigned(queries))  # type: ignore[arg-type]
    finding = check(CALL, book)
    assert (finding is not None) is found
    if finding is not None:
        assert (finding.slug, finding.kind, finding.weight) == ("number-reassigned", Class.DUTY, 50)
        assert decide(CALL, book, Profile(), "enforce").action == "tag"


def test_calls_that_owe_nothing_and_books_without_answers_are_left_alone() -> None:
    book = Rulebook(agreements=Agreements([AGREED]), reassigned=Reassigned([asked("2026-03-01", "yes")]))
    assert check(CALL._replace(purpose=""), book) is None
    assert check(CALL._replace(callee=None), book) is None
    assert check(CALL._replace(utc=NOW - 60 * DAY), book) is None
    assert check(CALL, Rulebook(agreements=Agreements([AGREED]))) is None
    assert check(CALL, Rulebook(reassigned=Reassigned([asked("2026-03-01", "yes")]))) is None
