"""`python -m tests.mutate`: changes proxy/sip in many small ways and says how many of them no test notices.

mutmut makes the changes (its settings are in pyproject.toml), runs for each the tests that pass through its function,
and keeps what it found in `mutants/`: what was changed neither in the code nor in its tests is not asked again. All of
it takes hours of one core; `--digit 7` asks for a tenth, those whose number ends so, and a room can be named.

A change that nobody notices is a missing test, or no change at all (another way to the same bytes, a memory that is
not used, a text for people). `--show` prints them, so that somebody looks.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import table
from tests.mutate.tally import Tally, rooms

ROOT = Path(__file__).resolve().parents[2]
AT_MOST = 20.0
"""Per cent of the changes that may go unnoticed."""


def mutmut(*words: str, quiet: bool = False) -> str:
    """What mutmut prints. Raises CalledProcessError."""
    command = [sys.executable, "-m", "mutmut", *words]
    done = subprocess.run(
        command, cwd=ROOT, text=True, check=not quiet, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.stdout


def patterns(asked: list[str], digit: str) -> list[str]:
    """The names to ask mutmut for: rooms, and the last digit of a change's number."""
    return [f"proxy.sip.{room}.*__mutmut_*{digit}" for room in asked or ["*"]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("rooms", nargs="*", help="files of proxy/sip without .py; all of them by default")
    parser.add_argument("--digit", default="", choices=[*map(str, range(10)), ""], help="only a tenth of the changes")
    parser.add_argument("--at-most", type=float, default=AT_MOST, metavar="PERCENT")
    parser.add_argument("--children", type=int, default=max((os.cpu_count() or 2) // 2, 1), help="processes")
    parser.add_argument("--show", action="store_true", help="print what went unnoticed")
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    wanted = patterns(asked.rooms, asked.digit)
    mutmut("run", "--max-children", str(asked.children), *wanted)
    found = rooms(mutmut("results", "--all", "true"), wanted)
    whole = sum(found.values(), Tally())
    rows = [[name, str(one.asked), str(len(one.unnoticed)), f"{one.share:.0f} %"] for name, one in sorted(found.items())]
    rows.append(["all", str(whole.asked), str(len(whole.unnoticed)), f"{whole.share:.1f} %"])
    print(table("Small changes to proxy/sip that no test notices", ["room", "changes", "unnoticed", "share"], rows))
    if asked.show:
        for name in whole.unnoticed:
            lines = mutmut("show", name, quiet=True).splitlines()
            print("", name, *(line for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++")), sep="\n")
    well = whole.asked > 0 and whole.share <= asked.at_most
    print(f"\n{time.monotonic() - begun:.0f} s. At most {asked.at_most:g} %: {'kept' if well else 'NOT kept'}.")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
