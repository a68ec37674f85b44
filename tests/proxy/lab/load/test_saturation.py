"""The search for the knee, against machines whose knee is known."""

from __future__ import annotations

import pytest

from proxy.lab.load.plan import Address, Outcome, Plan, Seen
from proxy.lab.load.saturation import RUNS, search


def machine(knee: float, hiccups: tuple[int, ...] = ()):  # type: ignore[no-untyped-def]
    asked: list[float] = []

    def run(rate: float) -> Outcome:
        asked.append(rate)
        well = rate <= knee and len(asked) not in hiccups
        seen = Seen(placed=1000, completed=1000 if well else 900, began=0.0, ended=1.0)
        return Outcome(Plan(Address("127.0.0.1", 1), rate=rate), seen)

    return run


@pytest.mark.parametrize("knee", [30.0, 512.0, 1234.0, 9000.0])
def test_the_knee_is_found_within_four_per_cent(knee: float) -> None:
    found = search(machine(knee), 300.0, runs=40)
    assert knee * 0.95 <= found.rate <= knee


def test_one_bad_run_is_not_the_knee() -> None:
    assert search(machine(1000.0, hiccups=(2,)), 300.0).rate > 900


def test_the_search_ends_at_its_ceiling_and_after_its_runs() -> None:
    assert search(machine(1e9), 100.0, 500.0).rate == 500.0
    assert len(search(machine(1e9), 1.0).runs) <= RUNS


def test_a_machine_that_carries_nothing_is_told_from_one_that_is_slow() -> None:
    found = search(machine(0.0), 100.0, runs=60)
    assert found.best is None and found.rate == 0.0
