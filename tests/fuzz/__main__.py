"""`python -m tests.fuzz`: a long seeded run with a bar. Ends well only without a finding and with flat memory."""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.run import Outcome, run

FLAT = 1.15
"""How much larger the process may be at the end than after a fifth of the run: the allocator's own unevenness."""


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--count", type=int, default=1_000_000, help="messages")
    asked.add_argument("--seed", type=int, default=1, help="the same seed gives the same messages")
    asked.add_argument("--first", type=int, default=0, help="the number to begin with, to have one message again")
    of = asked.parse_args()
    console = Console()
    columns = (TextColumn("fuzz"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    begun = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("fuzz", total=of.count, note="")

        def told(count: int, outcome: Outcome) -> None:
            note = f"{outcome.memory[-1] / 2**20:.0f} MiB  " if outcome.memory else ""
            bar.update(task, completed=count, note=f"{note}{len(outcome.findings)} findings")

        outcome = run(of.count, of.seed, first=of.first, told=told)
    seconds = time.monotonic() - begun
    console.print(f"{outcome.count} messages of seed {of.seed} in {seconds:.0f} s ({outcome.count / seconds:.0f} a second)")
    console.print("  ".join(f"{name} {count}" for name, count in sorted(outcome.seen.items())), highlight=False)
    if outcome.memory:
        least, most = min(outcome.memory) / 2**20, max(outcome.memory) / 2**20
        console.print(f"memory {least:.0f} to {most:.0f} MiB; at the end {outcome.growth:.2f} of what it was after a fifth")
    for finding in outcome.findings:
        console.print(finding, style="red", highlight=False, markup=False)
    if outcome.findings:
        console.print("kept under tests/fuzz/seeds; a test replays them")
    return 1 if outcome.findings or outcome.growth > FLAT else 0


if __name__ == "__main__":
    sys.exit(main())
