"""What a program costs: CPU time of a whole process tree, as the operating system counts it.

The figure is the kernel's process clock (user and system together, in nanoseconds, all threads, also those that have
ended); the tree and the split into user and system come from /proc, whose clock ticks are too coarse (10 ms) for the
sum. Linux only. Nothing here starts or ends a process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU time of a process tree at one moment, or between two of them."""

    seconds: float
    """User and system together, from the process clocks."""
    user_share: float
    """Part of it that was spent outside the kernel, 0 to 1, from clock ticks: a hint and no more."""
    processes: int


def tree(pid: int) -> list[int]:
    """The process and all its living descendants, parents first."""
    found = [pid]
    for one in found:
        found += _children(one)
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def clock(pid: int) -> float:
    """Seconds of CPU that a process has used since it began; 0.0 if it is gone.

    The number of a process clock is made of the process id (linux/posix-timers.h: the inverted id, shifted over the
    kind of clock; 2 is "scheduled time"); `clock_getcpuclockid`, which Python does not have, does the same.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def ticks(pid: int) -> tuple[int, int]:
    """User and system clock ticks of one process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return int(fields[11]), int(fields[12])


def waited(pid: int) -> float:
    """Seconds that the main thread of a process could have run and its core served somebody else
    (Documentation/scheduler/sched-stats.rst: the second figure of schedstat); 0.0 if it is gone.
    """
    try:
        return int((PROC / str(pid) / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def waits(pid: int) -> dict[int, float]:
    """The same of each process of a tree."""
    return {one: waited(one) for one in tree(pid)}


class Meter:
    """Reads a process tree twice. A process that ends in between takes its time with it, so this is for trees that
    stay.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.restart()

    def restart(self) -> None:
        self._pids = tree(self._pid)
        self._ticks = {one: ticks(one) for one in self._pids}
        self._clocks = {one: clock(one) for one in self._pids}

    def spent(self) -> Spent:
        """CPU time since the meter was made or restarted, of all processes that are in the tree now."""
        pids = tree(self._pid)
        if lost := set(self._pids) - set(pids):
            raise RuntimeError(f"processes {sorted(lost)} ended while they were measured")
        seconds = sum(clock(one) - self._clocks.get(one, 0.0) for one in pids)
        now = {one: ticks(one) for one in pids}
        user = sum(now[one][0] - self._ticks.get(one, (0, 0))[0] for one in pids)
        system = sum(now[one][1] - self._ticks.get(one, (0, 0))[1] for one in pids)
        return Spent(seconds, user / (user + system) if user + system else 0.0, len(pids))


def cores() -> list[int]:
    """The cores that we may use."""
    return sorted(os.sched_getaffinity(0))


def pin(pid: int, where: Iterable[int]) -> None:
    """Hold every thread of a process tree on these cores."""
    wanted = set(where)
    for process in tree(pid):
        try:
            threads = [int(task.name) for task in (PROC / str(process) / "task").iterdir()]
        except FileNotFoundError:
            continue
        for thread in threads:
            try:
                os.sched_setaffinity(thread, wanted)
            except ProcessLookupError:
                continue  # a thread may end between the listing and here


@dataclass(frozen=True, slots=True)
class Places:
    """Which cores the measured program and the load have. With one core they share it, and figures mean little."""

    measured: tuple[int, ...]
    load: tuple[int, ...]

    @classmethod
    def here(cls) -> Places:
        """The last core for what is measured (the first one takes most interrupts), the others for the load."""
        have = cores()
        return cls((have[-1],), tuple(have[:-1]) or (have[-1],))

    @classmethod
    def quiet(cls, seconds: float = 1.0) -> Places:
        """The core that has least to do just now for what is measured, where a machine is shared with others."""
        have, before = cores(), _idle()
        time.sleep(seconds)
        after = _idle()
        best = max(have, key=lambda core: (after.get(core, 0) - before.get(core, 0), core))
        return cls((best,), tuple(core for core in have if core != best) or (best,))


def _idle() -> dict[int, int]:
    """Clock ticks that each core had nothing to do."""
    rows = (line.split() for line in (PROC / "stat").read_text().splitlines() if line.startswith("cpu"))
    return {int(row[0][3:]): int(row[4]) for row in rows if row[0] != "cpu"}
