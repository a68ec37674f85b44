"""Two policies over the same past calls, and where they differ.

Each policy has a memory of its own, since who is refused is learned less about; both are asked as if every trunk
enforced. A candidate is judged by how the calls went that it would newly refuse. Some people talk even with a
robocaller; but where a tenth of those calls were talks, or a fifth of one caller's, it would refuse a hospital.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

from policy.call import Call
from policy.decide import CHECK_OF
from policy.past import TALK
from policy.rulebook import Profile, Rulebook
from policy.verdict import Verdict
from proxy.pastcalls import PastCall
from proxy.rehearsing import Screen

EXAMPLES = 3
"""Calls that are shown of each check and kind of change."""
MOST_CALLERS = 100_000
TOLERATED = 0.1
"""Share of talks among the newly blocked calls: of robocalls it is three or four in a hundred, of others a third."""
MISSED = 0.2
"""The same of one caller, of whom at least `MANY` calls would be newly blocked."""
MANY = 30
CHANGES = ("newly blocked", "newly diverted", "newly allowed", "newly tagged", "no longer tagged")
AWAY = ("reject", "divert")
"""What keeps a call from its callee: who is sent to a machine that asks is as good as refused, if he is a hospital."""


class Example(NamedTuple):
    """One call that the policies differ about."""

    call: Call
    talked: float | None
    present: Verdict
    candidate: Verdict


@dataclass(slots=True)
class Difference:
    """What a candidate would have changed."""

    calls: int = 0
    emergencies: int = 0
    talks: int = 0
    blocked: list[int] = field(default_factory=lambda: [0, 0])
    """By the present policy, by the candidate."""
    diverted: list[int] = field(default_factory=lambda: [0, 0])
    tagged: list[int] = field(default_factory=lambda: [0, 0])
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By change and check."""
    away: int = 0
    """Calls that are newly blocked or diverted and came through before."""
    lost: int = 0
    """Those of them in which people talked."""
    regained: int = 0
    """Newly allowed ones in which people talked, as far as that is known."""
    callers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Calls newly kept away by number and name, and how many of them were talks."""
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)

    @property
    def missed(self) -> list[tuple[str, str, int, int]]:
        """Callers whom people talk with, and who would be kept away: number, name, calls, talks; the worst first."""
        found = [(*key, calls, talks) for key, (calls, talks) in self.callers.items()]
        kept = [one for one in found if one[2] >= MANY and one[3] >= MISSED * one[2]]
        return sorted(kept, key=lambda one: -one[3])

    @property
    def harmful(self) -> bool:
        """Would it refuse or divert callers whom people talk with?"""
        expected = TOLERATED * self.away
        # Three standard deviations above what is tolerated: a few calls more or less are chance.
        return self.lost > expected + 3 * sqrt((1 - TOLERATED) * expected) or bool(self.missed)

    def count(self, change: str) -> int:
        return sum(count for (kind, _), count in self.changes.items() if kind == change)


class Policy(NamedTuple):
    """A book, and the profile of each trunk."""

    book: Rulebook
    profiles: Mapping[str, Profile]
    """By trunk; others have the default one."""


class Backtest:
    """Takes call after call; `difference` is what came of it so far."""

    def __init__(self, present: Policy, candidate: Policy) -> None:
        self.difference = Difference()
        self._sides = [(Screen(one.book), one.profiles) for one in (present, candidate)]

    def take(self, past: PastCall) -> None:
        """Judge one call by both."""
        found = self.difference
        found.calls += 1
        if past.emergency:
            found.emergencies += 1
            return
        call, talked = past.call, past.talked
        talk = talked is not None and talked >= TALK
        found.talks += talk
        present, candidate = (
            screen.judged(call, talked, past.status, past.rings, profiles.get(call.trunk))
            for screen, profiles in self._sides
        )
        if present.emergency:
            found.emergencies += 1
            return
        one, other = present.would, candidate.would
        for counts, action in ((found.blocked, "reject"), (found.diverted, "divert"), (found.tagged, "tag")):
            counts[0] += one == action
            counts[1] += other == action
        if one == other:
            return
        if other in AWAY:
            change = "newly blocked" if other == "reject" else "newly diverted"
            self._changed(change, candidate, past, present, candidate)
            if one not in AWAY:
                self._kept_away(call, talk)
        elif one in AWAY:
            self._changed("newly allowed", present, past, present, candidate)
            found.regained += talk
        elif other == "allow":
            self._changed("no longer tagged", present, past, present, candidate)
        else:
            self._changed("newly tagged", candidate, past, present, candidate)

    def _kept_away(self, call: Call, talk: bool) -> None:
        found = self.difference
        found.away += 1
        found.lost += talk
        key = (call.caller or call.caller_text, call.display_name)
        if key in found.callers or len(found.callers) < MOST_CALLERS:
            counts = found.callers.setdefault(key, [0, 0])
            counts[0] += 1
            counts[1] += talk

    def _changed(self, change: str, by: Verdict, past: PastCall, present: Verdict, candidate: Verdict) -> None:
        check = CHECK_OF.get(by.reason, by.reason)
        self.difference.changes[change, check] += 1
        shown = self.difference.examples.setdefault((change, check), [])
        if len(shown) < EXAMPLES:
            shown.append(Example(past.call, past.talked, present, candidate))


def compared(calls: Iterable[PastCall], present: Policy, candidate: Policy) -> Difference:
    """The difference over all calls."""
    test = Backtest(present, candidate)
    for one in calls:
        test.take(one)
    return test.difference
