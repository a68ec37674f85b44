"""What findings weigh."""

from __future__ import annotations

from policy.decide import CHECK_OF
from policy.rulebook import Rulebook
from policy.weights import REJECT_AT, TAG_AT, WEIGHTS, Weights


def test_a_weight_is_that_of_the_slug_or_of_its_family() -> None:
    book = Rulebook()
    assert book.weight("identity-unreachable") == WEIGHTS["identity-unreachable"]
    assert book.weight("identity-bad-signature") == WEIGHTS["identity"]
    assert book.weight("campaign-number") == book.weight("campaign-label") == WEIGHTS["campaign"]
    assert book.weight("unheard-of") == 0


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
