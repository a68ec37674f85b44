"""Who still turns. A process that hangs is alive to the kernel: its sockets take their share of the messages, and
nobody answers them. So the loop of each process stamps a cell that the supervisor reads, and whoever stamps no more is
killed, so that the ordinary replacement follows. Here is what is read of the stamps; `proxy.supervisor` kills.
"""

from __future__ import annotations

BEAT_SECONDS = 1.0
"""How often a loop stamps."""
HUNG_SECONDS = 10.0
"""So old is no stamp of a loop that turns: the longest turn of ours, lists swapped in a reload, takes tenths of a
second, and a core that is shared by many is had within one. Shorter than the 20 s that systemd waits for a sign of us.
"""
START_SECONDS = 120.0
"""For a process that has not stamped yet: it reads, looks names up, and waits for an older version to let go."""
LATE_SECONDS = 2.0
"""The supervisor looks every 0.2 s. Where it came so late, it did not run itself (a machine that was paused, or
starved, a long reload), nor need anybody else have: all get the whole time again.
"""


class Pulses:
    """The stamps, as whoever watches sees them: one place for each process. Times are monotonic seconds."""

    def __init__(self, cells: memoryview, now: float) -> None:
        """cells: unsigned, of 64 bits, one a process; nanoseconds of its last stamp, 0: none yet."""
        self._cells = cells
        self._looked = self._whole = now
        self._begun: dict[int, float] = {}
        self._condemned: set[int] = set()

    def begins(self, place: int, now: float) -> None:
        """A process is about to be started there. To be called before the fork."""
        self._cells[place] = 0
        self._begun[place] = now
        self._condemned.discard(place)

    def ended(self, place: int) -> None:
        """It is no more."""
        self._condemned.discard(place)
        self._begun.pop(place, None)

    def hung(self, now: float) -> list[int]:
        """Whoever is to be killed now; each is named once."""
        if now - self._looked > LATE_SECONDS:
            self._whole = now
        self._looked = now
        found = [place for place in self._begun if place not in self._condemned and self._overdue(place, now)]
        self._condemned.update(found)
        return found

    @property
    def well(self) -> bool:
        """Whether nobody is there who hangs: False while one whom we killed has not ended."""
        return not self._condemned

    def _overdue(self, place: int, now: float) -> bool:
        if stamp := self._cells[place]:
            return now - max(stamp / 1e9, self._whole) > HUNG_SECONDS
        return now - max(self._begun[place], self._whole) > START_SECONDS
