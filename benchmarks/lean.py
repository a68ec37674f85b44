"""What does the load generator itself cost a call, and how many can it place, beside sipp? Caller straight to callee, no proxy.

Both place the same signed calls (INVITE 180 200 ACK BYE 200) on the same cores, in turns; the figure is CPU time of caller
and callee together, divided by calls. The most that the generator can place must be at least twice of what is measured
with it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed, sipp
from benchmarks.generator import Generator, split
from benchmarks.programs import ProgramError, missing
from benchmarks.report import Spread, keep, table
from benchmarks.stage import Stage


def by_sipp(stage: Stage, folder: Path, rate: float, calls: int, cores: tuple[int, ...]) -> float:
    """CPU microseconds a call, or not a number where calls failed."""
    path = feed.write(folder / "lean.feed", feed.signed(calls, stage.signer, time.time()))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with sipp.Callee(stage.second, folder, cores=cores) as callee:
        totals = sipp.call(stage.carrier, stage.second, path, calls=calls, rate=rate, folder=folder, cores=cores)
        callee.settled(calls)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if totals.successful != calls:
        raise ProgramError(f"{calls - totals.successful} of {calls} calls of sipp failed")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=[500.0, 2000.0, 5000.0], help="calls a second")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="one pair of a second: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args(argv)
    if absent := missing("sipp"):
        print(f"This benchmark needs {' and '.join(absent)} (Debian: sip-tester).")
        return 2
    pairs, seconds = (1, 1.0) if asked.quick else (asked.pairs, asked.seconds)
    cores = split(max(len(split(1)[0]) - 1, 1))[0]  # two of four
    rows, kept = [], []
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, Stage(Path(name)) as stage:
        with Generator(stage, cores=cores) as generator:
            for rate in asked.rates:
                ours, theirs = [], []
                for number in range(pairs):
                    for which in ("ours", "sipp") if number % 2 else ("sipp", "ours"):
                        if which == "ours":
                            ours.append(generator.alone(rate, int(rate * seconds), patience=8.0).cpu_us)
                        else:
                            try:
                                theirs.append(by_sipp(stage, Path(name), rate, int(rate * seconds), cores))
                            except ProgramError as error:
                                print(f"  {error}")
                sipps = Spread.of(theirs).shown() if theirs else "-"
                ratio = f"{Spread.of(ours).median / Spread.of(theirs).median:.2f}" if theirs else "-"
                rows.append([f"{rate:,.0f}", Spread.of(ours).shown(), sipps, ratio])
                kept.append({"rate": rate, "ours": ours, "sipp": theirs})
        with Generator(stage, cores=cores, nap=0.0) as generator:
            most = [generator.closed(stage.pbx, min(seconds, 3.0), callers=2).rate for _ in range(pairs)]
    print(table(
        f"What a load costs its own machine, {pairs} pairs, {len(cores)} cores; CPU us a call, both ends",
        ["calls/s", "the generator: median (range)", "sipp", "ratio"], rows,
    ))  # fmt: skip
    print(f"\nAs fast as it goes, 64 calls open, two callers and a callee on {len(cores)} cores: {Spread.of(most).shown()} calls a second.")
    keep(asked.json, {"rates": kept, "most": most})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
