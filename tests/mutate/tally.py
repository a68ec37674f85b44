"""What was found of the changes, counted by room; and which verdicts of earlier runs still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

UNNOTICED = frozenset(("survived", "no tests"))
"""Nothing failed; or nothing ran at all."""


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


def rooms(verdicts: Mapping[str, str]) -> dict[str, Tally]:
    """Room -> its tally, from the verdict of each change."""
    found: dict[str, Tally] = {}
    for name, verdict in verdicts.items():
        room = name.split(".")[2]
        found[room] = found.get(room, Tally()) + Tally(1, (name,) if verdict in UNNOTICED else ())
    return found


def holding(written: str, functions: Mapping[str, str], tests: str) -> dict[str, str]:
    """The verdicts that still hold. written: a line `name function tests verdict` each, the last one counts; function and
    tests are their hashes at that time. What a test noticed holds while the function stays as it is; what none noticed
    only while the tests do too.
    """
    found: dict[str, str] = {}
    for line in written.splitlines():
        name, _, rest = line.partition(" ")
        function, _, rest = rest.partition(" ")
        then, _, verdict = rest.partition(" ")
        if verdict and functions.get(name) == function and (verdict not in UNNOTICED or then == tests):
            found[name] = verdict
    return found
