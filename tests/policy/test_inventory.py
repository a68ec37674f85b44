"""Who may use which number, and since when."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.inventory import Grant, Inventory, moment, parse
from policy.lists import NumberSet

TABLE = """\ufeff# rights to use
Customer, Number ,valid_to,valid_from,source
Example Co,12025550100-12025550119,,,ordered
Example Co,+12025550150,2026-06-01,2026-03-01,ported
Other Co,+12025550150,,2026-06-01,ported
"Parcels, Ltd",202555016X,2026-06-01T12:00:00-05:00,,loa
,+442079460000,,,delegated
"""
SPRING, SUMMER = moment("2026-04-01"), moment("2026-07-01")


@pytest.mark.req("STI-057")
def test_a_table_becomes_grants() -> None:
    grants, bad = parse(TABLE)
    assert not bad and len(grants) == 5
    assert grants[0] == Grant("12025550100", "12025550119", "Example Co", "ordered")
    assert (grants[3].first, grants[3].last, grants[3].customer) == ("12025550160", "12025550169", "Parcels, Ltd")
    assert grants[3].end == moment("2026-06-01T17:00:00+00:00")


@pytest.mark.req("STI-057")
@pytest.mark.parametrize(
    ("tn", "utc", "customer", "whose"),
    [
        ("12025550110", SPRING, None, "Example Co"),
        ("12025550120", SPRING, None, None),
        ("12025550150", moment("2026-02-28"), None, None),
        ("12025550150", SPRING, None, "Example Co"),
        ("12025550150", moment("2026-06-01") - 1, None, "Example Co"),
        ("12025550150", moment("2026-06-01"), None, "Other Co"),  # at its date, not a day later
        ("12025550150", SUMMER, "Example Co", None),
        ("12025550150", SUMMER, "Other Co", "Other Co"),
        ("442079460000", SUMMER, None, ""),
        ("12025550199", SUMMER, "Other Co", ""),  # one of the operator's own
        ("2025550110", SPRING, None, None),
    ],
)
def test_a_right_holds_from_its_date_to_its_date(tn: str, utc: float, customer: str | None, whose: str | None) -> None:
    found = Inventory(parse(TABLE)[0], NumberSet.of("12025550190-12025550199")).find(tn, utc, customer)
    assert (found.customer if found is not None else None) == whose


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",Example Co,,,", "no number"),
        ("1202555*,Example Co,,,", "prefix"),
        ("12025550100,Example Co,?,,", "source"),
        ("12025550100,Example Co,own,,", "source"),
        ("12025550100,Example Co,,yesterday,", "a date is written"),
        ("12025550100,Example Co,,2026-05-01T12:00:00,", "zone"),
        ("12025550100,Example Co,,2026-05-01,2026-05-01", "ends before"),
        ("12025550100,Example Co,,,,,", "more values"),
        ("x,Example Co,,,", "not a number"),
        ('12025550100,"Example Co', "no number"),
    ],
)
def test_a_line_that_cannot_be_read_with_certainty_gives_no_right(line: str, why: str) -> None:
    grants, bad = parse(f"number,customer,source,valid_from,valid_to\n{line}\n12025550199,Other Co,,,\n")
    assert [grant.customer for grant in grants] == ["Other Co"]
    (fault,) = bad
    assert fault.line == 2 and why in fault.why


def test_a_table_says_what_its_columns_are() -> None:
    assert parse("") == ((), ()) and parse("# nothing\n") == ((), ())
    grants, bad = parse("12025550100,Example Co\n")
    assert not grants and "first line names the columns" in bad[0].why


def test_two_customers_with_one_number_at_one_time_are_told() -> None:
    grants, _ = parse("number,customer,valid_from,valid_to\n12025550100-12025550109,A,,\n12025550105,B,,\n12025550120,A,,2026-01-01\n12025550120,B,2026-01-01,\n")
    assert Inventory(grants).conflicts() == ("12025550105",)


NUMBERS = st.integers(12025550100, 12025550139)
GRANTS = st.lists(
    st.builds(
        lambda first, count, customer, begin, length: Grant(str(first), str(first + count), customer, "", begin, begin + length),
        NUMBERS, st.integers(0, 20), st.sampled_from(["A", "B"]), st.integers(0, 20), st.integers(1, 20),
    ),
    max_size=8,
)  # fmt: skip


@given(GRANTS, NUMBERS, st.integers(0, 40), st.sampled_from([None, "A", "B"]))
def test_what_is_found_is_what_a_search_through_all_lines_finds(grants: list[Grant], number: int, utc: int, customer: str | None) -> None:
    tn = str(number)
    right = [one for one in grants if one.first <= tn <= one.last and one.holds(utc) and customer in (None, one.customer)]
    found = Inventory(grants).find(tn, utc, customer)
    assert (found is not None) == bool(right) and (found is None or found in right)
    assert sorted(Inventory(grants).grants(tn)) == sorted(one for one in grants if one.first <= tn <= one.last)


@given(st.text(max_size=120))
def test_any_text_is_read(text: str) -> None:
    for whole in (text, "number,customer,source,valid_from,valid_to\n" + text):
        grants, _ = parse(whole)
        Inventory(grants).conflicts()


def test_the_table_of_the_readme_is_read_whole() -> None:
    readme = resources.files("policy").joinpath("README.md").read_text(encoding="utf-8")
    table = "number,customer" + readme.split("```\nnumber,customer", 1)[1].partition("```")[0]
    grants, bad = parse(table)
    assert not bad and [grant.source for grant in grants] == ["ordered", "ported", "loa", "delegated"]
