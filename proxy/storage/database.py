"""The journal's SQLite file: opened, written in one transaction a batch, set aside when it is damaged.

Used by one thread at a time, the journal's writer; everything here may raise sqlite3.Error or OSError.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from proxy.storage import chain
from proxy.storage.rows import (
    ABOUT,
    ENDED,
    FIRST,
    INSERT,
    LATER,
    LATEST,
    TABLE,
    VERSION,
    End,
    Item,
    Note,
    Row,
    inserted,
    offset_at,
    plain,
)

_CORRUPT, _NOT_A_DATABASE = 11, 26
_UNBINDABLE = (OverflowError, ValueError, TypeError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What one bad row raises: its own fault, not the file's."""
MAGIC = b"SQLite format 3\0"
CACHE_KIB = 8192
ROUNDED = 0.001
"""Seconds by which the beginning that an end tells may be over its row's: what is left of large numbers."""
MOVED_AT_ONCE = 500
"""Rows of an older version that one link covers."""
BREATH = 8
"""Rows after which the writer may breathe."""

_T = TypeVar("_T")


class OtherVersion(sqlite3.DatabaseError):
    """The file is a database, but not one that this version writes."""


class Database:
    """An open journal file."""

    def __init__(self, path: Path, patience: float, breathe: Callable[[], None] = lambda: None) -> None:
        """patience: seconds to wait for somebody else's lock. breathe: called between a few rows and the next; may wait
        a moment.
        """
        self._breathe = breathe
        path.parent.mkdir(parents=True, exist_ok=True)
        # It holds who called whom: for the owner alone.
        # Held as long as the file is open: to close it would also let go of SQLite's locks.
        self._beside = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._path = path
        try:
            self.link = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        except BaseException:
            os.close(self._beside)
            raise
        try:
            # The bound comes first: whatever is asked of a locked file waits no longer than this.
            version = self.link.execute("PRAGMA user_version").fetchone()[0]
            tables = self.link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version not in (1, 2, VERSION) and (version or tables):
                raise OtherVersion(f"it is of version {version}, not {VERSION}")
            self.link.execute("PRAGMA journal_mode = WAL")
            self.link.execute("PRAGMA synchronous = NORMAL")
            self.link.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not tables:
                self.link.executescript(f"BEGIN IMMEDIATE; {TABLE} COMMIT;")
            elif version == 1:
                self._take_over()
            elif version == 2:
                self.link.executescript(f"BEGIN IMMEDIATE; {LATER}; PRAGMA user_version = {VERSION}; COMMIT;")
            self.link.execute(ABOUT)
            self.file = self._identity()
        except BaseException:
            self.close()
            raise

    def is_there(self) -> bool:
        """Whether the path still leads to the file that is open, and that begins as it should: SQLite would go on
        writing into a deleted one, and out of its memory into one that was overwritten.
        """
        try:
            return self._identity() == self.file and os.pread(self._beside, len(MAGIC), 0) == MAGIC
        except OSError:
            return False

    def write(
        self, batch: Sequence[Item], dropped: int = 0, rowless: Callable[[End], None] = lambda end: None
    ) -> int:
        """Write a batch in one transaction; returns how many rows were unfit to be written. `dropped`: rows lost
        since the last batch. `rowless` is told of each end whose call is not there: it is not written.
        """
        try:
            self._transact(batch, dropped, rowless)
            return 0
        except _UNBINDABLE:
            self._roll_back()
        unfit = 0
        alone: list[End] = []
        for item in batch:
            try:
                self._transact((plain(item),), dropped, alone.append)
                dropped = 0
            except _UNBINDABLE:
                self._roll_back()
                unfit += 1
        for end in alone:
            self._transact((end,), dropped, rowless)  # its row may have stood behind it
        return unfit

    def mark(self, kind: str, dropped: int = 0) -> str:
        """Write a link without rows: that a writer began, or stopped. The head of the chain then, in hex."""
        with Transaction(self.link) as link:
            before = chain.last(link)
            counts = before.calls, before.ends, before.notes
            return chain.add(link, before, kind, time.time(), (), counts, dropped).hash.hex()

    def head(self) -> str:
        """The hash of the newest link, in hex."""
        return chain.last(self.link).hash.hex()

    def close(self) -> None:
        beside, self._beside = self._beside, -1
        try:
            self.link.close()
        finally:
            if beside >= 0:
                os.close(beside)

    def _transact(self, batch: Sequence[Item], dropped: int, rowless: Callable[[End], None]) -> None:
        link = self.link
        # One look at the time zone a batch: its rows are seconds apart.
        offset = next((offset_at(item.utc) for item in batch if isinstance(item, Row)), 0)
        link.execute("BEGIN IMMEDIATE")
        before = chain.last(link)
        calls, notes = before.calls, before.notes
        rows: list[list[Any]] = []
        ended: list[Sequence[Any]] = []
        noted: list[Sequence[Any]] = []
        alone: list[End] = []
        written = 0

        def is_there(end: End) -> bool:
            began = end.utc - end.duration - ROUNDED
            call = link.execute(LATEST, (end.call_id, began)).fetchone()[0]
            values = (before.ends + len(ended) + 1, call, end.utc, end.duration, end.cause)
            if call is not None and link.execute(ENDED, values).rowcount:  # else it has ended before
                ended.append(values)
            return call is not None

        # In their order, because a Call-ID may end and begin again within one batch.
        for item in self._paced(batch):
            if isinstance(item, Row):
                calls += 1
                rows.append(inserted(item, calls, offset))
            elif isinstance(item, End):
                link.executemany(INSERT, self._paced(rows[written:]))
                written = len(rows)
                if not is_there(item):
                    alone.append(item)
            else:
                notes += 1
                noted.append((notes, *item))
        link.executemany(INSERT, self._paced(rows[written:]))
        alone = [end for end in alone if not is_there(end)]  # the row may have stood behind it
        if noted:
            link.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?)", noted)
        counts = calls, before.ends + len(ended), notes
        sealed = self._paced([*rows, *ended, *noted])
        chain.add(link, before, chain.WROTE, time.time(), sealed, counts, dropped)
        link.execute("COMMIT")
        for one in alone:
            rowless(one)

    def _take_over(self) -> None:
        """Bring a file of version 1 into the present form, in one transaction."""
        names = ", ".join(FIRST)
        with Transaction(self.link) as link:
            link.execute("ALTER TABLE calls RENAME TO older")
            link.execute("DROP INDEX IF EXISTS calls_call_id")
            link.execute("DROP INDEX IF EXISTS calls_refusal")
            for statement in TABLE.split(";")[:-1]:
                link.execute(statement)
            absent = [repr(Row._field_defaults[name]) for name in Row._fields[len(FIRST) : -1]]
            link.execute(
                f"INSERT INTO calls SELECT id, {names}, {', '.join(absent)}, utc_offset, NULL FROM older ORDER BY id"
            )
            link.execute(
                "INSERT INTO ends SELECT row_number() OVER (ORDER BY id), id, ended, duration, cause FROM older"
                " WHERE ended IS NOT NULL ORDER BY id"
            )
            link.execute("DROP TABLE older")
            now, before = time.time(), chain.NOTHING
            for table in ("calls", "ends"):
                last = link.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
                for start in range(0, last, MOVED_AT_ONCE):
                    to = min(start + MOVED_AT_ONCE, last)
                    calls, ends = (to, before.ends) if table == "calls" else (before.calls, to)
                    after = before._replace(calls=calls, ends=ends)
                    rows = chain.covered(link, before, after)
                    before = chain.add(link, before, chain.MOVED, now, rows, (calls, ends, 0))

    def _paced(self, rows: Sequence[_T]) -> Iterator[_T]:
        """The same rows, with a breath between some of them and the next."""
        for number, row in enumerate(rows):
            if not number % BREATH:
                self._breathe()
            yield row

    def _roll_back(self) -> None:
        if self.link.in_transaction:
            self.link.execute("ROLLBACK")

    def _identity(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino


class Transaction:
    """All of it or nothing, and no other writer meanwhile."""

    def __init__(self, link: sqlite3.Connection) -> None:
        self._link = link

    def __enter__(self) -> sqlite3.Connection:
        self._link.execute("BEGIN IMMEDIATE")
        return self._link

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._link.in_transaction:
            self._link.execute("COMMIT" if kind is None else "ROLLBACK")


def is_damaged(error: Exception) -> bool:
    """Whether the file itself is at fault, so that waiting does not help."""
    if isinstance(error, OtherVersion):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return (
        isinstance(error, sqlite3.DatabaseError)
        and code is not None
        and code & 0xFF in (_CORRUPT, _NOT_A_DATABASE)
    )


def note(path: Path, item: Note, patience: float = 2.0) -> None:
    """Write one note into a journal that somebody else may be writing. Raises sqlite3.Error, OSError."""
    if not path.is_file():
        raise FileNotFoundError(2, "there is no journal", str(path))
    database = Database(path, patience)
    try:
        database.write((item,))
    finally:
        database.close()


def set_aside(path: Path) -> Path:
    """Give a damaged file another name, its log files with it, and say which. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place, count = path.with_name(f"{path.name}.damaged-{stamp}"), 1
    while place.exists():
        count += 1
        place = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    os.rename(path, place)
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            os.rename(beside, place.with_name(place.name + ending))
    return place
