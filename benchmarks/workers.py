"""How much more do several workers carry than one? Calls a second through one address and one trunk with one source
port (over TCP: with some connections), as many as go, in pairs: one worker, then N.

The generator keeps a fixed number of calls open and starts the next as soon as one has ended, so what it completes a
second is what ringwarden can carry. Every call has a signature of its own. Astray is every call that failed and every
message that belonged to nobody, with the generator or with us; what was sent twice is told beside it: a busy machine
does that too. Screened is every call whose signature was checked and held, as /metrics says: runs in which some went by
unscreened are not to be compared. "By CPU" is what the ratio would be if every core were ours all the time: what several
workers waste. The same calls straight to the callee say what the generator could have carried. `--astray 100000` asks only what goes astray, of so many calls in runs of a bounded time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu
from benchmarks.generator import FAST, OPEN, Generator, split
from benchmarks.report import keep, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.stage import ROOT, Stage

BATCH = 40_000
"""Calls of one run of --astray."""
CALLERS = 2
GOAL = 1.8
ALL = "\n[load]\nunscreened_ms = 0\n"
"""Every call is screened, however long it has waited: what is compared is the same work."""
LATE = "X-First: " + "long" * 110 + "\r\n"
"""A header before Via that is longer than what the kernel looks through for the branch."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    calls: int
    rate: float
    """Completed calls a second."""
    failed: int
    nobody: int
    """Messages that belonged to no call, with the generator or with us."""
    again: int
    """Messages that were sent twice."""
    screened: int
    """Of the calls: those whose signature was checked and held."""
    handed: int
    us: float
    """CPU microseconds a call of all our processes."""
    busy: float
    """The share of its cores that the generator used, 0 to 1."""
    mib: float

    @property
    def astray(self) -> int:
        return self.failed + self.nobody

    @property
    def unscreened(self) -> int:
        return self.calls - self.screened


def run(
    folder: Path, workers: int, transport: str, connections: int, *, seconds: float = 0.0, calls: int = 0,
    before: str = "", load: tuple[int, ...] = (), tree: Path = ROOT,
) -> Sample:  # fmt: skip
    """Place calls through a fresh ringwarden: for so many seconds, or so many of them. tree: whose."""
    away, ours = split(workers)
    away = load or away
    with (
        Stage(folder) as stage,
        Generator(stage, cores=away, transport=transport, nap=0.0) as generator,
        Ringwarden(
            stage, folder, workers=workers, transport=transport, cores=ours, name=f"rw-{workers}", more=ALL, tree=tree
        ) as proxy,
    ):
        more = {"callers": CALLERS, "limit": OPEN, "connections": connections, "patience": 8.0, "before": before}
        probe = generator.run(proxy.me, FAST, 600, **more)
        before_it = screened(proxy)
        meter = cpu.Meter(proxy.program.pid)
        outcome = generator.run(proxy.me, FAST, calls or max(int(probe.rate * seconds), 600), **more)
        spent = meter.spent()
        callee = outcome.callee
        assert callee is not None, "the callee is ours"
        return Sample(
            outcome.caller.placed, outcome.rate, outcome.failures,
            outcome.nobody + int(proxy.count("ringwarden_strays_total")), outcome.again,
            screened(proxy) - before_it,
            int(proxy.count("ringwarden_handed_over_total")), spent.seconds / outcome.caller.placed * 1e6,
            (outcome.caller.cpu + callee.cpu) / outcome.seconds / len(away), proxy.resident(),
        )  # fmt: skip


def screened(proxy: Ringwarden) -> int:
    """How many calls were judged so far, and with a good signature: all of ours have one."""
    return int(proxy.count("ringwarden_decisions_total", direction="inbound", attest="A"))


def all_screened(got: Sequence[Sample]) -> str:
    """A sentence for whoever compares these runs."""
    placed, left = sum(one.calls for one in got), sum(one.unscreened for one in got)
    if left:
        return f"NOT all calls were screened: {left:,} of {placed:,} were not. Such runs are not to be compared."
    return f"All of the {placed:,} calls were screened."


def alone(transport: str, connections: int, seconds: float, load: tuple[int, ...]) -> float:
    """Calls a second of the generator without a proxy, on its own cores."""
    with tempfile.TemporaryDirectory() as name, Stage(Path(name)) as stage:
        with Generator(stage, cores=load, transport=transport, nap=0.0) as generator:
            return generator.closed(stage.pbx, seconds, callers=CALLERS, connections=connections).rate


def astray(workers: int, calls: int, transport: str, connections: int, seconds: float, before: str) -> int:
    """So many calls, in runs, and what went astray of them."""
    until, rows, left = time.monotonic() + seconds, [], calls
    got: list[Sample] = []
    while left > 0 and (not got or time.monotonic() < until):
        with tempfile.TemporaryDirectory() as name:
            got.append(run(Path(name), workers, transport, connections, calls=min(left, BATCH), before=before))
        one = got[-1]
        left -= one.calls
        rows.append(
            [str(len(got)), f"{one.calls:,}", f"{one.rate:,.0f}",
             *map(str, (one.failed, one.nobody, one.handed, one.again, one.unscreened))]
        )
    print(table(
        f"{workers} workers, {transport}: what goes astray",
        ["run", "calls", "calls/s", "failed", "for nobody", "handed over", "sent twice", "unscreened"], rows,
    ))  # fmt: skip
    done, lost = sum(one.calls for one in got), sum(one.astray for one in got)
    short = "" if done >= calls else f"; {calls - done:,} were left when the time was up"
    print(f"\n{lost} of {done:,} calls astray, {sum(one.handed for one in got):,} messages handed over{short}. Goal: 0 of 100,000.")
    print(all_screened(got))
    return 1 if lost else 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--connections", type=int, default=8, help="of the carrier, over TCP")
    parser.add_argument("--astray", type=int, default=0, metavar="CALLS", help="only look what goes astray of so many")
    parser.add_argument("--late", action="store_true", help="of --astray: with a long header before each Via")
    parser.add_argument("--within", type=float, default=600.0, metavar="SECONDS", help="bound of --astray")
    parser.add_argument("--quick", action="store_true", help="one pair of a second: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args(argv)
    if args.astray:
        before = LATE if args.late else ""
        return astray(args.workers, args.astray, args.transport, args.connections, args.within, before)
    pairs, seconds = (1, 1.0) if args.quick else (args.pairs, args.seconds)
    # Both halves of a pair have the same generator on the same cores, however many the worker leaves free.
    load = split(args.workers)[0]
    bare = alone(args.transport, args.connections, min(seconds, 3.0), load)
    ratios: list[float] = []
    rows: list[list[str]] = []
    kept: list[dict[str, object]] = []
    got: list[Sample] = []
    for pair in range(pairs):
        both: dict[int, Sample] = {}
        for workers in (1, args.workers) if pair % 2 == 0 else (args.workers, 1):
            with tempfile.TemporaryDirectory() as name:
                both[workers] = run(Path(name), workers, args.transport, args.connections, seconds=seconds, load=load)
        one, many = both[1], both[args.workers]
        got += one, many
        ratios.append(many.rate / one.rate)
        kept.append({"one": asdict(one), "many": asdict(many), "ratio": ratios[-1]})
        rows.append(
            [
                str(pair + 1), f"{one.rate:,.0f}", f"{many.rate:,.0f}", f"{ratios[-1]:.2f}", f"{args.workers * one.us / many.us:.2f}", f"{one.us:,.0f}",
                f"{many.us:,.0f}", f"{many.busy:.0%}", str(one.astray + many.astray), str(many.handed),
                str(one.again + many.again), str(one.unscreened + many.unscreened),
            ]
        )  # fmt: skip
        print(f"  pair {pair + 1}: {one.rate:,.0f} and {many.rate:,.0f} calls/s", flush=True)
    how = "one source port" if args.transport == "udp" else f"{args.connections} connections"
    many_workers = f"{args.workers} workers"
    print(table(
        f"Calls a second through one address, {args.transport}, {how}",
        ["pair", "1 worker", many_workers, "ratio", "by CPU", "us/call, 1", f"us/call, {args.workers}", "load busy", "astray", "handed over",
         "sent twice", "unscreened"], rows,
    ))  # fmt: skip
    middle = statistics.median(ratios)
    fastest = max(float(row[2].replace(",", "")) for row in rows)
    print(f"\n{args.workers} workers carry {middle:.2f} times ({min(ratios):.2f} to {max(ratios):.2f}) what one does.")
    print(all_screened(got))
    print(f"Goal for two on two cores of their own: {GOAL}.")
    print(f"The generator alone, on its {len(load)} cores: {bare:,.0f} calls/s, {bare / fastest:.1f} times what was measured.")
    keep(args.json, {"transport": args.transport, "workers": args.workers, "alone": bare, "pairs": kept})
    well = not any(one.unscreened for one in got) and (args.workers != 2 or middle >= GOAL)
    return 0 if args.quick or well else 1


if __name__ == "__main__":
    sys.exit(main())
