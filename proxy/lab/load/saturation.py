"""The highest rate at which nearly nothing fails: found by runs of a few seconds, each at a rate of its own.

Pure: how a run is made is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.lab.load.plan import Outcome

GROWTH = 1.6
WITHIN = 0.04
"""The answer lies between two rates that are no further apart than this part of them."""
RUNS = 14
"""At most."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    best: Outcome | None
    """The run at the highest rate that was carried; None where none was."""
    above: float
    """The lowest rate that was not carried; 0.0 where all were."""
    runs: tuple[Outcome, ...]

    @property
    def rate(self) -> float:
        """Calls a second that were carried; 0.0 for none."""
        return self.best.plan.rate if self.best else 0.0


def search(
    run: Callable[[float], Outcome],
    begin: float,
    ceiling: float = float("inf"),
    *,
    within: float = WITHIN,
    runs: int = RUNS,
) -> Found:
    """Search from this rate (calls a second), up to a ceiling. A rate that was not carried is asked once more before it
    is believed: one pause of a busy machine is not the knee.
    """
    low: Outcome | None = None
    high, rate, done = 0.0, begin, list[Outcome]()
    while len(done) < runs:
        outcome = run(rate)
        done.append(outcome)
        if not outcome.carried and len(done) < runs:
            outcome = run(rate)
            done.append(outcome)
        if outcome.carried:
            low = outcome
            if rate >= ceiling:
                break
        else:
            high = rate
        bottom = low.plan.rate if low else 0.0
        if not high:
            rate = min(rate * GROWTH, ceiling)
        elif not low:
            rate = high / GROWTH
        elif high - bottom <= within * high:
            break
        else:
            rate = (bottom + high) / 2
        if rate < 1:
            break
    return Found(low, high, tuple(done))
