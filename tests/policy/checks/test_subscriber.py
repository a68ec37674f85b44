from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.subscriber import SIDES, check
from policy.lists import NumberSet
from policy.rulebook import Rulebook
from policy.verdict import Class

BOOK = Rulebook(deny=NumberSet.of("12025550190", "1202555*"))


@pytest.mark.req("STI-126", "REG-014")
def test_the_subscribers_own_list_acts_as_the_subscribers_wish() -> None:
    finding = check(Call(caller="12025550190"), BOOK)
    assert finding is not None
    assert (finding.slug, finding.kind) == ("deny-list", Class.SUBSCRIBER)
    assert check(Call(caller="13015550190"), BOOK) is None
    assert SIDES == ("carrier",)


@pytest.mark.req("TRAP-43")
def test_an_anonymous_caller_is_a_note_and_meets_no_number_list() -> None:
    finding = check(Call(caller="12025550190", caller_kind="anonymous"), BOOK)
    assert finding is not None
    assert (finding.slug, finding.kind, finding.weight) == ("anonymous", Class.NOTE, 0)
