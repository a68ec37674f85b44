"""How calls of the last days ended: by caller and by thousand-block, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.past import CELLS, NONE, SETTLED, WINDOW, Ends, Past, proved

CALL = Call(caller="12025550123")
ENDS = st.lists(
    st.tuples(st.floats(0, 1000), st.one_of(st.none(), st.floats(0, 600)), st.sampled_from((200, 404, 480, 486)))
)


def caller(past: Past, now: float) -> Ends:
    return past.of(CALL, "12025550123", "12025550", now)[1]


def noted(*ends: tuple[float | None, int], now: float = 0.0) -> Past:
    past = Past()
    for duration, status in ends:
        past.note(CALL, duration, status, now)
    return past


@pytest.mark.parametrize(
    ("duration", "status", "told"),
    [
        (None, 480, (1, 1, 0, 0)),
        (None, 404, (1, 1, 0, 1)),
        (5.9, 200, (1, 1, 0, 0)),
        (6.0, 200, (1, 0, 0, 0)),
        (59.9, 200, (1, 0, 0, 0)),
        (60.0, 200, (1, 0, 1, 0)),
    ],
)
def test_an_end_counts_as_what_it_was(duration: float | None, status: int, told: tuple[int, ...]) -> None:
    past = noted((duration, status))
    ended, mine, around = past.of(CALL, "12025550123", "12025550", SETTLED)
    assert (ended, mine[:4], around[:4]) == (1, told, told)
    neighbour = CALL._replace(caller="12025550124")
    assert past.of(neighbour, "12025550124", "12025550", SETTLED)[:2] == (0, NONE)
    assert past.of(neighbour, "12025550124", "12025550", SETTLED)[2][:4] == told


def test_nothing_is_told_before_the_first_calls_have_had_time_to_last() -> None:
    past = noted((None, 480), (None, 480))
    assert past.of(CALL, "12025550123", "12025550", SETTLED - 1) == (2, NONE, NONE)
    past.note(CALL, 70.0, 200, SETTLED - 1)
    assert caller(past, SETTLED).ended == 3


def test_days_later_it_is_forgotten_by_halves() -> None:
    past = noted((None, 480))
    past.note(CALL, None, 480, WINDOW / 2)
    assert caller(past, WINDOW / 2).ended == 2
    past.note(Call(caller="12025550199"), None, 480, WINDOW)
    assert caller(past, WINDOW).ended == 1
    past.note(Call(caller="12025550199"), None, 480, 3 * WINDOW)
    assert caller(past, 3 * WINDOW) is NONE


def test_a_proved_caller_is_not_taken_for_those_who_borrow_its_number(judged: object) -> None:
    call = CALL._replace(judgement=judged("A"))  # type: ignore[operator]
    assert proved(call) and not proved(CALL) and not proved(CALL._replace(judgement=judged("B")))  # type: ignore[operator]
    past = noted((None, 480))
    assert past.of(call, "12025550123", "12025550", SETTLED)[:2] == (0, NONE)
    assert past.of(call, "12025550123", "12025550", SETTLED)[2].ended == 1  # the block is everybody's
    past.note(call, 70.0, 200, 0.0)
    assert past.of(call, "12025550123", "12025550", SETTLED)[1][:4] == (1, 0, 1, 0)
    assert caller(past, SETTLED)[:4] == (1, 1, 0, 0)


def test_a_flood_of_callers_costs_no_more_than_its_bound() -> None:
    past = Past(most=100)
    for number in range(5000):
        past.note(Call(caller=str(12_000_000_000 + 1000 * number)), None, 480, 1.0)
        assert len(past) <= 202
    past.note(Call(), None, 480, 1.0)
    past.note(Call(caller="1" * 99), None, 480, 1.0)
    assert len(past) <= 202


@given(ENDS)
def test_the_figures_are_those_of_a_plain_count(ends: list[tuple[float, float | None, int]]) -> None:
    past = Past()
    for now, duration, status in sorted(ends, key=lambda end: end[0]):
        past.note(CALL, duration, status if duration is None else 200, now)
    told = caller(past, 2000.0)
    assert told.ended == len(ends)
    assert told.unheard == sum(duration is None or duration < 6 for _, duration, _ in ends)
    assert told.talked == sum(duration is not None and duration >= 60 for _, duration, _ in ends)
    assert told.dead == sum(duration is None and status == 404 for _, duration, status in ends)
    assert told.dead <= told.unheard <= told.ended - told.talked


def test_the_sum_grows_for_a_machine_and_falls_for_people() -> None:
    assert Ends(100, 90, 2, 12).blind > 5
    assert Ends(1000, 780, 100, 40).blind < 0  # a poll
    assert Ends(1000, 330, 500, 10).blind < -100
    assert NONE.blind == 0.0 and NONE.wasted == 0.0


def test_its_bounds_are_positive() -> None:
    for faulty in ({"window": 0}, {"most": 0}):
        with pytest.raises(ValueError, match="window"):
            Past(**faulty)  # type: ignore[arg-type]


def cells() -> memoryview:
    return memoryview(bytearray(CELLS * 8)).cast("Q")


def crew(many: int, ahead: float = 0.0) -> list[Past]:
    slices = [cells() for _ in range(many)]
    return [Past(mine, slices, salt=b"shared", ahead=ahead) for mine in slices]


@pytest.mark.parametrize("ahead", [0.0, 1_790_000_000.0])
def test_workers_add_up_the_ends_that_each_saw(ahead: float) -> None:
    workers = crew(3, ahead)
    for turn in range(12):
        for worker in workers:
            worker.note(CALL, None, (480, 404)[turn % 2], 10.0)
    for worker in workers:
        assert caller(worker, 50.0) is NONE  # not settled yet
        ended, mine, around = worker.of(CALL, "12025550123", "12025550", 10.0 + SETTLED + 1)
        assert ended == 36 and mine[:4] == around[:4] == (36, 36, 0, 18)
        assert worker.of(CALL, "12025550124", "12025550", 200.0)[:2] == (0, NONE)
        assert worker.of(CALL, "13015550123", "13015550", 200.0) == (0, NONE, NONE)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.booleans()), max_size=120))
def test_no_sum_is_more_than_the_truth_nor_much_less(ends: list[tuple[int, int, bool]]) -> None:
    workers, truth = crew(3), [0] * 6
    for who, line, dead in ends:
        workers[who].note(Call(caller=f"1202555010{line}"), None, 404 if dead else 480, 1.0)
        truth[line] += 1
    for worker in workers:
        for line, count in enumerate(truth):
            one = worker.of(CALL, f"1202555010{line}", "12025550", 200.0)[1]
            assert count - 6 <= one.ended <= count and one.dead <= one.unheard == one.ended


def test_two_that_want_one_place_are_never_taken_for_each_other() -> None:
    one, other = crew(2)
    numbers = [f"1{202 + at // 10_000}555{at % 10_000:04}" for at in range(40_000)]
    for number in numbers:
        for _ in range(2):
            one.note(Call(caller=number), None, 480, 1.0)
    found = [other.of(CALL, number, number[:-3], 200.0)[1].ended for number in numbers]
    assert set(found) == {0, 2}
    assert found.count(2) > 20_000  # with twice as many, callers and blocks, as there is room for


def test_what_others_forgot_is_not_told(judged: object) -> None:
    one, other = crew(2)
    for turn in range(3):
        one.note(CALL, None, 480, 1.0 + turn)
    call = CALL._replace(judgement=judged("A"))  # type: ignore[operator]
    assert other.of(call, "12025550123", "12025550", 200.0)[:2] == (0, NONE)  # what a proved caller did is apart
    assert caller(other, WINDOW / 2 + 1).ended == 3
    assert caller(other, WINDOW + 1) is NONE


def test_what_was_known_counts_on_after_a_restart() -> None:
    before = Past(ahead=1e6)
    for now in (0.0, WINDOW / 2):
        before.note(CALL, None, 404, now)
    rows = list(before.rows())
    # Another start of the machine, where monotonic seconds begin anew.
    (after,) = crew(1, 1e6 + WINDOW / 2 + 100)
    after.restore([*rows, ("12025550124", 3, 1, 1, 0, 0, 5.0)], 0.0)
    assert caller(after, 1.0)[:4] == (2, 2, 0, 2) and len(after) == 4
    late = Past(ahead=1e6 + 3 * WINDOW)
    late.restore(rows, 0.0)
    assert len(late) == 0


def test_a_worker_finds_what_the_one_before_it_left(judged: object) -> None:
    mine = cells()
    gone = Past(mine, [mine], ahead=1e9)
    call = CALL._replace(judgement=judged("A"))  # type: ignore[operator]
    for now in (0.0, 1.0, WINDOW / 2, WINDOW / 2 + 1):
        gone.note(call, None, 404, now)
    again = Past(mine, [mine], ahead=1e9)
    again.restore(again.left(WINDOW / 2 + 5), WINDOW / 2 + 5)
    assert sorted(row[:6] for row in again.rows()) == sorted(row[:6] for row in gone.rows())
    assert again.of(call, "12025550123", "12025550", WINDOW / 2 + 200)[1].ended == 4
    assert Past().left(1.0) == []


def test_slices_are_of_one_length() -> None:
    with pytest.raises(ValueError, match="slices"):
        Past(memoryview(bytearray(80)).cast("Q"))
