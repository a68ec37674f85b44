from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.caller_name import check
from policy.decide import decide
from policy.rulebook import Profile, Rulebook

BOOK = Rulebook(names=True)


@pytest.mark.parametrize(
    ("shown", "known", "slug"),
    [
        ("", "", None),
        ("IRS", "", None),
        ("", "CITY HOSPITAL", "name-found"),
        ("City Hosp.", "CITY HOSPITAL", "name-found"),
        ("IRS", "BUDGET TRAVEL", "name-differs"),
        ("IRS", "WIRELESS CALLER", "name-found"),
        ("+1 301 555 0101", "BUDGET TRAVEL", "name-found"),
        ("IRS", "12345", "name-found"),
        ("A. Smith", "SMITH JOHN", "name-found"),
        ("A B", "BUDGET TRAVEL", "name-found"),
        ("M\u00fcller Smith", "SMITH", "name-found"),
        ("Smith", "M\u00dcLLER", "name-differs"),
        ("M\u00fcller", "SMITH", "name-differs"),
        ("M\u00fcller", "M\u00dcLLER", "name-found"),
        ("IRS", "\ud800 12", "name-found"),
    ],
)
def test_a_name_is_told_and_a_different_one_noticed(shown: str, known: str, slug: str | None) -> None:
    found = check(Call(display_name=shown, name=known), BOOK)
    assert (found.slug if found is not None else None) == slug


def test_it_weighs_nothing_and_tags_where_a_profile_says_so() -> None:
    call = Call(caller="13015550101", callee="12025550123", display_name="IRS", name="BUDGET TRAVEL")
    verdict = decide(call, BOOK, Profile(), "enforce")
    assert (verdict.action, verdict.score) == ("allow", 0)
    assert decide(call, BOOK, Profile(tags=frozenset(("name-differs",))), "enforce").action == "tag"
    assert "caller_name" in Rulebook().off
