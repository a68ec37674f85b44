"""The small do-not-call registry, and the bits of the large one. (Files of it: tests/proxy/lists/test_registry.py.)"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.dnc import BLOCK, CLEAR, MARKED, Bitmap, Registry, block, marks, too_old
from policy.lists import NumberSet
from policy.told import DAY


@pytest.mark.req("REG-073")
def test_a_number_outside_the_loaded_areas_is_unknown_and_not_clean() -> None:
    registry = Registry(NumberSet.of("202,5550123"), frozenset({"202"}))
    assert registry.listed("12025550123")
    assert not registry.listed("12025550124")
    assert registry.covers("12025550124")
    assert not registry.covers("13015550124")
    assert not registry.covers("442079460000")
    assert Registry().covers("13015550124")


@given(st.sets(st.integers(0, 9999)))
def test_a_block_is_its_marks(numbers: set[int]) -> None:
    written = bytes(MARKED if number in numbers else CLEAR for number in range(10_000))
    bits = block(written)
    assert len(bits) == BLOCK
    assert {number for number in range(10_000) if bits[number >> 3] >> (number & 7) & 1} == numbers
    assert marks(bits) == written


@pytest.mark.req("REG-059")
def test_31_days_are_well_and_32_are_not() -> None:
    assert [too_old(100, (100 + days) * DAY + seconds) for days, seconds in ((31, 0), (31, 86_399), (32, 0))] == [
        False, False, True,
    ]  # fmt: skip


@given(st.binary(max_size=200))
def test_other_bytes_are_no_bitmap(other: bytes) -> None:
    with pytest.raises(ValueError):
        Bitmap(memoryview(other))
