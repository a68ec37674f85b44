"""Records of all machines in one PostgreSQL: each machine reads its own journal and copies what is new.

The journal stays the truth: it is written first, and it alone has the chain. A copy remembers with each batch, in the
same transaction, how far it came, so nothing is lost or told twice over a restart or an engine that was away. A record
that PostgreSQL refuses is passed over, counted and said, so that those behind it are copied. Masking and taking away
what is old in PostgreSQL is the operator's own business there.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from proxy.quality import NOTE
from proxy.storage.rows import SELECT, Record, record
from proxy.storage.telling import flat

if TYPE_CHECKING:
    from asyncpg import Connection

BEAT = 2.0
"""Seconds between two looks at the journal."""
BATCH = 500
LIMIT = 30.0
"""Seconds that a batch may take to be read, and to be written."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds after each failure in a row."""
TABLES = """
CREATE TABLE IF NOT EXISTS ringwarden_calls (
    journal text, id bigint, machine text NOT NULL, call_id text NOT NULL, start timestamptz NOT NULL,
    ended timestamptz,
    direction text NOT NULL, trunk text NOT NULL, caller text NOT NULL, callee text NOT NULL, action text NOT NULL,
    reason text NOT NULL, final_code integer NOT NULL, duration double precision, record jsonb NOT NULL,
    PRIMARY KEY (journal, id)
);
CREATE INDEX IF NOT EXISTS ringwarden_calls_start ON ringwarden_calls (start);
CREATE INDEX IF NOT EXISTS ringwarden_calls_call_id ON ringwarden_calls (call_id);
CREATE INDEX IF NOT EXISTS ringwarden_calls_caller ON ringwarden_calls (caller, start);
CREATE TABLE IF NOT EXISTS ringwarden_copied (
    journal text PRIMARY KEY, machine text NOT NULL, calls bigint, ends bigint, notes bigint
);
"""
WRITE = """
INSERT INTO ringwarden_calls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::jsonb)
ON CONFLICT (journal, id) DO UPDATE SET ended = excluded.ended, duration = excluded.duration, record = excluded.record
"""
KNOWN = "SELECT calls, ends, notes FROM ringwarden_copied WHERE journal = $1"
HOW_FAR = """
INSERT INTO ringwarden_copied VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (journal) DO UPDATE SET machine = excluded.machine, calls = excluded.calls, ends = excluded.ends,
    notes = excluded.notes
"""


class Place(NamedTuple):
    """How far a copy came: the last row of a journal's calls, of their ends, and of the notes."""

    calls: int = 0
    ends: int = 0
    notes: int = 0


class New(NamedTuple):
    """What is new in a journal."""

    journal: str
    """Which file it is, by the first link of its chain; empty: nothing is written yet."""
    place: Place
    records: tuple[Record, ...]


def identity(path: Path) -> str:
    """Which journal a file is. Raises sqlite3.Error."""
    with closing(_opened(path)) as link:
        return _identity(link)


def new(path: Path, after: Place) -> New:
    """The calls since a place, and those that have ended since. Raises sqlite3.Error."""
    with closing(_opened(path)) as link:
        # One view of it, whoever writes meanwhile: the end of a call must not count as seen by a look after that in
        # which the call was read without it.
        link.execute("BEGIN")
        journal = _identity(link)
        rows = link.execute(f"{SELECT} WHERE calls.id > ? ORDER BY calls.id LIMIT ?", (after.calls, BATCH)).fetchall()
        records = [record(values) for values in rows]
        calls = records[-1].id if records else after.calls
        asked = "SELECT id, call FROM ends WHERE id > ? ORDER BY id LIMIT ?"
        ended = link.execute(asked, (after.ends, BATCH)).fetchall()
        # The end of a call that comes later is copied with it.
        earlier = [call for _, call in ended if call <= after.calls]
        noted = link.execute("SELECT id, about, kind FROM notes WHERE id > ? ORDER BY id LIMIT ?", (after.notes, BATCH))
        told = noted.fetchall()
        about = [call_id for _, call_id, kind in told if kind == NOTE]
        for where, wanted in (("calls.id", earlier), ("calls.call_id", about)):
            if wanted:
                asked = f"{SELECT} WHERE {where} IN ({','.join('?' * len(wanted))}) AND calls.id <= ?"
                records += [record(values) for values in link.execute(asked, (*wanted, after.calls))]
    place = Place(calls, ended[-1][0] if ended else after.ends, told[-1][0] if told else after.notes)
    return New(journal, place, tuple(records))


def _identity(link: sqlite3.Connection) -> str:
    found = link.execute("SELECT hash FROM chain ORDER BY seq LIMIT 1").fetchone()
    return bytes(found[0]).hex()[:32] if found is not None else ""


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=1.0)


def values(journal: str, machine: str, one: Record) -> Sequence[Any]:
    """A record as WRITE takes it. PostgreSQL knows no NUL."""
    row = one.row
    ended = datetime.fromtimestamp(one.ended, UTC) if one.ended is not None else None
    words = [row.direction, row.trunk, row.caller, row.callee, row.action, row.reason]
    whole = json.dumps(bare(flat(one)), ensure_ascii=True)
    return (
        journal, one.id, machine, bare(row.call_id), datetime.fromtimestamp(row.utc, UTC), ended,
        *bare(words), row.status, one.duration, whole,
    )  # fmt: skip


def bare(value: Any) -> Any:
    """What JSON can hold, with `?` for each NUL. To be done before it is JSON: there, a backslash of the caller's own
    before `u0000` looks the same.
    """
    if isinstance(value, str):
        return value.replace("\0", "?")
    if isinstance(value, list):
        return [bare(one) for one in value]
    if isinstance(value, dict):
        return {bare(name): bare(one) for name, one in value.items()}
    return value


class Records:
    """The copying of one journal. `count` is told how each batch ended, ok or failed, and of each record in it that was
    refused.
    """

    def __init__(
        self,
        dsn: str,
        path: Path,
        machine: str,
        count: Callable[[str], None] = lambda _: None,
        say: Callable[..., None] = lambda event, **fields: None,
    ) -> None:
        """Raises ImportError without the library."""
        import asyncpg

        self._connect, self._wrong = asyncpg.connect, (asyncpg.PostgresError, asyncpg.InterfaceError)
        self._unfit: type[Exception] = asyncpg.DataError
        self._dsn, self._path, self._machine, self._count, self._say = dsn, path, machine, count, say
        self._link: Connection | None = None
        self._journal, self._place = "", Place()
        self.copied = 0
        """Records, each change of one counted."""

    async def run(self) -> None:
        """Copy again and again, until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1] if failures else BEAT)
            try:
                while await self.once():
                    self._count("ok")
                if failures:
                    self._say("records-well", copied=self.copied)
                failures = 0
            except (*self._wrong, OSError, TimeoutError, ValueError, sqlite3.Error) as error:
                failures += 1
                self._count("failed")
                if failures == 1:
                    self._say("records-down", level="warning", why=f"{type(error).__name__}: {error}"[:200])
                await self.close()

    async def once(self) -> bool:
        """Copy one batch; False: there was nothing new. Raises what asyncpg and sqlite3 do, OSError, TimeoutError."""
        if not self._path.exists():
            return False
        async with asyncio.timeout(LIMIT):
            link = await self._linked()
            if await asyncio.to_thread(identity, self._path) != self._journal:
                # The first look, or a damaged file was set aside and another begun.
                self._journal = await asyncio.to_thread(identity, self._path)
                known = await link.fetchrow(KNOWN, self._journal)
                self._place = Place(*known) if known is not None else Place()
            if not self._journal:
                return False
            found = await asyncio.to_thread(new, self._path, self._place)
            if found.journal != self._journal or found.place == self._place:
                return False
        self.copied += await self._wrote(link, found)
        self._place = found.place
        return True

    async def close(self) -> None:
        """Let the connection go."""
        link, self._link = self._link, None
        if link is not None:
            link.terminate()

    async def _wrote(self, link: Connection, found: New) -> int:
        """Write a batch; how many records of it PostgreSQL took. Raises as `once` does."""
        rows = [values(found.journal, self._machine, one) for one in found.records]
        how_far = (found.journal, self._machine, *found.place)
        try:
            async with asyncio.timeout(LIMIT), link.transaction():
                await link.executemany(WRITE, rows)
                await link.execute(HOW_FAR, *how_far)
            return len(rows)
        except self._unfit:
            pass
        # One of them will never do. Each by itself, with the limit of a command for each: so many ways to a distant
        # engine take longer than a batch may, and to write a row again after a failure changes nothing.
        refused: list[tuple[int, Exception]] = []
        for one, row in zip(found.records, rows, strict=True):
            try:
                await link.execute(WRITE, *row)
            except self._unfit as error:
                refused.append((one.id, error))
        await link.execute(HOW_FAR, *how_far)
        for _ in refused:
            self._count("refused")
        if refused:
            first, why = refused[0]
            self._say("records-refused", level="warning", count=len(refused), first=first, why=f"{why}"[:200])
        return len(rows) - len(refused)

    async def _linked(self) -> Connection:
        if self._link is None or self._link.is_closed():
            self._link = await self._connect(self._dsn, timeout=LIMIT / 3, command_timeout=LIMIT)
            await self._link.execute(TABLES)
            self._journal = ""
        return self._link
