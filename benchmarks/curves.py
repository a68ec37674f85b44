"""The figures: delay against load up to the knee and past it; cost against list size, calls in progress, workers.

Measures what the curves need, keeps it as JSON, and draws an SVG of each (matplotlib, the extra `bench`). `--draw` draws
again what was measured before. A curve is one pass, so its points differ by what the machine did meanwhile: the questions
with a limit have files of their own, which measure in pairs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, delay, flat, workers
from benchmarks.flat import Bench
from benchmarks.generator import FAST
from benchmarks.programs import ProgramError, missing
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import Address
from proxy.lab.load.fleet import Callers, LoadError

FIGURES = Path(__file__).parent / "figures"
HELD = (0, 1_000, 10_000, 30_000, 100_000)
EXCHANGES = (0, 800, 8_000, 40_000, 200_600)
"""Of the registry, 1,250 numbers each: none, a million, ten, fifty, two hundred and fifty."""
RATE = 200.0
REPEAT = 3
"""Runs of a point; the middle one is shown."""

Curve = dict[str, Any]


def cost(bench: Bench, proxy: Ringwarden, load: Callable[[Address], Any]) -> float:
    """CPU microseconds a call: the middle of some runs."""
    found = []
    for _ in range(REPEAT):
        meter = cpu.Meter(proxy.program.pid)
        calls = load(proxy.me).caller.placed
        found.append(meter.spent().seconds / calls * 1e6)
    return float(sorted(found)[REPEAT // 2])


def latency(quick: bool) -> Curve:
    """Delay of both programs at shares of what each carries."""
    if missing("kamailio"):
        raise ProgramError("Kamailio is not here")
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        found = delay.measure(Path(name), pairs=1, seconds=1.0 if quick else 4.0, curve=True)
    return {name: [asdict(one) for one in side.curve] for name, side in found.sides.items()}


def in_progress(quick: bool) -> Curve:
    """Cost of a call while so many others ring."""
    points = []
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, ExitStack() as stack:
        # Short runs: Timer C ends the first calls after three minutes.
        bench = Bench(stack, Path(name), RATE, 1.0 if quick else 2.0)
        proxy = bench.ringwarden("held", bench.stage.proxy)
        bench.load(proxy.me)
        have = 0
        for wanted in HELD[:2] if quick else HELD:
            if wanted > have:
                seen = bench.generator.callees.seen().calls
                plan = bench.generator.plan(
                    proxy.me, FAST, wanted - have, hold="ring", limit=flat.HOLDING, callers=2, patience=60.0,
                    me=Address(bench.stage.carrier.host, 0),
                )  # fmt: skip
                more = stack.enter_context(Callers(plan))
                more.begin()
                until = time.monotonic() + flat.FILLING["ring"]
                while (come := bench.generator.callees.seen().calls - seen) < (wanted - have) * flat.ENOUGH:
                    if time.monotonic() > until:
                        break  # the point stands where it could be brought to
                    time.sleep(0.2)
                have += come
            points.append({"held": have, "us": cost(bench, proxy, bench.load), "mib": proxy.resident()})
            print(f"  {have:,} calls ring: {points[-1]['us']:,.0f} us a call", flush=True)
    return {"points": points}


def listed(quick: bool) -> Curve:
    """Cost of a call that leaves, with so many numbers in the registry."""
    points = []
    for exchanges in EXCHANGES[:2] if quick else EXCHANGES:
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, ExitStack() as stack:
            bench = Bench(stack, Path(name), RATE, 1.0 if quick else 4.0)
            numbers = flat.compose(Path(name) / "listed" / "state", exchanges) if exchanges else 0
            proxy = bench.ringwarden("listed", bench.stage.proxy, amend=flat.selling)
            outwards = flat.outwards(bench, stack)
            outwards(proxy.me)
            points.append({"numbers": numbers, "us": cost(bench, proxy, outwards), "mib": proxy.resident()})
            print(f"  {numbers:,} do-not-call numbers: {points[-1]['us']:,.0f} us a call", flush=True)
    return {"points": points}


def by_workers(quick: bool) -> Curve:
    """Calls a second of one worker and more, each on a core of its own; two cores stay for the load."""
    points = []
    most = max(len(cpu.cores()) - 2, 1)
    load = tuple(cpu.cores()[:2])
    for number in range(1, most + 1):
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
            one = workers.run(Path(name), number, "udp", 1, seconds=1.0 if quick else 6.0, load=load)
        points.append({"workers": number, "rate": one.rate, "us": one.us, "mib": one.mib})
        print(f"  {number} worker(s): {one.rate:,.0f} calls a second", flush=True)
    return {"points": points}


CURVES: dict[str, Callable[[bool], Curve]] = {
    "latency": latency, "in-progress": in_progress, "lists": listed, "workers": by_workers,
}  # fmt: skip


def draw(folder: Path, name: str, curve: Curve) -> Path:
    """The SVG of one curve. Raises ModuleNotFoundError without matplotlib."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "ringwarden"  # the same figures make the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    if name == "latency":
        for side, points in sorted(curve.items()):
            for share, style in (("p50", "-"), ("p99", "--")):
                axes.plot([one["rate"] for one in points], [one[share] for one in points], style, marker=".", label=f"{side}, {share}")
        axes.set_yscale("log")
        axes.set(xlabel="calls a second", ylabel="post-dial delay, ms", title="Delay against load, one worker")
        axes.legend()
    else:
        points = curve["points"]
        across, label = {
            "in-progress": ("held", "calls that ring meanwhile"), "lists": ("numbers", "do-not-call numbers"),
            "workers": ("workers", "workers, a core each"),
        }[name]  # fmt: skip
        key, says = ("rate", "calls a second") if name == "workers" else ("us", "CPU us a call")
        axes.plot([one[across] for one in points], [one[key] for one in points], marker="o")
        if name == "workers":
            axes.set_xticks([one["workers"] for one in points])
        else:
            axes.set_xscale("symlog", linthresh=1000)
        axes.set_ylim(bottom=0)
        axes.set(xlabel=label, ylabel=says, title=f"{says[0].upper()}{says[1:]} against {label}")
    axes.grid(visible=True, alpha=0.3)
    path = folder / f"{name}.svg"
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    return path


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("curves", nargs="*", choices=[*CURVES, []], help="default: all")
    parser.add_argument("--draw", action="store_true", help="only draw what was measured before")
    parser.add_argument("--quick", action="store_true", help="few points: does it run at all?")
    parser.add_argument("--folder", type=Path, default=FIGURES)
    asked = parser.parse_args(argv)
    asked.folder.mkdir(parents=True, exist_ok=True)
    worst = 0
    for name in asked.curves or CURVES:
        kept = asked.folder / f"{name}.json"
        try:
            if not asked.draw:
                print(f"{name}:")
                kept.write_text(json.dumps(CURVES[name](asked.quick), indent=1) + "\n", encoding="utf-8")
            print(draw(asked.folder, name, json.loads(kept.read_text(encoding="utf-8"))))
        except ModuleNotFoundError:
            print(f"{kept}: measured; to draw it, pip install 'ringwarden[bench]'")
        except (ProgramError, LoadError, OSError) as error:
            print(f"{name}: no result: {error}")
            worst = 1
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
