"""The decision journal: rows are handed over and forgotten; a thread writes them in batches.

A full disk, a locked or damaged file, a folder that is gone: rows are tried again a few times, then dropped
and counted, and the file is opened anew later. Nothing of this is ever seen by a call: `put` appends to a
bounded queue and neither waits nor raises.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.storage.database import Database, is_damaged, set_aside
from proxy.storage.find import JournalError, find
from proxy.storage.rows import End, Record, Row

__all__ = ["End", "Health", "Journal", "JournalError", "Pace", "Record", "Row", "find"]

MAX_WAITING = 65_536
"""Rows that may wait to be written: half a minute of 2,000 calls a second, some 60 MB at worst."""
BATCH = 500
"""Rows of one transaction: long enough that the commit costs little, short enough that its rows are soon
seen.
"""
MAX_ASIDE = 8
"""Damaged files set aside by one process; beyond it the disk is at fault, and more files would not help."""
SAY_SECONDS = 60.0
"""A fault that lasts is said once in this time."""
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the writer spends its time, in seconds."""

    beat: float = 0.25
    """Between two looks at the queue."""
    patience: float = 1.0
    """For a lock that somebody else holds."""
    pauses: tuple[float, ...] = (0.25, 1.0, 2.0)
    """Before each further try of one batch; after the last it is dropped."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the journal is."""

    well: bool
    why: str
    """What is wrong; empty when it is well."""
    written: int
    dropped: int
    waiting: int


class Journal:
    """The writing side."""

    def __init__(
        self,
        path: Path,
        say: Callable[..., None] = lambda event, **fields: None,
        pace: Pace = Pace(),
        bound: int = MAX_WAITING,
    ) -> None:
        """say: a log line, `say(event, level=..., **fields)`. Never raises, whatever the path leads to."""
        self.path = path
        self.written = 0
        self.dropped = 0
        """Rows lost: the queue was full, or the file could not be written."""
        self._say = say
        self._pace = pace
        self._bound = bound
        self._queue: deque[Row | End] = deque()
        self._database: Database | None = None
        self._fault = ""
        self._said = float("-inf")
        self._told = False
        self._aside = 0
        self._stop = threading.Event()
        self._until = float("inf")
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, row: Row | End) -> None:
        """Hand over a row: never waits, never raises; dropped and counted when too many wait already."""
        if len(self._queue) >= self._bound:
            self.dropped += 1
        else:
            self._queue.append(row)

    def health(self) -> Health:
        return Health(not self._fault, self._fault, self.written, self.dropped, len(self._queue))

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write what waits, but no longer than this; the rest is dropped and counted."""
        self._until = time.monotonic() + seconds
        self._stop.set()
        self._thread.join(seconds + 0.5)

    # The writer thread

    def _run(self) -> None:
        while not self._stop.wait(self._pace.beat):
            self._drain()
        self._drain()
        self.dropped += len(self._queue)
        self._queue.clear()
        self._shut()

    def _drain(self) -> None:
        queue = self._queue
        while queue and time.monotonic() < self._until:
            batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
            try:
                self._keep(batch)
            except Exception as error:
                # A fault of ours in this thread must not end it.
                self.dropped += len(batch)
                self._failed(error)

    def _keep(self, batch: list[Row | End]) -> None:
        """Write a batch, trying again after each pause; then give it up."""
        for pause in (*self._pace.pauses, None):
            try:
                unfit = self._opened().write(batch)
            except (sqlite3.Error, OSError) as error:
                again = self._failed(error)
                # A file that was just replaced can be written at once; a stop leaves no time for pauses.
                if pause is None or (
                    not again and self._stop.wait(pause) and time.monotonic() >= self._until
                ):
                    break
            else:
                self.written += len(batch) - unfit
                self.dropped += unfit
                self._fault = ""
                if self._told:
                    self._told = False
                    self._say("journal-well", path=str(self.path), dropped=self.dropped)
                return
        self.dropped += len(batch)

    def _opened(self) -> Database:
        if self._database is not None and not self._database.is_there():
            self._shut()
        if self._database is None:
            self._database = Database(self.path, self._pace.patience)
        return self._database

    def _failed(self, error: Exception) -> bool:
        """Note a fault and close the file; True when a damaged one was set aside, so that trying again is
        worth it.
        """
        self._fault = f"{type(error).__name__}: {error}"
        self._shut()
        now = time.monotonic()
        if now - self._said >= SAY_SECONDS:
            self._said, self._told = now, True
            self._say(
                "journal-down", level="error", path=str(self.path), why=self._fault, dropped=self.dropped
            )
        if not is_damaged(error) or self._aside >= MAX_ASIDE:
            return False
        self._aside += 1
        try:
            place = set_aside(self.path)
        except OSError:
            return False
        self._say("journal-set-aside", level="error", path=str(self.path), aside=str(place))
        return True

    def _shut(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            try:
                database.close()
            except (sqlite3.Error, OSError) as error:
                self._fault = f"{type(error).__name__}: {error}"
