"""Do-not-originate: which area codes may call, and what a list may hold."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.dno import CATEGORIES, GIVEN_OUT, POSSIBLE, areas, callers, parse
from policy.lists import NumberSet
from policy.zones import PLACELESS


def test_no_area_code_with_a_place_counts_as_never_given_out() -> None:
    shipped = resources.files("policy").joinpath("data/zones.csv").read_text(encoding="utf-8")
    placed = {line[:4] for line in shipped.splitlines() if line.startswith("1")}
    assert len(placed) > 400
    assert placed <= GIVEN_OUT
    assert {"1" + area for area in PLACELESS} <= GIVEN_OUT
    assert GIVEN_OUT < POSSIBLE


@pytest.mark.req("REG-004")
@pytest.mark.parametrize("reason", [*CATEGORIES, "Subscriber"])
def test_a_list_holds_numbers_for_the_reasons_of_the_rule(reason: str) -> None:
    numbers, bad = parse(f"12025550100 ; {reason}\n1202555012*;{reason} # why\n12025550130-12025550139\n")
    assert (numbers, bad) == (NumberSet.of("12025550100", "1202555012*", "12025550130-12025550139"), ())


@pytest.mark.req("REG-004")
def test_a_number_for_another_reason_is_set_apart() -> None:
    numbers, bad = parse("12025550100;analytics\nwhat\n12025550101;unused\n")
    assert numbers == NumberSet.of("12025550101")
    assert [(one.line, "64.1200(o)" in one.why) for one in bad] == [(1, True), (2, False)]


@pytest.mark.parametrize(
    ("text", "found", "bad"),
    [
        ("202\n212\n", {"1202", "1212"}, 0),
        ("NPA,in service\n202,Y\n\"212\",N\n# end\n\n", {"1202", "1212"}, 0),
        ("202\n911\nabc\n2025\n", {"1202"}, 3),
        ("\ufeff202\r\n", {"1202"}, 0),
    ],
)
def test_area_codes_are_read_from_a_table(text: str, found: set[str], bad: int) -> None:
    assert (areas(text)[0], len(areas(text)[1])) == (found, bad)


def test_services_may_call_though_they_have_no_place() -> None:
    assert {"1202", "1800", "1900", "1710"} <= callers(frozenset({"1202"}))
    assert "1212" not in callers(frozenset({"1202"}))


@given(st.text(max_size=100))
def test_any_text_is_a_list_or_set_apart(text: str) -> None:
    parse(text)
    assert areas(text)[0] <= POSSIBLE
