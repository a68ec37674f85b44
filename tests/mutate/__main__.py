"""`python -m tests.mutate`: changes proxy/sip in many small ways and says how many of them no test notices.

mutmut makes the changes (`changes`; its settings are in pyproject.toml), and `hunt` runs for each the tests that enter its
function. What was found is kept in `mutants/verdicts`, so that a run that was stopped goes on where it was. All of it takes
three quarters of an hour of one core; `--seconds 60` asks for a minute, in an order that the seed says, and a room can be named.

A change that nobody notices is a missing test, or no change at all (another way to the same bytes, a memory that is
not used, a text for people). `--show` prints them, so that somebody looks.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import table
from tests.mutate.changes import written
from tests.mutate.hunt import TESTS
from tests.mutate.tally import Tally, holding, rooms

ROOT = Path(__file__).resolve().parents[2]
VERDICTS = ROOT / "mutants" / "verdicts"
AT_MOST = 20.0
"""Per cent of the changes that may go unnoticed."""


def tests_now() -> str:
    """A hash of the tests that are asked."""
    found = hashlib.sha256()
    for path in sorted(path for folder in TESTS for path in (ROOT / folder).rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def shown(name: str) -> str:
    """The lines that a change takes and gives."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return "\n".join(line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("rooms", nargs="*", help="files of proxy/sip without .py; all of them by default")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long to ask; 0: until all is asked")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which changes are asked")
    parser.add_argument("--at-most", type=float, default=AT_MOST, metavar="PERCENT")
    parser.add_argument("--show", action="store_true", help="print what went unnoticed")
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    functions = {name: mark for name, mark in written(ROOT).items() if not asked.rooms or name.split(".")[2] in asked.rooms}
    tests = tests_now()
    before = VERDICTS.read_text(encoding="utf-8") if VERDICTS.exists() else ""
    known = holding(before, functions, tests)
    wanted = sorted(functions.keys() - known.keys())
    random.Random(asked.seed).shuffle(wanted)
    if wanted:
        lines = "".join(f"{name} {functions[name]} {tests}\n" for name in wanted)
        command = [sys.executable, "-m", "tests.mutate.hunt", str(VERDICTS), str(asked.seconds)]
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=ROOT / "mutants", input=lines, text=True, stdout=subprocess.DEVNULL, env=environ)
        if done.returncode:
            return done.returncode
        known = holding(VERDICTS.read_text(encoding="utf-8"), functions, tests)
    found = rooms(known)
    whole = sum(found.values(), Tally())
    rows = [[name, str(one.asked), str(len(one.unnoticed)), f"{one.share:.0f} %"] for name, one in sorted(found.items())]
    rows.append(["all", str(whole.asked), str(len(whole.unnoticed)), f"{whole.share:.1f} %"])
    print(table("Small changes to proxy/sip that no test notices", ["room", "changes", "unnoticed", "share"], rows))
    if asked.show:
        for name in whole.unnoticed:
            print("", name, shown(name), sep="\n")
    well = whole.asked > 0 and whole.share <= asked.at_most
    print(f"\n{whole.asked} of {len(functions)} changes asked (seed {asked.seed}), {time.monotonic() - begun:.0f} s.", end=" ")
    print(f"At most {asked.at_most:g} %: {'kept' if well else 'NOT kept'}.")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
