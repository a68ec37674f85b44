"""How many new calls a peer, and each of its addresses, may place in a second: by its own settings, over all workers.

Counted in a sliding second of `policy.tally`: each worker counts what it lets pass in its own slice and reads them all.
What is refused does not count, so whoever calls too often gets its rate all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from policy.tally import RATE_CELLS, Tally
from proxy.settings.network import Trunk


class Rates:
    """Says whether one more call may pass."""

    __slots__ = ("_tally",)

    def __init__(
        self, mine: memoryview | None = None, slices: Sequence[memoryview] = (), *, salt: bytes = b""
    ) -> None:
        """Slices as those of `Tally`, `RATE_CELLS` long; None: we are alone."""
        if mine is None:
            mine = memoryview(bytearray(RATE_CELLS * 8)).cast("Q")
        self._tally = Tally(mine, slices, window=1.0, salt=salt)

    def admits(self, trunk: Trunk, host: str, now: float) -> bool:
        """Whether a trunk may place one more call from this address; then it is counted. `now`: monotonic seconds."""
        most, each = trunk.calls_per_second, trunk.calls_per_source
        if not (most or each):
            return True
        tally, name = self._tally, trunk.name
        source = f"{name} {host}"
        if (each and tally.peek(source, now) >= each) or (most and tally.peek(name, now) >= most):
            return False
        if each:
            tally.note(source, now)
        if most:
            tally.note(name, now)
        return True
