"""The reading side of the journal: one call, found by its Call-ID, its number in the journal, or a refusal's
identifier; the calls of a time; the chain. Files of the version before are read as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from proxy.storage import chain
from proxy.storage.rows import SELECT, SELECTS, Note, Record, record

PATIENCE = 2.0
"""Seconds to wait while the writer holds the file."""
MOST = 100
"""Records of one answer: a Call-ID may have been used again and again."""
_LARGEST = 2**63 - 1


class JournalError(Exception):
    """The journal cannot be read; the text is a sentence for the one who asked."""


def find(path: Path, call: str) -> list[Record]:
    """The records of a call, the latest first; empty if there are none. Raises JournalError.

    Looked for as a Call-ID first, then as the identifier of a refusal (STI-124), then as a row number.
    """
    wanted: list[tuple[str, str | int]] = [("call_id = ?", call), ("refusal <> '' AND refusal = ?", call)]
    if call.isascii() and call.isdigit() and int(call[:20]) <= _LARGEST:
        wanted.append(("calls.id = ?", int(call)))
    for where, value in wanted:
        if found := _asked(path, where, value):
            return found
    return []


def latest(path: Path, count: int = 20) -> list[Record]:
    """The newest records, the latest first. Raises JournalError."""
    return _asked(path, "calls.id > ?", 0, count)


def leaving(path: Path) -> Iterator[tuple[float, str, str, str]]:
    """Time, trunk, caller and attestation of every call of the PBX that was no emergency call and was looked into, in
    order: read bit by bit, however many there are. Raises JournalError.
    """
    wanted = (
        "SELECT utc, trunk, caller, signed FROM calls WHERE direction = 'outbound' AND NOT emergency"
        " AND action NOT IN ('bypass', 'unscreened', 'refused') ORDER BY id"
    )
    try:
        with closing(_opened(path)) as link:
            for utc, trunk, caller, signed in link.execute(wanted):
                yield float(utc), str(trunk), str(caller), str(signed)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error


def _opened(path: Path) -> sqlite3.Connection:
    """Read-only, so that asking can neither create, lock nor repair anything."""
    if not path.is_file():
        raise JournalError(f"there is no journal at {path}")
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=PATIENCE)


def since(
    path: Path, start: float, end: float, where: str = "1", values: tuple[str | float, ...] = ()
) -> Iterator[Record]:
    """The records of a time, start included and end not (Unix seconds), the oldest first: read bit by bit, however many
    there are. `where`: a further condition on the columns of `Row`, with its values. Raises JournalError.
    """
    try:
        with closing(_opened(path)) as link:
            asked = f"{_select(link)} WHERE utc >= ? AND utc < ? AND ({where}) ORDER BY utc, calls.id"
            for found in link.execute(asked, (start, end, *values)):
                yield record(found)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error


def notes(path: Path, kind: str = "", about: str = "") -> list[Note]:
    """What was done with what is kept, the latest first; all kinds, about everything, where nothing is said. Raises
    JournalError.
    """
    asked = "SELECT utc, kind, about, text FROM notes WHERE ? IN ('', kind) AND ? IN ('', about) ORDER BY id DESC"
    try:
        with closing(_opened(path)) as link:
            if _is_old(link):
                return []
            return [Note(*values) for values in link.execute(asked, (kind, about))]
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error


def verified(
    path: Path, head: str = "", progress: Callable[[int, int], None] = lambda done, whole: None
) -> chain.Found:
    """Walk the chain of a journal (`chain.verify`). Raises JournalError."""
    try:
        with closing(_opened(path)) as link:
            if _is_old(link):
                raise JournalError(f"{path} is of a version before the chain: the next start takes it over")
            link.execute("BEGIN")  # one view of it, whoever writes meanwhile
            return chain.verify(link, head, progress)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error


def _version(link: sqlite3.Connection) -> int:
    return int(link.execute("PRAGMA user_version").fetchone()[0])


def _is_old(link: sqlite3.Connection) -> bool:
    return _version(link) == 1


def _select(link: sqlite3.Connection) -> str:
    """The query of this file's version."""
    return SELECTS.get(_version(link), SELECT)


def _asked(path: Path, where: str, value: str | int, most: int = MOST) -> list[Record]:
    try:
        with closing(_opened(path)) as link:
            asked = f"{_select(link)} WHERE {where} ORDER BY calls.id DESC LIMIT ?"
            return [record(values) for values in link.execute(asked, (value, min(most, MOST)))]
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error
