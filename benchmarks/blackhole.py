"""Does a repository that never answers hold up anybody else? The delay of calls verified from cache, before and during.

200 calls a second are verified with a certificate that is in memory. In the second half of each pair more calls name URLs of a repository that
takes the connection and never answers. The delay is from the caller's INVITE to its arrival at the callee, by the kernel's clock.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed
from benchmarks.report import Spread, percentile, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sender import Planned, Timing, place
from benchmarks.stage import Stage
from shaken.sign import Signer

RATE = 200.0
HOLE_RATE = 20.0
"""Calls a second that name the hole, each with a URL of its own: one in eleven."""
LIMIT_MS = 50.0
"""No cached call may wait longer because of the hole."""


@dataclass(frozen=True, slots=True)
class Half:
    """Milliseconds."""

    p50: float
    p99: float
    longest: float
    calls: int
    lost: int


def half(stage: Stage, ours: Ringwarden, seconds: float, hole: str, number: int) -> Half:
    """One half of a pair; `hole` is the base of the URLs that never answer, empty for none."""
    count = int(RATE * seconds)
    plan = [
        Planned(at / RATE, call, "cached")
        for at, call in enumerate(feed.signed(count, stage.signer, time.time(), first=number * 4000))
    ]
    for at in range(int(HOLE_RATE * seconds) if hole else 0):
        signer = Signer(stage.good.key, f"{hole}/{number}-{at}.pem")
        call = feed.signed(1, signer, time.time(), first=number * 4000 + 3000 + at)[0]
        plan.append(Planned(at / HOLE_RATE + 0.001, call, "hole"))
    timings = [one for one in place(plan, stage.carrier, stage.pbx, ours.me) if one.kind == "cached"]
    return figures(timings)


def figures(timings: Sequence[Timing]) -> Half:
    delays = [one.delay_ms for one in timings if one.arrived]
    lost = sum(1 for one in timings if one.status != 200)
    return Half(percentile(delays, 0.5), percentile(delays, 0.99), max(delays), len(timings), lost)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half")
    parser.add_argument("--quick", action="store_true", help="one pair of one second")
    asked = parser.parse_args(arguments)
    pairs, seconds = (1, 1.0) if asked.quick else (asked.pairs, asked.seconds)
    before, during = [], []
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, Stage(Path(name)) as stage:
        with Ringwarden(stage, Path(name), cores=stage.places.measured) as ours:
            half(stage, ours, 1.0, "", 0)
            hole = stage.good_url.rpartition("/")[0] + "/hang"
            for number in range(pairs):
                halves = [(before, ""), (during, hole)]
                for into, base in halves if number % 2 else halves[::-1]:
                    into.append(half(stage, ours, seconds, base, number + 1))
    rows = [
        [label, *(Spread.of([getattr(one, field) for one in got]).shown(2) for field in ("p50", "p99", "longest")), str(sum(one.lost for one in got))]
        for label, got in (("before", before), ("during", during))
    ]
    print(table(
        f"Delay of calls verified from cache, ms, {pairs} pairs of {seconds:g} s at {RATE:g} a second; during: {HOLE_RATE:g} a second name a hole",
        ["", "p50: median (range)", "p99", "longest", "lost"], rows,
    ))  # fmt: skip
    worst = max(one.longest for one in during)
    added = worst - max(one.longest for one in before)
    well = added <= LIMIT_MS and not any(one.lost for one in (*before, *during))
    print(f"\nThe longest wait during is {worst:.1f} ms, {added:+.1f} ms beside the longest before. Limit {LIMIT_MS:g} ms: {'kept' if well else 'NOT kept'}.")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
