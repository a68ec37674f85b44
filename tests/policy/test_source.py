"""One source: what its counters say, how they age, and what another worker's figures add."""

from __future__ import annotations

import pytest

from policy.past import NONE
from policy.source import AGE, DAY, ENOUGH, FADES, LONG, UNSURE, WIDE, Count, place_of, read


def counted(more: list[int], half: int = 1000) -> Count:
    one = Count("trunk", "west", 7, half)
    one.add(more, half)
    return one


#                 calls newcomers near over hung quiet talked dead
BUSY = [40, 10, 20, 20, 5, 10, 2, 1]


def test_shares_are_told_of_calls_enough() -> None:
    found = counted(BUSY).source(1000)
    assert found is not None and (found.kind, found.name, found.attempts, found.ended) == ("trunk", "west", 40, 20)
    assert (found.strangers, found.neighbours, found.short, found.unanswered) == (0.25, 0.5, 0.25, 0.5)
    assert found.wasted == 0.75 and found.past == NONE
    few = counted([ENOUGH, 0, 0, ENOUGH - 1, ENOUGH - 1, 0, 0, 0]).source(1000)
    assert few is not None and few.wasted == 0.0  # too few have ended
    assert counted([ENOUGH - 1, 0, 0, 0, 0, 0, 0, 0]).source(1000) is None


@pytest.mark.parametrize(
    ("began", "age", "known"),
    [(0, AGE, True), (0, AGE - 1, False), (1000, UNSURE, True), (1000, UNSURE - 1, False), (1001 - DAY, AGE, False)],
)
def test_the_longer_memory_speaks_of_what_it_has_known_for_long_enough(began: int, age: int, known: bool) -> None:
    one = Count("trunk", "west", 7, 1000)
    one.add([0, 0, 0, 2 * LONG, LONG, 0, 10, 5], 1000 + age)
    found = one.source(began)
    assert (found is not None) is known
    if found is not None:
        assert (found.past.ended, found.past.unheard, found.past.talked, found.past.dead) == (2 * LONG, LONG, 10, 5)


def test_figures_are_those_of_two_half_windows_and_what_is_older_halves_in_a_week() -> None:
    one = counted(BUSY)
    one.aged(1001)
    assert (one.now[0], one.before[0]) == (0, 40)
    one.aged(1002)
    assert (one.now[0], one.before[0]) == (0, 0) and one.past[0] < 20
    one.aged(1000 + FADES)
    assert one.past[0] == pytest.approx(10)


@pytest.mark.parametrize(("theirs", "now", "before"), [(1000, 80, 0), (999, 40, 40), (998, 40, 0), (1001, 80, 0)])
def test_what_another_worker_saw_is_added_by_its_half_window(theirs: int, now: int, before: int) -> None:
    one, other = counted(BUSY), counted(BUSY, theirs)
    copied = one.copy()
    copied.take(other.row())
    assert (copied.now[0], copied.before[0], copied.born) == (now, before, min(1000, theirs))
    assert one.now[0] == 40  # the copy is another one


def test_a_record_is_read_from_its_cells() -> None:
    cells = memoryview(bytearray(8 * 2 * WIDE)).cast("Q")
    row = counted(BUSY).row()
    for at, figure in enumerate((*row[:3], *row[3], *row[4], *(int(one * 1024) for one in row[5])), WIDE):
        cells[at] = figure
    assert read(cells, WIDE) == row
    assert place_of(7) % WIDE == 0
