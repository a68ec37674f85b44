"""What two generations share: counters are added once, and the journal is the old one's until it lets go."""

from __future__ import annotations

import os

import pytest

from proxy import generations
from proxy.generations import elder_of, fold, held, layout, memory, slices
from proxy.workers.legacy import Elder, Legacy
from proxy.workers.links import Line
from proxy.workers.shared import FOLDED, GONE, RELEASED, RETIRED


def elder(word: str = "") -> Elder:
    theirs, desk = memory(2), Line()
    desk.close()
    legacy = Legacy("1", 0, 2, os.getpid(), [], [[], []], [desk, desk], desk, theirs.file, theirs.leaving.file, word or layout())
    return elder_of(legacy, ())


def test_counters_of_both_are_shown_together_and_folded_once() -> None:
    old, ours = elder(), memory(2)
    assert old.memory is not None
    old.memory.metrics[1][3], old.memory.metrics[2][3], old.memory.metrics[3][3] = 5, 7, 11  # worker, desk, those before
    ours.metrics[0][3] = 1
    assert sum(part[3] for part in slices(ours, old)) == 24
    fold(old, ours)
    assert ours.leaving.stages[-1] == FOLDED
    fold(old, ours)  # a desk that was started again
    assert sum(part[3] for part in slices(ours, None)) == 24


def test_memory_that_counts_in_another_way_is_left_alone() -> None:
    old, ours = elder("other"), memory(2)
    assert old.memory is None
    assert len(slices(ours, old)) == len(ours.metrics)
    fold(old, ours)
    assert not any(ours.metrics[-1])


def test_the_journal_is_the_old_ones_until_it_lets_go_or_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    old = elder()
    theirs = held(old)
    assert theirs()
    old.leaving.stages[2] = RETIRED
    assert theirs()
    old.leaving.stages[2] = RELEASED
    assert not theirs()
    old.leaving.stages[2] = RETIRED
    old.leaving.stages[0] = old.leaving.stages[1] = GONE
    assert old.ended() and not theirs()
    assert not held(None)()
    monkeypatch.setattr(generations, "RELEASE_SECONDS", -1.0)
    assert not held(elder())()  # it has had its time
