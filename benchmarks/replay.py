"""How long does it take to ask what a policy would have changed about a million past calls?

Months of the lab's corpus, one after another, are written as JSON lines; `ringwarden backtest` replays them with the present
policy and with a candidate that enforces every check, in a process of its own. The floor is to read the same lines as
JSON and nothing more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report import table
from benchmarks.stage import ROOT
from policy.rulebook import CHECKS
from proxy.lab.corpus import corpus
from proxy.pastcalls import PastCall, written

CALLS = 1_000_000
MONTH = 125_000
DAYS = 31 * 86_400.0
MINUTES = 20.0
"""At most, for a million: it is asked over a coffee."""
PATIENCE = 3600.0


def months(path: Path, calls: int) -> int:
    """Write so many calls, in order of time; how many they came to be."""
    said = 0
    with path.open("w", encoding="utf-8") as stream:
        for month in range(-(-calls // MONTH)):
            for one in corpus(month + 1, min(MONTH, calls - said)).placed:
                call = one.call._replace(utc=one.call.utc + month * DAYS)
                past = PastCall(call, one.duration, one.status, one.rings, one.kind == "911")
                stream.write(json.dumps(written(past)) + "\n")
                said += 1
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--quick", action="store_true", help="20,000 calls")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        folder = Path(name)
        lines, candidate = folder / "calls.jsonl", folder / "candidate.toml"
        calls = months(lines, 20_000 if asked.quick else asked.calls)
        candidate.write_text("[policy.checks]\n" + "".join(f'{check} = "enforce"\n' for check in CHECKS), encoding="utf-8")
        began = time.process_time()
        with lines.open("rb") as stream:
            for line in stream:
                json.loads(line)
        floor = time.process_time() - began
        command = [sys.executable, "-m", "proxy.cli", "backtest", "--calls", str(lines), "--policy", str(candidate), "--json"]
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if (found := json.loads(done.stdout)["calls"]) != calls:
        print(f"No result: {found:,} of {calls:,} calls were replayed.")
        return 2
    minutes = took * CALLS / calls / 60
    print(table(
        f"A candidate policy over {calls:,} past calls",
        ["", "us a call", "in floors", "minutes for a million"],
        [
            ["replayed by both policies", f"{spent / calls * 1e6:.0f}", f"{spent / floor:.1f}", f"{minutes:.1f}"],
            ["floor: the same lines read as JSON", f"{floor / calls * 1e6:.1f}", "1", ""],
        ],
    ))  # fmt: skip
    print(f"\n{MINUTES:g} minutes for a million at most: {'kept' if minutes <= MINUTES else 'NOT kept'}.")
    return 0 if minutes <= MINUTES else 1


if __name__ == "__main__":
    raise SystemExit(main())
