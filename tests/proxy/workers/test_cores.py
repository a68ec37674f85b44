"""Who gives way on a core, asked of the kernel itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from proxy.workers.cores import may_return, share


def kept_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the kernel lets nobody out of the idle class."""
    real = os.sched_setscheduler

    def refused(process: int, policy: int, how: os.sched_param) -> None:
        if os.sched_getscheduler(process) == os.SCHED_IDLE:
            raise PermissionError(1, "Operation not permitted")
        real(process, policy, how)

    monkeypatch.setattr(os, "sched_setscheduler", refused)


@pytest.mark.parametrize("policy", [os.SCHED_IDLE, os.SCHED_BATCH])
def test_whoever_is_in_neither_class_is_left_where_it_is(policy: int) -> None:
    before = os.sched_getscheduler(0)
    assert before not in (os.SCHED_IDLE, os.SCHED_BATCH)
    assert not share(0, policy)
    assert os.sched_getscheduler(0) == before


def test_a_process_that_is_not_there_is_no_fault() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not share(ended.pid, os.SCHED_IDLE)


def test_the_question_leaves_the_caller_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getscheduler(0)
    may_return()
    assert os.sched_getscheduler(0) == before
    kept_idle(monkeypatch)
    assert not may_return()
