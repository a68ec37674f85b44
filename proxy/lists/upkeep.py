"""What is looked after once a minute beside the calls: copies of list files that are good, lists that grow old, and the
files of what was learned.

One process does it for all. Nothing here is waited for, and nothing that fails costs more than a log line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from proxy.lists.copies import Copies
from proxy.lists.force import statuses

EVERY_SECONDS = 60.0
AGAIN_SECONDS = 86_400.0
"""How soon the same is said again of a list that stays as it is."""


class Upkeep:
    """Of the lists below one state folder."""

    def __init__(self, state: Path, say: Callable[..., None], utc: Callable[[], float]) -> None:
        self._state, self._say, self._utc = state, say, utc
        self._copies = Copies(state)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._said: dict[str, tuple[str, float]] = {}

    async def run(self, paths: Callable[[], Iterable[Path]]) -> None:
        """For ever. `paths`: the list files of the present configuration."""
        while True:
            await self.once(paths())
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self, paths: Iterable[Path]) -> None:
        """Look at everything now."""
        for text in await asyncio.to_thread(self._copied, tuple(paths)):
            self._say("list-uncopied", level="warning", text=text)
        utc = self._utc()
        for one in await asyncio.to_thread(statuses, self._state, utc):
            before, when = self._said.get(one.kind, ("ok", utc))
            if one.state != before or (one.state != "ok" and utc >= when + AGAIN_SECONDS):
                self._said[one.kind] = (one.state, utc)
                level = "warning" if one.state == "ok" else "error"
                number = one.generation.number
                self._say("list", level=level, list=one.kind, state=one.state, days=one.days, generation=number)

    def _copied(self, paths: Iterable[Path]) -> list[str]:
        """Copy the files that are others than the last time."""
        changed = []
        for path in paths:
            try:
                seen = path.stat()
            except OSError:
                continue  # whoever reads it says so
            if self._seen.get(path) != (seen.st_mtime_ns, seen.st_size):
                self._seen[path] = (seen.st_mtime_ns, seen.st_size)
                changed.append(path)
        return self._copies.keep_all(changed, self._utc())
