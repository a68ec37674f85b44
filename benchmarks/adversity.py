"""Do calls complete while everything beside them is broken?

Signed calls at 200 a second through one ringwarden whose decision hook takes questions and never answers, whose
webhook for emergency calls is dead, whose imported deny list is damaged on the disk and whose configured one becomes
unreadable before a reload. From the middle of the run on its files may not grow (as with a full disk), and for the last
quarter somebody else holds the journal's lock besides: then all is broken at once. Lost is every call that did not end as it should; that each fault was really felt is read
from the metrics.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, feed
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.stage import Stage
from benchmarks.steadfast import Pair
from proxy.lists.kinds import FOLDER, bring_in
from proxy.lists.shelf import Shelf

NAME = "adversity"
FULL = 4096
"""Octets beyond which no file of its processes may be written: the disk is full."""
SHORTEST = 14.0
"""Seconds of a run: the journal gives its rows up after three and a half of a quarter of it."""
MORE = """
[policy.hook]
url = "http://127.0.0.1:{hook}/"
milliseconds = 50

[notice.webhook]
url = "http://127.0.0.1:{dead}/"
secret = "{secret}"

[lists]
bundled = false
deny = ["{deny}"]
"""
FELT = {
    "the hook did not answer": ("ringwarden_hook_total", {"result": "late"}),
    "rows that the journal dropped": ("ringwarden_journal_dropped_total", {}),
    "rows that it kept before": ("ringwarden_journal_written_total", {}),
    "a damaged list": ("ringwarden_list_damaged", {"list": "deny"}),
    "reloads": ("ringwarden_reloads_total", {}),
    "emergency calls": ("ringwarden_emergency_calls_total", {}),
    "notices that nobody took": ("ringwarden_notices_total", {"way": "webhook", "result": "retried"}),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the calls."""

    calls: int
    lost: int
    resent: int
    slowest_ms: float
    """The longest from an INVITE to its final answer, the 100 ms of ringing included."""
    felt: dict[str, float]
    """How often each fault was felt."""


def silent() -> socket.socket:
    """A port that takes connections and never says a word."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen(512)
    return found


def run(folder: Path, seconds: float, rate: float) -> Outcome:
    """Place the calls while the faults come."""
    state = folder / NAME / "state"
    deny, imported = folder / "deny.txt", folder / "imported.txt"
    for path in (deny, imported):
        path.write_text("+13015550199\n", encoding="ascii")
    bring_in(state / FOLDER, "deny", [imported], time.time())
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))  # bound, and nobody listens: whoever connects is turned away
    held: sqlite3.Connection | None = None
    with Stage(folder) as stage, silent() as hook, taken:
        more = MORE.format(hook=hook.getsockname()[1], dead=taken.getsockname()[1], secret="31" * 32, deny=deny)
        with Ringwarden(stage, folder, name=NAME, more=more) as proxy:
            journal = folder / NAME / "journal.db"
            pair = Pair(stage.carrier, stage.pbx, proxy.me, 1)

            def act(turn: int) -> None:
                nonlocal held
                if turn == 0:
                    snapshot = Shelf(state / FOLDER, "deny").snapshot(1)
                    snapshot.chmod(0o640)
                    snapshot.write_bytes(b"\xff\x00 damaged")
                    deny.write_bytes(b"\xff\xfe\x00 no list\n" * 10)
                    os.kill(proxy.program.pid, signal.SIGHUP)
                    pair.urgent()
                elif turn == 1:
                    for one in cpu.tree(proxy.program.pid):
                        resource.prlimit(one, resource.RLIMIT_FSIZE, (FULL, resource.RLIM_INFINITY))
                elif turn == 2:
                    held = sqlite3.connect(journal, isolation_level=None, timeout=5.0)
                    held.execute("BEGIN EXCLUSIVE")

            try:
                calls = feed.signed(int(seconds * rate), stage.signer, time.time() + seconds / 2)
                legs = pair.run(calls, rate, seconds / 4, act)
                felt = {what: proxy.count(name, **labels) for what, (name, labels) in FELT.items()}
            finally:
                pair.close()
                if held is not None:
                    held.close()
    taken_ms = [1000 * (leg.waits[0].ended - leg.waits[0].begun) for leg in legs if leg.waits and leg.waits[0].ended]
    return Outcome(
        len(legs), sum(leg.lost for leg in legs), sum(leg.resent for leg in legs), max(taken_ms, default=0.0), felt
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second")
    parser.add_argument("--quick", action="store_true", help="for a moment only")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        found = run(Path(name), SHORTEST if args.quick else args.seconds, args.rate)
    print(table(
        f"{args.rate:.0f} calls a second with everything beside them broken",
        ["calls", "lost", "sent again", "slowest answer, ms"],
        [[str(found.calls), str(found.lost), str(found.resent), f"{found.slowest_ms:.0f}"]],
    ))  # fmt: skip
    for what, times in found.felt.items():
        print(f"{what}: {times:.0f}")
    return 0 if not found.lost and all(found.felt.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
