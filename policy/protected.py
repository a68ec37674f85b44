"""Lines that lately called 911, and that calls come back to unscreened (RFC 6881 SP-35, SP-40): an emergency
centre calls back from whatever number it has, and nothing may hold that call up.

A fixed table of 64-bit cells that are handed in (an array, or memory shared by workers). Each worker writes
its own slice and reads all of them, so there is no lock. A line is kept as a keyed hash, never as its number,
so that the table can be written to a disk as it stands; that is the edge's business (`proxy.callback`).

**The slice.** Cell 0 is the moment of the newest emergency call, so that the question costs one comparison
while nobody has called 911 lately, which is nearly always. Then `SETS` sets of `WAYS` lines, two cells a line:
the hash, and the moment in Unix seconds. A full set gives up its oldest line.

Time is Unix seconds (`utc`), because the window outlives the process. A clock that is set back does not end
the window of a line; one that is set back by more than the window does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

WINDOW = 1800.0
"""Seconds: RFC 6881 SP-40 recommends 30 minutes."""
SETS, WAYS = 256, 8
"""2,048 lines a worker in 32 KiB: more emergency calls than one site makes in half an hour. Somebody who
floods us from inside with false 911 calls of many numbers pushes out a line at worst."""
CELLS = 1 + SETS * WAYS * 2
"""Cells of one slice; a slice is `CELLS * 8` bytes, cast to "Q"."""

Kept = tuple[int, int]
"""One line as it is kept: its hash and the moment of its call in Unix seconds."""


class Protected:
    """The lines that called 911 in the last `window` seconds."""

    __slots__ = ("_key", "_mine", "_slices", "_window")

    def __init__(
        self,
        mine: memoryview,
        slices: Sequence[memoryview] = (),
        *,
        window: float = WINDOW,
        salt: bytes = b"",
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them, `mine` among them or not.

        Slices are writable memoryviews of format "Q" and `CELLS` cells; zeros are an empty table. `salt` is a
        secret that all workers and the next start share. Raises ValueError.
        """
        if any(cells.format != "Q" or len(cells) != CELLS for cells in (mine, *slices)):
            raise ValueError(f"a slice is {CELLS} cells of 64 bits")
        if window <= 0:
            raise ValueError("the window is a positive number of seconds")
        self._mine = mine
        self._slices = (mine, *(cells for cells in slices if cells is not mine))
        self._window = window
        self._key = blake2b(salt, digest_size=32, person=b"protected").digest()

    def note(self, line: str, utc: float) -> None:
        """This line (a number in canonical form, or a user name) has called an emergency service."""
        self._put(self._hash(line), int(utc))

    def asks(self, utc: float) -> bool:
        """Is there any line to ask for? One comparison a worker."""
        for cells in self._slices:  # a loop: this is asked for each call, and any() takes three times as long
            if utc - cells[0] < self._window:
                return True
        return False

    def holds(self, line: str | None, utc: float) -> bool:
        """Did this line call an emergency service within the window?"""
        window = self._window
        near = [cells for cells in self._slices if utc - cells[0] < window]
        if not near or not line:
            return False
        key = self._hash(line)
        start = _set(key)
        for cells in near:
            if key not in cells[start : start + 2 * WAYS].tolist():
                continue  # nearly always; in one step, because a flood asks for each of its calls
            for place in range(start, start + 2 * WAYS, 2):
                # Hash, moment, hash again: another worker may be writing just here.
                if cells[place] == key and abs(utc - cells[place + 1]) < window and cells[place] == key:
                    return True
        return False

    def kept(self, utc: float) -> list[Kept]:
        """The lines of our own slice whose window is still open: what must survive a restart."""
        mine, window = self._mine, self._window
        return [
            (mine[place], mine[place + 1])
            for place in range(1, CELLS, 2)
            if mine[place] and abs(utc - mine[place + 1]) < window
        ]

    def restore(self, lines: Iterable[Kept], utc: float) -> int:
        """Take back what `kept` gave; lines whose window has passed are left out. Returns how many were
        taken."""
        taken = 0
        for key, moment in lines:
            if 0 < key < 1 << 64 and 0 < moment < 1 << 62 and abs(utc - moment) < self._window:
                self._put(key, moment)
                taken += 1
        return taken

    def _hash(self, line: str) -> int:
        data = line.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, key=self._key).digest(), "big") or 1

    def _put(self, key: int, moment: int) -> None:
        mine, start = self._mine, _set(key)
        places = range(start, start + 2 * WAYS, 2)
        place = next((at for at in places if mine[at] == key), None)
        if place is None:
            # An empty place has the oldest moment of all.
            place = min(places, key=lambda at: mine[at + 1])
            mine[place + 1] = 0  # whoever reads between the two writes below finds no open window
            mine[place] = key
        mine[place + 1] = max(moment, mine[place + 1])
        mine[0] = max(moment, mine[0])


def _set(key: int) -> int:
    """The first cell of the set that a hash belongs to."""
    return 1 + key % SETS * WAYS * 2
