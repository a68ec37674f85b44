"""How the numbers of a neighbour are read, as the settings say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from policy.rulebook import Rulebook
from proxy.parts import lanes
from proxy.settings import read
from proxy.settings.network import NO_COUNTRY, plan_of
from shaken.number import E164, NANP, Plan

Complaints = Callable[..., list[str]]


@pytest.mark.req("STI-032")
def test_a_country_is_its_code_or_none_at_all() -> None:
    assert (plan_of("1"), plan_of("1", "202"), plan_of("44")) == (NANP, Plan("1", "202"), Plan("44"))
    assert plan_of(NO_COUNTRY) is E164
    for country, area in (("", ""), ("0", ""), ("044", ""), ("4444", ""), ("GB", ""), ("1", "2O2"), ("1", "202555"), (NO_COUNTRY, "202")):
        with pytest.raises(ValueError, match="code"):
            plan_of(country, area)


def test_a_peer_that_writes_every_number_in_full_says_so_and_has_no_area(small: dict[str, Any], complaints: Complaints) -> None:
    small["trunk"][0]["country"] = "none"
    assert complaints(small) == []
    assert lanes(read(small), Rulebook())[small["trunk"][0]["name"]].plan is E164
    small["trunk"][0]["area"] = "202"
    (said,) = complaints(small)
    assert "trunk[1].area" in said and "remove it" in said
    small["trunk"][0] |= {"country": "GB", "area": ""}
    (said,) = complaints(small)
    assert "trunk[1].country" in said and '"none" where every number comes in full' in said
