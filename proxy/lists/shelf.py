"""Generations of one list: snapshot files that are never written again, and a note of which one is in force.

A folder a list: `000007.snap`, beside it `000007.json` that tells where it comes from, and `current` with the number
in force. Each is written under another name, synced, and renamed, so that a crash leaves the old state whole; what
cannot be read is passed over for the newest generation that can. Several processes may read at any time; who writes
holds the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from proxy.lists.files import ListError

KEPT = 5
"""Generations that stay on the shelf, to roll back to."""
MAX_NOTE = 64 * 1024
"""Octets of a note about a generation."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Generation:
    """One snapshot, and where it comes from."""

    number: int
    made: float
    """When it was made, Unix seconds."""
    as_of: float
    """The time of which its content is, Unix seconds."""
    entries: int
    refused: int
    """Lines of the sources that were left out."""
    size: int
    digest: str
    """BLAKE2b-256 of the snapshot, in hex."""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a snapshot was filled with."""

    entries: int
    refused: int = 0
    as_of: float | None = None
    """None: of now."""


class Shelf:
    """The generations of one list below a folder. Making one touches nothing."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name

    def snapshot(self, number: int) -> Path:
        return self.folder / f"{number:06}.snap"

    def generations(self) -> list[Generation]:
        """Those whose note can be read and whose snapshot is there, the oldest first."""
        found = []
        for path in sorted(self.folder.glob("[0-9]*.json")):
            if (one := _note(path)) is not None and self.snapshot(one.number).exists():
                found.append(one)
        return sorted(found, key=lambda one: one.number)

    def current(self) -> Generation | None:
        """The one that should be in force; None where nothing was ever brought in."""
        try:
            number = int((self.folder / "current").read_text(encoding="ascii")[:20])
        except (OSError, ValueError):
            # The note is lost: the newest is the best guess.
            return max(self.generations(), key=lambda one: one.number, default=None)
        return _note(self.folder / f"{number:06}.json")

    def newest(self) -> int:
        """The highest number that was ever given, 0 for none."""
        return max((int(path.stem) for path in self.folder.glob("[0-9]*.*") if path.stem.isdigit()), default=0)

    def load(self, read: Callable[[Path], Value], whole: bool = True) -> tuple[Value, Generation, list[str]] | None:
        """The value in force, its generation, and remarks: where that one is damaged, the newest good one before it.

        `read` raises ListError. `whole`: compare every octet with the digest first. None: there is nothing to load.
        """
        current = self.current()
        order = [current] if current is not None else []
        limit = current.number if current is not None else self.newest() + 1
        order += [one for one in reversed(self.generations()) if one.number < limit]
        remarks: list[str] = []
        for one in order:
            path = self.snapshot(one.number)
            try:
                if whole:
                    verify(path, one)
                value = read(path)
            except ListError as error:
                remarks.append(f"list {self.name}: generation {one.number} is damaged ({error})")
            else:
                if remarks:
                    remarks.append(f"list {self.name}: generation {one.number} is in force instead")
                return value, one, remarks
        if remarks:
            raise ListError("; ".join(remarks) + "; import the list again")
        return None

    def add(self, fill: Callable[[Path], Content], utc: float, sources: tuple[str, ...] = ()) -> Generation:
        """Put a new generation into force. `fill` writes the draft that it is handed; what it raises leaves all as it
        was. Raises ListError, OSError."""
        with self._locked():
            number = self.newest() + 1
            draft = self.folder / "draft"
            try:
                content = fill(draft)
                size, digest = measured(draft)
                _synced(draft)
                os.chmod(draft, 0o440)
                draft.replace(self.snapshot(number))
            finally:
                draft.unlink(missing_ok=True)
            made = Generation(
                number, utc, utc if content.as_of is None else content.as_of, content.entries, content.refused, size,
                digest, sources,
            )  # fmt: skip
            self._write(f"{number:06}.json", json.dumps(asdict(made)))
            self._write("current", f"{number}\n")
            self._tidy(number)
        return made

    def roll_back(self) -> Generation:
        """Put the generation before the present one into force. Raises ListError, OSError."""
        with self._locked():
            current = self.current()
            before = [one for one in self.generations() if current is not None and one.number < current.number]
            if not before:
                raise ListError(f"list {self.name}: there is no generation before the present one")
            self._write("current", f"{before[-1].number}\n")
            return before[-1]

    def _tidy(self, number: int) -> None:
        for one in self.generations()[:-KEPT]:
            if one.number != number:
                # A process that still maps it keeps it until it lets go.
                self.snapshot(one.number).unlink(missing_ok=True)
                (self.folder / f"{one.number:06}.json").unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / (name + ".new")
        fresh.write_text(text, encoding="utf-8")
        _synced(fresh)
        fresh.replace(self.folder / name)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ListError(f"list {self.name}: it is being imported by another process") from None
            yield


def verify(path: Path, one: Generation) -> None:
    """Compare a snapshot with its note. Raises ListError."""
    try:
        if measured(path) != (one.size, one.digest):
            raise ListError(f"{path}: it is not what was written")
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror})") from None


def measured(path: Path) -> tuple[int, str]:
    """Size and digest of a file. Raises OSError."""
    digest = blake2b(digest_size=32)
    size = 0
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _synced(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _note(path: Path) -> Generation | None:
    """A note, or None where it cannot be read."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(MAX_NOTE))
        one = Generation(**found)
        if not all(isinstance(figure, int | float) for figure in (one.number, one.made, one.as_of, one.entries)):
            return None
        return replace(one, sources=tuple(map(str, one.sources)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
