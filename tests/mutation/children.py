"""Processes that split from this one, do one piece of work and end; none is waited for beyond its time."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterable


def forget(begins: tuple[str, ...]) -> None:
    """What the modules of these beginnings remembered would hide what is changed in a child."""
    for name, module in list(sys.modules.items()):
        if name.startswith(begins):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def split(work: Callable[[], int]) -> int:
    """A child that does the work and ends with what it returned; its process id."""
    child = os.fork()
    if child:
        return child
    status = 3
    try:
        hush = os.open(os.devnull, os.O_WRONLY)
        os.dup2(hush, 1)
        os.dup2(hush, 2)
        status = work()
    finally:
        os._exit(status)


def ended(children: Iterable[int], seconds: float) -> dict[int, int]:
    """Those that have ended, with their exit codes, as soon as one has; none where the time was over first."""
    files = {os.pidfd_open(child): child for child in children}
    try:
        ready, _, _ = select.select(list(files), [], [], max(seconds, 0.0))
        return {files[file]: os.waitstatus_to_exitcode(os.waitpid(files[file], 0)[1]) for file in ready}
    finally:
        for file in files:
            os.close(file)


def end(child: int) -> None:
    """Its time is over."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
