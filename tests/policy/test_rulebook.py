"""The rulebook: defaults that harm nobody."""

from __future__ import annotations

import pytest

from policy.rulebook import PROVIDERS, Profile, Redress, Rulebook


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
