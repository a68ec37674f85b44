"""The timers: started, cancelled and expired in order, and nothing is kept of a cancelled one."""

from __future__ import annotations

import gc
import weakref
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.timers import HUSKS, LOOKS, Timers


class Owner:
    """Anybody."""


def test_what_is_due_comes_out_in_order_across_durations() -> None:
    timers = Timers()
    timers.start(4.0, "slow", "F", 0.0)
    timers.start(0.5, "quick", "A", 0.0)
    timers.start(4.0, "slower", "F", 1.0)
    timers.start(0.5, "late", "A", 3.9)
    assert timers.soonest == 0.5
    assert list(timers.expired(0.4)) == []
    assert list(timers.expired(0.5)) == [("quick", "A")]
    assert timers.soonest == 4.0
    assert list(timers.expired(10.0)) == [("slow", "F"), ("late", "A"), ("slower", "F")]
    assert timers.soonest is None and len(timers) == 0 and list(timers.expired(99.0)) == []


def test_a_cancelled_timer_lets_its_owner_go_at_once() -> None:
    timers, owner = Timers(), Owner()
    seen = weakref.ref(owner)
    timer = timers.start(185.0, owner, "C", 0.0)
    timers.cancel(timer)
    timers.cancel(timer)
    timers.cancel(None)
    del owner
    gc.collect()
    assert seen() is None and len(timers) == 0
    assert list(timers.expired(200.0)) == [] and timers.soonest is None


def test_husks_do_not_pile_up_behind_a_timer_that_runs() -> None:
    timers = Timers()
    timers.start(185.0, "long", "C", 0.0)
    for _ in range(10_000):
        timers.cancel(timers.start(185.0, "short", "C", 0.0))
    assert len(timers) == 1 and timers.held <= 2 * HUSKS + 2


def test_no_timer_waits_until_all_others_have_been_looked_at() -> None:
    timers = Timers()
    begun = [timers.start(32.0, number, "B", number / 1000) for number in range(20_000)]
    for timer in begun[5_000:15_000]:
        timers.cancel(timer)
    seen = []
    for number in range(20_000, 40_000):
        before = timers.held
        timers.start(32.0, number, "B", number / 1000)
        seen.append(before + 1 - timers.held)
    assert max(seen) == LOOKS and len(timers) == timers.held == 30_000
    assert [owner for owner, _ in timers.expired(1e6)] == [*range(5_000), *range(15_000, 40_000)]


def test_a_timer_that_an_earlier_one_of_the_same_run_cancels_is_not_told() -> None:
    timers = Timers()
    second = timers.start(2.0, "second", "B", 0.0)
    timers.start(1.0, "first", "A", 0.0)
    told = []
    for owner, _ in timers.expired(5.0):
        told.append(owner)
        timers.cancel(second)
        timers.start(0.5, "new", "A", 5.0)
    assert told == ["first"] and len(timers) == 1 and timers.soonest == 5.5


def test_a_timer_cancelled_after_it_expired_changes_nothing() -> None:
    timers = Timers()
    timer = timers.start(1.0, "one", "A", 0.0)
    timers.start(1.0, "two", "A", 0.5)
    assert list(timers.expired(1.0)) == [("one", "A")]
    timers.cancel(timer)
    assert len(timers) == 1


@given(
    st.lists(st.tuples(st.sampled_from(("start", "cancel", "pass")), st.sampled_from((0.5, 1.0, 4.0, 32.0)), st.integers(0, 50))),
    st.sampled_from((1, 2, HUSKS)),
)
def test_each_timer_is_told_once_in_time_or_was_cancelled(steps: list[tuple[str, float, int]], husks: int) -> None:
    with patch.multiple("proxy.sip.timers", HUSKS=husks, LOOKS=min(husks, LOOKS)):
        played(steps)


def played(steps: list[tuple[str, float, int]]) -> None:
    timers, now, running = Timers(), 0.0, {}
    for number, (what, seconds, pick) in enumerate(steps):
        if what == "start":
            running[number] = (timers.start(seconds, number, "A", now), now + seconds)
        elif what == "cancel" and running:
            timers.cancel(running.pop(list(running)[pick % len(running)])[0])
        elif what == "pass":
            now += seconds
            told = [owner for owner, _ in timers.expired(now)]
            due = sorted((due, owner) for owner, (_, due) in running.items() if due <= now)
            assert sorted(told) == sorted(owner for _, owner in due)
            assert [running[owner][1] for owner in told] == [when for when, _ in due]
            for owner in told:
                del running[owner]
        assert len(timers) == len(running)
        if running:
            soonest = timers.soonest
            assert soonest is not None and soonest <= min(due for _, due in running.values())
