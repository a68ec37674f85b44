"""Which country a number belongs to, by the shipped table and by rows of the operator's own."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.countries import ANY, NOWHERE, PREMIUM, SATELLITE, UNKNOWN, Countries, Place, Rule, parse

SHIPPED = parse(resources.files("policy").joinpath("data/countries.csv").read_text(encoding="utf-8"))
WORLD = Countries((Rule("deny", frozenset((ANY,))),), SHIPPED)


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("12025550123", "US"), ("14165550123", "CA"), ("18765550123", "JM"), ("17875550123", "PR"), ("18095550123", "DO"),
        ("18005550123", "US"), ("19005550123", "US premium"), ("442079460123", "GB"),
        ("449098790123", "GB premium"), ("493055501234", "DE"), ("4990015550123", "DE premium"), ("77175550123", "KZ"),
        ("74955550123", "RU"), ("390655501234", "IT"), ("881655501234", "satellite"), ("870775550123", "satellite"),
        ("882165550123", "international"), ("979155501234", "premium"), ("21255501234", "MA"), ("999155501234", "unknown"),
    ],
)  # fmt: skip
def test_a_number_belongs_where_its_beginning_says(number: str, place: str) -> None:
    assert str(WORLD.of(number)) == place


def test_services_and_extensions_belong_nowhere_and_a_missing_number_is_unknown() -> None:
    assert WORLD.of("411") is None and WORLD.of("104217") is None
    assert WORLD.of(None) is NOWHERE
    assert WORLD.words(NOWHERE) == {UNKNOWN}, "`*` does not mean who shows no number"
    assert WORLD.words(Place("GB", PREMIUM)) == {"GB", PREMIUM, ANY}


def test_the_longest_beginning_counts() -> None:
    found = Countries((), {"44": Place("GB"), "447": Place("GB", PREMIUM), "44781": Place("JE")})
    assert [str(found.of(n + "0000000")) for n in ("44", "447", "4478", "44781", "45")] == [
        "GB", "GB premium", "GB premium", "JE", "unknown",
    ]  # fmt: skip
    assert not found and WORLD


def test_a_table_is_read_with_its_remarks() -> None:
    assert parse("# why\n+44,GB\n\n8816,,satellite\n1900,US,premium\n") == {
        "44": Place("GB"), "8816": Place("", SATELLITE), "1900": Place("US", PREMIUM),
    }  # fmt: skip


@pytest.mark.parametrize("line", ["x,GB", ",GB", "1234567890,GB", "44,gb", "44,GBR", "44,GB,cheap", "44", "٤٤,GB"])
def test_a_row_that_cannot_be_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse("44,GB\n" + line)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        parse(text)
    except ValueError:
        pass


@given(st.text("0123456789", min_size=7, max_size=15))
def test_every_number_has_a_place_that_rules_can_name(number: str) -> None:
    place = WORLD.of(number)
    assert place is not None and WORLD.words(place)


@given(st.text("0123456789", min_size=7, max_size=15))
def test_the_longest_beginning_counts_however_often_it_was_asked(number: str) -> None:
    known = (SHIPPED[number[:length]] for length in range(9, 0, -1) if number[:length] in SHIPPED)
    expected = next(known, NOWHERE)
    assert WORLD.of(number) == WORLD.of(number) == expected
