"""The lines that lately called 911, over a restart: a small file beside the secret, one for each worker.

It holds keyed hashes and moments, no numbers (`policy.protected`). A worker writes only its own, whole or not at all,
in a thread, after an emergency call; the next start takes back what is still open. A disk that does not take it stops
nothing: it is counted and said, and the window then lasts as long as the process.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from policy.protected import Kept, Protected

PREFIX = "callback-"
MAX_FILE = 1024 * 1024
"""Octets; 2,048 lines have about 90,000."""
MAX_FILES = 256
"""Workers whose files are taken back; more are of no machine that we know."""


class Callback:
    """Keeps a worker's slice of the table in the state folder."""

    def __init__(
        self,
        folder: Path | None,
        protected: Protected,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        say: Callable[..., None],
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """folder: None keeps nothing. Each worker takes back its own file; the first one also those of workers that
        are no more.
        """
        self._folder, self._protected = folder, protected
        self._spawn, self._say = spawn, say
        self._worker, self._workers = worker, workers
        self._wanted: float | None = None
        self._saving = False

    def restore(self, utc: float) -> int:
        """Take back what the last run knew. Never raises; returns how many lines have a window that is still open."""
        taken = 0
        for path in self._files():
            try:
                taken += self._protected.restore(read(path), utc)
            except (OSError, ValueError) as error:
                self._say("callback-state", level="warning", file=path.name, why=type(error).__name__)
        return taken

    def keep(self, utc: float) -> None:
        """Write what is known now, soon and beside everything else. What is asked meanwhile is written afterwards."""
        if self._folder is None:
            return
        self._wanted = utc
        if not self._saving:
            self._saving = True
            self._spawn(self._save(), "callback state")

    async def _save(self) -> None:
        assert self._folder is not None
        try:
            while (utc := self._wanted) is not None:
                self._wanted = None
                lines = self._protected.kept(utc)
                try:
                    await asyncio.to_thread(write, self._folder / f"{PREFIX}{self._worker}", lines)
                except OSError as error:
                    self._say("callback-state", level="error", why=error.strerror or type(error).__name__)
        finally:
            self._saving = False

    def _files(self) -> list[Path]:
        if self._folder is None:
            return []
        found = [self._folder / f"{PREFIX}{self._worker}"]
        if self._worker == 0:
            try:
                kept = sorted(self._folder.glob(f"{PREFIX}*"))[:MAX_FILES]
            except OSError:
                kept = []
            numbered = ((path, path.name[len(PREFIX) :]) for path in kept)
            found += [path for path, number in numbered if number.isdigit() and int(number) >= self._workers]
        return [path for path in found if path.exists()]


def read(path: Path) -> list[Kept]:
    """The lines of one file. Raises OSError, ValueError."""
    with path.open("rb") as file:
        octets = file.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise ValueError("too long")
    try:
        rows = json.loads(octets)["lines"]
        return [(int(key, 16), int(moment)) for key, moment in rows]
    except (KeyError, TypeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("not ours") from error


def write(path: Path, lines: list[Kept]) -> None:
    """Put the file in the place of the old one, whole, for the owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": 1, "lines": [[f"{key:016x}", moment] for key, moment in lines]})
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
