"""A corpus through the screening, and what came of it: figures beside the truth, added up over seeds.

Good calls come in bursts and are not independent of each other; the bounds below reckon as if they were, so several
seeds say more than one long one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, lgamma, log, log1p
from types import MappingProxyType
from typing import NamedTuple

from policy.decide import CHECK_OF, ROOMS
from policy.lists import CampaignList, NumberSet
from policy.rulebook import Profile, Redress, Rulebook
from policy.verdict import CheckMode
from proxy.lab.corpus import CENTRE, Corpus, corpus
from proxy.lab.crew import Crew
from proxy.rehearsing import Screen

CONFIDENCE = 0.95
MILD = ("allow", "emergency")
CHECKS = tuple(room.__name__.rpartition(".")[2] for room in ROOMS)


def rulebook(made: Corpus, checks: Mapping[str, CheckMode] | None = None) -> Rulebook:
    """The weights and limits that are shipped, every check enforced or as said, and what was traced of campaigns."""
    enforced: dict[str, CheckMode] = dict.fromkeys(CHECKS, "enforce")
    return Rulebook(
        psap=NumberSet.of(CENTRE),
        campaigns=CampaignList(made.told),
        key=b"evaluation",
        redress=Redress(tel="+12025550199"),
        checks=MappingProxyType({**enforced, **(checks or {})}),
    )


class Tracked(NamedTuple):
    """What became of one campaign."""

    name: str
    shape: str
    calls: int
    flagged: int
    rejected: int
    flagged_after: tuple[float, int] | None
    """Seconds and calls from its first call to the first that was flagged; None: none was."""
    rejected_after: tuple[float, int] | None


@dataclass(slots=True)
class Figures:
    """Sums over one corpus or several. Keys of the counters: kinds of callers, and names of checks."""

    seeds: tuple[int, ...] = ()
    calls: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    """Tagged or rejected."""
    rejected: Counter[str] = field(default_factory=Counter)
    found: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Calls that a check had a finding of weight about, by check and whether they were a campaign's."""
    decided: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Calls that were flagged, by the check whose finding was the heaviest."""
    shapes: set[str] = field(default_factory=set)
    campaigns: list[Tracked] = field(default_factory=list)
    touched: int = 0
    """Calls to or from an emergency centre, and emergency notices, that were flagged."""
    notices: int = 0

    def share(self, counter: Counter[str], bad: bool) -> tuple[int, int]:
        """How many of the campaigns' calls (or of the good ones), and of how many."""
        kinds = [kind for kind in self.calls if (kind in self.shapes) is bad]
        return sum(counter[kind] for kind in kinds), sum(self.calls[kind] for kind in kinds)

    def add(self, other: Figures) -> None:
        """Take in the figures of another seed."""
        self.seeds += other.seeds
        for mine, theirs in (
            (self.calls, other.calls), (self.flagged, other.flagged), (self.rejected, other.rejected),
        ):  # fmt: skip
            mine.update(theirs)
        self.found.update(other.found)
        self.decided.update(other.decided)
        self.shapes |= other.shapes
        self.campaigns += other.campaigns
        self.touched += other.touched
        self.notices += other.notices

    def goals(self) -> tuple[tuple[str, float, float, bool], ...]:
        """What was wanted: its name, the figure, the limit, and whether it is met."""
        flagged, bad = self.share(self.flagged, True)
        rejected, _ = self.share(self.rejected, True)
        wrong, good = self.share(self.flagged, False)
        refused, _ = self.share(self.rejected, False)
        flags, refusals = upper(wrong, good), upper(refused, good)
        return (
            ("campaign calls flagged, at least", flagged / bad, 0.8, flagged >= 0.8 * bad),
            ("campaign calls rejected, at least", rejected / bad, 0.5, rejected >= 0.5 * bad),
            ("good calls flagged, at most (upper bound)", flags, 0.01, flags <= 0.01),
            ("good calls rejected, at most (upper bound)", refusals, 0.0001, refusals <= 0.0001),
            ("emergency calls and notices touched, at most", float(self.touched), 0.0, not self.touched),
        )


def evaluated(
    made: Corpus,
    book: Rulebook | None = None,
    profile: Profile | None = None,
    *,
    workers: int = 1,
    restart_days: float = 0.0,
) -> Figures:
    """Run one corpus through the screening of so many workers, started anew every so many days (0: never)."""
    book = book or rulebook(made)
    screen: Screen | Crew = Screen(book, profile)
    if workers > 1 or restart_days:
        screen = Crew(book, profile, workers=workers, restart_days=restart_days)
    figures = Figures((made.seed,))
    calls, flagged, rejected = figures.calls, figures.flagged, figures.rejected
    tracks: dict[str, list[float]] = {}  # start, calls, flagged, rejected, and seconds and calls until either
    shape_of: dict[str, str] = {}
    for one in made.placed:
        verdict = screen.judged(one.call, one.duration, one.status, one.rings)
        bad = bool(one.campaign)
        calls[one.kind] += 1
        if bad:
            shape_of[one.campaign] = one.kind
            track = tracks.setdefault(one.campaign, [one.utc, 0, 0, 0, -1, 0, -1, 0])
            track[1] += 1
        elif one.notice:
            figures.notices += 1
        if not verdict.findings:
            continue
        for check in {CHECK_OF[finding.slug] for finding in verdict.findings if finding.weight}:
            figures.found[check, bad] += 1
        action = verdict.action
        if action == "allow":
            continue
        flagged[one.kind] += 1
        if verdict.deciding is not None:
            figures.decided[CHECK_OF[verdict.deciding.slug], bad] += 1
        if action == "reject":
            rejected[one.kind] += 1
        if bad:
            track[2] += 1
            if track[4] < 0:
                track[4:6] = one.utc - track[0], track[1]
            if action == "reject":
                track[3] += 1
                if track[6] < 0:
                    track[6:8] = one.utc - track[0], track[1]
        elif one.notice and not verdict.emergency:
            figures.touched += 1
    figures.shapes = set(shape_of.values())
    for name, (_, count, flags, refusals, *after) in tracks.items():
        figures.campaigns.append(
            Tracked(
                name, shape_of[name], int(count), int(flags), int(refusals),
                (after[0], int(after[1])) if after[0] >= 0 else None,
                (after[2], int(after[3])) if after[2] >= 0 else None,
            )
        )  # fmt: skip
    return figures


def evaluate(
    seed: int,
    calls: int,
    checks: Mapping[str, CheckMode] | None = None,
    workers: int = 1,
    restart_days: float = 0.0,
) -> Figures:
    """Make the corpus of one seed and run it. A process of its own can do it."""
    made = corpus(seed, calls)
    return evaluated(made, rulebook(made, checks), workers=workers, restart_days=restart_days)


def together(parts: Iterable[Figures]) -> Figures:
    """The sums."""
    whole = Figures()
    for part in parts:
        whole.add(part)
    return whole


def upper(count: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The upper bound of a share of which `count` of `of` were seen (Clopper and Pearson, one-sided)."""
    if count >= of:
        return 1.0
    low, high = count / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(count, of, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, of: int, share: float) -> float:
    """The probability of so few at a share, from the most likely term downwards."""
    if share >= 1.0:
        return 0.0
    term = exp(
        lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1) + count * log(share) + (of - count) * log1p(-share)
    )
    whole = 0.0
    for k in range(count, -1, -1):
        whole += term
        if term < whole * 1e-12:
            break
        term *= k / (of - k + 1) * (1 - share) / share
    return whole
