"""When a number may be called: 08:00:00 to 21:00:00 where it rings, both included (47 CFR 64.1200(c)(1), 16 CFR
310.4(c)), and narrower hours where a state says so (REG-058).

Which calls owe this is the rulebook's matter; here is the arithmetic. Windows of states are data (`data/hours.csv`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from policy.zones import Clock, Place, Places

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE = re.compile(r"([A-Z]{2}),([A-Za-z ]+),(?:(\d\d):(\d\d)-(\d\d):(\d\d)|closed)\Z").match


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds of the local day between which calls are allowed, both included. `closes` before `opens`: not at all."""

    opens: int = 8 * 3600
    closes: int = 21 * 3600

    def __str__(self) -> str:
        if self.closes < self.opens:
            return "not at all on this day"
        return f"{_time(self.opens)} to {_time(self.closes)}"


FEDERAL = Window()


@dataclass(frozen=True, slots=True)
class Hours:
    """All that the check needs: places, clocks, windows."""

    places: Places = field(default_factory=Places)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    """By name of the zone."""
    states: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    """By state: seven windows, from Monday on."""


class Closed(NamedTuple):
    """Why a call may not be made."""

    zone: str
    second: int
    """Of the day there."""
    window: Window
    state: str
    """Whose window it is; empty: the federal one."""

    def __str__(self) -> str:
        where = self.zone.rpartition("/")[2].replace("_", " ")
        whose = f" ({self.state})" if self.state else ""
        return f"it is {_time(self.second)} in the zone of {where}; calls are allowed {self.window}{whose}"


_closed = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long


def closed(place: Place, hours: Hours, utc: float) -> Closed | None:
    """Why a call to this place may not be made at this moment; None if it may. Every zone that it may be in must be
    open; a zone without a clock says nothing."""
    states = hours.states.get(place.state)
    for zone in place.zones:
        clock = hours.clocks.get(zone)
        if clock is None:
            continue
        day, second = divmod(clock.seconds(utc), 86_400)
        # The first of January 1970 was a Thursday.
        window = FEDERAL if states is None else states[(day + 3) % 7]
        if not window.opens <= second <= window.closes:
            return _closed(Closed, (zone, second, window, place.state if states is not None else ""))
    return None


def parse(text: str) -> dict[str, tuple[Window, ...]]:
    """Windows of states: `FL,daily,08:00-20:00` or `AL,Sun,closed` a line; a later line counts. A state's window never
    widens the federal one. Raises ValueError with the number of the line."""
    states: dict[str, list[Window]] = {}
    for at, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        found = _LINE(line)
        days = (
            range(7)
            if found and found[2] == "daily"
            else [DAYS.index(d) for d in found[2].split() if d in DAYS]
            if found
            else []
        )
        if found is None or not days:
            raise ValueError(f"line {at}: not state,days,hours: {line[:60]!r}")
        window = Window(1, 0)
        if found[3] is not None:
            opens, closes = (int(found[n]) * 3600 + int(found[n + 1]) * 60 for n in (3, 5))
            window = Window(max(opens, FEDERAL.opens), min(closes, FEDERAL.closes))
        week = states.setdefault(found[1], [FEDERAL] * 7)
        for day in days:
            week[day] = window
    return {state: tuple(week) for state, week in states.items()}


@lru_cache(1024)
def _time(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
