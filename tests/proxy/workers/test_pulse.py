"""Who hangs, in virtual time: a stamp that grows old, a start that takes long, and a watcher that did not run itself."""

from __future__ import annotations

import pytest

from proxy.workers.pulse import HUNG_SECONDS, LATE_SECONDS, START_SECONDS, Pulses
from proxy.workers.shared import Shared

STEP = 0.2
START = 1000.0


class Times:
    """Three processes, who stamp each step or not, and one who looks each step."""

    def __init__(self) -> None:
        self.cells = Shared(2, metrics=1, tally=1, behaviour=1).pulses
        self.now = START
        self.pulses = Pulses(self.cells, START)
        self.killed: list[tuple[int, float]] = []
        for place in range(3):
            self.pulses.begins(place, START)

    def go(self, seconds: float, *stamping: int) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            for place in stamping:
                self.cells[place] = int(self.now * 1e9)
            self.killed += [(place, self.now) for place in self.pulses.hung(self.now)]


def test_who_stamps_lives_and_who_stops_is_named_once_when_his_time_is_over() -> None:
    times = Times()
    times.go(300, 0, 1, 2)
    assert not times.killed and times.pulses.well
    stopped = times.now
    times.go(60, 0, 2)
    [(place, when)] = times.killed
    assert place == 1 and HUNG_SECONDS < when - stopped <= HUNG_SECONDS + 2 * STEP
    assert not times.pulses.well  # it has not ended


def test_all_is_well_again_when_he_has_ended_and_the_next_one_has_time_to_start() -> None:
    times = Times()
    times.go(1, 0, 1, 2)
    times.go(HUNG_SECONDS + 1, 0, 2)
    times.pulses.ended(1)
    assert times.pulses.well
    times.go(60, 0, 2)  # nobody is there
    times.pulses.begins(1, times.now)
    times.go(START_SECONDS - 1, 0, 2)
    assert len(times.killed) == 1
    times.go(2, 0, 2)
    assert [place for place, _ in times.killed] == [1, 1]


@pytest.mark.parametrize("starting", [False, True], ids=["serving", "starting"])
def test_where_the_watcher_did_not_run_either_everybody_has_the_whole_time_again(starting: bool) -> None:
    times = Times()
    bound = START_SECONDS if starting else HUNG_SECONDS
    times.go(1, *(() if starting else (0, 1, 2)))
    for _ in range(5):
        times.go(bound - 2)
        times.now += LATE_SECONDS + 3600
    times.go(bound - 1)
    assert not times.killed
    times.go(2)
    assert sorted(place for place, _ in times.killed) == [0, 1, 2]


def test_a_watcher_who_is_a_little_late_watches_on() -> None:
    times = Times()
    times.go(1, 0, 1, 2)
    for _ in range(20):
        times.now += LATE_SECONDS - 2 * STEP
        times.go(STEP, 0, 2)
    assert [place for place, _ in times.killed] == [1]
