"""The do-not-call registry: who asked not to be called by telemarketers (16 CFR 310.4(b)(1)(iii)(B)).

Here stand what a check needs to know about a registry, and a small exact one. The national one (250 million
numbers, a bitmap over a mapped file) has the same face.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from policy.lists import NumberSet


class DoNotCall(Protocol):
    """Asked once for each call that leaves."""

    def listed(self, tn: str) -> bool:
        """Is this number (`12025550123`) on the registry? False also where the registry does not cover it."""

    def covers(self, tn: str) -> bool:
        """Is the area of this number loaded at all? If not, `listed` says nothing about it (REG-073)."""


@dataclass(frozen=True, slots=True)
class Registry:
    """An exact registry in memory, for a company's own list or a handful of area codes."""

    numbers: NumberSet = field(default_factory=NumberSet)
    areas: frozenset[str] | None = None
    """The area codes that were loaded; None: all."""

    def listed(self, tn: str) -> bool:
        return tn in self.numbers

    def covers(self, tn: str) -> bool:
        return self.areas is None or (len(tn) == 11 and tn[0] == "1" and tn[1:4] in self.areas)
