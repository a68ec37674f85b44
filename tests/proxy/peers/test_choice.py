"""Choosing by priority and weight."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.peers.choice import drawn, ordered, seeded


def test_the_lowest_priority_comes_first_and_nothing_is_drawn_where_there_is_no_choice() -> None:
    def never() -> float:
        raise AssertionError("drawn")

    assert ordered([(2, 1, "b"), (1, 1, "a"), (3, 9, "c")], never) == ["a", "b", "c"]
    assert ordered([(0, 0, "only")], never) == ["only"]
    assert not drawn([(1, 1, "a"), (2, 1, "b")]) and drawn([(1, 1, "a"), (1, 1, "b")])


@pytest.mark.req("SIP-112")
@pytest.mark.parametrize("heavy", [6, 60, 60_000])
def test_inside_a_priority_the_share_of_each_is_its_weight(heavy: int) -> None:
    draw, calls = random.Random(7).random, 10_000
    weights = {"a": heavy, "b": heavy // 2, "c": heavy // 6}
    whole = sum(weights.values())
    first = [ordered([(0, weight, name) for name, weight in weights.items()], draw)[0] for _ in range(calls)]
    expected = {name: calls * weight / whole for name, weight in weights.items()}
    chi = sum((first.count(name) - share) ** 2 / share for name, share in expected.items())
    assert chi < 13.8  # two degrees of freedom: one in a thousand


@pytest.mark.req("SIP-112")
def test_a_weight_of_zero_keeps_a_very_small_chance() -> None:
    draw = random.Random(7).random
    first = [ordered([(0, 1, "a"), (0, 0, "b")], draw)[0] for _ in range(10_000)]
    assert 40 < first.count("b") < 200
    # And all of them the same, where there is nothing else.
    first = [ordered([(0, 0, "a"), (0, 0, "b")], draw)[0] for _ in range(10_000)]
    assert 4700 < first.count("b") < 5300


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65_535), st.integers()), max_size=12, unique_by=lambda row: row[2]),
    st.binary(max_size=20),
)
def test_everybody_is_in_the_order_once_and_priorities_never_fall(rows: list[tuple[int, int, int]], seed: bytes) -> None:
    found = ordered(rows, seeded(seed))
    priority = {value: first for first, _, value in rows}
    assert sorted(found) == sorted(priority)
    assert [priority[value] for value in found] == sorted(priority.values())


def test_a_seed_gives_the_same_numbers_again_and_another_one_others() -> None:
    one, same, other = seeded(b"a@b"), seeded(b"a@b"), seeded(b"c@d")
    numbers = [one() for _ in range(1000)]
    assert numbers == [same() for _ in range(1000)] != [other() for _ in range(1000)]
    assert all(0 <= number < 1 for number in numbers) and 0.45 < sum(numbers) / 1000 < 0.55
