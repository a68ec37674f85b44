"""The rate of a peer is one rate, whatever number of workers serve it; its addresses may have one each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.tally import RATE_CELLS
from proxy.rates import Rates
from proxy.settings.network import Trunk

TRUNK = Trunk(name="carrier", side="carrier", sources=())


def crew(many: int) -> list[Rates]:
    slices = [memoryview(bytearray(RATE_CELLS * 8)).cast("Q") for _ in range(many)]
    return [Rates(mine, slices, salt=b"shared") for mine in slices]


def passed(workers: list[Rates], most: int, each: int, host: str, now: float, count: int = 40) -> int:
    """How many of so many calls pass, dealt to the workers in turn."""
    trunk = replace(TRUNK, calls_per_second=most, calls_per_source=each)
    return sum(workers[at % len(workers)].admits(trunk, host, now) for at in range(count))


@pytest.mark.parametrize("many", [1, 2, 4])
def test_workers_count_the_calls_of_a_trunk_together(many: int) -> None:
    workers = crew(many)
    assert passed(workers, 6, 0, "192.0.2.1", 100.0) == 6
    assert passed(workers, 6, 0, "192.0.2.2", 100.2) == 0
    assert passed(workers, 6, 0, "192.0.2.1", 102.0) == 6  # what was refused did not count
    assert passed(workers, 0, 0, "192.0.2.1", 102.0) == 40


@pytest.mark.parametrize("many", [1, 2, 4])
def test_one_address_leaves_the_others_their_part(many: int) -> None:
    workers = crew(many)
    assert [passed(workers, 6, 2, f"192.0.2.{host}", 200.0) for host in (1, 2, 1, 3, 4)] == [2, 2, 0, 2, 0]
    assert passed(workers, 0, 2, "192.0.2.9", 200.0) == 2
    other = replace(TRUNK, name="other", calls_per_source=1)
    assert workers[0].admits(other, "192.0.2.1", 200.0), "one trunk's rate is no other's"


def test_alone_it_needs_no_shared_memory() -> None:
    assert passed([Rates()], 3, 0, "192.0.2.1", 5.0) == 3


@given(st.lists(st.floats(0.0, 0.4), min_size=1, max_size=100), st.integers(1, 3))
def test_no_pace_gets_more_through_than_the_rate(pauses: list[float], many: int) -> None:
    workers, now, times = crew(many), 1000.0, []
    trunk = replace(TRUNK, calls_per_second=5)
    for at, pause in enumerate(pauses):
        now += pause
        if workers[at % many].admits(trunk, "192.0.2.1", now):
            times.append(now)
    for start in times:  # the oldest half-second counts by its share: a call may be early by that much
        assert sum(start <= one < start + 1.0 for one in times) <= 5 + 3
        assert sum(start <= one < start + 3.0 for one in times) <= 3 * 5 + 3
