"""A process that ends with the one that started it, also where that is killed and cannot say so (Linux: prctl(2)).

Workers and desk are forked and call `to`. The lab and the benchmarks start whole programs, with threads about: nothing
of ours may run between their fork and their exec. So `command` has an interpreter of its own, this file, tie itself and
become the program: same process, same id. Whoever starts `ringwarden run` otherwise is not asked and not followed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from ctypes import CDLL

PR_SET_PDEATHSIG = 1


def to(parent: int) -> None:
    """Have the kernel end this process (SIGTERM) with its parent, whose id this is: what is left over would keep the
    addresses. An exec keeps it, a fork does not pass it on.
    """
    CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)  # it died before the kernel was asked


def command(words: Sequence[str]) -> list[str]:
    """These words of a program so that it ends with us; as they are where that cannot be had. To the kernel the parent
    is the thread that started it, which may end long before us: so only the first thread ties.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return list(words)
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *words]


def _become(parent: int, words: list[str]) -> None:
    to(parent)
    for one in (signal.SIGPIPE, signal.SIGXFSZ):  # an interpreter ignores these, and an exec would pass that on
        signal.signal(one, signal.SIG_DFL)
    os.execvp(words[0], words)


if __name__ == "__main__":
    try:
        _become(int(sys.argv[1]), sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")
