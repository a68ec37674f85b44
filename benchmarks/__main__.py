"""`python -m benchmarks`: every question, one after the other, as tables. `--quick` asks whether they run at all; `--keep
FOLDER` keeps the figures of those that write JSON; names of files ask only these.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

QUESTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("lean", "lean", ()),
    ("invite-verify", "invite", ("--target", "verify")),
    ("invite-signature", "invite", ("--target", "signature")),
    ("invite-reject", "invite", ("--target", "reject")),
    ("invite-relay", "invite", ("--target", "relay")),
    ("floor", "floor", ()),
    ("delay", "delay", ("--curve",)),
    ("workers-udp", "workers", ("--transport", "udp")),
    ("workers-tcp", "workers", ("--transport", "tcp")),
    ("compiled", "compiled", ()),
    ("flat", "flat", ()),
    ("verify", "verify", ()),
    ("decide", "decide", ()),
    ("dnc", "dnc", ()),
    ("replay", "replay", ()),
    ("blackhole", "blackhole", ()),
    ("urls", "urls", ()),
    ("certificates", "certificates", ()),
    ("failover", "failover", ()),
    ("adversity", "adversity", ()),
    ("slow", "slow", ()),
    ("curves", "curves", ()),
)
"""What it is called, its file, and what it is told."""
JSON = ("lean", "invite", "floor", "delay", "workers", "compiled", "flat")
"""Files that write their figures down."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*(name for name, _, _ in QUESTIONS), []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="does it run at all?")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep figures as JSON here")
    asked = parser.parse_args(argv)
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    worst = 0
    for name, file, words in QUESTIONS:
        if asked.names and name not in asked.names:
            continue
        told = [*words, *(["--quick"] if asked.quick else [])]
        if asked.keep and file in JSON:
            told += ["--json", str(asked.keep / f"{name}.json")]
        code = importlib.import_module(f"benchmarks.{file}").main(told)
        worst = max(worst, code)
        print(flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
