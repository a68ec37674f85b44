"""What is tied ends with whoever started it, whatever ended that; what the kernel would end too soon is not tied."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from proxy import tied
from tests.waiting import SECONDS

TELLS = (
    "import ctypes, os, signal; tied = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(tied), 0, 0, 0);"
    "print(os.getpid(), os.getppid(), tied.value, flush=True)"
)
"""A program that says who it is, who started it, and which signal it gets when that ends (PR_GET_PDEATHSIG)."""
STARTS = f"""\
import signal, subprocess, sys
from proxy import tied
subprocess.Popen(tied.command([sys.executable, "-c", {TELLS + "; signal.pause()"!r}]))
signal.pause()
"""


def said(words: Sequence[str]) -> list[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True).stdout.split()


def test_a_tied_program_is_the_child_itself_and_hears_of_our_end() -> None:
    words = tied.command([sys.executable, "-c", TELLS])
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.read().split()[:3] == [str(child.pid), str(os.getpid()), str(int(signal.SIGTERM))]


def test_a_tied_program_hears_the_signals_that_an_interpreter_ignores() -> None:
    ignored = said(tied.command(["sh", "-c", "grep SigIgn /proc/$$/status"]))[1]
    assert not int(ignored, 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_from_another_thread_than_the_first_nothing_is_tied() -> None:
    """Its end would count as ours."""
    words: list[list[str]] = []
    thread = threading.Thread(target=lambda: words.append(tied.command(["sipp", "-v"])))
    thread.start()
    thread.join()
    assert words == [["sipp", "-v"]] != tied.command(["sipp", "-v"])


def test_what_is_tied_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline().split()[0])
        ended = os.pidfd_open(child)
        try:
            parent.kill()
            assert select.select([ended], [], [], SECONDS)[0]
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(ended, signal.SIGKILL)
            os.close(ended)


def test_what_has_lost_its_parent_before_it_was_tied_ends_at_once() -> None:
    words = tied.command([sys.executable, "-c", TELLS])
    other = [str(os.getppid()) if word == str(os.getpid()) else word for word in words]
    done = subprocess.run(other, capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


def test_a_program_that_is_not_there_is_named() -> None:
    done = subprocess.run(tied.command(["./no-such-program"]), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (1, "./no-such-program: No such file or directory\n")
