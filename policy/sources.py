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

from policy.behaviour import SHORT, WINDOW, Seen
from policy.call import Call
from policy.past import DEAD, TALK
from policy.source import CELLS, FADES, FIGURES, FINE, LONG, WIDE, Count, Row, Source, place_of, read
from shaken.verdict import Fact

_PASS = Fact.PASS
KINDS = ("trunk", "customer", "print", "signer", "host", "origid")
MOST = 4096
"""Sources, and combinations of them, that are followed: there are a few hundred signers in all."""
EVERY = 64
"""Calls that are gathered before the counters are brought up to date."""
LATEST = 20.0
"""Seconds until they are, where calls are few."""
ONCE = 8192
"""Originations that were seen once: some signers name a new one for each call, and those are not followed."""


class _Group:
    """Calls of one combination of sources, since their counters were last brought up to date."""

    __slots__ = ("members", "more", "waits", "shown")

    def __init__(self, members: tuple[Count, ...]) -> None:
        self.members, self.more, self.waits = members, [0] * FIGURES, False
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
        self._counts: dict[tuple[str, str], Count] = {}
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
        more = self._of(call, now, ended=True).more
        more[3] += 1
        if duration is None:
            more[5] += 1
            if status in DEAD:
                more[7] += 1
        elif duration >= TALK:
            more[6] += 1
        elif duration < SHORT and 200 <= status < 300:
            more[4] += 1

    def _of(self, call: Call, now: float, ended: bool = False) -> _Group:
        """The combination that a call belongs to, or belonged to when it began."""
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
        if group is None and origid and (ended or origid not in self._once):
            # The first call of an origination: it counts for all others that it comes from. So does its end.
            if not ended:
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
                count = Count("", "", tag, self._at)
                count.born = born
                count.take(row)
                if (known := self._kept.get(tag)) is not None:
                    count.take(known)
                self._kept[tag] = count.row()
        if len(self._kept) > MOST:
            best = sorted(self._kept.values(), key=lambda row: -row[5][0])[:MOST]
            self._kept = {row[0]: row for row in best}
        for row in self._kept.values():
            count = Count("", "", row[0], self._at)
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
            found += [read(mine, at) for at in range(0, CELLS - WIDE, WIDE) if mine[at]]
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
        together: dict[Count, list[int]] = {}  # many groups share most of their members
        for group in self._waiting:
            for count in group.members:
                more = together.get(count)
                together[count] = group.more if more is None else list(map(int.__add__, more, group.more))
            group.more, group.waits = [0] * FIGURES, False
        for count, more in together.items():
            count.add(more, self._at)
            count.shown = self._together(count).source(began)
        for group in self._waiting:
            group.shown = tuple(count.shown for count in group.members if count.shown is not None)
        self._waiting.clear()
        self._ticks = 0

    def _together(self, count: Count) -> Count:
        """Show the other workers our figures of a source, and add theirs."""
        if self._mine is None:
            return count
        self._show(count)
        at, tag, whole = place_of(count.tag), count.tag, None
        for other in self._others:
            if other[at] == tag:
                row = read(other, at)
                if other[at] == tag:  # else its worker gave the place away meanwhile
                    whole = whole or count.copy()
                    whole.take(row)
        return whole or count

    def _show(self, count: Count) -> None:
        if (mine := self._mine) is None:
            return
        at, half = place_of(count.tag), count.half
        if (held := mine[at]) != count.tag:
            if held and half - mine[at + 1] < FADES and mine[at + 15] > count.past[0] * FINE:
                return
            mine[at] = 0  # nobody reads the figures of one under the name of the other
        mine[at + 1], mine[at + 2] = half, count.born
        for offset, figure in enumerate((*count.now, *count.before), at + 3):
            mine[offset] = figure
        for offset, share in enumerate(count.past, at + 15):
            mine[offset] = int(share * FINE)
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
        found: list[Count] = []
        for kind, name in zip(KINDS, names, strict=True):
            if name:
                if (count := self._counts.get((kind, name))) is None:
                    count = self._counts[kind, name] = self._new(kind, name)
                found.append(count)
        group = self._groups[key] = _Group(tuple(found))
        return group

    def _new(self, kind: str, name: str) -> Count:
        text = f"{kind} {name}".encode("utf-8", "replace")
        tag = int.from_bytes(blake2b(text, digest_size=8, key=self._salt).digest(), "big") or 1
        count = Count(kind, name, tag, self._at)
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
