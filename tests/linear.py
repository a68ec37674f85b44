"""What hostile octets cost: a function of their number, and never of its square."""

from __future__ import annotations

import time
from collections.abc import Callable


def linear(work: Callable[[int], object], size: int = 1_000, times: int = 16) -> bool:
    """Whether so many times the size costs little more for each octet. In CPU seconds of this process, each the least of
    some runs: a square would cost `times` as much.
    """

    def seconds(much: int, runs: int) -> float:
        found = []
        for _ in range(runs):
            started = time.process_time()
            work(much)
            found.append(time.process_time() - started)
        return max(min(found), 20e-6 * much / size) / much  # below this the clock says nothing

    return seconds(size * times, 3) < 5 * seconds(size, 5)
