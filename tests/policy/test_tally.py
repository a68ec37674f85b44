"""Counting in fixed memory: right for few, bounded for many, shared by workers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.tally import CELLS, Tally


def cells(count: int = CELLS) -> memoryview:
    return memoryview(bytearray(count * 8)).cast("Q")


@pytest.mark.parametrize(
    "key", ["12025550100", b"12025550100", "sip:alice@example.com", b"\xff\x00", "", "9" * 5000]
)
def test_each_note_says_how_many_there_were(key: str | bytes) -> None:
    tally = Tally(cells(), window=60)
    assert [tally.note(key, 1000.0 + step) for step in range(5)] == [1, 2, 3, 4, 5]
    assert tally.peek(key, 1005.0) == 5
    assert tally.peek("12025550199", 1005.0) == 0


def test_digits_count_alike_as_text_and_bytes() -> None:
    tally = Tally(cells())
    tally.note("12025550100", 5.0)
    assert tally.note(b"12025550100", 5.0) == 2


def test_calls_leave_the_window() -> None:
    tally = Tally(cells(), window=60)
    for _ in range(10):
        tally.note("12025550100", 0.0)
    for now, count in ((29.9, 10), (59.9, 10), (60.0, 10), (75.0, 5), (89.9, 0), (90.0, 0), (10_000.0, 0)):
        assert tally.peek("12025550100", now) == count, now


@given(st.lists(st.floats(0, 300), min_size=1, max_size=60))
def test_the_error_in_time_is_the_oldest_half_windows_calls(times: list[float]) -> None:
    tally = Tally(cells(64), window=60)
    times.sort()
    for at in times:
        said = tally.note("12025550100", at)
    now = times[-1]
    assert said <= sum(now - 90 < at for at in times)
    assert said >= sum(at > now - 30 for at in times)
    start = (now // 30 - 2) * 30
    oldest = sum(start <= at < start + 30 for at in times)
    exact = sum(at > now - 60 for at in times)
    assert abs(said - exact) <= oldest


def test_a_flood_of_random_callers_takes_no_memory_and_hardly_blurs_a_count() -> None:
    mine = cells()
    tally = Tally(mine, window=60, salt=b"s")
    for number in range(60_000):
        tally.note(str(12_000_000_000 + number * 7919), 10.0)
    assert len(mine) == CELLS
    excess = [tally.peek(str(13_000_000_000 + number), 10.0) for number in range(5000)]
    assert sum(excess) / len(excess) < 1
    assert max(excess) <= 8
    assert [tally.note("12025550100", 11.0) for _ in range(40)][-1] in range(40, 46)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), max_size=300))
def test_a_count_is_never_too_low(keys: list[int]) -> None:
    tally = Tally(cells(32), window=60)
    true: dict[int, int] = {}
    for key in keys:
        true[key] = true.get(key, 0) + 1
        assert tally.note(f"1202555{key:04}", 5.0) >= true[key]


def test_workers_write_their_own_slice_and_read_all() -> None:
    slices = [cells() for _ in range(3)]
    workers = [Tally(mine, slices, window=60, salt=b"shared") for mine in slices]
    for worker in workers:
        for _ in range(4):
            worker.note("12025550100", 100.0)
    assert [worker.peek("12025550100", 101.0) for worker in workers] == [12, 12, 12]
    assert workers[0].note("12025550100", 101.0) == 13
    assert workers[1].peek("12025550100", 500.0) == 0


def test_a_count_stops_before_it_spills_into_its_neighbour() -> None:
    tally = Tally(cells(8), window=60)
    for _ in range(17_000):
        said = tally.note("12025550100", 1.0)
    assert said == 16_383
    assert tally.peek("12025550100", 31.0) == 16_383


def test_the_salt_decides_who_collides() -> None:
    places = set()
    for salt in (b"a", b"b", b"c", b"d"):
        mine = cells(2048)
        Tally(mine, salt=salt).note("12025550100", 1.0)
        places.add(tuple(at for at, cell in enumerate(mine) if cell))
    assert len(places) > 1


@pytest.mark.parametrize(
    ("mine", "others", "window"),
    [
        (cells(6), (), 60.0),
        (cells(2), (), 60.0),
        (cells(64), (cells(128),), 60.0),
        (memoryview(bytearray(64)), (), 60.0),
        (cells(64), (), 0.0),
    ],
)
def test_slices_of_another_shape_are_refused(
    mine: memoryview, others: tuple[memoryview, ...], window: float
) -> None:
    with pytest.raises(ValueError, match="slice|window"):
        Tally(mine, others, window=window)
