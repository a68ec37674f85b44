"""The operator's own files, anchors and keys: bounded, regular files only, with an error that names the cure."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_FILE = 4 * 1024 * 1024
"""Octets; the longest trust list in use has a few hundred kilobytes."""


class FileError(Exception):
    """A file that cannot serve: which, why, and what cures it."""

    def __init__(self, path: Path, why: str, cure: str) -> None:
        super().__init__(f"{path}: {why}; {cure}")
        self.path, self.why, self.cure = path, why, cure


def read(path: Path, *, private: bool = False, limit: int = MAX_FILE) -> bytes:
    """The octets of a regular file. A `private` one must be closed to the group and to others. Raises FileError."""
    try:
        # O_NONBLOCK: a FIFO would hold us up at the open. Permissions are asked of what was opened, not of a name.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise FileError(path, "is no regular file", "name a file")
            if private and (mode := stat.S_IMODE(status.st_mode)) & 0o077:
                raise FileError(path, f"others than its owner may use it (mode {mode:04o})", f"run `chmod 600 {path}`")
            with os.fdopen(opened, "rb", closefd=False) as file:
                octets = file.read(limit + 1)
        finally:
            os.close(opened)
    except OSError as error:
        why = error.strerror or str(error)
        raise FileError(path, f"cannot be read: {why}", "check the path and who may read it") from error
    if len(octets) > limit:
        raise FileError(path, f"is longer than {limit} octets", "name the right file")
    return octets
