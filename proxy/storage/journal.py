"""The decision journal: rows are handed over and forgotten; a thread writes them in batches.

A full disk, a locked or damaged file, a folder that is gone: rows are tried again a few times, then dropped
and counted, and the file is opened anew later. Nothing of this is ever seen by a call: `put` appends to a
bounded queue and neither waits nor raises. The same thread masks and takes away what is older than the operator keeps.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.storage.care import Care
from proxy.storage.chain import BEGAN, STOPPED
from proxy.storage.database import Database, is_damaged, set_aside
from proxy.storage.early import Early
from proxy.storage.find import JournalError, find
from proxy.storage.rows import End, Item, Note, Record, Row

__all__ = ["Care", "End", "Health", "Journal", "JournalError", "Note", "Pace", "Record", "Row", "find"]

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
SAY_HEAD_SECONDS = 86_400.0
"""How often the head of the chain is said in the log, so that it is known elsewhere too."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the writer spends its time, in seconds."""

    beat: float = 0.25
    """Between two looks at the queue."""
    patience: float = 1.0
    """For a lock that somebody else holds."""
    pauses: tuple[float, ...] = (0.25, 1.0, 2.0)
    """Before each further try of one batch; after the last it is dropped."""
    care: float = 600.0
    """Between two looks at what is old."""


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
        care: Care | None = None,
        utc: Callable[[], float] = time.time,
        held: Callable[[], bool] = lambda: False,
        alone: bool = True,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """held: whether somebody else still writes the file; until he has ended, rows wait. alone: a thread of its own
        writes; else whoever calls `turn`, one at a time. breathe: as of `Database`.
        say: a log line, `say(event, level=..., **fields)`. care: what is kept, and how long (all, for ever).
        Never raises, whatever the path leads to.
        """
        self.path = path
        self.written = 0
        self.dropped = 0
        """Rows lost: the queue was full, or the file could not be written."""
        self._say = say
        self._pace = pace
        self._bound = bound
        self._care, self._utc = care or Care(), utc
        self._cared = time.monotonic()
        self._held, self._breathe = held, breathe
        self._head_said = time.monotonic()
        self._lost = 0
        """Of `dropped`: how many the chain has been told of."""
        self._begun: tuple[int, int] | None = None
        self._queue: deque[Item] = deque()
        self._early = Early()
        self._database: Database | None = None
        self._fault = ""
        self._said = float("-inf")
        self._told = False
        self._aside = 0
        self._stop = threading.Event()
        self._until = float("inf")
        self._whole = True
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True) if alone else None
        if self._thread is not None:
            self._thread.start()

    def put(self, row: Item) -> None:
        """Hand over a row: never waits, never raises; dropped and counted when too many wait already."""
        if len(self._queue) >= self._bound:
            self.dropped += 1
        else:
            self._queue.append(row)

    @property
    def rowless(self) -> int:
        """Ends of calls that were given up because no row came for them."""
        return self._early.lost

    def health(self) -> Health:
        return Health(not self._fault, self._fault, self.written, self.dropped, len(self._queue))

    def close(self, seconds: float = CLOSE_SECONDS, whole: bool = True) -> None:
        """Write what waits, but no longer than this; the rest is dropped and counted. whole: whether all rows came here
        that were to be written; else the next start will say in the chain that some may be missing.
        """
        self._whole = whole
        self._until = time.monotonic() + seconds
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds + 0.5)
        else:
            self._end()

    # The writer

    def _run(self) -> None:
        while not self._stop.wait(self._pace.beat):
            self.turn()
        self._end()

    def turn(self) -> None:
        """What is done with each beat. Never raises."""
        if self._held():
            return
        self._drain()
        if not self._queue:
            self._early.expire(time.monotonic())
        self._look_after()

    def _end(self) -> None:
        self._drain()
        self._early.expire(float("inf"))
        self.dropped += len(self._queue)
        self._queue.clear()
        self._finish()

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

    def _look_after(self) -> None:
        """Mask and take away what is old, a part at a time: the rows that come meanwhile wait no longer than that."""
        now = time.monotonic()
        if not self._care or now - self._cared < self._pace.care or self._database is None or self._queue:
            return
        try:
            if self._care.once(self._database.link, self._utc()):
                return  # there is more: the next beat goes on
        except (sqlite3.Error, OSError, ValueError) as error:
            self._say("journal-uncared", level="error", path=str(self.path), why=f"{type(error).__name__}: {error}")
            self._shut()
        self._cared = now

    def _finish(self) -> None:
        """Say in the chain that this was a stop, and let the file go."""
        database = self._database
        if database is not None and not self._fault and self._whole:
            try:
                head = database.mark(STOPPED, self.dropped - self._lost)
                self._say("journal-head", head=head, path=str(self.path))
            except (sqlite3.Error, OSError) as error:
                self._fault = f"{type(error).__name__}: {error}"
        self._shut()

    def _keep(self, batch: list[Item]) -> None:
        """Write a batch, trying again after each pause; then give it up."""
        whole = self._early.joined(batch)
        for pause in (*self._pace.pauses, None):
            rowless: list[End] = []
            try:
                lost = self.dropped
                unfit = self._opened().write(whole, lost - self._lost, rowless.append)
                self._lost = lost
            except (sqlite3.Error, OSError) as error:
                again = self._failed(error)
                # A file that was just replaced can be written at once; a stop leaves no time for pauses.
                if pause is None or (
                    not again and self._stop.wait(pause) and time.monotonic() >= self._until
                ):
                    break
            else:
                self._early.settle(whole, rowless, time.monotonic())
                self.written += len(whole) - len(rowless) - unfit
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
            self._database = Database(self.path, self._pace.patience, self._breathe)
        database = self._database
        if self._begun != database.file:
            database.mark(BEGAN)
            self._begun = database.file
        elif time.monotonic() - self._head_said >= SAY_HEAD_SECONDS:
            self._head_said = time.monotonic()
            self._say("journal-head", head=database.head(), path=str(self.path))
        return database

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
