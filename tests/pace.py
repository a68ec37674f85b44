"""Loads at a rate that the machine can carry: one that is busy with other things shows nothing of us."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

RATES = (200.0, 50.0, 12.5, 3.0)
"""Calls a second; the next one is for a machine that was too busy."""
BUSY = 0.3
"""Of the time, in which somebody could have run and found no core."""

T = TypeVar("T")


def denied() -> float:
    """Seconds until now in which somebody here waited for a core, or the machine itself for its host; 0.0 where nobody says."""
    try:
        words = Path("/proc/pressure/cpu").read_text().split()
        waited = int(words[words.index("some") + 4].partition("=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        waited = 0.0
    try:
        ticks = int(Path("/proc/stat").read_text().split()[8])
    except (OSError, ValueError, IndexError):
        ticks = 0
    return waited + ticks / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)


def paced(once: Callable[[float], T], well: Callable[[T], object], rates: tuple[float, ...] = RATES) -> T:
    """What came of a load at the first of these rates, calls a second, at which all was `well` or the machine was ours."""
    for rate in rates:
        began, before = time.monotonic(), denied()
        found = once(rate)
        if well(found) or denied() - before < BUSY * (time.monotonic() - began):
            break
        print(f"the machine is too busy for {rate:g} calls a second")
    return found


class Fewer(UserWarning):
    """A load was shown with fewer calls than its test is named after: it stands in the summary of the run."""


def told_if_fewer(calls: int, wanted: int) -> None:
    """Says in the summary how many calls were really placed, where the machine let no more through."""
    if calls < wanted:
        with warnings.catch_warnings():
            warnings.simplefilter("always", Fewer)  # a fault of the machine is none of the test
            warnings.warn(f"only {calls:,} of {wanted:,} calls were placed: the machine is too busy", Fewer, stacklevel=2)
