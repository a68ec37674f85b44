"""What callers did lately, in bounded memory: right for few, low for many, never another's."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.behaviour import CELLS, MOST, NOTHING, RECORD, SHARED_FROM, Behaviour, Seen
from policy.call import Call
from policy.past import NONE, SETTLED


def call(caller: str | None = "12025550100", callee: str | None = "13125550100", name: str = "") -> Call:
    return Call(caller=caller, callee=callee, display_name=name)


def cells(count: int = CELLS) -> memoryview:
    return memoryview(bytearray(count * 8)).cast("Q")


def test_the_first_call_of_a_caller() -> None:
    assert Behaviour().facts(call(name="ALICE"), 10.0) == Seen(1, 1, 1, 1, 0, 1, 1, 1, False)


def test_a_run_is_calls_each_to_the_next_number_up_or_down() -> None:
    follow = Behaviour()
    said = [follow.facts(call(callee=f"1312555{line:04}"), 10.0).run for line in (100, 101, 102, 102, 101, 150, 151)]
    assert said == [1, 2, 3, 3, 4, 1, 2]  # a second try of the same number neither adds nor ends it


def test_distinct_numbers_names_and_callers_are_told_apart_from_repetition() -> None:
    follow = Behaviour()
    for _ in range(20):
        seen = follow.facts(call(name="BANK"), 10.0)
    assert (seen.attempts, seen.callees, seen.names, seen.crowd, seen.block) == (20, 1, 1, 1, 20)
    for line in range(30):
        seen = follow.facts(call(f"12025550{line + 100}", name=f"N{line}"), 10.0)
    assert seen.attempts == 1
    assert seen.block == 50
    assert 20 <= seen.block_callers <= 45
    assert 20 <= seen.crowd <= 45


@pytest.mark.parametrize(
    ("caller", "callee", "near"),
    [
        ("12025550100", "12025550199", True),
        ("12025550100", "12025550100", False),  # oneself
        ("12025560100", "12025550100", False),  # another exchange
        ("442079460000", "442079460001", False),  # of another country nothing is said
        ("12025550100", None, False),
        ("12025550100", "911", False),
    ],
)
def test_a_neighbour_shares_area_and_exchange(caller: str, callee: str | None, near: bool) -> None:
    assert Behaviour().facts(call(caller, callee), 1.0).neighbour is near


@pytest.mark.req("TRAP-43")
@pytest.mark.parametrize("caller", [None, "", "sip:x", "*67", "1" * 16, "١٢٣"])
def test_callers_without_a_number_are_not_followed(caller: str | None) -> None:
    follow = Behaviour()
    if caller == "١٢٣":
        assert follow.facts(call(caller), 1.0).attempts == 1  # digits of another script do no harm
        return
    assert follow.facts(call(caller), 1.0) is NOTHING
    follow.note_end(call(caller), None, 486, 1.0)
    assert len(follow) == 0


@pytest.mark.parametrize("duration", [0.0, 5.9, 6.0, 60.0, None])
def test_how_a_call_ends_is_counted(duration: float | None) -> None:
    follow = Behaviour()
    follow.facts(call(), 1.0)
    follow.note_end(call(), duration, 200 if duration is not None else 486, 2.0)
    seen = follow.facts(call(), 3.0)
    assert (seen.ended, seen.past) == (1, NONE)  # that it ended is known at once, how only when the first have had time
    seen = follow.facts(call(), 2.0 + SETTLED)
    unheard = duration is None or duration < 6
    assert seen.past[:4] == seen.block_past[:4] == (1, unheard, duration == 60.0, 0)


def test_the_window_looks_back_half_of_it_at_least_and_all_of_it_at_most() -> None:
    for late, seen in ((0.0, 2), (1799.0, 2), (1801.0, 2), (3599.0, 2), (3601.0, 1), (100_000.0, 1)):
        follow = Behaviour(window=3600.0)
        follow.facts(call(), 0.0)
        assert follow.facts(call(), late).attempts == seen, late


def test_what_ends_in_the_next_half_window_still_counts_and_keeps_the_run() -> None:
    follow = Behaviour(window=100.0)
    follow.facts(call(callee="13125550100"), 49.0)
    follow.note_end(call(), 1.0, 200, 51.0)
    seen = follow.facts(call(callee="13125550101"), 52.0)
    assert (seen.attempts, seen.run, seen.ended, seen.callees) == (2, 2, 1, 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 30), st.floats(0, 400), st.booleans()), min_size=1, max_size=80
    ),
    st.integers(1, 50),
)
def test_no_figure_is_ever_more_than_the_truth(steps: list[tuple[int, int, float, bool]], most: int) -> None:
    follow = Behaviour(window=100.0, most=most)
    steps.sort(key=lambda step: step[2])
    past: list[tuple[str, float]] = []
    ends: list[tuple[str, float]] = []
    for who, whom, now, ended in steps:
        one = call(f"1202555010{who}", f"131255501{whom:02}")
        caller = one.caller or ""
        past.append((caller, now))
        seen = follow.facts(one, now)
        assert 1 <= seen.attempts <= sum(name == caller and at > now - 100 for name, at in past)
        assert seen.callees <= seen.attempts
        assert seen.block <= len(past)
        assert seen.ended <= sum(name == caller for name, _ in ends)
        if ended:
            ends.append((caller, now))
            follow.note_end(one, None, 480, now)
        assert len(follow) <= 6 * most


def test_a_flood_of_random_callers_takes_bounded_memory_and_accuses_nobody() -> None:
    follow = Behaviour(most=1000)
    most = 0
    for number in range(20_000):
        seen = follow.facts(call(str(12_000_000_000 + number * 7919), str(13_125_550_000 + number)), 10.0)
        assert seen.attempts == 1
        most = max(most, len(follow))
        if not number % 100:  # somebody who goes on calling all the while is not forgotten
            busy = follow.facts(call(callee=str(13_005_550_000 + number)), 10.0)
    assert most <= 6 * 1000
    assert busy.attempts >= 10
    assert MOST == 32_768


@settings(max_examples=50)
@given(st.sets(st.integers(0, 9_999_999), min_size=1, max_size=100))
def test_the_estimate_of_distinct_numbers_is_near_the_truth(lines: set[int]) -> None:
    follow = Behaviour()
    for line in lines:
        seen = follow.facts(call(callee=f"1312{line:07}"), 1.0)
    assert seen.callees <= len(lines)
    assert seen.callees >= len(lines) * 0.4 - 2


def test_the_error_of_the_estimate_is_the_stated_one() -> None:
    dice, off = Random(7), []
    for _ in range(200):
        follow, count = Behaviour(), dice.randint(5, 100)
        for number in dice.sample(range(2_000_000_000, 9_999_999_999), count):
            seen = follow.facts(call(callee=f"1{number}"), 1.0)
        off.append(abs(seen.callees - count) <= max(2, count / 3))
    assert sum(off) >= 190


def test_workers_add_up_what_each_saw_of_a_busy_caller() -> None:
    slices = [cells() for _ in range(3)]
    workers = [Behaviour(mine, slices, salt=b"shared") for mine in slices]
    for turn in range(10):
        for worker in workers:
            seen = worker.facts(call(callee=f"13125550{100 + turn}"), 10.0 + turn)
    assert seen.attempts == 30
    assert 8 <= seen.callees <= 13
    assert 30 - 2 * (SHARED_FROM - 1) <= seen.block <= 30
    assert workers[0].facts(call("12125550100"), 20.0).attempts == 1
    later = workers[0].facts(call(), 10_000.0)
    assert later.attempts == 1


@pytest.mark.parametrize("many", [1, 2, 4])
def test_one_who_dials_in_order_or_under_many_names_is_noticed_however_many_workers_there_are(many: int) -> None:
    for seed in range(50):
        dice, slices = Random(seed), [cells() for _ in range(many)]
        workers = [Behaviour(mine, slices, salt=b"shared") for mine in slices]
        for turn in range(8):
            one = call(callee=f"13125550{100 + turn}", name=f"NAME {turn}")
            seen = dice.choice(workers).facts(one, 10.0 + turn)
            assert seen.run == turn + 1
            if not turn % 3:
                assert dice.choice(workers).facts(one, 10.5 + turn).run == turn + 1  # again, to the same number
        assert 5 <= seen.names <= 12


def test_of_two_callers_in_one_place_the_busier_one_is_seen_by_all() -> None:
    slices = [cells(8 * RECORD) for _ in range(2)]  # eight places for everybody
    one, other = (Behaviour(mine, slices, salt=b"shared") for mine in slices)
    for turn in range(20):
        one.facts(call("12025550100", f"1312555{turn:04}"), 10.0)
    for turn in range(50):
        quiet = call(f"1301{turn:03}0101", f"1313{turn:03}0190")
        one.facts(quiet, 10.0)
        assert other.facts(quiet, 10.0).attempts <= 2
    assert other.facts(call("12025550100", "13125550190"), 10.0).attempts == 21


@pytest.mark.parametrize(
    ("mine", "others", "window"),
    [(cells(4), (), 60.0), (cells(5), (cells(10),), 60.0), (memoryview(bytearray(64)), (), 60.0), (None, (), 0.0)],
)
def test_slices_of_another_shape_are_refused(mine: memoryview, others: tuple[memoryview, ...], window: float) -> None:
    with pytest.raises(ValueError, match="slice|window"):
        Behaviour(mine, others, window=window)
