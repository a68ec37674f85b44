"""What the larger groups did lately: trunk, customer, signer, certificate host, the looks of the sending software, and
the origination (`origid`) that a signer names, which is often one customer of it.

They are few, and each has many calls, so they are followed in plain counters that are brought up to date now and then.
At most `MOST` are followed; of a flood of invented ones those with the fewest calls go. Nothing here judges; a source
with enough calls is shown to the checks as a frozen `Source`.

**Several workers.** Each writes its counters to its own slice of handed-in 64-bit cells when they are brought up to
date, and adds those of the others. A source stands there by a keyed hash of 64 bits; of two that want the same place
the one with more ended calls has it. One writer a slice, no lock. Half-windows go by the time of day, so that all have
the same ones and `rows` count on after a restart.

**A young memory** does not know what a source was before: a carrier's border where on a bad day most calls are
robocalls looks like a machine of theirs to whoever saw no other day. So the past of what was already there when the
memory began (`DAY`) is not told for `UNSURE`; of what is new to a memory that knows its surroundings, for `AGE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
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
DAY = 48
"""Half-windows in which a memory that began empty has met those that are always there."""
UNSURE = 144
"""Half-windows, three days, before the longer memory says anything of those."""
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


PLACES = 4096
"""Of a slice; a power of two."""
_CELLS = 20
CELLS = _CELLS * (PLACES + 1)
"""Cells of one slice, 640 KiB. A source has: its hash, its half-window, the one in which it was first seen, six figures
of it, six of the one before, four of the longer memory (in 1024ths). The last cell says when the memory began."""
_FINE = 1024
_FIGURES = 8

Row = tuple[int, int, int, tuple[int, ...], tuple[int, ...], tuple[float, ...]]
"""Of a source, as it is kept over a restart: its hash, its half-window, when it was first seen, and its figures of this
half-window, of the one before and of weeks. A row with the hash 0 says when the memory began."""


class _Count:
    """Counters of one source: attempts, strangers, neighbours, ended, short, unanswered; and of weeks: ended, unheard,
    talked, dead."""

    __slots__ = ("kind", "name", "tag", "half", "now", "before", "born", "past", "shown")

    def __init__(self, kind: str, name: str, tag: int, half: int) -> None:
        self.kind, self.name, self.tag, self.half = kind, name, tag, half
        self.now, self.before = [0] * 6, [0] * 6
        self.born, self.past = half, [0.0] * 4
        self.shown: Source | None = None

    def aged(self, half: int) -> None:
        """Let go what is too old in a half-window."""
        if (passed := half - self.half) > 0:
            left = 0.5 ** (passed / FADES)
            self.past = [left * figure for figure in self.past]
            self.before = self.now if passed == 1 else [0] * 6
            self.now, self.half = [0] * 6, half

    def add(self, more: list[int], half: int) -> None:
        """Add what came together since the last time."""
        self.aged(half)
        calls, newcomers, near, over, hung, quiet, talked, dead = more
        now, past = self.now, self.past
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

    def take(self, row: Row) -> None:
        """Add what somebody else saw of it."""
        _, half, born, now, before, past = row
        other = _Count("", "", 0, half)
        other.now, other.before, other.past = list(now), list(before), list(past)
        other.aged(self.half)
        if half == self.half + 1:  # it is a moment ahead of us
            other.now = [*map(int.__add__, other.now, other.before)]
            other.before = [0] * 6
        self.now = [*map(int.__add__, self.now, other.now)]
        self.before = [*map(int.__add__, self.before, other.before)]
        self.past = [*map(float.__add__, self.past, other.past)]
        self.born = min(self.born, born)

    def copy(self) -> _Count:
        """Another one with the same figures."""
        one = _Count(self.kind, self.name, self.tag, self.half)
        one.now, one.before, one.past, one.born = [*self.now], [*self.before], [*self.past], self.born
        return one

    def source(self, began: int) -> Source | None:
        """The shares, where there are calls enough. began: the half-window of the memory's first call."""
        now, before, past = self.now, self.before, self.past
        attempts, ended = now[0] + before[0], now[3] + before[3]
        age = self.half - self.born
        known = past[0] >= LONG and age >= (AGE if self.born - began >= DAY else UNSURE)
        if attempts < ENOUGH and not known:
            return None
        new = neighbours = short = unanswered = 0.0
        if attempts >= ENOUGH:
            new, neighbours = (now[1] + before[1]) / attempts, (now[2] + before[2]) / attempts
        if ended >= ENOUGH:
            short, unanswered = (now[4] + before[4]) / ended, (now[5] + before[5]) / ended
        return Source(
            self.kind, self.name, attempts, ended, short, unanswered, neighbours, new,
            Ends(int(past[0]), int(past[1]), int(past[2]), int(past[3])) if known else NONE,
        )  # fmt: skip

    def row(self) -> Row:
        """As it is kept."""
        return self.tag, self.half, self.born, tuple(self.now), tuple(self.before), tuple(self.past)


class _Group:
    """Calls of one combination of sources, since their counters were last brought up to date."""

    __slots__ = ("members", "more", "waits", "shown")

    def __init__(self, members: tuple[_Count, ...]) -> None:
        self.members, self.more, self.waits = members, [0] * _FIGURES, False
        self.shown: tuple[Source, ...] = ()


class Sources:
    """Counters per source, of one worker."""

    __slots__ = ("_half", "_counts", "_groups", "_waiting", "_ticks", "_at", "_until", "_due", "_once", "_mine",
                 "_others", "_salt", "_ahead", "_began", "_kept")  # fmt: skip

    def __init__(
        self,
        mine: memoryview | None = None,
        slices: Sequence[memoryview] = (),
        *,
        window: float = WINDOW,
        salt: bytes = b"",
        ahead: float = 0.0,
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them (where `mine` is among them it must be the
        same object), of format "Q" and `CELLS` long; zeros are an empty memory. With one worker there need be none.
        `salt` is a secret that all workers and the next start share. `ahead`: Unix seconds less monotonic ones. Raises
        ValueError.
        """
        if window <= 0:
            raise ValueError("the window is a positive number of seconds")
        if mine is not None and any(one.format != "Q" or len(one) != CELLS for one in (mine, *slices)):
            raise ValueError(f"all slices are {CELLS} 64-bit cells")
        self._half, self._at, self._until, self._ticks = window / 2, 0, 0.0, 0
        self._counts: dict[tuple[str, str], _Count] = {}
        self._groups: dict[tuple[str, str, str, str, str], _Group] = {}
        self._due, self._ahead = 0.0, ahead
        self._once: dict[str, None] = {}
        self._waiting: list[_Group] = []
        self._mine = mine
        self._others = tuple(one for one in slices if one is not mine) if mine is not None else ()
        self._salt = blake2b(salt, digest_size=16, person=b"sources").digest()
        self._began: int | None = None
        """The half-window in which this memory began."""
        self._kept: dict[int, Row] = {}
        """Of sources that no call has come from since the restart."""

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
                self._clocked(now)
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

    def rows(self) -> Iterator[Row]:
        """Everything that is remembered. Another thread may ask: what comes meanwhile may be missing."""
        if self._began is not None:
            yield 0, self._began, self._began, (), (), ()
        for count in self._counts.copy().values():
            yield count.row()
        yield from self._kept.copy().values()

    def restore(self, rows: Iterable[Row], now: float) -> None:
        """Take up what was remembered before a restart."""
        self._clocked(now)
        for row in rows:
            tag, half, born, figures, before, past = row
            if not tag:
                self._began = min(self._at if self._began is None else self._began, born)
            elif len(figures) != len(before) or len(figures) != 6 or len(past) != 4:
                continue
            elif half <= self._at + 1 and min(*figures, *before, *past) >= 0:
                count = _Count("", "", tag, self._at)
                count.born = born
                count.take(row)
                if (known := self._kept.get(tag)) is not None:
                    count.take(known)
                self._kept[tag] = count.row()
        if len(self._kept) > MOST:
            best = sorted(self._kept.values(), key=lambda row: -row[5][0])[:MOST]
            self._kept = {row[0]: row for row in best}
        for row in self._kept.values():
            count = _Count("", "", row[0], self._at)
            count.take(row)
            self._show(count)
        if self._mine is not None and self._began is not None:
            self._mine[-1] = self._began

    def left(self) -> list[Row]:
        """What a worker of our number, which is gone, left in our slice: for `restore`."""
        found: list[Row] = []
        if (mine := self._mine) is not None:
            if began := mine[-1]:
                found.append((0, began, began, (), (), ()))
            found += [_read(mine, at) for at in range(0, CELLS - _CELLS, _CELLS) if mine[at]]
        return found

    def _clocked(self, now: float) -> None:
        self._at = int((now + self._ahead) / self._half)
        self._until = (self._at + 1) * self._half - self._ahead
        if self._began is None:
            self._began = self._at
            if self._mine is not None:
                self._mine[-1] = self._at

    def _brought_up_to_date(self) -> None:
        began = self._began or 0
        for other in self._others:
            if 0 < (theirs := other[-1]) < began:
                began = theirs
        together: dict[_Count, list[int]] = {}  # many groups share most of their members
        for group in self._waiting:
            for count in group.members:
                more = together.get(count)
                together[count] = group.more if more is None else list(map(int.__add__, more, group.more))
            group.more, group.waits = [0] * _FIGURES, False
        for count, more in together.items():
            count.add(more, self._at)
            count.shown = self._together(count).source(began)
        for group in self._waiting:
            group.shown = tuple(count.shown for count in group.members if count.shown is not None)
        self._waiting.clear()
        self._ticks = 0

    def _together(self, count: _Count) -> _Count:
        """Show the other workers our figures of a source, and add theirs."""
        if self._mine is None:
            return count
        self._show(count)
        at, tag, whole = _place(count.tag), count.tag, None
        for other in self._others:
            if other[at] == tag:
                row = _read(other, at)
                if other[at] == tag:  # else its worker gave the place away meanwhile
                    whole = whole or count.copy()
                    whole.take(row)
        return whole or count

    def _show(self, count: _Count) -> None:
        if (mine := self._mine) is None:
            return
        at, half = _place(count.tag), count.half
        if (held := mine[at]) != count.tag:
            if held and half - mine[at + 1] < FADES and mine[at + 15] > count.past[0] * _FINE:
                return
            mine[at] = 0  # nobody reads the figures of one under the name of the other
        mine[at + 1], mine[at + 2] = half, count.born
        for offset, figure in enumerate((*count.now, *count.before), at + 3):
            mine[offset] = figure
        for offset, share in enumerate(count.past, at + 15):
            mine[offset] = int(share * _FINE)
        mine[at] = count.tag

    def _met(self, call: Call, key: tuple[str, str, str, str, str]) -> _Group:
        if len(self._groups) >= MOST or len(self._counts) >= MOST:
            self._brought_up_to_date()
            self._groups.clear()
            if len(self._counts) > MOST // 2:
                self._thinned()
        url, origid = key[3:]
        names = (
            *key[:3], call.spc if url else None, call.host if url else None,
            f"{call.spc or url} {origid[:64]}" if origid else None,
        )  # fmt: skip
        found: list[_Count] = []
        for kind, name in zip(KINDS, names, strict=True):
            if name:
                if (count := self._counts.get((kind, name))) is None:
                    count = self._counts[kind, name] = self._new(kind, name)
                found.append(count)
        group = self._groups[key] = _Group(tuple(found))
        return group

    def _new(self, kind: str, name: str) -> _Count:
        text = f"{kind} {name}".encode("utf-8", "replace")
        tag = int.from_bytes(blake2b(text, digest_size=8, key=self._salt).digest(), "big") or 1
        count = _Count(kind, name, tag, self._at)
        if (row := self._kept.pop(tag, None)) is not None:
            count.take(row)
        return count

    def _thinned(self) -> None:
        """Let half of them go, those of which the fewest calls ended; if one of them was known, nothing is certain any
        more of what was there before."""
        least = sorted(self._counts.items(), key=lambda item: item[1].past[0])[: MOST // 2]
        for name, _ in least:
            del self._counts[name]
        if least and least[-1][1].past[0] >= LONG:
            self._began = self._at


def _place(tag: int) -> int:
    return tag % PLACES * _CELLS


def _read(cells: memoryview, at: int) -> Row:
    """The record at a place."""
    tag, half, born, *figures = cells[at : at + 19].tolist()
    return tag, half, born, tuple(figures[:6]), tuple(figures[6:12]), tuple(one / _FINE for one in figures[12:])
