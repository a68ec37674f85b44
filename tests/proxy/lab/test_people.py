"""The tables: shares that add up to no more than one."""

from __future__ import annotations

from proxy.lab.people import CARRIERS, GATEWAY, GOOD_ENDS, GOOD_SHARES, SHAPES


def test_shares_are_shares() -> None:
    assert sum(GOOD_SHARES.values()) < 1
    assert set(GOOD_ENDS) == {*GOOD_SHARES, "household"}
    assert all(0 <= min(ends) and sum(ends) <= 1 for ends in GOOD_ENDS.values())


def test_a_third_of_the_shapes_are_fresh_and_small_carriers_sign_nothing() -> None:
    assert sum(shape.share for shape in SHAPES if shape.fresh) * 3 >= sum(shape.share for shape in SHAPES)
    assert sum(not one.spc for one in CARRIERS) >= 3
    assert CARRIERS[GATEWAY].name == "gateway"
