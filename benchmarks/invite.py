"""What does one verified call cost? CPU microseconds per call, ringwarden beside a well-tuned Kamailio, in pairs
inside one run.

Both stand between the same caller and callee, on the same core, with the same kind of calls at the same rate, each
call with a PASSporT of its own that was signed a moment ago. The figure is the CPU time of all processes of a side,
divided by calls. The order inside a pair alternates, so that a machine that warms up or slows down favours nobody.
Before anything is measured both sides must refuse what is forged (sanity.py); afterwards every call must have
completed with nothing sent twice, or the run is void.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, feed, floors, sanity, sipp
from benchmarks.bare import Bare
from benchmarks.kamailio import Kamailio, Mode
from benchmarks.programs import ProgramError, missing
from benchmarks.report import Spread, keep, table
from benchmarks.ringwarden import REFUSED, Ringwarden
from benchmarks.stage import ROOT, Stage

GOAL = 0.60
"""The ratio to Kamailio, like for like, that a verified call must stay under."""
SLOWER = 1.10
"""The ratio to an older tree that a call may cost."""
SETTLE = 0.3
"""Seconds of silence before a run, so that the last one's timers do not fall into it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One question: what the calls are, and what each side does with them."""

    name: str
    asks: str
    peer: Mode
    scenario: str
    made: Callable[[Stage, int], list[feed.Call]]
    answered: bool
    """The callee gets the call."""


def _unsigned(stage: Stage, count: int) -> list[feed.Call]:
    return [feed.Call(caller, callee, caller, "") for caller, callee in feed.pairs(count)]


def _signed(stage: Stage, count: int) -> list[feed.Call]:
    return feed.signed(count, stage.signer, time.time())


def _forged(stage: Stage, count: int) -> list[feed.Call]:
    return [feed.forged(call) for call in _signed(stage, count)]


TARGETS = {
    target.name: target
    for target in (
        Target("verify", "a verified call (signature, chain, both numbers)", Mode.WHOLE, "caller", _signed, True),
        Target(
            "signature", "a verified call; Kamailio checks the signature only", Mode.SIGNATURE, "caller", _signed, True
        ),
        Target("relay", "a call that nobody signed", Mode.RELAY, "unsigned", _unsigned, True),
        Target("reject", "a call whose signature is forged, refused with 438", Mode.WHOLE, "refused", _forged, False),
    )
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one side."""

    calls: int
    us_per_call: float
    user_share: float
    processes: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class Pair:
    ringwarden: Sample | None
    kamailio: Sample
    floors: floors.Floors
    bare: Sample | None = None
    """The least that a proxy in Python costs (bare.py)."""

    @property
    def ratio(self) -> float:
        return self.ringwarden.us_per_call / self.kamailio.us_per_call if self.ringwarden else float("nan")


@dataclass(frozen=True, slots=True)
class Result:
    target: str
    rate: float
    calls: int
    cores: cpu.Places
    pairs: tuple[Pair, ...]


class Void(Exception):
    """A run in which not every call was completed and judged; its figures are not shown."""


def run(stage: Stage, target: Target, side: Any, *, calls: int, rate: float, name: str) -> Sample:
    """One measured run of a side that is up already. Raises Void unless every call went as it must."""
    time.sleep(SETTLE)
    where, folder = stage.places, stage.folder
    path = feed.write(folder / f"{name}.feed", target.made(stage, calls))
    verified = _verified(side)
    with sipp.Callee(stage.pbx, folder, cores=where.load[-1:]) as callee:
        meter = cpu.Meter(side.program.pid)
        caller = sipp.call(
            stage.carrier,
            side.me,
            path,
            calls=calls,
            rate=rate,
            folder=folder,
            scenario=target.scenario,
            cores=where.load[:1],
        )
        spent = meter.spent()
        path.unlink()
        if not caller.clean or caller.successful != calls:
            raise Void(f"{name}: {caller}")
        if target.answered and not (totals := callee.settled(calls)).clean:
            raise Void(f"{name}, callee: {totals}")
    if target.made is _signed and verified is not None and (got := (_verified(side) or 0) - verified) != calls:
        raise Void(f"{name}: {got:g} of {calls} calls were verified")
    return Sample(calls, spent.seconds / calls * 1e6, spent.user_share, spent.processes, caller.retransmissions)


def _verified(side: object) -> float | None:
    """How many calls ringwarden says that it has proved; None for a Kamailio, which shows it by refusing the others."""
    return side.count("ringwarden_verify_total", result="passed") if isinstance(side, Ringwarden) else None


def compare(
    target: Target,
    *,
    pairs: int,
    calls: int,
    rate: float,
    folder: Path,
    alone: bool = False,
    bare: bool = False,
    say: Callable[[str], None] = print,
) -> Result:
    """Measure in interleaved pairs. `alone`: Kamailio only, which gives the baseline of a machine; `bare`: beside the
    barest proxy in Python too."""
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(folder))
        kamailio = stack.enter_context(
            Kamailio(target.peer, stage.proxy, stage.pbx, folder, trust=stage.trust, cores=stage.places.measured)
        )
        sides: list[tuple[str, Any]] = [("kamailio", kamailio)]
        if not alone:
            me = sipp.Address("127.0.0.4", stage.second.port)
            ours = Ringwarden(stage, folder, me=me, mode="enforce", codes=REFUSED, cores=stage.places.measured)
            sides.append(("ringwarden", stack.enter_context(ours)))
        if bare:
            third = sipp.Address("127.0.0.5", stage.second.port)
            sides.append(("bare", stack.enter_context(Bare(stage, folder, me=third, cores=stage.places.measured))))
        for name, side in sides:
            if not (name == "kamailio" and target.peer is not Mode.WHOLE):
                sanity.check(name, stage, side.me)
            run(stage, target, side, calls=max(200, calls // 4), rate=rate, name=f"{name}-warm")
        done = []
        for number in range(pairs):
            taken: dict[str, Sample] = {}
            low = floors.measure(stage.places.measured)
            for name, side in sides if number % 2 else sides[::-1]:
                taken[name] = run(stage, target, side, calls=calls, rate=rate, name=name)
            pair = Pair(taken.get("ringwarden"), taken["kamailio"], low, taken.get("bare"))
            done.append(pair)
            shown = ", ".join(f"{name} {sample.us_per_call:.0f}" for name, sample in sorted(taken.items()))
            say(f"  pair {number + 1} of {pairs}: {shown} µs a call; floors {low.verify:.0f} and {low.datagram:.1f} µs")
        return Result(target.name, rate, calls, stage.places, tuple(done))


def against(
    tree: Path, *, pairs: int, calls: int, rate: float, folder: Path, say: Callable[[str], None] = print
) -> Spread:
    """The cost of a verified call here over that of the ringwarden in another working tree, in interleaved pairs."""
    target = TARGETS["verify"]
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(folder))
        sides = []
        for at, (name, root) in enumerate((("before", tree), ("now", ROOT))):
            me = sipp.Address(f"127.0.0.{4 + at}", stage.second.port)
            side = Ringwarden(
                stage, folder, me=me, mode="enforce", codes=REFUSED, cores=stage.places.measured, name=name, tree=root
            )
            sides.append((name, stack.enter_context(side)))
        for name, side in sides:
            run(stage, target, side, calls=max(200, calls // 4), rate=rate, name=f"{name}-warm")
        ratios = []
        for number in range(pairs):
            low = floors.measure(stage.places.measured)
            taken = {
                name: run(stage, target, side, calls=calls, rate=rate, name=name).us_per_call
                for name, side in (sides if number % 2 else sides[::-1])
            }
            ratios.append(taken["now"] / taken["before"])
            say(
                f"  pair {number + 1} of {pairs}: before {taken['before']:.0f}, now {taken['now']:.0f} µs a call: "
                f"{ratios[-1]:.2f}; floor {low.verify:.0f} µs"
            )
        return Spread.of(ratios)


def shown(result: Result) -> str:
    """The result for reading."""
    target = TARGETS[result.target]
    kamailio = Spread.of([pair.kamailio.us_per_call for pair in result.pairs])
    verify = Spread.of([pair.floors.verify for pair in result.pairs])
    rows = [["Kamailio, tuned", kamailio.shown(), "1.00", f"{kamailio.median / verify.median:.1f}"]]
    if all(pair.ringwarden for pair in result.pairs):
        ours = Spread.of([pair.ringwarden.us_per_call for pair in result.pairs if pair.ringwarden])
        ratio = Spread.of([pair.ratio for pair in result.pairs])
        rows.insert(0, ["ringwarden", ours.shown(), ratio.shown(2), f"{ours.median / verify.median:.1f}"])
    if all(pair.bare for pair in result.pairs):
        least = Spread.of([pair.bare.us_per_call for pair in result.pairs if pair.bare])
        beside = Spread.of([pair.bare.us_per_call / pair.kamailio.us_per_call for pair in result.pairs if pair.bare])
        rows.append(["floor: the barest in Python", least.shown(), beside.shown(2), f"{least.median / verify.median:.1f}"])
    rows.append(["floor: one bare ES256 check", verify.shown(), "", "1.0"])
    datagram = Spread.of([pair.floors.datagram for pair in result.pairs])
    rows.append(["floor: one datagram in and out", datagram.shown(1), "", f"{datagram.median / verify.median:.2f}"])
    title = f"What {target.asks} costs: {len(result.pairs)} pairs of {result.calls} calls at {result.rate:g} a second, one core"
    text = table(title, ["", "CPU µs per call: median (range)", "ratio to Kamailio", "in ES256 checks"], rows)
    if target.name == "verify" and all(pair.ringwarden for pair in result.pairs):
        text += f"\n\nGoal: a ratio of at most {GOAL:.2f}. " + ("Met." if goal_met(result) else "NOT met.")
    return text


def goal_met(result: Result) -> bool:
    """Whether the median ratio stays under the goal; only a verified call, like for like, has one."""
    return result.target != "verify" or Spread.of([pair.ratio for pair in result.pairs]).median <= GOAL


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--target", choices=sorted(TARGETS), default="verify")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1500, help="of each side in each pair")
    parser.add_argument("--rate", type=float, default=350.0, help="calls a second")
    parser.add_argument("--quick", action="store_true", help="one pair of 400 calls: does it run at all?")
    parser.add_argument("--kamailio-only", action="store_true", help="the baseline of this machine, without ringwarden")
    parser.add_argument("--bare", action="store_true", help="the barest proxy in Python too: what would be left to gain?")
    parser.add_argument("--against", type=Path, metavar="TREE", help="beside the ringwarden of another working tree")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    if absent := missing("sipp", "kamailio"):
        print(f"This benchmark needs {' and '.join(absent)} (Debian: sip-tester, kamailio, kamailio-secsipid-modules).")
        return 2
    pairs, calls = (1, 400) if asked.quick else (asked.pairs, asked.calls)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as folder:
        try:
            if asked.against is not None:
                ratio = against(
                    asked.against.absolute(), pairs=pairs, calls=calls, rate=asked.rate, folder=Path(folder)
                )
                kept = ratio.median <= SLOWER
                print(f"Now over before: {ratio.shown(2)}; at most {SLOWER:.2f}: {'kept' if kept else 'NOT kept'}.")
                return 0 if kept or asked.quick else 1
            result = compare(
                TARGETS[asked.target],
                pairs=pairs,
                calls=calls,
                rate=asked.rate,
                folder=Path(folder),
                alone=asked.kamailio_only,
                bare=asked.bare,
            )
        except (ProgramError, Void, sanity.Unverified) as error:
            print(f"No result: {error}", *getattr(error, "__notes__", ()), sep="\n")
            return 1
    print(shown(result))
    keep(asked.json, result)
    return 0 if asked.kamailio_only or asked.quick or goal_met(result) else 1


if __name__ == "__main__":
    raise SystemExit(main())
