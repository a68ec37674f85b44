"""The benchmark of the delay: what one side left behind is not counted against the next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.delay import settled
from benchmarks.programs import ProgramError


def outcomes(*told: tuple[int, int]) -> Any:
    """Runs one after the other: how many messages came again, how many for nobody."""
    left = [SimpleNamespace(again=again, nobody=nobody) for again, nobody in told]
    return lambda: left.pop(0)


def test_it_goes_on_after_the_first_run_in_which_nothing_of_an_earlier_one_came() -> None:
    run = outcomes((46, 37), (0, 1), (2, 0), (0, 0), (9, 9))
    settled(run)
    assert run().again == 9


def test_it_says_when_that_takes_too_long() -> None:
    with pytest.raises(ProgramError, match="after 3 quiet runs"):
        settled(outcomes(*[(0, 1)] * 3), runs=3)
