"""A short, seeded part of the soak: minutes of calls of every fate, and nothing is left of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.soak import Look, flat

ROOT = Path(__file__).resolve().parents[2]


def look(mib: float) -> Look:
    return Look(0.0, 0, 0, mib, 10, 0, 0.0, 0, 0.0, 0)


def test_memory_that_fills_tables_and_then_stays_is_flat_and_memory_that_grows_is_not() -> None:
    filling = [look(50 + min(at, 4) * 5) for at in range(16)]
    assert flat(filling, lambda one: one.mib)
    assert not flat([look(50 + at) for at in range(16)], lambda one: one.mib)


def test_twelve_minutes_of_calls_leave_no_transaction_no_timer_no_task_and_no_file() -> None:
    # In a process of its own: the clock is ours, and so is the randomness.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--hours", "0.2", "--day-rate", "1", "--minutes", "0"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "kept." in done.stdout, done.stdout + done.stderr[-2000:]
