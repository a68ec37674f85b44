"""Records of one width in order, however many: runs are sorted in memory, kept in a file without a name, and merged.

Octets are compared, so numbers stand in them with the most significant octet first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from heapq import merge
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

RUN = 500_000
"""Records of a run: some 50 MB while it is sorted."""
READ = 4096
"""Records of a run that are read at a time."""


class Sorter:
    """Add records, then take them in order, once. Close it whatever happens."""

    def __init__(self, width: int, folder: Path, run: int = RUN) -> None:
        """`width`: octets of a record; `folder`: where the runs are kept. Raises OSError, as all of it may."""
        self._width, self._most = width, run
        self._records: list[bytes] = []
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._runs: list[tuple[int, int]] = []

    def add(self, record: bytes) -> None:
        self._records.append(record)
        if len(self._records) >= self._most:
            self._spill()

    def _spill(self) -> None:
        """Sort what was added and lay it aside."""
        self._records.sort()
        if self._file is None:
            self._file = TemporaryFile(dir=self._folder)
        begins = self._file.tell()
        self._file.write(b"".join(self._records))
        self._file.flush()
        self._runs.append((begins, self._file.tell()))
        self._records.clear()

    def ordered(self) -> Iterator[bytes]:
        """All records, in order."""
        if self._file is None:
            return iter(sorted(self._records))
        self._spill()
        return merge(*(self._run(self._file.fileno(), begins, ends) for begins, ends in self._runs))

    def close(self) -> None:
        """Let go of the runs."""
        if self._file is not None:
            self._file.close()

    def _run(self, file: int, begins: int, ends: int) -> Iterator[bytes]:
        width = self._width
        while begins < ends:
            piece = os.pread(file, min(READ * width, ends - begins), begins)
            begins += len(piece)
            for at in range(0, len(piece), width):
                yield piece[at : at + width]
