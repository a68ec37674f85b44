from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.dnc import check
from policy.dnc import Registry
from policy.lists import NumberSet
from policy.rulebook import Rulebook
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
    book = Rulebook(dnc=BOOK.dnc, excuse=lambda call: call.caller == "12025550100")
    assert check(Call(side="pbx", caller="12025550100", callee="12025550166"), book) is None
    assert check(Call(side="pbx", caller="12025550101", callee="12025550166"), book) is not None
