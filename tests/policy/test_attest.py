"""Which attestation a call that leaves may be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.attest import attest
from policy.lists import NumberSet

OWN = NumberSet.of("12025550100-12025550149", "+442079460000", "2177")


@pytest.mark.req("STI-055", "STI-057", "STI-037", "STI-038", "LAB-27")
@pytest.mark.parametrize(
    ("caller", "known", "level"),
    [
        ("12025550100", True, "A"),
        ("12025550150", True, "B"),
        ("442079460000", True, "A"),
        ("442079460001", True, "B"),
        ("12025550100", False, "C"),
        ("12025550150", False, "C"),
        (None, True, None),  # anonymous
        ("2177", True, None),  # an extension, own or not
        ("911", True, None),
        ("", True, None),
        ("10125550100", True, None),  # cannot exist
        ("1202555010", True, None),
        ("1234567890123456", True, None),
    ],
)
def test_the_level_follows_the_inventory(caller: str | None, known: bool, level: str | None) -> None:
    assert attest(caller, OWN, known=known) == level


@pytest.mark.req("STI-057")
@given(st.from_regex(r"\A[0-9*#]{0,17}\Z"), st.booleans())
def test_a_number_that_is_not_ours_never_gets_a(caller: str, known: bool) -> None:
    assert attest(caller, NumberSet.of("12025550100"), known=known) != "A" or caller == "12025550100"
