"""How many calls a second does one worker carry, how long do they wait, and how much memory does it take, beside Kamailio?

Both verify alike (signature, chain, both numbers), on the same core, one after the other. First the highest rate that is
carried is searched (under 0.1 % failed, under 0.1 % sent twice). Then, in interleaved pairs, both get the same load: half
of what Kamailio carries. The post-dial delay is from the caller's INVITE to ringing, by the kernel's time stamps; what is
added is that less what the same calls need straight to the callee. `--curve` measures each at shares of its own limit,
past the knee.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, sanity
from benchmarks.generator import Generator
from benchmarks.kamailio import Kamailio, Mode
from benchmarks.programs import ProgramError, missing
from benchmarks.report import Spread, keep, table
from benchmarks.ringwarden import REFUSED, Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import Stage
from proxy.lab.load.fleet import LoadError
from proxy.lab.load.plan import Outcome
from proxy.lab.load.saturation import search

ALL = "\n[load]\nunscreened_ms = 0\n"
"""Every call is screened, however long it has waited: what is compared is the same work."""
BEGIN = 400.0
SETTLING = 40
"""Runs of a second: who was not answered sends again for half a minute (RFC 3261, 64 times T1)."""
CURVE = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.15, 1.3)
"""Shares of what a side carries."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run at one rate."""

    rate: float
    completed: float
    """A second."""
    failed: int
    again: int
    p50: float
    p90: float
    p99: float
    """Milliseconds."""

    @classmethod
    def of(cls, outcome: Outcome) -> Point:
        delays = outcome.caller.ringing
        return cls(
            outcome.plan.rate, outcome.rate, outcome.failures, outcome.again,
            *(round(delays.ms(share), 4) for share in (0.5, 0.9, 0.99)),
        )  # fmt: skip


@dataclass(slots=True)
class Side:
    """What was found of one program."""

    carried: float = 0.0
    """Calls a second."""
    start_mib: float = 0.0
    mib: float = 0.0
    """Resident, all processes: before the first call, and after the last."""
    half: list[Point] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    rate: float
    alone: list[Point]
    sides: dict[str, Side]
    generator: float
    """Calls a second that the load generator carries without a proxy."""


def measure(folder: Path, *, pairs: int, seconds: float, curve: bool, say: Callable[[str], None] = print) -> Result:
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(folder))
        where = stage.places
        programs: dict[str, tuple[Address, Any]] = {}
        kamailio = Kamailio(Mode.WHOLE, stage.proxy, stage.pbx, folder, trust=stage.trust, cores=where.measured)
        programs["Kamailio"] = (stage.proxy, stack.enter_context(kamailio))
        me = Address("127.0.0.4", stage.second.port)
        ours = Ringwarden(stage, folder, me=me, mode="enforce", codes=REFUSED, cores=where.measured, more=ALL)
        programs["ringwarden"] = (me, stack.enter_context(ours))
        sides = {name: Side(start_mib=resident(program)) for name, (_, program) in programs.items()}
        for name, (at, _) in programs.items():
            sanity.check(name.lower(), stage, at)
        generator = stack.enter_context(Generator(stage, cores=where.load, nap=0.0))
        bare = generator.closed(stage.pbx, min(seconds, 2.0)).rate
        say(f"  the generator alone carries {bare:,.0f} calls a second")
        for name, (at, _) in programs.items():
            settled(lambda at=at: generator.run(at, 100.0, 100))  # type: ignore[misc]
            found = search(lambda rate, at=at: generator.run(at, rate, int(rate * seconds)), BEGIN)  # type: ignore[misc]
            sides[name].carried = found.rate
            say(f"  {name} carries {found.rate:,.0f} calls a second")
        half = sides["Kamailio"].carried / 2
        if not half:
            raise ProgramError("Kamailio carried nothing: the machine is too busy to say anything")
        alone: list[Point] = []
        for number in range(pairs):
            calls = int(half * seconds)
            alone.append(Point.of(generator.alone(half, calls, exact=True)))
            order = list(programs.items())
            for name, (at, _) in order if number % 2 else order[::-1]:
                sides[name].half.append(Point.of(generator.run(at, half, calls, exact=True)))
            say(f"  pair {number + 1} of {pairs}: " + ", ".join(f"{name} p99 {side.half[-1].p99:.2f} ms" for name, side in sides.items()))
        for name, (at, program) in programs.items():
            for share in CURVE if curve else ():
                rate = sides[name].carried * share
                if rate:
                    sides[name].curve.append(Point.of(generator.run(at, rate, int(rate * seconds), exact=True)))
            sides[name].mib = resident(program)
        return Result(half, alone, sides, bare)


def settled(run: Callable[[], Outcome], runs: int = SETTLING) -> None:
    """Wait until nobody sends anything again of what the side before could not carry: it counted against the next.
    Raises ProgramError.
    """
    for _ in range(runs):
        outcome = run()
        if not outcome.again and not outcome.nobody:
            return
    raise ProgramError(f"after {runs} quiet runs messages of earlier ones still came")


def resident(program: Any) -> float:
    """MiB of its own pages and its share of shared ones (PSS), of all processes: Kamailio's forked children share."""
    found = 0
    for process in cpu.tree(program.program.pid):
        try:
            text = (cpu.PROC / str(process) / "smaps_rollup").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        found += int(text.partition("\nPss:")[2].split()[0]) if "\nPss:" in text else 0
    return found / 1024


def shown(result: Result) -> str:
    """For reading."""
    floor = Spread.of([one.p50 for one in result.alone]).median, Spread.of([one.p99 for one in result.alone]).median
    rows = []
    for name, side in result.sides.items():
        p50, p99 = Spread.of([one.p50 for one in side.half]), Spread.of([one.p99 for one in side.half])
        lost = sum(one.failed for one in side.half)
        rows.append([
            name, f"{side.carried:,.0f}", p50.shown(2), f"{max(p50.median - floor[0], 0):.2f}", p99.shown(2),
            f"{max(p99.median - floor[1], 0):.2f}", str(lost), f"{side.start_mib:.0f}", f"{side.mib:.0f}",
        ])  # fmt: skip
    rows.append(["nobody between", "", f"{floor[0]:.2f}", "", f"{floor[1]:.2f}", "", "", "", ""])
    text = table(
        f"Post-dial delay at {result.rate:,.0f} calls a second, half of what Kamailio carries; ms, {len(result.alone)} pairs",
        ["", "carries, calls/s", "p50: median (range)", "added", "p99: median (range)", "added", "failed", "MiB, start", "then"],
        rows,
    )
    for name, side in result.sides.items():
        if side.curve:
            lines = [[f"{one.rate:,.0f}", f"{one.completed:,.0f}", *(f"{ms:.2f}" for ms in (one.p50, one.p90, one.p99)), str(one.failed), str(one.again)] for one in side.curve]
            text += "\n\n" + table(f"{name}, up to its knee and past it", ["calls/s", "done/s", "p50 ms", "p90", "p99", "failed", "sent twice"], lines)
    ours, theirs = result.sides["ringwarden"], result.sides["Kamailio"]
    most = max(side.carried for side in result.sides.values())
    text += f"\n\nThe generator alone, straight to the callee: {result.generator:,.0f} calls a second, {result.generator / most:.1f} times the most that was carried."
    text += "\nGoal: p50 and p99 at most Kamailio's. " + ("Met." if goal_met(ours, theirs) else "NOT met.")
    return text


def goal_met(ours: Side, theirs: Side) -> bool:
    def middle(side: Side, of: Callable[[Point], float]) -> float:
        return Spread.of([of(one) for one in side.half]).median

    return all(middle(ours, of) <= middle(theirs, of) for of in (lambda one: one.p50, lambda one: one.p99))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument("--curve", action="store_true", help="also the delay at shares of each one's limit, past the knee")
    parser.add_argument("--quick", action="store_true", help="one pair of a second: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args(argv)
    if absent := missing("kamailio"):
        print(f"This benchmark needs {' and '.join(absent)} (Debian: kamailio, kamailio-secsipid-modules).")
        return 2
    pairs, seconds = (1, 1.0) if asked.quick else (asked.pairs, asked.seconds)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        try:
            result = measure(Path(name), pairs=pairs, seconds=seconds, curve=asked.curve, say=lambda text: print(text, flush=True))
        except (ProgramError, LoadError, sanity.Unverified) as error:
            print(f"No result: {error}", *getattr(error, "__notes__", ()), sep="\n")
            return 1
    print(shown(result))
    keep(asked.json, asdict(result))
    return 0 if asked.quick or goal_met(result.sides["ringwarden"], result.sides["Kamailio"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
