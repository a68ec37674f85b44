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


@pytest.mark.parametrize(
    ("caller", "kind", "slug"),
    [
        ("12025550190", "number", "deny-list"),
        ("12025550000", "number", "deny-list"),  # the ends of a prefix
        ("12025559999", "number", "deny-list"),
        ("12025560000", "number", None),
        ("12025549999", "number", None),
        ("1202555", "number", "deny-list"),
        ("120255", "number", None),
        (None, "number", None),
        (None, "uri", None),
        (None, "invalid", None),
        (None, "anonymous", "anonymous"),
    ],
)
def test_who_stands_on_the_list_and_who_hides(caller: str | None, kind: str, slug: str | None) -> None:
    finding = check(Call(caller=caller, caller_kind=kind), BOOK)  # type: ignore[arg-type]
    assert (finding.slug if finding is not None else None) == slug


@pytest.mark.req("TRAP-43")
def test_an_anonymous_caller_is_a_note_and_meets_no_number_list() -> None:
    finding = check(Call(caller="12025550190", caller_kind="anonymous"), BOOK)
    assert finding is not None
    assert (finding.slug, finding.kind, finding.weight) == ("anonymous", Class.NOTE, 0)
