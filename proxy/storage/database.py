"""The journal's SQLite file: opened, written in one transaction a batch, set aside when it is damaged.

Used by the journal's writer thread alone; everything here may raise sqlite3.Error or OSError.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from proxy.storage.rows import INSERT, TABLE, UPDATE, VERSION, End, Row, inserted, offset_at, plain, updated

_CORRUPT, _NOT_A_DATABASE = 11, 26
_UNBINDABLE = (OverflowError, ValueError, TypeError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What one bad row raises: its own fault, not the file's."""
CACHE_KIB = 8192


class OtherVersion(sqlite3.DatabaseError):
    """The file is a database, but not one that this version writes."""


class Database:
    """An open journal file."""

    def __init__(self, path: Path, patience: float) -> None:
        """patience: seconds to wait for somebody else's lock."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # It holds who called whom: for the owner alone.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path = path
        self._link = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            # The bound comes first: whatever is asked of a locked file waits no longer than this.
            version = self._link.execute("PRAGMA user_version").fetchone()[0]
            tables = self._link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version != VERSION and (version or tables):
                raise OtherVersion(f"it is of version {version}, not {VERSION}")
            self._link.execute("PRAGMA journal_mode = WAL")
            self._link.execute("PRAGMA synchronous = NORMAL")
            self._link.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not tables:
                self._link.executescript(f"BEGIN IMMEDIATE; {TABLE} COMMIT;")
            self._file = self._identity()
        except BaseException:
            self._link.close()
            raise

    def is_there(self) -> bool:
        """Whether the path still leads to the file that is open: SQLite would go on writing into a deleted
        one.
        """
        try:
            return self._identity() == self._file
        except OSError:
            return False

    def write(self, batch: Sequence[Row | End]) -> int:
        """Write a batch in one transaction; returns how many rows were unfit to be written."""
        try:
            self._transact(batch)
            return 0
        except _UNBINDABLE:
            self._roll_back()
        unfit = 0
        for item in batch:
            try:
                self._transact((plain(item),))
            except _UNBINDABLE:
                self._roll_back()
                unfit += 1
        return unfit

    def close(self) -> None:
        self._link.close()

    def _transact(self, batch: Sequence[Row | End]) -> None:
        link = self._link
        # One look at the time zone a batch: its rows are seconds apart.
        offset = next((offset_at(item.utc) for item in batch if isinstance(item, Row)), 0)
        link.execute("BEGIN IMMEDIATE")
        # In their order, because a Call-ID may end and begin again within one batch.
        for is_row, items in groupby(batch, lambda item: isinstance(item, Row)):
            if is_row:
                link.executemany(INSERT, [inserted(item, offset) for item in items if isinstance(item, Row)])
            else:
                link.executemany(UPDATE, [updated(item) for item in items if isinstance(item, End)])
        link.execute("COMMIT")

    def _roll_back(self) -> None:
        if self._link.in_transaction:
            self._link.execute("ROLLBACK")

    def _identity(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino


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
