"""What do a reload and a dying worker cost the calls? Signed calls at a steady pace through several workers: first with
SIGHUP every second, then with one worker killed (SIGKILL) every five seconds, in turn.

Lost is every call that did not end as it should. sipp sends again what got no answer, as a carrier does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed, sipp
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.stage import Stage


def workers_of(supervisor: int) -> list[int]:
    """Its children but the desk, which was started first."""
    text = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    return sorted(map(int, text.split()))[1:]


def run(folder: Path, seconds: float, rate: float, workers: int, every: float, act: Callable[[int, int], None]) -> list[str]:
    """One row: calls, acts, lost, sent again."""
    calls, acts = int(seconds * rate), 0
    with (
        Stage(folder) as stage,
        Ringwarden(stage, folder, workers=workers, name="reloaded") as proxy,
        sipp.Callee(stage.pbx, folder) as callee,
    ):
        path = feed.write(folder / "calls.feed", feed.signed(calls, stage.signer, time.time()))
        ended = threading.Event()

        def disturb() -> None:
            nonlocal acts
            while not ended.wait(every):
                act(proxy.program.pid, acts)
                acts += 1

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            result = sipp.call(
                stage.carrier, proxy.me, path, calls=calls, rate=rate, folder=folder, patience=60.0, talk_ms=1000
            )
        finally:
            ended.set()
            thread.join()
        callee.settled(calls - result.failed)
    return [str(calls), str(acts), str(result.failed), str(result.retransmissions)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each part; tokens are fresh for a minute")
    parser.add_argument("--rate", type=float, default=300.0, help="calls a second")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)

    def reload(pid: int, turn: int) -> None:
        os.kill(pid, signal.SIGHUP)

    def kill(pid: int, turn: int) -> None:
        living = workers_of(pid)
        if living:
            os.kill(living[turn % len(living)], signal.SIGKILL)

    rows = []
    with tempfile.TemporaryDirectory() as name:
        for what, every, act in (("SIGHUP each second", 1.0, reload), ("a worker killed each 5 s", 5.0, kill)):
            rows.append([what, *run(Path(name), args.seconds, args.rate, args.workers, every, act)])
    head = ["what happens", "calls", "times", "lost", "sent again by sipp"]
    print(table(f"{args.rate:.0f} calls a second through {args.workers} workers, one second long each", head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
