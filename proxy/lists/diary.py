"""A file to which all workers append lines, and from which each reads what the others wrote.

What is learned while calls go on (opt-outs, numbers that our people call) must reach the other workers and the next
start. Lines wait in memory and are written once a second beside the calls; a file that cannot be written costs the
line, which is counted, and never a call.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path

MOST_WAITING = 10_000
"""Lines that wait for the disk; beyond it they are dropped and counted."""
MAX_FILE = 256 * 1024 * 1024
"""Octets of one file: some five million lines. Beyond it nothing is written until it is tidied."""
MAX_LINE = 200
TRIES = 3
"""How often a line is tried where the file is replaced at the same moment."""
PIECE = 4 * 1024 * 1024
"""Octets that are read in one exchange: the first one after a start takes several."""


class Diary:
    """One worker's view of the file. `put` belongs to the calls; `exchange` may run in another thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped = 0
        self._waiting: list[str] = []
        self.lines = 0
        """Lines that were read of the present file."""
        self._offset = 0
        self._inode = 0

    def put(self, line: str) -> None:
        """Write a line soon. Never waits, never raises."""
        if len(self._waiting) >= MOST_WAITING or len(line) > MAX_LINE:
            self.dropped += 1
        else:
            self._waiting.append(line)

    def exchange(self) -> list[str]:
        """Write what waits, and give back the lines that were written since the last time, ours too. Raises OSError."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._append("".join(line + "\n" for line in waiting).encode())
        return self._fresh()

    def everything(self) -> list[str]:
        """The lines of the whole file, from here on. Raises OSError."""
        lines: list[str] = []
        while found := self._fresh():
            lines += found
        return lines

    def _append(self, left: bytes) -> None:
        """Write lines, all of them. Raises OSError; then those that do not stand there whole are counted."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(TRIES):
                file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
                try:
                    # Alone: a disk that is nearly full may take half a line, and the rest belongs right behind it.
                    fcntl.flock(file, fcntl.LOCK_EX)
                    seen = os.fstat(file)
                    if not seen.st_nlink:
                        continue  # it was tidied this moment: the line belongs into the new one
                    if seen.st_size + len(left) > MAX_FILE:
                        raise OSError("the file is full")
                    _end_line(file)
                    while left:
                        left = left[os.write(file, left) :]
                    return
                finally:
                    os.close(file)
            raise OSError("the file is replaced again and again")
        except OSError:
            self.dropped += left.count(b"\n")
            raise

    def _fresh(self) -> list[str]:
        try:
            file = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return []
        try:
            seen = os.fstat(file)
            if seen.st_ino != self._inode or seen.st_size < self._offset:
                # It was tidied: all of it is new, and most of it known.
                self._inode, self._offset, self.lines = seen.st_ino, 0, 0
            data = os.pread(file, PIECE, self._offset)
        finally:
            os.close(file)
        end = data.rfind(b"\n") + 1
        self._offset += end
        lines = data[:end].decode("utf-8", "replace").split("\n")[:-1]
        self.lines += len(lines)
        return lines

    def tidy(self, made: Callable[[list[str]], Iterable[str]]) -> None:
        """Replace the file whole; who appends meanwhile waits. `made` takes the lines that are new here, and gives
        those that are to stand in the file. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            _end_line(file)
            lines = made(self.everything())
            fresh = self.path.with_name(self.path.name + ".new")
            with fresh.open("w", encoding="utf-8") as stream:
                stream.writelines(line + "\n" for line in lines)
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self.path)
        finally:
            os.close(file)


def _end_line(file: int) -> None:
    """End the last line where a crash or a full disk cut it off: what follows must not be glued to it. For who holds
    the lock alone. Raises OSError."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
