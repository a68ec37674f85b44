"""Where a number of the North American plan is, as far as its first digits tell: its time zones and its state.

The table is data (`data/zones.csv`, made by `python -m proxy.zoning`) and handed in as text; so are the offsets of the
zones, because a pure room reads no time-zone files. What the table does not know is unknown, never guessed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

PLACELESS = frozenset(
    "500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588 600 622 633 644 655 677 688 "
    "700 710 800 822 833 844 855 866 877 888 900".split()
)
"""Area codes without a place: personal, toll-free, premium (NANPA)."""

_LINE = re.compile(r"(1[0-9]{3}|1[0-9]{6}),([A-Za-z0-9_/|+-]*),([A-Z]{0,2})\Z").match


class Place(NamedTuple):
    """What a number's digits say of its place."""

    zones: tuple[str, ...] = ()
    """All zones that it may be in; empty: unknown."""
    state: str = ""
    """The state or province by its two letters."""


UNKNOWN = Place()


@dataclass(frozen=True, slots=True)
class Places:
    """Area codes and exchanges. The longer entry counts."""

    entries: Mapping[str, Place] = field(default_factory=dict)

    def of(self, tn: str) -> Place:
        """The place of a canonical number (`12025550123`)."""
        if len(tn) != 11 or tn[0] != "1" or tn[1:4] in PLACELESS:
            return UNKNOWN
        entries = self.entries
        found = entries.get(tn[:7])
        return found if found is not None else entries.get(tn[:4], UNKNOWN)

    def zones(self) -> frozenset[str]:
        """Every zone that the table names."""
        return frozenset(zone for place in self.entries.values() for zone in place.zones)


def parse(text: str) -> Places:
    """The table from its file: `1202,America/New_York,DC` a line; several zones stand with a bar between. Raises
    ValueError with the number of the line."""
    entries: dict[str, Place] = {}
    same: dict[Place, Place] = {}
    for at, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        found = _LINE(line)
        if found is None:
            raise ValueError(f"line {at}: not prefix,zones,state: {line[:60]!r}")
        place = Place(tuple(filter(None, found[2].split("|"))), found[3])
        entries[found[1]] = same.setdefault(place, place)
    return Places(entries)


@dataclass(frozen=True, slots=True)
class Clock:
    """The offsets of one zone: from each moment (Unix seconds, ascending) on, local time is so many seconds ahead of
    UTC. `offsets` has one more item than `changes`: the first holds before all of them."""

    changes: tuple[float, ...]
    offsets: tuple[int, ...]

    def seconds(self, utc: float) -> int:
        """Seconds since the local beginning of 1970, whole: at 21:00:00 and a half it is still 21:00:00."""
        return int(utc + self.offsets[bisect_right(self.changes, utc)])
