"""Does a call cost more instructions than it did? The budget for regressions: `make bench-check`.

`counted` places the same calls in the same order under valgrind's callgrind, which counts instructions: that does not depend
on how busy the machine is, so a few per cent can be seen in a minute, anywhere. The figures of record stand in `budget.toml`,
per call, by kind of call and message, for each kind of Python that they were taken with. A Python of the same version that was
built in another way is measured by a fixed piece of plain code, the yard, and the figures are scaled by it.

`--tree` counts another source tree, `--against` shows what differs between two of them, down to the functions called.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import counted
from benchmarks.report import table

HERE = Path(__file__).resolve().parent
BUDGET = HERE / "budget.toml"
TOLERANCE = 0.03
"""A kind of call may take this share more than the budget says. Two runs of the same code differ by 0.3 % at most."""
SCALED = 0.10
"""The same where the figures were scaled to another build of Python."""
PLACE, SHARE = 0.10, 0.02
"""One kind of message may take this much more, as long as that is less than the second share of its whole call."""
SMALL = 0.005
"""A message that grew by less than this share of its whole call is not told of as the place."""
SECONDS = 420.0
"""Deadline of one count; it takes 70 s on a usual machine."""
YARD, FLOOR = "yard", "ES256 check"


class CountError(Exception):
    """No figures came."""


def python() -> str:
    """The kind of Python that runs: figures of one say nothing of another."""
    return f"{platform.python_implementation().lower()}-{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}"


def _child(tree: Path, names: Path, *, before: Sequence[str] = (), more: Sequence[str] = ()) -> None:
    """Run `counted` over a tree. Raises CountError."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(tree)}
    command = [*before, sys.executable, "-P", str(HERE / "counted.py"), "--names", str(names), *more]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, cwd=tree)
    except subprocess.TimeoutExpired as error:
        raise CountError(f"no end after {SECONDS:g} s") from error
    if done.returncode or not names.is_file():
        raise CountError("\n".join((done.stdout + done.stderr).splitlines()[-15:]))


def count(tree: Path, calls: int = counted.CALLS) -> dict[str, float]:
    """Instructions per call by kind and message, and those of the yard. Raises CountError."""
    with tempfile.TemporaryDirectory() as folder:
        names, out = Path(folder) / "names", Path(folder) / "out"
        valgrind = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-before=getpriority", "--quiet",
        ]  # fmt: skip
        _child(tree, names, before=valgrind, more=["--calls", str(calls)])
        found: dict[str, float] = {}
        for at, name in enumerate(names.read_text(encoding="utf-8").splitlines(), 1):
            if name:
                told = re.search(r"^(?:totals|summary): (\d+)", Path(f"{out}.{at}").read_text(), re.MULTILINE)
                if told is None:
                    raise CountError(f"callgrind says nothing of {name}")
                found[name] = int(told[1]) / (1 if name == YARD else calls)
        return found


def functions(tree: Path) -> dict[str, float]:
    """How often a call has each function called, as `kind file function`. Raises CountError."""
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names"
        _child(tree, names, more=["--functions"])
        rows = (line.partition("\t") for line in names.read_text(encoding="utf-8").splitlines())
        return {name: float(times) for times, _, name in rows}


def kinds(figures: Mapping[str, float]) -> dict[str, float]:
    """The sums of whole calls."""
    return {kind: sum(value for name, value in figures.items() if name.startswith(f"{kind} ")) for kind in counted.KINDS}


def compared(was: Mapping[str, float], now: Mapping[str, float], tolerance: float) -> tuple[str, list[str], list[str]]:
    """A table, the kinds of calls that grew beyond the tolerance, and those that shrank as much."""
    grown, shrunk, rows = [], [], []
    before, after = kinds(was), kinds(now)
    for kind in counted.KINDS:
        change = after[kind] / before[kind] - 1
        if change > tolerance:
            grown.append(kind)
        elif change < -tolerance:
            shrunk.append(kind)
        said = "NOT kept" if change > tolerance else "kept"
        rows.append([f"{kind} call", f"{before[kind]:,.0f}", f"{after[kind]:,.0f}", f"{change:+.1%}", said])
        for name in now:
            if name.startswith(f"{kind} "):
                old = was.get(name, 0.0)
                much = abs(now[name] - old) > max(tolerance * old, SMALL * before[kind])
                share = f"{now[name] / old - 1:+.1%}" if old else "new"
                said = f"{now[name] - old:+,.0f}" if much else ""
                if now[name] - old > max(PLACE * old, SHARE * before[kind]):
                    said += " NOT kept"
                    grown.append(f"{name.removeprefix(kind).strip()} of {kind}")
                place = f"  {name.removeprefix(kind).strip()}"
                rows.append([place, f"{old:,.0f}", f"{now[name]:,.0f}", share, said])
    if FLOOR in was:
        rows.append([f"floor: one {FLOOR}", f"{was[FLOOR]:,.0f}", f"{now[FLOOR]:,.0f}", f"{now[FLOOR] / was[FLOOR] - 1:+.1%}", ""])
    title = f"Instructions per call; a kind of call may take {tolerance:.0%} more"
    return table(title, ["", "was", "is", "change", ""], rows), grown, shrunk


def differing(was: Mapping[str, float], now: Mapping[str, float], most: int = 40) -> str:
    """Functions that a call has called more or less often."""
    change = {name: now.get(name, 0.0) - was.get(name, 0.0) for name in {*was, *now}}
    found = sorted((name for name in change if abs(change[name]) >= 0.05), key=lambda name: (-abs(change[name]), name))
    rows = [[name, f"{was.get(name, 0.0):g}", f"{now.get(name, 0.0):g}", f"{change[name]:+g}"] for name in found[:most]]
    return table(f"Functions that a call has called more or less often: {len(found)}", ["", "was", "is", "change"], rows)


def read(path: Path) -> dict[str, dict[str, float]]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write(path: Path, budget: Mapping[str, Mapping[str, float]]) -> None:
    lines = ["# Instructions per call, counted by `python -m benchmarks.check --keep`. Never written by hand."]
    for kind, figures in sorted(budget.items()):
        lines += ["", f'["{kind}"]', *(f'"{name}" = {value:.0f}' for name, value in figures.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--tree", type=Path, default=HERE.parent, metavar="FOLDER", help="whose code (default: this one's)")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="compare with another tree, not with the budget")
    parser.add_argument("--keep", action="store_true", help="write the figures into the budget")
    parser.add_argument("--calls", type=int, default=counted.CALLS, help="of each kind")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = options(argv)
    if shutil.which("valgrind") is None:
        print("Skipped: valgrind is not installed (Debian: valgrind); it counts the instructions.")
        return 0
    mine, tree = python(), args.tree.resolve()
    budget = read(BUDGET)
    if mine not in budget and not (args.keep or args.against):
        print(f"Skipped: {BUDGET.name} has no figures for {mine}. `--keep` on a tree that is well writes them.")
        return 0
    try:
        now = count(tree, args.calls)
        was = count(args.against.resolve(), args.calls) if args.against else budget.get(mine, now)
        tolerance = TOLERANCE
        if abs(scale := now[YARD] / was[YARD] - 1) > 0.01:
            print(f"This Python takes {scale:+.1%} instructions for the yard: the budget is scaled.\n")
            was = {name: value * (1 + scale) for name, value in was.items()}
            tolerance = SCALED
        text, grown, shrunk = compared(was, now, tolerance)
        print(text)
        if args.against:
            print(f"\n{differing(functions(args.against.resolve()), functions(tree))}")
    except CountError as error:
        print(f"No figures: {error}")
        return 2
    if args.keep:
        write(BUDGET, {**budget, mine: now})
        print(f"\nKept in {BUDGET.name} for {mine}.")
        return 0
    if grown:
        print(f"\nNOT kept: {', '.join(grown)} calls.")
        return 1
    print("\nKept." + (f" Less than before: {', '.join(shrunk)}; `--keep` makes that the budget." if shrunk else ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
