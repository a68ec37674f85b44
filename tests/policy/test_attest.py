"""Which attestation a call that leaves may be given, and why."""

from __future__ import annotations

import re
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.attest import CRITERIA, CRITERIA_VERSION, WHY, Customer, Terms, decide
from policy.inventory import Grant, Inventory
from policy.lists import NumberSet

ORIGID, THEIRS = "123e4567-e89b-42d3-a456-426655440000", "7d0f8c0e-6c1d-4a52-8f0a-3c2b1f0e9d4a"
INVENTORY = Inventory(
    [
        Grant("12025550100", "12025550149", "Ann", "ordered"),
        Grant("12025550150", "12025550150", "Bob", "ported", 100.0, 200.0),
        Grant("12025550160", "12025550160", "Cy", "loa"),
    ],
    NumberSet.of("+442079460000", "12025550199"),
)
CUSTOMERS = MappingProxyType({"Cy": Customer(pending=True, cap="B"), "Dee": Customer(pending=True), "Bob": Customer(origid=THEIRS)})
ANY = Terms(ORIGID, customers=CUSTOMERS)


def terms(**more: object) -> Terms:
    return Terms(ORIGID, customers=CUSTOMERS, **more)  # type: ignore[arg-type]


@pytest.mark.req("STI-043", "STI-055", "STI-057", "STI-037", "STI-038", "LAB-27")
@pytest.mark.parametrize(
    ("caller", "trunk", "utc", "level", "why"),
    [
        ("12025550100", ANY, 0, "A", "own-number"),
        ("12025550199", ANY, 0, "A", "own-number"),  # the operator's own
        ("12125550147", ANY, 0, "B", "other-number"),
        ("442079460000", ANY, 0, "A", "own-number"),
        ("442079460001", ANY, 0, "B", "other-number"),
        ("12125550147", terms(other="C"), 0, "C", "other-number"),
        ("12125550147", terms(other=None), 0, None, "other-number"),
        ("12025550100", terms(customer="Ann"), 0, "A", "own-number"),
        ("12025550100", terms(customer="Bob"), 0, "B", "other-customer"),
        ("12025550199", terms(customer="Bob"), 0, "A", "own-number"),
        ("12025550150", ANY, 99, "B", "right-ahead"),  # before it is ported in
        ("12025550150", ANY, 100, "A", "own-number"),
        ("12025550150", ANY, 199, "A", "own-number"),
        ("12025550150", ANY, 200, "B", "right-ended"),  # from the moment that it is ported out
        ("12025550150", terms(customer="Ann"), 150, "B", "other-customer"),
        ("12025550100", terms(transit=True), 0, "C", "transit"),
        ("12125550147", terms(transit=True), 0, "C", "transit"),
        ("12025550160", ANY, 0, "B", "kyc-pending"),
        ("12025550160", terms(customer="Cy"), 0, "B", "kyc-pending"),
        ("12125550147", terms(customer="Cy"), 0, "B", "other-number"),
        ("12125550147", terms(customer="Dee"), 0, "C", "kyc-pending"),
        ("12025550100", terms(most="B"), 0, "B", "trunk-limit"),
        ("12125550147", terms(most="B"), 0, "B", "other-number"),
        (None, ANY, 0, None, "no-number"),  # anonymous
        ("2177", ANY, 0, None, "impossible-number"),  # an extension
        ("911", ANY, 0, None, "impossible-number"),
        ("", ANY, 0, None, "impossible-number"),
        ("10125550100", ANY, 0, None, "impossible-number"),
        ("1202555010", ANY, 0, None, "impossible-number"),
        ("0442079460000", ANY, 0, None, "impossible-number"),
        ("1234567890123456", ANY, 0, None, "impossible-number"),
    ],
)
def test_the_level_follows_the_inventory(caller: str | None, trunk: Terms, utc: float, level: str | None, why: str) -> None:
    found = decide(caller, INVENTORY, trunk, utc)
    assert (found.level, found.why) == (level, why) and why in WHY


@pytest.mark.req("STI-055", "LAB-27")
@pytest.mark.parametrize(
    ("caller", "asked", "level", "why"),
    [
        ("12025550100", "B", "B", "asked"),
        ("12025550100", "C", "C", "asked"),
        ("12025550100", "none", None, "asked"),
        ("12025550100", "A", "A", "own-number"),
        ("12125550147", "A", "B", "other-number"),  # never upwards
        ("12125550147", "C", "C", "asked"),
        ("12025550100", "D", "A", "own-number"),
        ("12025550100", "", "A", "own-number"),
        ("911", "A", None, "impossible-number"),
    ],
)
def test_a_pbx_may_ask_for_less(caller: str, asked: str, level: str | None, why: str) -> None:
    found = decide(caller, INVENTORY, ANY, 0.0, asked)
    assert (found.level, found.why) == (level, why)


@pytest.mark.req("REG-036")
def test_the_criteria_are_a_table_with_a_version_and_every_ground_has_its_ceiling() -> None:
    assert set(CRITERIA) == set(WHY) and re.fullmatch(r"ATIS-1000074 as of 20\d\d-\d\d", CRITERIA_VERSION)
    assert [why for why, level in CRITERIA.items() if level == "A"] == ["own-number"]
    assert CRITERIA["transit"] == "C" and CRITERIA["no-number"] is CRITERIA["impossible-number"] is None


@pytest.mark.req("REG-036", "REG-033")
@given(
    st.sampled_from(["12025550100", "12025550150", "12125550147", "911", "2177", "", None]),
    st.builds(terms, transit=st.booleans(), most=st.sampled_from("ABC"), other=st.sampled_from(["B", "C", None])),
    st.sampled_from(["", "A", "B", "C", "none"]), st.floats(0, 400),
)  # fmt: skip
def test_no_decision_gives_more_than_its_criterion(caller: str | None, trunk: Terms, asked: str, utc: float) -> None:
    found = decide(caller, INVENTORY, trunk, utc, asked)
    assert (found.level or "D") >= (CRITERIA[found.why] or "D")


@pytest.mark.req("STI-054")
def test_a_customer_may_have_an_identifier_of_its_own() -> None:
    assert decide("12025550150", INVENTORY, ANY, 150.0).origid == THEIRS
    assert decide("12125550147", INVENTORY, terms(customer="Bob"), 0.0).origid == THEIRS
    assert decide("12025550100", INVENTORY, ANY, 0.0).origid == ORIGID
    assert decide("12025550150", INVENTORY, ANY, 150.0).source == "ported"


@pytest.mark.req("STI-057")
@given(
    st.from_regex(r"\A[0-9*#]{0,17}\Z"), st.builds(terms, transit=st.booleans(), most=st.sampled_from("ABC"), customer=st.sampled_from([None, "Ann"])),
    st.sampled_from(["", "A", "B", "C", "none", "x"]),
)  # fmt: skip
def test_a_number_that_is_nobodys_never_gets_a(caller: str, trunk: Terms, asked: str) -> None:
    found = decide(caller, Inventory(own=NumberSet.of("12025550100")), trunk, 0.0, asked)
    assert found.level != "A" or caller == "12025550100"
    # And asking never raises what would have been given.
    before = decide(caller, Inventory(own=NumberSet.of("12025550100")), trunk, 0.0)
    assert (found.level or "D") >= (before.level or "D")
