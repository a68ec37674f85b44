"""Ends of calls that reach the journal before the row of their call.

Of several workers one sees the final answer and another the BYE, and each sends the desk what it has in its own beat:
of a call that lasts some milliseconds the end may come first. It waits here for its row, and goes into the table
behind it. What belongs to which row, `database` says. Time comes in: `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.storage.rows import End, Item, Row

PATIENCE = 5.0
"""Seconds: a worker hands its rows over every twentieth of a second, and one that is overrun is seconds late."""
MOST = 4096
"""Ends that wait, some 2 MB: all calls of two seconds at 2,000 a second, were each as short as that."""


class Early:
    """The ends that wait, one for a Call-ID: a call ends once."""

    __slots__ = ("_most", "_patience", "_waiting", "lost")

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most, self._patience = most, patience
        self._waiting: dict[str, tuple[float, End]] = {}
        self.lost = 0
        """Ends whose row did not come in time, or for which there was no room."""

    def __len__(self) -> int:
        return len(self._waiting)

    def joined(self, batch: Sequence[Item]) -> Sequence[Item]:
        """A batch that is to be written, with each end that waits behind the rows of its Call-ID."""
        if not self._waiting:
            return batch
        whole: list[Item] = []
        for item in batch:
            whole.append(item)
            if isinstance(item, Row) and (known := self._waiting.get(item.call_id)) is not None:
                whole.append(known[1])
        return whole

    def settle(self, batch: Sequence[Item], rowless: Collection[End], now: float) -> None:
        """What came of such a batch: it is written, but for these ends, which found no row."""
        for item in batch if self._waiting else ():
            if isinstance(item, End) and item not in rowless and (known := self._waiting.get(item.call_id)) is not None:
                if known[1] == item:
                    del self._waiting[item.call_id]
        for end in rowless:
            if end.call_id in self._waiting:
                continue  # the first one counts, for as long as it was to wait
            if len(self._waiting) < self._most:
                self._waiting[end.call_id] = now + self._patience, end
            else:
                self.lost += 1

    def expire(self, now: float) -> None:
        """Give up what has waited long enough; they stand in the order in which they came."""
        while self._waiting:
            call_id, (until, _) = next(iter(self._waiting.items()))
            if now < until:
                return
            del self._waiting[call_id]
            self.lost += 1
