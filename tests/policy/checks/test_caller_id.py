from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.caller_id import SIDES, check
from policy.lists import NumberSet
from policy.rulebook import Rulebook
from policy.verdict import Class

BOOK = Rulebook(own=NumberSet.of("12025550100-12025550109"))


@pytest.mark.req("REG-055")
@pytest.mark.parametrize(
    ("caller", "slug"),
    [
        ("12025550100", None),
        ("12025550109", None),
        ("12025550110", "caller-id-foreign"),
        ("442079460000", "caller-id-foreign"),
        ("2177", "caller-id-undialable"),
        ("911", "caller-id-undialable"),
        ("19115550100", "caller-id-undialable"),
        ("10125550100", "caller-id-undialable"),
        (None, "caller-id-hidden"),
        ("", "caller-id-hidden"),
    ],
)
def test_a_customer_shows_a_number_of_ours_that_can_be_called_back(caller: str | None, slug: str | None) -> None:
    finding = check(Call(side="pbx", caller=caller, callee="13125550100"), BOOK)
    assert (finding.slug if finding is not None else None) == slug
    assert finding is None or finding.kind is Class.DUTY
    assert SIDES == ("pbx",)
