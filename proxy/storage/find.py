"""The reading side of the journal: one call, found by its Call-ID, its number in the journal, or a
refusal's identifier.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from proxy.storage.rows import SELECT, Record, record

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
        wanted.append(("id = ?", int(call)))
    for where, value in wanted:
        if found := _asked(path, where, value):
            return found
    return []


def latest(path: Path, count: int = 20) -> list[Record]:
    """The newest records, the latest first. Raises JournalError."""
    return _asked(path, "id > ?", 0, count)


def leaving(path: Path) -> Iterator[tuple[float, str, str, str]]:
    """Time, trunk, caller and attestation of every call of the PBX that was no emergency call, in order: read bit by
    bit, however many there are. Raises JournalError.
    """
    wanted = "SELECT utc, trunk, caller, signed FROM calls WHERE direction = 'outbound' AND NOT emergency ORDER BY id"
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


def _asked(path: Path, where: str, value: str | int, most: int = MOST) -> list[Record]:
    try:
        with closing(_opened(path)) as link:
            rows = link.execute(f"{SELECT} WHERE {where} ORDER BY id DESC LIMIT ?", (value, min(most, MOST)))
            return [record(values) for values in rows]
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error
