"""Several workers that share what they know of callers, and are started anew now and then, at the time of the calls.

Calls are dealt as the kernel deals them, by a hash. A restart is one of all workers: what the state folder keeps comes
back, the last hour does not, and the ends of calls that were up are never heard of.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from policy import behaviour, past, source, sources, tally
from policy.call import Call
from policy.reputation import Reputation
from policy.rulebook import Profile, Rulebook
from policy.verdict import Mode, Verdict
from proxy import remembered
from proxy.following import Following
from proxy.rehearsing import Screen

DAY = 86_400.0
SALT = b"lab"


class Crew:
    """What `Screen` is, by several."""

    def __init__(
        self,
        book: Rulebook,
        profile: Profile | None = None,
        mode: Mode = "enforce",
        *,
        workers: int = 1,
        restart_days: float = 0.0,
    ) -> None:
        """restart_days: 0: never."""
        self._screening = book, profile, mode
        self._workers, self._seconds, self._next = workers, restart_days * DAY, 0.0
        self.restarts = 0
        self._screens = self._started([remembered.Known() for _ in range(workers)], 0.0)

    def judged(self, call: Call, duration: float | None, status: int, rings: float = 0.0) -> Verdict:
        """As `Screen.judged`."""
        if self._seconds and call.utc >= self._next:
            if self._next:
                self._restart(call.utc)
            self._next = call.utc + self._seconds
        for one in self._screens:
            one.over(call.utc)
        return self._screens[crc32(call.call_id.encode()) % self._workers].judged(call, duration, status, rings)

    def _started(self, known: list[remembered.Known], utc: float) -> list[Screen]:
        many, book = self._workers, self._screening[0]
        hours, days, groups, counts = (
            [memoryview(bytearray(cells * 8)).cast("Q") for _ in range(many)]
            for cells in (behaviour.CELLS, past.CELLS, source.CELLS, tally.CELLS)
        )
        screens = []
        for at, one in enumerate(known):
            ends = past.Past(days[at], days, salt=SALT) if many > 1 else past.Past()
            following = Following(
                behaviour.Behaviour(hours[at], hours, salt=SALT, past=ends),
                sources.Sources(groups[at], groups, salt=SALT), Reputation(one.reputations),
            )  # fmt: skip
            if utc:
                following.restore(one.ends, one.sources, utc)
            shared = tally.Tally(counts[at], counts, window=book.velocity.seconds, salt=SALT)
            screens.append(Screen(*self._screening, following, shared))
        return screens

    def _restart(self, utc: float) -> None:
        """All of them end, and begin anew with what was written down."""
        self.restarts += 1
        with TemporaryDirectory() as folder:
            for at, one in enumerate(self._screens):
                remembered.write(Path(folder), one.following, at, self._workers)
            known = [remembered.found(Path(folder), at, self._workers, _unread) for at in range(self._workers)]
        self._screens = self._started(known, utc)


def _unread(event: str, **fields: object) -> None:
    """What was just written can be read."""
    raise AssertionError(f"{event}: {fields}")
