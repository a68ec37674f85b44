"""What does a call cost less when the SIP room is machine code (`make compiled`)? As many calls as go, with one worker and
with several, in interleaved pairs: the sources as they stand, and a copy of them that was compiled for this run.

A wheel of it is built once and has the plain sources in it; what is compared here differs in nothing else. Needs a C
compiler and Python's headers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.generator import split
from benchmarks.report import Spread, keep, table
from benchmarks.stage import ROOT
from benchmarks.workers import Sample, all_screened, run

CONNECTIONS = 8


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="one pair of a second: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args(argv)
    pairs, seconds = (1, 1.0) if args.quick else (args.pairs, args.seconds)
    load = split(2)[0]
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "compiled"
        built = subprocess.run((sys.executable, str(ROOT / "deploy" / "compiled.py"), "tree", str(made)))
        if built.returncode:
            return built.returncode
        got: dict[tuple[int, Path], list[Sample]] = {}
        for pair in range(pairs):
            order = [(workers, tree) for workers in (1, 2) for tree in (ROOT, made)]
            for workers, tree in order if pair % 2 == 0 else order[::-1]:
                with tempfile.TemporaryDirectory() as folder:
                    one = run(Path(folder), workers, "udp", CONNECTIONS, seconds=seconds, load=load, tree=tree)
                got.setdefault((workers, tree), []).append(one)
                print(f"  {'plain' if tree == ROOT else 'compiled'}, {workers}: {one.rate:,.0f} calls/s", flush=True)
    rows = []
    for workers in (1, 2):
        plain, other = got[workers, ROOT], got[workers, made]
        cost = Spread.of([b.us / a.us for a, b in zip(plain, other, strict=True)])
        rate = Spread.of([b.rate / a.rate for a, b in zip(plain, other, strict=True)])
        us = [Spread.of([one.us for one in some]).shown() for some in (plain, other)]
        rows.append([str(workers), *us, cost.shown(2), rate.shown(2)])
    print(table(
        f"A verified call, plain and compiled, {pairs} pairs: median (range)",
        ["workers", "CPU us, plain", "CPU us, compiled", "ratio", "calls/s, compiled / plain"], rows,
    ))  # fmt: skip
    samples = [one for some in got.values() for one in some]
    lost = sum(one.astray for one in samples)
    print(f"\n{lost} of {sum(one.calls for one in samples):,} calls astray. {all_screened(samples)}")
    words = {ROOT: "plain", made: "compiled"}
    keep(args.json, {f"{words[tree]}-{workers}": [asdict(one) for one in some] for (workers, tree), some in got.items()})
    return 1 if lost or any(one.unscreened for one in samples) else 0


if __name__ == "__main__":
    sys.exit(main())
