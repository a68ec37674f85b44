"""What is remembered of calls that came before: each call is looked up here once, and its end is told here once.

The figures are `policy`'s (behaviour, sources, reputation); this room brings them together for `calls`, and keeps what
outlives the process in a small file. A file that cannot be read or written costs the memory, never a call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from policy.behaviour import Behaviour
from policy.call import Call
from policy.reputation import Memory, Reputation
from policy.sources import Sources
from policy.verdict import Verdict

MAX_FILE = 16 * 1024 * 1024
"""Octets of a reputation file: some 12,000 records of a hundred octets are the most that are kept."""


class Following:
    """The memory of one worker."""

    def __init__(self, behaviour: Behaviour, sources: Sources, reputation: Reputation) -> None:
        self.behaviour, self.sources, self.reputation = behaviour, sources, reputation

    def looked_up(self, call: Call, now: float) -> Call:
        """The call with what is known of its caller, its sources and their standing. It is counted by that."""
        seen = self.behaviour.facts(call, now)
        return call._replace(
            seen=seen, sources=self.sources.facts(call, seen, now), standing=self.reputation.standing(call)
        )

    def judged(self, call: Call, verdict: Verdict) -> None:
        """What was found of it counts for those it came from."""
        self.reputation.note_verdict(call, verdict)

    def ended(self, call: Call, duration: float | None, status: int, now: float) -> None:
        """How it ended; duration: seconds since it was answered, None where it was not."""
        self.behaviour.note_end(call, duration, status, now)
        self.sources.note_end(call, duration, status, now)
        self.reputation.note_end(call, duration, status)


def kept(path: Path) -> list[Memory]:
    """The reputations of a file that `keep` wrote. Raises OSError, ValueError."""
    if not path.exists():
        return []
    with path.open("rb") as stream:
        rows = json.loads(stream.read(MAX_FILE))
    if not isinstance(rows, list):
        raise ValueError("no list")
    found = []
    for row in rows:
        kind, name, *figures = row
        at, calls, bad, good = map(float, figures)
        found.append(Memory(str(kind), str(name), at, calls, bad, good))
    return found


def keep(path: Path, rows: Iterable[Memory]) -> None:
    """Write the file whole, or leave the old one as it is. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as stream:
        json.dump([list(row) for row in rows], stream)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
