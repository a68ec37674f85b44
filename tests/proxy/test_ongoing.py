"""Answered calls are remembered until they end, are forgotten, or are another process's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policy.call import Call
from proxy import ongoing
from proxy.handover import Handover
from proxy.metrics import Metrics
from proxy.ongoing import Answered, Ongoing
from proxy.workers.links import Line

CALL = Call(caller="12025550101", callee="12025550199")


class Memory:
    """What is remembered of callers."""

    def __init__(self) -> None:
        self.ended_calls: list[tuple[Call, float | None, int, float]] = []

    def ended(self, call: Call, talked: float | None, status: int, now: float) -> None:
        self.ended_calls.append((call, talked, status, now))


@pytest.fixture
def world() -> Any:
    return SimpleNamespace(metrics=Metrics(), following=Memory(), now=lambda: 7.0)


def test_the_end_of_a_call_from_outside_says_how_long_was_talked(world: Any) -> None:
    calls = Ongoing(world)
    calls.begun(b"a", Answered(1000.0, 1010.0, CALL))
    assert len(calls) == 1 and calls.get(b"a") == (1000.0, 1010.0, CALL, False)
    calls.over(b"a", 1040.0)
    calls.over(b"a", 1041.0)  # a second BYE of it
    assert world.following.ended_calls == [(CALL, 30.0, 200, 7.0)]
    assert len(calls) == 0 and calls.get(b"a") is None
    assert world.metrics.counter_value("outbound_ends", "at-once") == 0


def test_a_clock_that_was_set_back_makes_no_negative_talk(world: Any) -> None:
    calls = Ongoing(world)
    calls.begun(b"a", Answered(1000.0, 1010.0, CALL))
    calls.over(b"a", 1005.0)
    assert world.following.ended_calls == [(CALL, 0.0, 200, 7.0)]


@pytest.mark.parametrize(("talked", "how"), [(3.9, "at-once"), (4.0, "later")])
def test_a_call_of_ours_counts_by_how_soon_it_was_over(talked: float, how: str, world: Any) -> None:
    calls = Ongoing(world)
    calls.begun(b"a", Answered(1000.0, 1010.0, None, outbound=True))
    calls.over(b"a", 1010.0 + talked)
    assert world.metrics.counter_value("outbound_ends", how) == 1
    assert world.following.ended_calls == []


def test_the_oldest_is_forgotten_beyond_the_bound(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ongoing, "MOST", 2)
    calls = Ongoing(world)
    for call_id in (b"a", b"b", b"c"):
        calls.begun(call_id, Answered(0.0, 0.0, None))
    assert calls.get(b"a") is None and calls.get(b"c") is not None and len(calls) == 2


def test_who_follows_takes_over_what_is_handed_over_once(world: Any) -> None:
    former, new = Ongoing(world), Ongoing(world)
    former.begun(b"a", Answered(1000.0, 1010.0, CALL, outbound=True))
    rows = former.hand_over()
    assert rows == [(b"a", 1000.0, 1010.0)] and len(former) == 0 and former.hand_over() == []
    new.take_over(rows)
    assert new.get(b"a") == Answered(1000.0, 1010.0, None)


def test_a_bye_that_is_quicker_than_the_news_of_its_call_ends_it_all_the_same(world: Any) -> None:
    calls = Ongoing(world)
    calls.watch(True)
    calls.over(b"quick", 1020.0)
    calls.take_over([(b"quick", 1000.0, 1010.0), (b"slow", 1000.0, 1010.0)])
    assert calls.get(b"quick") is None and len(calls) == 1
    calls.take_over([(b"quick", 1000.0, 1010.0)])
    assert len(calls) == 2, "each end counts once"


def test_nothing_is_kept_of_calls_that_nobody_knows_where_nobody_follows(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Ongoing(world)
    calls.over(b"never seen", 1.0)
    assert calls.strange() == []
    calls.watch(True)
    calls.over(b"seen", 1.0)
    calls.watch(False)
    assert calls.strange() == []
    monkeypatch.setattr(ongoing, "MOST", 2)
    calls.watch(True)
    for call_id in (b"a", b"b", b"c"):
        calls.over(call_id, 1.0)
    assert calls.strange() == [(b"b", 1.0), (b"c", 1.0)] and calls.strange() == []


def test_a_call_that_was_passed_on_and_ends_here_ends_there(world: Any) -> None:
    """By a connection that stays with the old version, say, or by another of its workers."""
    former, new, line = Ongoing(world), Ongoing(world), Line()
    former.watch(True)
    new.watch(True)
    leaving: Any = SimpleNamespace(calls=SimpleNamespace(ongoing=former), number=0)
    following: Any = SimpleNamespace(calls=SimpleNamespace(ongoing=new))
    try:
        for call_id in (b"one", b"two"):
            former.begun(call_id, Answered(1000.0, 1010.0, CALL))
        Handover._pass_calls(leaving, line)
        line.read(lambda kind, record: Handover._left_over(following, None, kind, record))
        assert len(new) == 2 and len(former) == 0
        former.over(b"one", 1030.0)
        Handover._pass_calls(leaving, line)
        line.read(lambda kind, record: Handover._left_over(following, None, kind, record))
        assert new.get(b"one") is None and len(new) == 1
    finally:
        line.close()
