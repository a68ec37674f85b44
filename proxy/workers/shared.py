"""The memory that all processes of one ringwarden count in: mapped before the first fork, one slice for each worker.

A worker writes its own slice and reads all of them; nobody locks. Cells are 64 bits, and a torn one cannot be seen on
the machines that we run on. The memory has a descriptor, so that an upgrade can hand it to the next generation.
"""

from __future__ import annotations

import mmap
import os

FIGURES = 64
"""Cells for what a worker would be asked for (open calls, transactions), in thousandths; `figures` has fewer."""
ROLL = 1 << 20
"""Cells for the marks of one worker's live transactions (`proxy.workers.roll`): more than twice as many as may be.
Pages that nobody writes cost nothing.
"""
TAKEN, FOLDED = 1, 2
"""In the last cell: the public sockets may be read; the counters of the generation before are in our own."""
SERVING, RETIRED, RELEASED, GONE = range(4)
"""How far a process has come on its way out: it reads the public sockets; it reads them no more; it has let go of files
and addresses; it has ended.
"""


class Leaving:
    """What a generation says of itself on its way out. Its layout is the same in all versions that hand over; what came
    later stands last, where the memory of an older one has ended.
    """

    def __init__(self, workers: int, file: int | None = None) -> None:
        """file: the descriptor of one that is there already. Raises OSError."""
        self.file = os.memfd_create("ringwarden-leaving") if file is None else file
        end = workers + 2 + workers * ROLL
        size = 8 * (end + 1)
        if file is None:
            os.ftruncate(self.file, size)
        else:
            size = min(size, os.fstat(self.file).st_size)
        cells = memoryview(mmap.mmap(self.file, size)).cast("Q")
        self.stages = cells[: workers + 2]
        """A cell for each worker, one for whoever holds journal and admin address, and one that says: take over."""
        self.roll = [cells[workers + 2 + at * ROLL : workers + 2 + (at + 1) * ROLL] for at in range(workers)]
        """Marks of each worker's live transactions."""
        self.bypass = cells[end:]
        """One cell: whether the operator has all calls let through, as the main process was told last; none in the
        memory of an older version.
        """


class Shared:
    """One mapping, cut into slices."""

    def __init__(
        self,
        workers: int,
        *,
        metrics: int,
        tally: int,
        behaviour: int,
        protected: int = 1,
        replays: int = 1,
        past: int = 1,
        sources: int = 1,
        rates: int = 1,
        file: int | None = None,
    ) -> None:
        """The arguments but the first are cells of one worker. file: the descriptor of a memory that is there already,
        another generation's. Raises OSError, ValueError.
        """
        self.workers = workers
        self._banks = {
            "metrics": (metrics, workers + 2), "figures": (FIGURES, workers), "tally": (tally, workers),
            "behaviour": (behaviour, workers), "protected": (protected, workers), "replays": (replays, workers),
            "past": (past, workers), "sources": (sources, workers), "rates": (rates, workers),
        }  # fmt: skip
        size = 8 * sum(cells * slices for cells, slices in self._banks.values())
        self.file = os.memfd_create("ringwarden") if file is None else file
        if file is None:
            os.ftruncate(self.file, size)
        elif os.fstat(self.file).st_size != size:
            raise ValueError("that memory is laid out in another way")
        self._map = mmap.mmap(self.file, size)
        self._whole = memoryview(self._map)
        self.leaving = Leaving(workers)
        # Not of the memory that generations share: each watches its own processes.
        pulses = memoryview(mmap.mmap(-1, 8 * (workers + 2))).cast("Q")
        self.pulses = pulses[: workers + 1]
        """When the loop of each worker, and then of the desk, turned last (`proxy.workers.pulse`)."""
        self.hung = pulses[workers + 1 :]
        """One cell: how many processes hung and were killed."""

    def _slices(self, name: str, kind: str) -> list[memoryview]:
        start = 0
        for other, (cells, slices) in self._banks.items():
            if other == name:
                break
            start += 8 * cells * slices
        cells, slices = self._banks[name]
        return [
            self._whole[start + 8 * number * cells : start + 8 * (number + 1) * cells].cast(kind)  # type: ignore[call-overload]
            for number in range(slices)
        ]

    @property
    def metrics(self) -> list[memoryview]:
        """Signed cells of the workers, then those of the desk, then what generations counted that have ended."""
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

    @property
    def past(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("past", "Q")

    @property
    def sources(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("sources", "Q")

    @property
    def rates(self) -> list[memoryview]:
        """Unsigned cells."""
        return self._slices("rates", "Q")

    def begin_with(self, other: Shared, number: int) -> None:
        """What another generation's worker has counted of callers goes on here; that of days (`past`, `sources`) comes
        by way of the state folder."""
        for name in ("tally", "behaviour", "protected", "replays", "rates"):
            if self._banks[name][0] == other._banks[name][0]:
                self._slices(name, "B")[number][:] = other._slices(name, "B")[number]
