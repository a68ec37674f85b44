"""The rulebook: defaults that harm nobody."""

from __future__ import annotations

import pytest

from policy.rulebook import PROVIDERS, WEIGHTS, Profile, Redress, Rulebook


def test_a_weight_is_that_of_the_slug_or_of_its_family() -> None:
    book = Rulebook()
    assert book.weight("identity-unreachable") == WEIGHTS["identity-unreachable"]
    assert book.weight("identity-bad-signature") == WEIGHTS["identity"]
    assert book.weight("campaign-number") == book.weight("campaign-label") == WEIGHTS["campaign"]
    assert book.weight("unheard-of") == 0


@pytest.mark.req("REG-011", "TRAP-90")
def test_no_default_profile_tags_unsigned_b_or_c_calls() -> None:
    assert Profile().tags == frozenset()
    assert Rulebook().identity_required is False


def test_an_empty_redress_contact_is_no_contact() -> None:
    assert not Redress()
    assert Redress(email="help@example.com")


def test_an_enterprise_is_no_provider() -> None:
    assert Rulebook().role == "enterprise"
    assert "enterprise" not in PROVIDERS
