"""Certificate files that outlive a restart: a folder with one file for each URL, as it was fetched.

A file begins with its URL, when it came and for how long it is fresh; then, after an empty line, the octets that the
repository sent. Nothing here is trusted: what is read is validated by `certs.store` as if it had come just now, so
whoever can write into the folder gains nothing but a look-up. What does not fit or cannot be read is passed over.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple

from certs.chains import Kept
from certs.fetch import MAX_SIZE, MAX_URL, FetchError, Limits, check
from certs.files import FileError, read

SUFFIX = ".x5u"
SUFFIXES = (".pem", ".crt", ".cer", ".cert", SUFFIX)
"""What is imported from a folder of somebody else's."""
MAX_FILES = 10_000
"""As many as the cache in memory holds."""
MAX_QUEUE = 256
"""Files that wait to be written; a further one is fetched again after a restart."""
HEAD = 512
"""Octets of the lines before the file, besides the URL."""
DAY = 86_400.0


class Entry(NamedTuple):
    url: str
    kept: Kept
    path: Path


class Shelf:
    """The folder. Everything here reads or writes files: not in the event loop."""

    def __init__(self, folder: Path, most: int = MAX_FILES) -> None:
        self.folder, self._most = folder, most

    def load(self) -> dict[str, Kept]:
        """What is there, by URL, the youngest first; of more than fit the oldest stay out."""
        entries = sorted(self.entries(), key=lambda entry: entry.kept.fetched, reverse=True)
        return {entry.url: entry.kept for entry in entries[: self._most]}

    def entries(self) -> Iterator[Entry]:
        """Each file that is one of ours. Never raises."""
        try:
            paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        except OSError:
            return
        for path in paths:
            try:
                entry = parse(read(path, limit=MAX_SIZE + MAX_URL + HEAD))
            except FileError:
                continue
            # A file that was renamed or copied could stand for a URL twice.
            if entry is not None and path.name == name(entry[0]):
                yield Entry(*entry, path)

    def put(self, url: str, kept: Kept) -> None:
        """Write one, whole or not at all. Raises OSError."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = self.folder / name(url)
        draft = path.with_name(f".{path.name}.{os.getpid()}")  # each worker has its own
        try:
            draft.write_bytes(written(url, kept))
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def remove(self, urls: Iterable[str]) -> int:
        """Returns how many were there. Raises OSError."""
        gone = 0
        for url in urls:
            path = self.folder / name(url)
            gone += path.exists()
            path.unlink(missing_ok=True)
        return gone


class Scribe:
    """Writes to a shelf beside the calls: never waits, never raises; what does not fit is dropped."""

    def __init__(self, shelf: Shelf, say: Callable[..., object] = lambda event, **fields: None) -> None:
        self.shelf, self._say = shelf, say
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="certs-shelf")
        self._room = BoundedSemaphore(MAX_QUEUE)
        self.known: set[str] = set()
        """URLs whose file was read or written: one that is gone later was purged."""
        self.dropped = 0
        self._said = False

    def put(self, url: str, kept: Kept) -> None:
        if not self._room.acquire(blocking=False):
            self.dropped += 1
            return
        self._thread.submit(self._write, url, kept)

    def purged(self, present: Iterable[str]) -> set[str]:
        """Which URLs somebody has taken off the shelf since; `present` are those that are there now."""
        present = set(present)
        gone = self.known - present
        self.known = present
        return gone

    def close(self) -> None:
        """Waits for what is being written."""
        self._thread.shutdown(wait=True)

    def _write(self, url: str, kept: Kept) -> None:
        try:
            self.shelf.put(url, kept)
            self.known.add(url)
            self._said = False
        except OSError as error:
            self.dropped += 1
            if not self._said:
                self._said = True
                self._say("certificate-unkept", level="warning", path=str(self.shelf.folder), fault=str(error))
        finally:
            self._room.release()


def name(url: str) -> str:
    """The file of a URL: nothing that a stranger wrote becomes part of a path (a known cache turned / into _)."""
    return hashlib.sha256(url.encode()).hexdigest()[:40] + SUFFIX


def written(url: str, kept: Kept) -> bytes:
    return f"x5u: {url}\nfetched: {kept.fetched:.0f}\nfresh: {kept.seconds:.0f}\n\n".encode("ascii") + kept.body


def parse(octets: bytes) -> tuple[str, Kept] | None:
    """The counterpart of `written`; None for anything else."""
    head, gap, body = octets.partition(b"\n\n")
    lines = head.split(b"\n")
    if not gap or len(head) > MAX_URL + HEAD or len(lines) != 3 or len(body) > MAX_SIZE:
        return None
    values = []
    for line, key in zip(lines, (b"x5u: ", b"fetched: ", b"fresh: "), strict=True):
        if not line.startswith(key):
            return None
        values.append(line.removeprefix(key))
    url, fetched, fresh = values
    if not (url.isascii() and all(1 <= len(number) <= 12 and number.isdigit() for number in (fetched, fresh))):
        return None
    return url.decode("ascii"), Kept(body, float(fetched), float(fresh))


def brought(path: Path, url: str | None, utc: float, limits: Limits) -> Iterator[tuple[str, Kept | str]]:
    """Files of somebody else's to be put on the shelf: URL or file name, and the file or what is wrong with it.

    A file of a shelf says its URL itself; of any other the path is the URL, as `wget -x` leaves it: the folder is the
    host, with its port if it has one (`cr.example.net/spc/709J.pem`, `cr.example.net:8443/709J.pem`). A single file
    is given its `url`. Raises FileError for a path that cannot be read.
    """
    single = not path.is_dir()
    files = [path] if single else sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
    if not files:
        raise FileError(path, f"holds no certificate file ({', '.join(SUFFIXES)})", "name another folder")
    for file in files[:MAX_FILES]:
        try:
            octets = read(file, limit=MAX_SIZE + MAX_URL + HEAD)
        except FileError as error:
            if single:
                raise
            yield str(file), f"{error.why}; {error.cure}"
            continue
        ours = parse(octets)
        found = url if single and url is not None else ours[0] if ours is not None else None
        if found is None and not single:
            parts = file.relative_to(path).parts
            found = "https://" + "/".join(parts) if len(parts) > 1 else None
        if found is None:
            yield str(file), "nothing says its URL; give --url, or put it into a folder named after its host"
            continue
        try:
            check(found, limits)
        except FetchError as error:
            yield found, str(error)
            continue
        yield found, ours[1] if ours is not None else Kept(octets, utc, DAY)
