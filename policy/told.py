"""What is told of one number or one campaign in the course of time, and what of it counts at a moment: it is known from
its notice on, fades, and refuses a call only where enough independent sources have spoken.

Values and arithmetic; `policy.lists` keeps them by number and by name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

DAY = 86_400.0

FULL_DAYS = 7
"""A listed number weighs fully so long: in the letter of 2023 no caller ID was used for more than four
days."""
FADED_DAYS = 30
"""From here on it weighs nothing: the number may have a new, honest holder, or was never the caller's
(REG-026, TRAP-95)."""
LABEL_DAYS = 548
"""A campaign's label is remembered for 18 months: campaigns outlive their numbers. The longest pause in the
letter is 433 days."""

ENOUGH_VOICES = 2
"""So many independent sources must speak before a call is refused for a campaign."""
VOICES = {"itg": 2, "traceback": 2, "operator": 2, "fcc": 2, "honeypot": 1, "user-report": 1, "complaint": 0}
"""A traceback is two by itself: somebody recorded or reported the call, and the carriers on its way confirmed it. What
the operator wrote down needs nobody else, nor does a notice of the FCC. Complaints speak with no voice, however many
there are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A number that a campaign has used, as one source reports it."""

    number: str
    campaign: str
    notified: float
    """When it was told, Unix seconds. Before this instant the entry does not exist for any call."""
    last_seen: float = 0.0
    source: str = "itg"
    """Who says so: `itg` (a traceback), `operator`, `honeypot`, `user-report`, `complaint`."""
    confidence: str = "high"
    origin: str = ""
    cites: str = ""
    """The paragraph that the call is said to break."""

    @property
    def fresh_from(self) -> float:
        """What its age is counted from: the later of the notice and the last call."""
        return max(self.notified, self.last_seen)

    @property
    def voices(self) -> int:
        """As how many independent sources this one counts, if it was read with certainty."""
        return VOICES.get(self.source, 1) if self.confidence == "high" else 0

    @property
    def enforceable(self) -> bool:
        """May it help to refuse a call? Not what was read with less than certainty, nor a mere complaint, which
        anybody can file about anyone."""
        return self.voices > 0


class Hit(NamedTuple):
    """The best entry that speaks about a call."""

    campaign: str
    weight_factor: float
    """1.0 while fresh, down to 0.0."""
    age_days: int
    entry: Entry
    firm: bool = False
    """Have enough independent sources spoken to refuse a call?"""


_hit = tuple.__new__


class Standing(NamedTuple):
    """What is told of a number or a campaign at a moment."""

    fresh_from: float
    freshest: Entry
    """Of all that are told; among equals the one that was told first."""
    sure_from: float
    sure: Entry | None
    """Of those that may be enforced."""
    sources: frozenset[str]
    """Who told something that may be enforced."""
    firm: bool
    """Are they enough?"""


def faded(age_days: int, full: int = FULL_DAYS, gone: int = FADED_DAYS) -> float:
    """The share of its weight that evidence keeps: all of it up to `full` days, none from `gone` on, a line
    between."""
    if age_days <= full:
        return 1.0
    return max(0.0, (gone - age_days) / (gone - full))


def enough(sources: Iterable[str]) -> bool:
    """Have enough independent sources spoken to refuse a call?"""
    return sum(VOICES.get(source, 1) for source in sources) >= ENOUGH_VOICES


def joined(one: Standing | None, other: Standing | None) -> Standing | None:
    """What two tables tell together, as if their rows stood in one, those of the first before those of the other."""
    if one is None or other is None:
        return other if one is None else one
    fresh_from, freshest = one.fresh_from, one.freshest
    if _before(other.fresh_from, other.freshest, fresh_from, freshest):
        fresh_from, freshest = other.fresh_from, other.freshest
    sure_from, sure = one.sure_from, one.sure
    if other.sure is not None and (sure is None or _before(other.sure_from, other.sure, sure_from, sure)):
        sure_from, sure = other.sure_from, other.sure
    sources = one.sources | other.sources
    return Standing(fresh_from, freshest, sure_from, sure, sources, enough(sources))


def _before(fresh_from: float, item: Entry, than_from: float, than: Entry) -> bool:
    return fresh_from > than_from or (fresh_from == than_from and item.notified < than.notified)


def best(known: Standing, utc: float, full: int, gone: int) -> Hit:
    """The entry that weighs most; among equals the one that may be enforced. None may be before enough independent
    sources have spoken."""
    fresh_from, freshest, sure_from, sure, _, firm = known
    # Notices are dated by the day, so their age is counted in whole days.
    age = int((utc - fresh_from) // DAY) if utc > fresh_from else 0
    factor = 1.0 if age <= full else faded(age, full, gone)
    if firm and sure is not None and sure is not freshest:
        sure_age = int((utc - sure_from) // DAY) if utc > sure_from else 0
        if (sure_factor := faded(sure_age, full, gone)) >= factor:
            return _hit(Hit, (sure.campaign, sure_factor, sure_age, sure, True))
    return _hit(Hit, (freshest.campaign, factor, age, freshest, firm and sure is freshest))


class Timeline:
    """All that is told about one number or label, in the order in which it became known.

    Weight only falls with age, so at any moment the freshest entry is the best, or the freshest one that
    may be enforced: two candidates a step, found by bisection, however long the list.
    """

    __slots__ = ("_known", "_standings", "_kept")

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._known: list[float] = []
        self._standings: list[Standing] = []
        self._kept: tuple[float, float, Hit | None] = (0.0, 0.0, None)
        """Between which moments `hit` says what it said last, and that."""
        freshest: Entry | None = None
        sure: Entry | None = None
        fresh_from = sure_from = 0.0
        sources: frozenset[str] = frozenset()
        firm = False
        for item in sorted(entries, key=lambda item: item.notified):
            when = item.fresh_from
            if freshest is None or when > fresh_from:
                fresh_from, freshest = when, item
            if item.enforceable:
                if item.source not in sources:
                    sources |= {item.source}
                    firm = enough(sources)
                if sure is None or when > sure_from:
                    sure_from, sure = when, item
            self._known.append(item.notified)
            self._standings.append(Standing(fresh_from, freshest, sure_from, sure, sources, firm))

    def standing(self, utc: float) -> Standing | None:
        """What is told at `utc`."""
        at = bisect_right(self._known, utc) - 1
        return self._standings[at] if at >= 0 else None

    def hit(self, utc: float) -> Hit | None:
        """What weighs most at `utc` of what is told of a number. Whose number is listed calls again, so the answer is
        kept as long as nothing is told and nothing grows a day older."""
        since, until, hit = self._kept
        if since <= utc < until:
            return hit
        if (known := self.standing(utc)) is None:
            return None
        at = bisect_right(self._known, utc)
        since, until = self._known[at - 1], self._known[at] if at < len(self._known) else float("inf")
        for begun in (known.fresh_from, known.sure_from):
            age = int((utc - begun) // DAY) if utc > begun else 0
            if age:
                since = max(since, begun + age * DAY)
            until = min(until, begun + (age + 1) * DAY)
        hit = best(known, utc, FULL_DAYS, FADED_DAYS)
        self._kept = since, until, hit
        return hit
