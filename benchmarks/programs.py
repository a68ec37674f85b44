"""Programs as neighbours: start one, wait until it is ready, end it again, and show what it said when something went
wrong.

Only processes that were started here are ever ended, each by its own id. Every wait has a deadline. What a program is
told and what its answers mean belong to the rooms that know it (sipp, kamailio, ringwarden).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from benchmarks import cpu
from proxy import tied
from proxy.lab.ports import free_port as free_port

POLL = 0.02
"""Seconds between two looks at a condition."""
PATIENCE = 60.0
"""Seconds that a program may take to become ready."""
GRACE = 8.0
"""Seconds between the polite signal and the last one."""
TAIL = 4000
"""Characters of a log that a message of ours quotes."""


class ProgramError(Exception):
    """A program did not start, did not become ready, or ended badly; the text carries the end of its log."""


def missing(*names: str) -> list[str]:
    """Which of these programs are not on this machine."""
    return [name for name in names if shutil.which(name, path=_path()) is None]


def _path() -> str:
    # Debian puts kamailio into sbin, which is not on everybody's path.
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look at a condition until it holds. Raises ProgramError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ProgramError(f"{what}: not within {seconds:g} s")
        time.sleep(POLL)



class Program:
    """One program that we started. Use it in a `with` block, which ends it; it ends with us too."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        cores: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` with `folder` as its place to write. `cores`, if any, are all that it may run on."""
        self.name = name
        self.log_path = folder / f"{name}.log"
        where = shutil.which(command[0], path=_path())
        if where is None:
            raise ProgramError(f"{command[0]} is not on this machine")
        inherited = os.sched_getaffinity(0)
        with self.log_path.open("wb") as log:
            try:
                if cores:
                    os.sched_setaffinity(0, cores)  # children inherit it, from their first instruction on
                self._process = subprocess.Popen(
                    tied.command([where, *command[1:]]),
                    cwd=folder,
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            finally:
                os.sched_setaffinity(0, inherited)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """The end of what it wrote."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-TAIL:]

    def says(self, text: str) -> bool:
        return text in self.log_path.read_text(encoding="utf-8", errors="replace")

    def ready(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until a condition holds while the program lives. Raises ProgramError with its log otherwise."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.running:
                raise ProgramError(
                    f"{self.name} ended with {self._process.returncode} before it was ready:\n{self.log()}"
                )
            if time.monotonic() > deadline:
                raise ProgramError(f"{self.name} was not ready within {seconds:g} s:\n{self.log()}")
            time.sleep(POLL)

    def finished(self, seconds: float) -> int:
        """Wait for the program's own end and give its exit code. Raises ProgramError after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{self.name} did not end within {seconds:g} s:\n{self.log()}") from None

    def stop(self) -> None:
        """End the program and what it started: a polite signal to it alone, then the last one to whoever is still
        there.
        """
        family = {one: _born(one) for one in cpu.tree(self.pid)[1:]} if self.running else {}
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(GRACE)
        for left, born in family.items():
            if born and _born(left) == born:  # a number that has been given away again is not ours to end
                os.kill(left, signal.SIGKILL)

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None and hasattr(error, "add_note"):
            error.add_note(f"--- the end of {self.name}'s log ---\n{self.log()}")


def _born(pid: int) -> str:
    """When a process began, in clock ticks since the machine did; empty for none. Id and birth together name a
    process.
    """
    try:
        return (cpu.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""
