"""How much more do several workers carry than one? Calls a second through one address and one trunk with one source
port (over TCP: with some connections), as many as go, in pairs: one worker, then N.

sipp (over TCP several of them, with a connection each) keeps a fixed number of calls open and starts the next as soon
as one has ended, so what it completes a second is what ringwarden can carry. Every call has a signature of its own. Astray is every call that failed and every message
that belonged to nobody, with sipp or with us; what was sent twice is told beside it: a busy machine does that too.
`--astray 100000` asks only that, of so many calls in runs of a bounded time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed, sipp
from benchmarks.programs import free_port
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import Stage

OPEN = 64
"""Calls open at one time: enough that no worker waits for work, few enough that nothing is sent twice."""
BATCH = 10_000
"""Calls of one feed: signed within the minute in which they are fresh."""
GOAL = 1.8
ALL = "\n[load]\nunscreened_ms = 0\n"
"""Every call is screened, however long it has waited: what is compared is the same work."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    calls: int
    seconds: float
    failed: int
    nobody: int
    """Messages that belonged to no call, with sipp or with us."""
    again: int
    """Messages that sipp sent twice."""
    handed: int

    @property
    def rate(self) -> float:
        """Completed calls a second."""
        return (self.calls - self.failed) / self.seconds

    @property
    def astray(self) -> int:
        return self.failed + self.nobody


def run(
    folder: Path, workers: int, calls: int, transport: str, connections: int, until: float = float("inf"),
    scenario: str = "caller",
) -> Sample:  # fmt: skip
    """Place the calls through a fresh ringwarden, in batches until a moment (monotonic seconds)."""
    cores = sorted(os.sched_getaffinity(0))
    away, ours = tuple(cores[: max(len(cores) - workers, 1)]), tuple(cores[-workers:])
    done, seconds, failed, nobody, again = 0, 0.0, 0, 0, 0
    kind = "u1" if transport == "udp" else "t1"
    senders = 1 if transport == "udp" else connections
    with (
        Stage(folder) as stage,
        Ringwarden(stage, folder, workers=workers, transport=transport, cores=ours, name=f"rw-{workers}", more=ALL) as proxy,
        sipp.Callee(stage.pbx, folder, transport=kind, cores=away) as callee,
        ThreadPoolExecutor(senders) as pool,
    ):
        froms = [stage.carrier, *(Address(stage.carrier.host, free_port(stage.carrier.host)) for _ in range(senders - 1))]
        while done < calls and (not done or time.monotonic() < until):
            batch = min(BATCH, calls - done)
            signed = feed.signed(batch, stage.signer, time.time())

            def place(number: int, signed: list[feed.Call] = signed) -> sipp.Statistics:
                """What one sender, with one port or one connection, places of them."""
                mine = signed[number::senders]
                path = feed.write(folder / f"calls-{number}.feed", mine)
                return sipp.call(
                    froms[number], proxy.me, path, calls=len(mine), rate=20_000, folder=folder, limit=OPEN // senders,
                    patience=60.0, transport=kind, cores=away, name=f"caller-{number}", scenario=scenario,
                )  # fmt: skip

            began = time.monotonic()
            results = list(pool.map(place, range(senders)))
            done += batch
            # sipp's own clock of a run has whole seconds; its start counts against both sides alike.
            seconds += time.monotonic() - began
            failed += sum(one.failed for one in results)
            nobody += sum(one.unexpected + one.dead for one in results)
            again += sum(one.retransmissions for one in results)
        called = callee.settled(done)
        nobody += called.unexpected + called.dead + int(proxy.count("ringwarden_strays_total"))
        again += called.retransmissions
        handed = int(proxy.count("ringwarden_handed_over_total"))
    return Sample(done, seconds, failed, nobody, again, handed)


def astray(workers: int, calls: int, transport: str, connections: int, seconds: float, scenario: str) -> int:
    """So many calls, in runs, and what went astray of them."""
    until, rows, left = time.monotonic() + seconds, [], calls
    got: list[Sample] = []
    while left > 0 and (not got or time.monotonic() < until):
        with tempfile.TemporaryDirectory() as name:
            got.append(run(Path(name), workers, min(left, 5 * BATCH), transport, connections, until, scenario))
        left -= got[-1].calls
        one = got[-1]
        rows.append([str(len(got)), f"{one.calls:,}", f"{one.rate:,.0f}", *map(str, (one.failed, one.nobody, one.handed, one.again))])
    print(table(
        f"{workers} workers, {transport}: what goes astray",
        ["run", "calls", "calls/s", "failed", "for nobody", "handed over", "sent twice"], rows,
    ))  # fmt: skip
    done, lost = sum(one.calls for one in got), sum(one.astray for one in got)
    short = "" if done >= calls else f"; {calls - done:,} were left when the time was up"
    print(f"\n{lost} of {done:,} calls astray, {sum(one.handed for one in got):,} messages handed over{short}. Goal: 0 of 100,000.")
    return 1 if lost else 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=10_000, help="of each run")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--connections", type=int, default=8, help="of the carrier, over TCP")
    parser.add_argument("--astray", type=int, default=0, metavar="CALLS", help="only look what goes astray of so many")
    parser.add_argument("--late", action="store_true", help="of --astray: with a long header before each Via")
    parser.add_argument("--within", type=float, default=600.0, metavar="SECONDS", help="bound of --astray")
    args = parser.parse_args(argv)
    if args.astray:
        return astray(args.workers, args.astray, args.transport, args.connections, args.within, "late" if args.late else "caller")
    ratios: list[float] = []
    rows: list[list[str]] = []
    for pair in range(args.pairs):
        both: dict[int, Sample] = {}
        for workers in (1, args.workers) if pair % 2 == 0 else (args.workers, 1):
            with tempfile.TemporaryDirectory() as name:
                both[workers] = run(Path(name), workers, args.calls, args.transport, args.connections)
        one, many = both[1], both[args.workers]
        ratios.append(many.rate / one.rate)
        rows.append(
            [
                str(pair + 1), f"{one.rate:,.0f}", f"{many.rate:,.0f}", f"{ratios[-1]:.2f}",
                str(one.astray + many.astray), str(many.handed), str(one.again + many.again),
            ]
        )  # fmt: skip
        print(f"  pair {pair + 1}: {one.rate:,.0f} and {many.rate:,.0f} calls/s", flush=True)
    how = "one source port" if args.transport == "udp" else f"{args.connections} connections"
    print(table(
        f"Calls a second through one address, {args.transport}, {how}",
        ["pair", "1 worker", f"{args.workers} workers", "ratio", "astray", "handed over", "sent twice"], rows,
    ))  # fmt: skip
    middle = statistics.median(ratios)
    print(f"\n{args.workers} workers carry {middle:.2f} times ({min(ratios):.2f} to {max(ratios):.2f}) what one does.")
    print(f"Goal for two on two cores of their own: {GOAL}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
