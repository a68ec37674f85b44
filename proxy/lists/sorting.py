"""Records of one width in order, however many: runs are sorted in memory, kept in a file without a name, and merged.

Octets are compared, so numbers stand in them with the most significant octet first.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from pathlib import Path
from tempfile import TemporaryFile

RUN = 500_000
"""Records of a run: some 50 MB while it is sorted."""
READ = 4096
"""Records of a run that are read at a time."""


class Sorter:
    """Add records, then take them in order, once."""

    def __init__(self, width: int, folder: Path, run: int = RUN) -> None:
        """`width`: octets of a record; `folder`: where the runs are kept. Raises OSError, as all of it may."""
        self._width, self._most = width, run
        self._records: list[bytes] = []
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115
        self._runs: list[tuple[int, int]] = []

    def add(self, record: bytes) -> None:
        self._records.append(record)
        if len(self._records) >= self._most:
            self._spill()

    def _spill(self) -> None:
        """Sort what was added and lay it aside."""
        self._records.sort()
        begins = self._file.tell()
        self._file.write(b"".join(self._records))
        self._runs.append((begins, self._file.tell()))
        self._records.clear()

    def ordered(self) -> Iterator[bytes]:
        """All records, in order."""
        if self._runs:
            self._spill()
        self._records.sort()
        yield from merge(self._records, *(self._run(begins, ends) for begins, ends in self._runs))
        self._file.close()

    def _run(self, begins: int, ends: int) -> Iterator[bytes]:
        width = self._width
        while begins < ends:
            self._file.seek(begins)
            piece = self._file.read(min(READ * width, ends - begins))
            begins += len(piece)
            for at in range(0, len(piece), width):
                yield piece[at : at + width]
