"""The memory that all processes of one ringwarden count in: mapped before the first fork, one slice for each worker.

A worker writes its own slice and reads all of them; nobody locks. Cells are 64 bits, and a torn one cannot be seen on
the machines that we run on.
"""

from __future__ import annotations

import mmap

FIGURES = 64
"""Cells for what a worker would be asked for (open calls, transactions), in thousandths; `figures` has fewer."""


class Shared:
    """One mapping, cut into slices."""

    def __init__(
        self, workers: int, *, metrics: int, tally: int, behaviour: int, protected: int = 1, replays: int = 1
    ) -> None:
        """The arguments but the first are cells of one worker."""
        self.workers = workers
        self._sizes = {
            "metrics": metrics, "figures": FIGURES, "tally": tally, "behaviour": behaviour, "protected": protected,
            "replays": replays,
        }  # fmt: skip
        self._map = mmap.mmap(-1, 8 * workers * sum(self._sizes.values()))
        self._whole = memoryview(self._map)

    def _slices(self, name: str, kind: str) -> list[memoryview]:
        start = 0
        for other, size in self._sizes.items():
            if other == name:
                break
            start += 8 * size * self.workers
        size = 8 * self._sizes[name]
        return [
            self._whole[start + number * size : start + (number + 1) * size].cast(kind)  # type: ignore[call-overload]
            for number in range(self.workers)
        ]

    @property
    def metrics(self) -> list[memoryview]:
        """Signed cells."""
        return self._slices("metrics", "q")

    @property
    def figures(self) -> list[memoryview]:
        """Signed cells."""
        return self._slices("figures", "q")

    @property
    def tally(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("tally", "Q")

    @property
    def behaviour(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("behaviour", "Q")

    @property
    def protected(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("protected", "Q")

    @property
    def replays(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("replays", "Q")
