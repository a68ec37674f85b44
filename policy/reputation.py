"""What is remembered for months of a signer, a trunk, the looks of a software, or a campaign's block of numbers.

Not an attestation: who signs A earns nothing by it, and who signs nothing loses nothing (TRAP-89, TRAP-90). What counts
is how their calls turned out: talked, wasted, or proved bad by something other than this memory (a listed number, an
impossible caller, the subscriber's own list), so that no judgement feeds itself. Old evidence halves every `HALF_LIFE`.

A signer or a trunk is shared by good and bad callers, and may not be treated worse for its name (REG-018): a standing
is a share of its own calls, the same rule for all, and the finding that rests on it tags at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from policy.call import Call
from policy.verdict import Class, Verdict

HALF_LIFE = 30 * 86_400.0
"""Seconds: after three months an eighth of the evidence is left."""
MOST = 4096
"""Names of one kind; beyond that the one with the least evidence goes."""
ENOUGH = 50.0
"""Calls (decayed) before a standing is told of."""
TALK = 30.0
"""Seconds of an answered call that somebody wanted."""
STALE = 3600.0
"""Seconds between two decays of one record."""
KINDS = ("trunk", "signer", "print")


class Standing(NamedTuple):
    """What is remembered of one name, at one moment."""

    kind: str
    name: str
    calls: float
    bad: float
    """Share of calls that were proved bad."""
    good: float
    """Share of calls in which people talked."""


class Memory(NamedTuple):
    """One record, as it is kept over a restart."""

    kind: str
    name: str
    at: float
    """Unix seconds of the last decay."""
    calls: float
    bad: float
    good: float


def together(rows: Iterable[Memory], parts: int = 1, *, most: int = MOST) -> list[Memory]:
    """The records of several workers as one, each in `parts` equal parts: what each of so many begins with."""
    found: dict[tuple[str, str], Memory] = {}
    for row in rows:
        at, figures = row.at, row[3:]
        if (one := found.get((row.kind, row.name))) is not None:
            at = max(one.at, row.at)
            old, new = 0.5 ** ((at - one.at) / HALF_LIFE), 0.5 ** ((at - row.at) / HALF_LIFE)
            figures = tuple(old * mine + new * theirs for mine, theirs in zip(one[3:], row[3:], strict=True))
        found[row.kind, row.name] = Memory(row.kind, row.name, at, *figures)
    kept: list[Memory] = []
    for kind in KINDS:
        mine = sorted((row for row in found.values() if row.kind == kind), key=lambda row: -row.calls)
        kept += [Memory(*row[:3], row.calls / parts, row.bad / parts, row.good / parts) for row in mine[:most]]
    return kept


class Reputation:
    """Decaying counters, bounded. The edge writes `rows()` down now and then and hands them back at the start."""

    __slots__ = ("_records", "_most", "_half_life")

    def __init__(self, rows: Iterable[Memory] = (), *, most: int = MOST, half_life: float = HALF_LIFE) -> None:
        """Raises ValueError for a half-life that is not positive."""
        if half_life <= 0 or most < 1:
            raise ValueError("the half-life is a positive number of seconds, and somebody must be remembered")
        self._most, self._half_life = most, half_life
        self._records: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
        for row in rows:
            if row.kind in self._records and min(row.calls, row.bad, row.good) >= 0:
                self._records[row.kind][row.name] = [row.at, row.calls, row.bad, row.good]

    def __len__(self) -> int:
        return sum(len(records) for records in self._records.values())

    def rows(self) -> Iterator[Memory]:
        """Everything that is remembered."""
        for kind, records in self._records.items():
            for name, (at, calls, bad, good) in records.copy().items():  # another thread may ask
                yield Memory(kind, name, at, calls, bad, good)

    def standing(self, call: Call) -> Standing | None:
        """The worst that is known of the parties to a call; None: nothing, or too little."""
        worst: Standing | None = None
        for kind, name in self._names(call):
            record = self._records[kind].get(name)
            # Most records are good, and a clear one needs no arithmetic.
            if record is None or record[2] * 20 < record[1] or record[1] < ENOUGH:
                continue
            _, calls, bad, good = self._decayed(record, call.utc)
            if calls >= ENOUGH and (worst is None or bad / calls > worst.bad):
                worst = Standing(kind, name, calls, bad / calls, good / calls)
        return worst

    def note_verdict(self, call: Call, verdict: Verdict) -> None:
        """Count a decided call."""
        bad, utc = False, call.utc
        for finding in verdict.findings:
            if finding.kind in _PROOF and not finding.slug.startswith(_OWN):
                bad = True
                break
        for kind, name in self._names(call):
            record = self._records[kind].get(name)
            if record is None or utc - record[0] > STALE:
                record = self._record(kind, name, utc)
            record[1] += 1.0
            if bad:
                record[2] += 1.0

    def note_end(self, call: Call, duration: float | None, status: int) -> None:
        """Count a call that ended well, if it did; arguments as in `policy.behaviour`."""
        if duration is not None and duration >= TALK and 200 <= status < 300:
            for kind, name in self._names(call):
                if (record := self._records[kind].get(name)) is not None:
                    record[3] += 1.0

    def _names(self, call: Call) -> list[tuple[str, str]]:
        found = []
        if call.trunk:
            found.append(("trunk", call.trunk))
        if call.print:
            found.append(("print", call.print))
        judgement = call.judgement
        if judgement is not None and (signer := judgement.credential) is not None and signer.spc and judgement.proved:
            found.append(("signer", signer.spc))
        return found

    def _record(self, kind: str, name: str, utc: float) -> list[float]:
        records = self._records[kind]
        record = records.get(name)
        if record is None:
            if len(records) >= self._most:
                # A flood of invented names pushes itself out: half of the records go, those with the least evidence.
                keep = sorted(records.items(), key=lambda item: item[1][1])[len(records) // 2 + 1 :]
                records.clear()
                records.update(keep)
            record = records[name] = [utc, 0.0, 0.0, 0.0]
            return record
        return self._decayed(record, utc)

    def _decayed(self, record: list[float], utc: float) -> list[float]:
        if utc - record[0] > STALE:
            left = 0.5 ** ((utc - record[0]) / self._half_life)
            record[:] = [utc, record[1] * left, record[2] * left, record[3] * left]
        return record


_PROOF = (Class.DETERMINISTIC, Class.SUBSCRIBER, Class.ANALYTICS)
# What rests on behaviour and on this memory itself proves nothing new.
_OWN = ("reputation-", "velocity-", "pattern-", "answers-", "brand-")
