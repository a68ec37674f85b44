from __future__ import annotations

import pytest

from policy.agreements import Agreements, Consent, Relation
from policy.call import Call
from policy.checks.dnc import check
from policy.decide import decide
from policy.dnc import Registry, too_old
from policy.lists import NumberSet
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from policy.verdict import Class

BOOK = Rulebook(dnc=Registry(NumberSet.of("12025550166")))


@pytest.mark.req("REG-050")
def test_a_call_out_to_a_listed_number_is_a_duty() -> None:
    finding = check(Call(side="pbx", caller="12025550100", callee="12025550166"), BOOK)
    assert finding is not None
    assert (finding.slug, finding.kind) == ("dnc-listed", Class.DUTY)


@pytest.mark.parametrize(
    "call",
    [
        Call(side="pbx", callee="12025550167"),
        Call(side="pbx", callee=None),
        Call(side="pbx", caller="12025550166", callee="12025550100"),  # the number called counts
    ],
)
def test_other_calls_owe_nothing(call: Call) -> None:
    assert check(call, BOOK) is None


def test_without_a_registry_nothing_is_asked() -> None:
    assert check(Call(side="pbx", callee="12025550166"), Rulebook()) is None


@pytest.mark.req("REG-050")
def test_consent_or_a_business_relation_excuses_the_call() -> None:
    for record in (Consent("12025550100", "12025550166", -1.0), Relation("12025550100", "12025550166", -1.0)):
        book = Rulebook(dnc=BOOK.dnc, national=National(), telemarketing=True, agreements=Agreements([record]))
        assert check(Call(side="pbx", caller="12025550100", callee="12025550166"), book) is None
        assert check(Call(side="pbx", caller="12025550101", callee="12025550166"), book) is not None
        book = Rulebook(national=National(), telemarketing=True, agreements=Agreements([record]))
    assert check(Call(side="pbx", caller="12025550100", callee="12025550166"), book) is None
    assert check(Call(side="pbx", caller="12025550101", callee="12025550166"), book) is not None


class National:
    """A registry of one area code, last brought up to date on day 20,000."""

    def listed(self, tn: str) -> bool:
        return tn == "12025550166"

    def covers(self, tn: str) -> bool:
        return tn.startswith("1202")

    def stale(self, tn: str, utc: float) -> bool:
        return self.covers(tn) and too_old(20_000, utc)


@pytest.mark.req("REG-050", "REG-064")
def test_the_national_registry_is_owed_by_telemarketing_only() -> None:
    one = Call(side="pbx", callee="12025550166", utc=20_000 * DAY)
    assert check(one, Rulebook(national=National())) is None
    for book, call in (
        (Rulebook(national=National(), telemarketing=True), one),
        (Rulebook(national=National()), one._replace(purpose="telemarketing")),
    ):
        assert (finding := check(call, book)) is not None
        assert (finding.slug, finding.shadow) == ("dnc-listed", False)
        assert check(call._replace(callee="12025550167"), book) is None


@pytest.mark.req("REG-059")
@pytest.mark.parametrize(("days", "shadow"), [(0, False), (31, False), (32, True), (400, True)])
def test_a_registry_older_than_31_days_speaks_without_effect(days: int, shadow: bool) -> None:
    book = Rulebook(national=National(), telemarketing=True, weights={"dnc-listed": 80})
    one = Call(side="pbx", caller="12025550100", callee="12025550166", utc=(20_000 + days) * DAY + 80_000)
    verdict = decide(one, book, Profile(), "enforce")
    assert [finding.shadow for finding in verdict.findings if finding.slug == "dnc-listed"] == [shadow]
    assert (verdict.action, verdict.rehearsed) == ("allow" if shadow else "reject", "reject")


@pytest.mark.req("REG-073")
def test_an_area_that_is_not_loaded_is_unknown() -> None:
    book = Rulebook(national=National(), telemarketing=True)
    finding = check(Call(side="pbx", callee="13125550100"), book)
    assert finding is not None and (finding.slug, finding.kind, finding.weight) == ("dnc-unknown", Class.NOTE, 0)
    assert check(Call(side="pbx", callee="442079460000"), book) is None
