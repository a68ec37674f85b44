"""The chain that holds the journal together: one link a batch, each with a hash over the link before it.

A link names the last call, end and note that it covers, and a digest of them under a salt of its own. Whoever changes,
adds or takes away a row afterwards contradicts the digest; whoever changes a link contradicts all that follow. What the
operator's own rules take away (`storage.care`) is written as a further link that names the new digests. The salt lies
outside of the hash and is made anew with them: the old digest, without its salt, says nothing about the numbers that
were there.

The chain cannot know of links cut off at its end: compare `head` with one that was noted elsewhere, as in the log.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from proxy.storage.rows import Row

DIGEST = 32
SALT = 16
SEALED = 8 + DIGEST
"""Octets of one new seal: the link's number, and the digest that it has now."""
BEGAN, WROTE, STOPPED, KEPT_LESS, MOVED = "began", "wrote", "stopped", "kept-less", "moved"
"""Kinds of links: a writer opened the file, wrote, closed it; rows were masked or taken away; rows of an older version
were taken over."""

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode
_LINKS = "SELECT seq, utc, kind, calls, ends, notes, dropped, seals, salt, digest, hash FROM chain"


_WIDE = len(Row._fields) + 2
_PLACES = [
    at + 1
    for at, name in enumerate(Row._fields)
    if name in ("call_id", "findings") or isinstance(Row._field_defaults.get(name), str)
]
_texts = itemgetter(*_PLACES)
_figures = itemgetter(*(at for at in range(_WIDE - 1) if at not in _PLACES))
_lengths = Struct(f"<{len(_PLACES)}I").pack


class Link(NamedTuple):
    """A link as it lies in the table."""

    seq: int
    utc: float
    kind: str
    calls: int
    """The number of the last call that was ever written up to here; the same of ends and notes."""
    ends: int
    notes: int
    dropped: int
    """Rows lost since the link before."""
    seals: bytes
    """Of older links, where this one renews them."""
    salt: bytes
    """Of the newest digest."""
    digest: bytes
    hash: bytes


NOTHING = Link(0, 0.0, "", 0, 0, 0, 0, b"", b"", b"", bytes(DIGEST))


def digest(salt: bytes, rows: Iterable[Sequence[Any]]) -> bytes:
    """The seal of the rows of one link: calls first, then ends, then notes, each with its number."""
    sealing = blake2b(salt, digest_size=DIGEST)
    for row in rows:
        sealing.update(_octets(row))
    return sealing.digest()


def _octets(row: Sequence[Any]) -> bytes:
    """A row so that no other row has the same octets. Of a call: figures, lengths of the texts, texts; to write it as
    JSON takes twice as long.
    """
    if len(row) == _WIDE - 1:
        row = (*row, None)  # of a file of version 2, which has no last column
    if len(row) == _WIDE:
        # Where nothing stands in the last column, a row is what it was before there was one.
        last = b"" if row[-1] is None else repr(row[-1]).encode()
        try:
            texts = _texts(row)
            figures = repr(_figures(row)).encode()
            return b"%b%b%b%b" % (last, figures, _lengths(*map(len, texts)), "".join(texts).encode())
        except TypeError:
            if not last:
                row = row[:-1]  # something else stands where a text should
    return b"%b\n" % repr(tuple(row)).encode()


def linked(before: bytes, link: Link) -> bytes:
    """The hash of a link."""
    said = _encode((link.seq, link.utc, link.kind, link.calls, link.ends, link.notes, link.dropped))
    return blake2b(before + said.encode("ascii") + link.digest + link.seals, digest_size=DIGEST).digest()


def renewed(database: sqlite3.Connection, before: Link, link: Link) -> bytes:
    """A new seal over what is there now of an older link, inside the transaction that changed it."""
    salt = os.urandom(SALT)
    database.execute("UPDATE chain SET salt = ? WHERE seq = ?", (salt, link.seq))
    return link.seq.to_bytes(8, "big") + digest(salt, covered(database, before, link))


def last(database: sqlite3.Connection) -> Link:
    """The newest link; NOTHING where there is none. Raises sqlite3.Error."""
    found = database.execute(f"{_LINKS} ORDER BY seq DESC LIMIT 1").fetchone()
    return Link(*found) if found is not None else NOTHING


def at(database: sqlite3.Connection, seq: int) -> Link:
    """A link by its number; NOTHING for the one before the first. Raises sqlite3.Error."""
    found = database.execute(f"{_LINKS} WHERE seq = ?", (seq,)).fetchone()
    return Link(*found) if found is not None else NOTHING


def add(
    database: sqlite3.Connection, before: Link, kind: str, utc: float, rows: Iterable[Sequence[Any]],
    counts: tuple[int, int, int], dropped: int = 0, seals: bytes = b"",
) -> Link:  # fmt: skip
    """Write a link over rows, inside the transaction of the rows. Raises sqlite3.Error."""
    salt = os.urandom(SALT)
    made = Link(before.seq + 1, utc, kind, *counts, dropped, seals, salt, digest(salt, rows), b"")
    made = made._replace(hash=linked(before.hash, made))
    database.execute("INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
    return made


def covered(database: sqlite3.Connection, before: Link, link: Link) -> list[Sequence[Any]]:
    """The rows of a link, as they are now. Raises sqlite3.Error."""
    rows: list[Sequence[Any]] = []
    for table, low, high in (
        ("calls", before.calls, link.calls), ("ends", before.ends, link.ends), ("notes", before.notes, link.notes)
    ):  # fmt: skip
        if high > low:
            query = f"SELECT * FROM {table} WHERE id > ? AND id <= ? ORDER BY id"
            rows += database.execute(query, (low, high)).fetchall()
    return rows


class Found(NamedTuple):
    """What a look at the whole chain says."""

    links: int
    calls: int
    """Rows that are there and hold."""
    head: str
    """The hash of the last link, in hex."""
    faults: tuple[str, ...]
    """What contradicts the chain; empty: it holds."""
    gaps: tuple[tuple[str, float, float, int], ...]
    """Where rows are missing, for a reason that the chain knows: (why, from, to, how many; 0: not known)."""
    renewed: int
    """Links whose rows were masked or taken away by the operator's rules."""
    known: bool
    """Whether the hash that was asked for is the head of some link."""


MOST_FAULTS = 20


def verify(
    database: sqlite3.Connection, head: str = "", progress: Callable[[int, int], None] = lambda done, whole: None
) -> Found:
    """Walk the whole chain and all rows. `head`: a hash noted earlier that must be in it. Raises sqlite3.Error."""
    whole = last(database).seq
    seals: dict[int, bytes] = {}
    faults: list[str] = []
    gaps: list[tuple[str, float, float, int]] = []
    for _, found in _each(database, "WHERE seals <> x''"):
        for at in range(0, len(found.seals), SEALED):
            seals[int.from_bytes(found.seals[at : at + 8], "big")] = found.seals[at + 8 : at + SEALED]
    calls, running, known, before = 0, False, not head, NOTHING
    for _, link in _each(database):
        if link.seq != before.seq + 1:
            faults.append(f"link {before.seq + 1} is missing")
        if linked(before.hash, link) != link.hash:
            faults.append(f"link {link.seq} was changed, or one before it")
        if link.calls < before.calls or link.ends < before.ends or link.notes < before.notes:
            faults.append(f"link {link.seq} takes rows of another")
        rows = covered(database, before, link)
        if digest(link.salt, rows) != seals.get(link.seq, link.digest):
            faults.append(
                f"rows of link {link.seq} were changed, added or taken away: calls {before.calls + 1} to {link.calls}"
            )
        calls += sum(len(row) > 5 for row in rows)
        if link.dropped:
            gaps.append(("rows that could not be written", before.utc, link.utc, link.dropped))
        if link.kind == BEGAN:
            if running:
                gaps.append(("a stop without warning", before.utc, link.utc, 0))
            running = True
        elif link.kind == STOPPED:
            running = False
        known = known or link.hash.hex() == head
        if len(faults) >= MOST_FAULTS:
            break
        before = link
        if not link.seq % 1000:
            progress(link.seq, whole)
    if not faults:
        for table, ends in (("calls", before.calls), ("ends", before.ends), ("notes", before.notes)):
            beyond = database.execute(f"SELECT count(*) FROM {table} WHERE id > ? OR id < 1", (ends,)).fetchone()[0]
            if beyond:
                faults.append(f"{beyond} row(s) of {table} belong to no link")
    if not known:
        faults.append("the hash that was noted is that of no link: the end of the journal was cut off or replaced")
    return Found(before.seq, calls, before.hash.hex(), tuple(faults), tuple(gaps), len(seals), known)


def _each(database: sqlite3.Connection, where: str = "") -> Iterable[tuple[int, Link]]:
    for values in database.execute(f"{_LINKS} {where} ORDER BY seq"):
        yield values[0], Link(*values)
