"""What mutmut says of its changes, counted by room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

UNNOTICED = frozenset(("survived", "no tests"))
"""Nothing failed; or nothing ran at all."""
NOT_ASKED = frozenset(("not checked", "skipped"))


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one room, or of several."""

    asked: int = 0
    unnoticed: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Per cent of the changes that no test noticed."""
        return 100.0 * len(self.unnoticed) / self.asked if self.asked else 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.asked + other.asked, self.unnoticed + other.unnoticed)


def rooms(results: str, wanted: Sequence[str]) -> dict[str, Tally]:
    """Room -> its tally, from `mutmut results --all true`: a line `name: status` for each change."""
    found: dict[str, Tally] = {}
    for line in results.splitlines():
        name, mark, status = line.strip().partition(": ")
        if not mark or status in NOT_ASKED or not any(fnmatch(name, one) for one in wanted):
            continue
        room = name.split(".")[2]
        found[room] = found.get(room, Tally()) + Tally(1, (name,) if status in UNNOTICED else ())
    return found
