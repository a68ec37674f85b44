"""The same token on two calls, and who is not accused of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken.replay import CELLS, WAYS, WINDOW, Replays

ONE, TWO = bytes(range(64)), bytes(range(64, 128))


def table(cells: int = CELLS) -> memoryview:
    return memoryview(bytearray(cells * 8)).cast("Q")


@pytest.mark.req("STI-074", "LAB-26", "TRAP-55")
def test_a_second_call_with_the_same_token_is_seen_and_the_same_call_is_not() -> None:
    replays = Replays(table())
    assert not replays.seen(ONE, b"a@example", 10.0)
    assert not replays.seen(ONE, b"a@example", 11.0)  # a fork, or the same call once more
    assert not replays.seen(TWO, b"b@example", 12.0)
    assert replays.seen(ONE, b"c@example", 13.0)
    assert replays.seen(ONE, b"c@example", 14.0)


@pytest.mark.req("STI-074")
def test_a_token_is_remembered_as_long_as_it_can_be_fresh() -> None:
    for later, seen in ((WINDOW - 1, True), (WINDOW + 2, False)):
        replays = Replays(table())
        replays.seen(ONE, b"a", 1000.0)
        assert replays.seen(ONE, b"b", 1000.0 + later) == seen


@pytest.mark.req("STI-074")
def test_the_other_s_makes_no_other_token() -> None:
    replays = Replays(table())
    replays.seen(ONE, b"a", 10.0)
    assert replays.seen(ONE[:32] + TWO[32:], b"b", 11.0)


def test_a_network_that_tries_again_is_not_accused() -> None:
    replays = Replays(table())
    replays.seen(ONE, b"a", 10.0)
    replays.forget(ONE, b"a")
    assert not replays.seen(ONE, b"b", 11.0)


def test_workers_see_the_tokens_of_the_others() -> None:
    slices = [table(), table(), table()]
    workers = [Replays(mine, slices, salt=b"s") for mine in slices]
    assert not workers[0].seen(ONE, b"a", 10.0)
    assert not workers[1].seen(ONE, b"a", 10.5)
    assert workers[2].seen(ONE, b"b", 11.0)


def test_in_a_full_bucket_the_oldest_is_forgotten() -> None:
    replays = Replays(table(2 * WAYS))
    tokens = [bytes([at]) * 64 for at in range(1, WAYS + 2)]
    for at, token in enumerate(tokens):
        assert not replays.seen(token, b"a", 10.0 + at)
    assert not replays.seen(tokens[0], b"b", 20.0) and replays.seen(tokens[-1], b"b", 20.0)


@pytest.mark.parametrize("cells", [0, 1, 2 * WAYS + 1, 6 * WAYS])
def test_a_table_has_whole_buckets(cells: int) -> None:
    with pytest.raises(ValueError):
        Replays(memoryview(bytearray(max(cells, 1) * 8)).cast("Q") if cells else memoryview(bytearray(8)))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.floats(0, 3)), max_size=200))
def test_no_call_is_accused_unless_another_had_its_token(calls: list[tuple[int, int, float]]) -> None:
    replays, now, before = Replays(table(64 * 2 * WAYS)), 0.0, dict[int, set[int]]()
    for token, call, pause in calls:
        now += pause
        signature = token.to_bytes(8, "big") * 8
        if replays.seen(signature, b"%d" % call, now):
            assert before.get(token, set()) - {call}
        before.setdefault(token, set()).add(call)


def placed(bucket: int, number: int) -> bytes:
    """A signature that falls into this bucket."""
    return number.to_bytes(8, "little") + bucket.to_bytes(4, "little") + bytes(52)


def test_every_place_of_a_bucket_serves_and_no_bucket_takes_anothers() -> None:
    replays = Replays(table(8 * 2 * WAYS))
    for bucket in range(8):
        for number in range(1, WAYS + 1):
            assert not replays.seen(placed(bucket, number), b"a", 10.0 + number)
    for bucket in range(8):
        for number in range(1, WAYS + 1):
            assert replays.seen(placed(bucket, number), b"b", 20.0)
    fresh = Replays(table(8 * 2 * WAYS))
    for number in range(1, WAYS + 1):
        fresh.seen(placed(7, number), b"a", 10.0)
    for number in range(1, WAYS + 1):
        fresh.forget(placed(7, number), b"a")
        assert not fresh.seen(placed(7, number), b"c", 11.0)


def test_forgetting_one_call_leaves_the_others() -> None:
    replays = Replays(table(2 * WAYS))
    replays.seen(ONE, b"a", 10.0)
    replays.seen(TWO, b"a", 10.0)
    replays.forget(ONE, b"b")
    assert replays.seen(ONE, b"c", 11.0) and replays.seen(TWO, b"c", 11.0)


def test_a_place_that_is_half_written_is_empty() -> None:
    cells = table(2 * WAYS)
    Replays(cells).seen(ONE, b"a", 10.0)
    (at,) = [at for at in range(1, 2 * WAYS, 2) if cells[at]]
    assert cells[at - 1] == int.from_bytes(ONE[:8], "little") and cells[at] & (2**32 - 1) == 10
    cells[at] = 0
    assert not Replays(cells).seen(ONE, b"b", 11.0)


@pytest.mark.req("STI-074")
def test_the_window_ends_on_the_second() -> None:
    for later, seen in ((int(WINDOW), True), (int(WINDOW) + 1, False)):
        replays = Replays(table())
        replays.seen(ONE, b"a", 1000.0)
        assert replays.seen(ONE, b"b", 1000.0 + later) == seen


def test_a_call_that_comes_again_and_again_takes_one_place() -> None:
    mine = table()
    for moment in range(2 * WAYS):
        assert not Replays(mine).seen(ONE, b"a@example", 10.0 + moment)
    assert sum(map(bool, mine.tolist())) == 2  # a key, and when it was
