from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.checks.brand import check, claimed
from policy.rulebook import BRANDS, Rulebook


@pytest.mark.parametrize(
    ("name", "brand"),
    [
        ("AMAZON", "amazon"),
        ("AMAZ0N Support", "amazon"),
        ("Wells-Fargo Fraud", "wells fargo"),
        ("BANK OF AMERICA", "bank of america"),
        ("US Customs and Border Prot", "customs and border"),
        ("PAYPA1", "paypal"),
        ("AT&T", "at&t"),
        ("Amazonas Travel", None),
        ("Chaser Inc", None),
        ("IRIS FLOWERS", None),
        ("Bank of Springfield", None),
        ("WIRELESS CALLER", None),
        ("", None),
        ("\x00\ud800" * 50, None),
    ],
)
def test_a_brand_is_a_whole_word_also_in_disguise(name: str, brand: str | None) -> None:
    assert claimed(name, BRANDS) == brand


def test_all_brands_are_written_as_they_are_compared_and_found() -> None:
    for brand in BRANDS:
        assert claimed(brand.upper(), BRANDS) is not None, brand


@pytest.mark.req("TRAP-89", "TRAP-90")
@pytest.mark.parametrize(
    ("signed", "found"), [(None, True), ("A", False), ("B", True), ("identity-bad-signature", True)]
)
def test_only_a_proved_number_excuses_the_name(
    signed: str | None, found: bool, judged: Callable[[str], object]
) -> None:
    call = Call(display_name="Amazon", judgement=None if signed is None else judged(signed))  # type: ignore[arg-type]
    assert (check(call, Rulebook()) is not None) is found
    assert check(call, Rulebook(brands=frozenset())) is None


@given(st.text(max_size=300))
def test_any_name_is_read(name: str) -> None:
    found = claimed(name, BRANDS)
    assert found is None or found in BRANDS
