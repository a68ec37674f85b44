"""What the larger groups did lately: trunk, customer, signer, certificate host, the looks of the sending software, and
the origination (`origid`) that a signer names, which is often one customer of it.

They are few, and each has many calls, so every worker follows its own share of them in plain counters: a share of short
calls is the same in a fair sample. At most `MOST` are followed; when a flood of invented ones fills the memory it
starts anew. Nothing here judges; a source with enough calls is shown to the checks as a frozen `Source`.
"""

from __future__ import annotations

from typing import NamedTuple

from policy.behaviour import SHORT, WINDOW, Seen
from policy.call import Call
from policy.past import DEAD, NONE, TALK, Ends
from shaken.verdict import Fact

_PASS = Fact.PASS
KINDS = ("trunk", "customer", "print", "signer", "host", "origid")
MOST = 4096
"""Sources, and combinations of them, that are followed: there are a few hundred signers in all."""
ENOUGH = 20
"""Calls, or ends of calls, before a share says anything."""
EVERY = 64
"""Calls that are gathered before the counters are brought up to date."""
LATEST = 20.0
"""Seconds until they are, where calls are few."""
FADES = 336
"""Half-windows, a week, in which the longer memory of a source halves."""
LONG = 100
"""Ended calls before the longer memory says anything."""
AGE = 12
"""Half-windows, six hours, before it does: the first that is seen of a shared source may be its worst customer."""
ONCE = 8192
"""Originations that were seen once: some signers name a new one for each call, and those are not followed."""


class Source(NamedTuple):
    """The figures of one group, as shares of its calls in the window."""

    kind: str
    name: str
    attempts: int
    ended: int = 0
    short: float = 0.0
    """Share of the ended calls that were answered and over within seconds; 0 below `ENOUGH` ends."""
    unanswered: float = 0.0
    neighbours: float = 0.0
    """Share of calls whose caller looks like a neighbour of the called number."""
    strangers: float = 0.0
    """Share of calls by callers that were not seen in the window before."""
    past: Ends = NONE
    """How its calls ended over weeks; nothing below `LONG` ends and `AGE`."""

    @property
    def wasted(self) -> float:
        """Share of the ended calls that nobody wanted: unanswered, or hung up on."""
        return self.short + self.unanswered


_FIGURES = 8


class _Count:
    """Counters of one source: attempts, strangers, neighbours, ended, short, unanswered, talked, dead."""

    __slots__ = ("kind", "name", "half", "now", "before", "born", "past", "shown")

    def __init__(self, kind: str, name: str, half: int) -> None:
        self.kind, self.name, self.half = kind, name, half
        self.now, self.before = [0] * 6, [0] * 6
        self.born, self.past = half, [0.0] * 4  # ended, unheard, talked, dead
        self.shown: Source | None = None

    def add(self, more: list[int], half: int) -> None:
        """Add what came together since the last time, and reckon the shares."""
        if self.half != half:
            left = 0.5 ** ((half - self.half) / FADES)
            self.past = [left * figure for figure in self.past]
            self.before = self.now if half - self.half == 1 else [0] * 6
            self.now, self.half = [0] * 6, half
        calls, newcomers, near, over, hung, quiet, talked, dead = more
        now, before, past = self.now, self.before, self.past
        now[0] += calls
        now[1] += newcomers
        now[2] += near
        if over:
            now[3] += over
            now[4] += hung
            now[5] += quiet
            past[0] += over
            past[1] += hung + quiet
            past[2] += talked
            past[3] += dead
        attempts, ended = now[0] + before[0], now[3] + before[3]
        known = past[0] >= LONG and half - self.born >= AGE
        if attempts < ENOUGH and not known:
            self.shown = None
            return
        new = neighbours = short = unanswered = 0.0
        if attempts >= ENOUGH:
            new, neighbours = (now[1] + before[1]) / attempts, (now[2] + before[2]) / attempts
        if ended >= ENOUGH:
            short, unanswered = (now[4] + before[4]) / ended, (now[5] + before[5]) / ended
        self.shown = Source(
            self.kind, self.name, attempts, ended, short, unanswered, neighbours, new,
            Ends(int(past[0]), int(past[1]), int(past[2]), int(past[3])) if known else NONE,
        )  # fmt: skip


class _Group:
    """Calls of one combination of sources, since their counters were last brought up to date."""

    __slots__ = ("members", "more", "waits", "shown")

    def __init__(self, members: tuple[_Count, ...]) -> None:
        self.members, self.more, self.waits = members, [0] * _FIGURES, False
        self.shown: tuple[Source, ...] = ()


class Sources:
    """Counters per source, of one worker."""

    __slots__ = ("_half", "_counts", "_groups", "_waiting", "_ticks", "_at", "_until", "_due", "_once")

    def __init__(self, window: float = WINDOW) -> None:
        if window <= 0:
            raise ValueError("the window is a positive number of seconds")
        self._half, self._at, self._until, self._ticks = window / 2, 0, 0.0, 0
        self._counts: dict[tuple[str, str], _Count] = {}
        self._groups: dict[tuple[str, str, str, str, str], _Group] = {}
        self._due = 0.0
        self._once: dict[str, None] = {}
        self._waiting: list[_Group] = []

    def __len__(self) -> int:
        return len(self._counts)

    def facts(self, call: Call, seen: Seen, now: float) -> tuple[Source, ...]:
        """Note an attempt, and give those sources of this call that have calls enough to be told of."""
        group = self._of(call, now)
        self._ticks += 1
        more = group.more
        more[0] += 1
        if seen.attempts == 1:
            more[1] += 1
            # Who calls all the town from one number of the town borrows nobody's.
            if seen.neighbour:
                more[2] += 1
        return group.shown

    def note_end(self, call: Call, duration: float | None, status: int, now: float) -> None:
        """Note how a call ended, as `Behaviour.note_end`."""
        more = self._of(call, now).more
        more[3] += 1
        if duration is None:
            more[5] += 1
            if status in DEAD:
                more[7] += 1
        elif duration >= TALK:
            more[6] += 1
        elif duration < SHORT and 200 <= status < 300:
            more[4] += 1

    def _of(self, call: Call, now: float) -> _Group:
        """The combination that a call belongs to."""
        if self._ticks >= EVERY or now >= self._due:
            self._brought_up_to_date()
            self._due = now + LATEST
            if now >= self._until:
                self._at = int(now / self._half)
                self._until = (self._at + 1) * self._half
        judgement = call.judgement
        url = origid = ""
        if judgement is not None and (passport := judgement.passport) is not None:
            if judgement.failure is None and judgement.signature is _PASS:
                url, origid = passport.x5u or "", passport.origid or ""
        key = (call.trunk, call.customer, call.print, url, origid)
        group = self._groups.get(key)
        if group is None and origid and origid not in self._once:
            # The first call of an origination: it counts for all others that it comes from.
            if len(self._once) >= ONCE:
                self._once.clear()
            self._once[origid] = None
            key = (*key[:4], "")
            group = self._groups.get(key)
        if group is None:
            group = self._met(call, key)
        if not group.waits:
            group.waits = True
            self._waiting.append(group)
        return group

    def _brought_up_to_date(self) -> None:
        together: dict[_Count, list[int]] = {}  # many groups share most of their members
        for group in self._waiting:
            for count in group.members:
                more = together.get(count)
                together[count] = group.more if more is None else list(map(int.__add__, more, group.more))
            group.more, group.waits = [0] * _FIGURES, False
        for count, more in together.items():
            count.add(more, self._at)
        for group in self._waiting:
            group.shown = tuple(count.shown for count in group.members if count.shown is not None)
        self._waiting.clear()
        self._ticks = 0

    def _met(self, call: Call, key: tuple[str, str, str, str, str]) -> _Group:
        if len(self._groups) >= MOST or len(self._counts) >= MOST:
            self._brought_up_to_date()
            self._groups.clear()
            self._counts.clear()
        url, origid = key[3:]
        names = (
            *key[:3], call.spc if url else None, call.host if url else None,
            f"{call.spc or url} {origid[:64]}" if origid else None,
        )  # fmt: skip
        found: list[_Count] = []
        for kind, name in zip(KINDS, names, strict=True):
            if name:
                if (count := self._counts.get((kind, name))) is None:
                    count = self._counts[kind, name] = _Count(kind, name, self._at)
                found.append(count)
        group = self._groups[key] = _Group(tuple(found))
        return group
