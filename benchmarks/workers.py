"""How much more do several workers carry than one? Calls a second through one address and one trunk with one source
port, as many as go, in pairs: one worker, then N.

sipp keeps a fixed number of calls open and starts the next as soon as one has ended, so what it completes a second is
what ringwarden can carry. Every call has a signature of its own. Astray is every call that failed, every message sent
twice, and every message that belonged to nobody.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import feed, sipp
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.stage import Stage

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

OPEN = 64
"""Calls open at one time: enough that no worker waits for work, few enough that nothing is sent twice."""
BATCH = 10_000
"""Calls of one feed: signed within the minute in which they are fresh."""
GOAL = 1.8


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    calls: int
    seconds: float
    astray: int
    handed: float

    @property
    def rate(self) -> float:
        """Completed calls a second."""
        return self.calls / self.seconds


def run(folder: Path, workers: int, calls: int, transport: str) -> Sample:
    """Place the calls through a fresh ringwarden."""
    cores = sorted(os.sched_getaffinity(0))
    away, ours = tuple(cores[: max(len(cores) - workers, 1)]), tuple(cores[-workers:])
    done, seconds, astray = 0, 0.0, 0
    kind = "t1" if transport == "tcp" else "u1"
    with (
        Stage(folder) as stage,
        Ringwarden(stage, folder, workers=workers, transport=transport, cores=ours, name=f"rw-{workers}") as proxy,
        sipp.Callee(stage.pbx, folder, transport=kind, cores=away) as callee,
    ):
        while done < calls:
            batch = min(BATCH, calls - done)
            path = feed.write(folder / "calls.feed", feed.signed(batch, stage.signer, time.time()))
            began = time.monotonic()
            result = sipp.call(
                stage.carrier, proxy.me, path, calls=batch, rate=20_000, folder=folder, limit=OPEN, patience=60.0,
                transport=kind, cores=away,
            )  # fmt: skip
            done += batch
            # sipp's own clock of a run has whole seconds; its start counts against both sides alike.
            seconds += time.monotonic() - began
            astray += result.failed + result.retransmissions + result.unexpected + result.dead
        called = callee.settled(calls)
        astray += called.retransmissions + called.unexpected + called.dead
        handed = proxy.count("ringwarden_handed_over_total")
    return Sample(done, seconds, astray, handed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=10_000, help="of each run")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    args = parser.parse_args(argv)
    ratios: list[float] = []
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        for pair in range(args.pairs):
            one = run(Path(name), 1, args.calls, args.transport)
            many = run(Path(name), args.workers, args.calls, args.transport)
            ratios.append(many.rate / one.rate)
            rows.append(
                [
                    str(pair + 1), f"{one.rate:,.0f}", f"{many.rate:,.0f}", f"{ratios[-1]:.2f}",
                    str(one.astray + many.astray), f"{many.handed:.0f}",
                ]
            )  # fmt: skip
            print(f"  pair {pair + 1}: {one.rate:,.0f} and {many.rate:,.0f} calls/s", flush=True)
    print(table("Calls a second through one address and one source port", ["pair", "1 worker", f"{args.workers} workers", "ratio", "astray", "handed over"], rows))
    middle = statistics.median(ratios)
    print(f"\n{args.workers} workers carry {middle:.2f} times ({min(ratios):.2f} to {max(ratios):.2f}) what one does.")
    print(f"Goal for two on two cores of their own: {GOAL}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
