"""The window after a 911 call: half an hour for the line that called and no other, shared by workers, kept over a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.protected import CELLS, SETS, WAYS, WINDOW, Protected

LINE, OTHER = "12025550177", "12025550178"
UTC = 1_795_000_000.25


def cells() -> memoryview:
    return memoryview(bytearray(CELLS * 8)).cast("Q")


@pytest.mark.req("EMG-012")
def test_the_window_is_half_an_hour_and_belongs_to_the_line_that_called() -> None:
    protected = Protected(cells())
    assert not protected.holds(LINE, UTC)
    assert not protected.asks(UTC)
    protected.note(LINE, UTC)
    assert protected.asks(UTC + 1799) and not protected.asks(UTC + 1800)
    for after, open_ in ((0, True), (1, True), (1799, True), (1800, False), (10**7, False)):
        assert protected.holds(LINE, UTC + after) is open_, after
    assert not protected.holds(OTHER, UTC)
    assert not protected.holds(None, UTC)
    assert not protected.holds("", UTC)


def test_another_emergency_call_opens_the_window_again() -> None:
    protected = Protected(cells())
    protected.note(LINE, UTC)
    protected.note(LINE, UTC + 1700)
    assert protected.holds(LINE, UTC + 3400)
    assert len(protected.kept(UTC + 3400)) == 1


def test_a_clock_that_is_set_back_does_not_close_the_window() -> None:
    protected = Protected(cells())
    protected.note(LINE, UTC)
    assert protected.holds(LINE, UTC - 1700)
    protected.note(LINE, UTC - 1700)
    assert protected.holds(LINE, UTC + 1700)


@pytest.mark.req("EMG-012")
def test_workers_write_their_own_slice_and_read_all() -> None:
    slices = [cells() for _ in range(3)]
    workers = [Protected(mine, slices, salt=b"shared") for mine in slices]
    workers[1].note(LINE, UTC)
    assert [worker.holds(LINE, UTC + 60) for worker in workers] == [True, True, True]
    assert [len(worker.kept(UTC + 60)) for worker in workers] == [0, 1, 0]
    assert not any(any(mine) for mine in (slices[0], slices[2]))


@pytest.mark.req("EMG-012")
def test_what_is_kept_brings_the_next_start_to_the_same_answers() -> None:
    before = Protected(cells(), salt=b"kept")
    before.note(OTHER, UTC - WINDOW)
    before.note(LINE, UTC)
    kept = before.kept(UTC + 600)
    after = Protected(cells(), salt=b"kept")
    assert after.restore(kept, UTC + 600) == 1
    assert after.holds(LINE, UTC + 601)
    assert not after.holds(OTHER, UTC + 601)
    assert not after.holds(LINE, UTC + WINDOW)
    assert after.restore(kept, UTC + WINDOW + 1) == 0


def test_a_line_is_kept_as_a_hash_that_another_secret_does_not_know() -> None:
    mine = cells()
    Protected(mine, salt=b"one").note(LINE, UTC)
    assert int(LINE) not in mine.tolist()
    assert not Protected(mine, salt=b"two").holds(LINE, UTC)


@given(st.lists(st.tuples(st.integers(-5, 1 << 70), st.integers(-5, 1 << 70)), max_size=20))
def test_a_damaged_table_is_taken_for_what_it_is_worth(lines: list[tuple[int, int]]) -> None:
    protected = Protected(cells())
    assert protected.restore(lines, UTC) <= len(lines)
    protected.note(LINE, UTC)
    assert protected.holds(LINE, UTC)


@given(st.lists(st.integers(0, 60), max_size=80))
def test_no_line_is_forgotten_while_there_is_room(numbers: list[int]) -> None:
    protected = Protected(cells(), salt=b"room")
    for at, number in enumerate(numbers):
        protected.note(f"120255501{number:02}", UTC + at)
    for number in range(61):
        assert protected.holds(f"120255501{number:02}", UTC + 100) is (number in numbers)


def test_a_flood_takes_no_memory_and_the_newest_lines_stay() -> None:
    mine = cells()
    protected = Protected(mine, salt=b"flood")
    for number in range(20_000):
        protected.note(str(12_000_000_000 + number), UTC)
    protected.note(LINE, UTC + 1)
    assert protected.holds(LINE, UTC + 2)
    assert len(protected.kept(UTC + 2)) <= SETS * WAYS


@pytest.mark.parametrize(
    ("mine", "window"),
    [(memoryview(bytearray(CELLS * 8)), 1.0), (memoryview(bytearray(64)).cast("Q"), 1.0), (cells(), 0.0)],
)
def test_slices_of_another_shape_are_refused(mine: memoryview, window: float) -> None:
    with pytest.raises(ValueError, match="slice|window"):
        Protected(mine, window=window)
