from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.allow import check
from policy.lists import NumberSet
from policy.rulebook import Rulebook

BOOK = Rulebook(allow=NumberSet.of("12025550100"), psap=NumberSet.of("12025550111", "911"))


@pytest.mark.req("REG-010")
@pytest.mark.parametrize(
    ("call", "slug"),
    [
        (Call(caller="12025550100"), "allow-list"),
        (Call(caller="12025550111"), "psap"),
        (Call(caller="12025550101"), None),
        (Call(caller=None, caller_kind="anonymous"), None),
    ],
)
def test_a_listed_caller_is_let_through(call: Call, slug: str | None) -> None:
    finding = check(call, BOOK)
    assert (finding and finding.slug) == slug
    assert finding is None or finding.allows


@pytest.mark.req("TRAP-78")
def test_a_caller_that_shows_911_is_no_emergency_centre_by_itself() -> None:
    assert check(Call(caller="911"), Rulebook()) is None
