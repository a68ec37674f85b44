"""What is remembered of calls that came before: each call is looked up here once, and its end is told here once.

The figures are `policy`'s (behaviour, sources, reputation); this room brings them together for `calls`, and keeps what
outlives the process in a small file. A file that cannot be read or written costs the memory, never a call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from policy.behaviour import Behaviour, Seen
from policy.call import Call
from policy.past import Row as Ended
from policy.reputation import Memory, Reputation
from policy.source import Row as Source
from policy.sources import Sources
from policy.verdict import Verdict
from shaken.replay import Replays

MAX_FILE = 16 * 1024 * 1024
"""Octets of a reputation file: some 12,000 records of a hundred octets are the most that are kept."""
AGAIN = frozenset((408, *range(500, 600)))
"""Answers after which a network may try again, with the same token on a call of another name."""

SAYS_NOTHING = frozenset((*range(300, 400), 401, 407, 422, *range(500, 600)))
"""Answers to a call of ours that say nothing about its callee: it is sent on, tried again, or a network failed."""

_NOBODY = Seen()
"""What is seen of a caller that is not followed."""


class Following:
    """The memory of one worker."""

    def __init__(
        self, behaviour: Behaviour, sources: Sources, reputation: Reputation, replays: Replays | None = None
    ) -> None:
        self.behaviour, self.sources, self.reputation, self.replays = behaviour, sources, reputation, replays

    def restore(self, ends: Iterable[Ended], sources: Iterable[Source], now: float) -> None:
        """Take up what was known of callers before a restart."""
        self.behaviour.past.restore(ends, now)
        self.sources.restore(sources, now)

    def look_up(self, call: Call, now: float) -> None:
        """Put into a call what is known of its caller, its sources and their standing. It is counted by that."""
        seen = self.behaviour.facts(call, now)
        call.seen = seen
        call.sources = self.sources.facts(call, seen, now)
        call.standing = self.reputation.standing(call)
        if self.replays is not None and call.judgement is not None and (signature := _signature(call)) is not None:
            call.replayed = self.replays.seen(signature, call.call_id.encode("utf-8", "replace"), now)

    def look_up_ours(self, call: Call, now: float) -> None:
        """Put into a call of ours what is known of its customer, and nothing else. It is counted by that."""
        if call.customer and call.method == "INVITE":
            call.sources = self.sources.facts(_by_customer(call), _NOBODY, now)

    def judged(self, call: Call, verdict: Verdict) -> None:
        """What was found of it counts for those it came from."""
        self.reputation.note_verdict(call, verdict)

    def ended(self, call: Call, duration: float | None, status: int, now: float) -> None:
        """How it ended; duration: seconds since it was answered, None where it was not."""
        if call.side == "pbx":
            if call.customer and call.method == "INVITE" and status not in SAYS_NOTHING:
                self.sources.note_end(_by_customer(call), duration, status, now)
            return
        if self.replays is not None and status in AGAIN and (signature := _signature(call)) is not None:
            self.replays.forget(signature, call.call_id.encode("utf-8", "replace"))
        self.behaviour.note_end(call, duration, status, now)
        self.sources.note_end(call, duration, status, now)
        self.reputation.note_end(call, duration, status)


def _by_customer(call: Call) -> Call:
    """The same call as one of its customer only: its trunk, software and token are followed for calls from outside."""
    return call._replace(trunk="", print="", judgement=None)


def _signature(call: Call) -> bytes | None:
    """The signature of a proved call."""
    judgement = call.judgement
    if judgement is None or judgement.passport is None or not judgement.proved:
        return None
    return judgement.passport.signature


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
