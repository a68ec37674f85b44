"""What the workers know of callers, over a restart: files in the state folder, two for each worker.

`reputation.json` holds months of signers, trunks and software, `callers.txt` how calls of the last days ended and what
their sources did; of several workers each writes its own (`reputation-1.json`), now and then and at its end, whole or
not at all. Who starts reads those of all, whatever number of workers wrote them, and takes its part: of reputations an
equal share, of callers and sources some, for these are added up over the workers. Ages count on by the clock on the
wall. A file that cannot be read or written costs the memory, never a call: who knows nothing suspects nobody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from policy import past, source, sources
from policy.reputation import Memory, together
from proxy.following import Following, keep, kept

HEAD = "ringwarden callers 1"
"""The first line of a file of callers, and its version."""
LINES = 2 * past.MOST + 2 * sources.MOST + 2
"""Of one file: more are never written."""
LINE = 1000
"""Octets; the longest that is written is that of a source, some 300."""
LARGE = 1 << 40
"""No figure of a file is as large."""
AT_ONCE, PAUSE = 500, 0.005
"""Lines that are made without a pause, some 0.3 ms, and seconds of a pause: the calls go on beside it."""


class Known(NamedTuple):
    """What one worker begins with."""

    reputations: list[Memory] = []
    ends: list[past.Row] = []
    sources: list[source.Row] = []


def path(folder: Path, stem: str, number: int, workers: int) -> Path:
    """The file of one worker; stem: `reputation.json` or `callers.txt`."""
    name, _, kind = stem.partition(".")
    return folder / (f"{name}-{number}.{kind}" if workers > 1 else stem)


def found(folder: Path, number: int, workers: int, say: Callable[..., None]) -> Known:
    """The part of one worker of what all of them knew. say: a log line, where a file cannot be read."""
    reputations: list[Memory] = []
    for one in _files(folder, "reputation.json"):
        try:
            reputations += kept(one)
        except (OSError, ValueError, TypeError) as error:
            say("reputation-unread", level="warning", path=str(one), fault=repr(error))
    known = Known(together(reputations, workers), [], [])
    for one in _files(folder, "callers.txt"):
        try:
            _read(one, known, number, workers)
        except (OSError, ValueError) as error:  # what stands before the fault counts
            say("callers-unread", level="warning", path=str(one), fault=repr(error))
    return known


def write(folder: Path, following: Following, number: int, workers: int, *, gently: bool = False) -> None:
    """Write both files of a worker; the first of the workers also removes those that no worker writes any more. gently:
    with pauses, beside the calls. Raises OSError."""
    keep(path(folder, "reputation.json", number, workers), list(following.reputation.rows()))
    whole = path(folder, "callers.txt", number, workers)
    fresh = whole.with_name(whole.name + (".slow" if gently else ".new"))  # while one is written there may be another
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
        lines = _lines(following)
        while some := list(islice(lines, AT_ONCE)):
            stream.write("".join(some))
            if gently:
                time.sleep(PAUSE)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(whole)
    if number == 0:
        for stem in ("reputation.json", "callers.txt"):
            ours = {path(folder, stem, one, workers) for one in range(workers)}
            for other in _files(folder, stem):
                if other not in ours:
                    with suppress(OSError):
                        other.unlink()


def _files(folder: Path, stem: str) -> list[Path]:
    """Those of all workers, whatever number of them wrote."""
    name, _, kind = stem.partition(".")
    several = (one for one in folder.glob(f"{name}-*.{kind}") if one.stem.removeprefix(f"{name}-").isdecimal())
    return [one for one in (folder / stem, *sorted(several)) if one.is_file()]


def _lines(following: Following) -> Iterator[str]:
    yield HEAD + "\n"
    for row in following.sources.rows():
        tag, half, born, now, before, weeks = row
        shares = (f"{share:.3f}" for share in weeks)
        yield " ".join(("s", *map(str, (tag, half, born, *now, *before)), *shares)) + "\n"
    for key, mark, ended, unheard, talked, dead, since in following.behaviour.past.rows():
        if key.isalnum() and key.isascii():
            yield f"{key} {mark} {ended} {unheard} {talked} {dead} {since:.0f}\n"


def _read(file: Path, known: Known, number: int, workers: int) -> None:
    with file.open("rb") as stream:
        if stream.readline(LINE).strip() != HEAD.encode():
            raise ValueError("another kind of file")
        for line in islice(iter(lambda: stream.readline(LINE), b""), LINES):
            first, *figures = line.split()
            if first == b"s":
                if (row := _source(figures)) and (not row[0] or row[0] % workers == number):
                    known.sources.append(row)
            # A number and its thousand-block begin alike, and go to the same worker.
            elif crc32(first[:6]) % workers == number:
                mark, ended, unheard, talked, dead, since = map(_count, figures)
                known.ends.append((first.decode("ascii"), mark, ended, unheard, talked, dead, float(since)))


def _source(figures: Iterable[bytes]) -> source.Row | None:
    """Raises ValueError."""
    tag, half, born, *more = figures
    if len(more) not in (0, 16):
        raise ValueError("no source")
    counts, weeks = tuple(map(_count, more[:12])), tuple(map(float, more[12:]))
    if not all(0 <= one < LARGE for one in weeks):
        raise ValueError("no share")
    return int(tag) % 2**64, _count(half), _count(born), counts[:6], counts[6:], weeks


def _count(text: bytes) -> int:
    """Raises ValueError."""
    if not 0 <= (one := int(text)) < LARGE:
        raise ValueError("no count")
    return one
