"""What findings weigh."""

from __future__ import annotations

from policy.decide import CHECK_OF
from policy.lint import CLASS_OF
from policy.rulebook import Rulebook
from policy.verdict import Class
from policy.weights import REJECT_AT, TAG_AT, WEIGHTS, Weights


def test_a_weight_is_that_of_the_slug_or_of_its_family() -> None:
    book = Rulebook()
    assert book.weight("identity-unreachable") == WEIGHTS["identity-unreachable"]
    assert book.weight("identity-bad-signature") == WEIGHTS["identity"]
    assert book.weight("campaign-number") == book.weight("campaign-label") == WEIGHTS["campaign"]
    assert book.weight("unheard-of") == 0


def test_a_family_may_have_a_name_of_two_words() -> None:
    weights = Weights({"caller-id": 30, "pattern": 20, "pattern-sequence": 45})
    assert [weights[slug] for slug in ("caller-id-foreign", "pattern-sequence-fast", "pattern-spread", "caller")] == [30, 45, 20, 0]


def test_each_finding_that_can_add_to_a_score_weighs_something() -> None:
    adding = (Class.IDENTITY, Class.ANALYTICS, Class.DUTY)
    weigh_themselves = {"hook", "caller-disputed"}  # by what the hook answers; a note of the identity room
    assert {slug for slug, kind in CLASS_OF.items() if kind in adding and not Rulebook().weight(slug)} == weigh_themselves


def test_an_operators_weight_stands_in_the_place_of_that_of_the_family() -> None:
    weights = Weights({"identity": 30, "identity-missing": 0})
    assert (weights["identity-missing"], weights["identity-stale-iat"], weights["identity"]) == (0, 30, 30)


def test_every_default_weight_is_that_of_a_finding() -> None:
    slugs = set(CHECK_OF)
    assert [one for one in WEIGHTS if not any(slug == one or slug.startswith(one + "-") for slug in slugs)] == []


def test_no_estimate_of_the_least_kind_tags_by_itself() -> None:
    assert 0 < TAG_AT < REJECT_AT
    for slug in ("identity-missing", "identity-unreachable", "reputation", "complaints", "telemarketing-hidden"):
        assert WEIGHTS[slug] < TAG_AT
