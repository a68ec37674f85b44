"""Delays: percentiles right to one per cent, and sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.lab.load.delays import Delays


@given(st.lists(st.floats(2e-6, 3600), min_size=1, max_size=300), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_that_of_the_sorted_figures(figures: list[float], share: float) -> None:
    delays = Delays()
    for one in figures:
        delays.add(one)
    right = sorted(figures)[max(0, -(-len(figures) * round(share * 100) // 100) - 1)]
    assert delays.at(share) == pytest.approx(right, rel=0.011)


def test_nothing_and_the_impossible() -> None:
    delays = Delays()
    assert delays.at(0.5) == 0.0
    delays.add(-1.0)
    delays.add(1e9)
    assert delays.total == 2 and delays.at(0.5) < 2e-6


def test_those_of_two_processes_are_added() -> None:
    one, two = Delays(), Delays()
    one.add(0.001)
    two.add(0.1)
    both = one + two
    assert both.total == 2
    assert both.ms(0.5) == pytest.approx(1, rel=0.01) and both.ms(1.0) == pytest.approx(100, rel=0.01)
