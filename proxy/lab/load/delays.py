"""A histogram of delays: steps of one per cent, so that a day of calls needs as much room as a second of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil, exp, log

STEPS = 100
"""Steps to a factor of e: each a hundredth wider than the one before."""
ROOM = 2_400
"""Up to e^24 microseconds, seven hours: what is longer counts as that."""


class Delays:
    """Counts of delays in seconds; those of several processes can be added."""

    __slots__ = ("counts", "total")

    def __init__(self, counts: Iterable[int] = ()) -> None:
        self.counts = array("Q", counts)
        self.counts.extend([0] * (ROOM - len(self.counts)))
        self.total = sum(self.counts)

    def add(self, seconds: float) -> None:
        at = int(log(seconds * 1e6) * STEPS) if seconds > 1e-6 else 0
        self.counts[at if at < ROOM else ROOM - 1] += 1
        self.total += 1

    def __add__(self, other: Delays) -> Delays:
        return Delays(one + two for one, two in zip(self.counts, other.counts, strict=True))

    def at(self, share: float) -> float:
        """Seconds that this share of the delays (0 to 1) does not exceed, right to one per cent; 0.0 where there are
        none.
        """
        wanted, seen = max(1, ceil(self.total * share - 1e-9)), 0
        if not self.total:
            return 0.0
        for index, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return exp((index + 0.5) / STEPS) / 1e6
        raise AssertionError("the counts are the total")

    def ms(self, share: float) -> float:
        return self.at(share) * 1e3

    def summary(self) -> dict[str, float]:
        """p50, p90, p99 and the longest, in milliseconds."""
        return {
            name: round(self.ms(share), 3) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        }
