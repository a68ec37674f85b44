"""The small do-not-call registry."""

from __future__ import annotations

import pytest

from policy.dnc import Registry
from policy.lists import NumberSet


@pytest.mark.req("REG-073")
def test_a_number_outside_the_loaded_areas_is_unknown_and_not_clean() -> None:
    registry = Registry(NumberSet.of("202,5550123"), frozenset({"202"}))
    assert registry.listed("12025550123")
    assert not registry.listed("12025550124")
    assert registry.covers("12025550124")
    assert not registry.covers("13015550124")
    assert not registry.covers("442079460000")
    assert Registry().covers("13015550124")
