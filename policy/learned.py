"""The numbers that our own people called, from their own calls: who is called is known, and may call back.

A number is known for some weeks after it last answered; which calls teach it is the caller's business (`proxy.lists.
promises`: answered ones, and no telemarketing). Bounded: the one that was called least recently is forgotten first.
"""

from __future__ import annotations

from collections.abc import Iterator

from policy.told import DAY

MOST = 500_000
"""Numbers: about 60 MB. An office of a hundred people calls some hundred thousand in three months."""
AGAIN = DAY
"""A number that is called again within this time teaches nothing new, and is not written down again."""


class Learned:
    """Numbers, and when they were called last."""

    __slots__ = ("numbers", "_keep", "_most")

    def __init__(self, days: int, most: int = MOST) -> None:
        """`days`: how long a number is known after a call."""
        self.numbers: dict[str, float] = {}
        """Each with the time of its last call, the oldest first."""
        self._keep, self._most = days * DAY, most

    def note(self, tn: str, utc: float) -> bool:
        """One of ours called it; False where that says nothing new."""
        known = self.numbers.get(tn)
        if known is not None and utc < known + AGAIN:
            return False
        self.numbers.pop(tn, None)  # the order of the dictionary is that of the last calls
        self.numbers[tn] = utc
        if len(self.numbers) > self._most:
            del self.numbers[next(iter(self.numbers))]
        return True

    def knows(self, tn: str, utc: float) -> bool:
        known = self.numbers.get(tn)
        return known is not None and utc < known + self._keep

    def adopt(self, other: Learned) -> None:
        """Know what another one knows, from now on together with it: a reload forgets nobody."""
        self.numbers = other.numbers

    def entries(self, utc: float) -> Iterator[tuple[str, float]]:
        """What is still known, the oldest first."""
        return ((tn, last) for tn, last in self.numbers.items() if utc < last + self._keep)

    def __len__(self) -> int:
        return len(self.numbers)
