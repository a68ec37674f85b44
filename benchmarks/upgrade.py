"""What do an upgrade and a reload cost the calls that are under way?

A crowd places calls at a steady rate for a minute: answered ones that ring for some seconds, ones that the caller gives up, ones
whose PASSporT is forged and whose caller lets the ACK wait. In the first run nothing happens, in the second SIGHUP comes every ten
seconds, in the third one `ringwarden upgrade` does. Of each disturbance it is told how many calls were ringing at that moment,
were being cancelled, or were rejected and waited for their ACK. Lost is each call that did not end as it should; the limit
is none.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.callers import FATES, Leg
from benchmarks.report import table
from benchmarks.ringwarden import REFUSED, Ringwarden
from benchmarks.stage import ROOT, Stage
from benchmarks.telephones import AHEAD, Telephones, Wish, heaps

MIX = (("answered", 0.70), ("rejected", 0.15), ("cancelled", 0.15))
EVERY = {"nothing happens": 0.0, "reload": 10.0, "upgrade": 1000.0}
"""Seconds between two disturbances, from 10 s on: one upgrade, because the next waits until the first has ended."""
BEGIN = 10.0
BLOCK = 10.0
"""Seconds of calls whose fates are drawn together: the seed decides on the calls, and this belongs to it."""
PATIENCE = 240.0
"""Seconds after the last call until the last old process must have ended: Timer C + 20 s, and some."""


@dataclass(slots=True)
class Run:
    """What became of one run."""

    what: str
    counts: Counter[str]
    lost: list[Leg]
    resent: int
    moments: list[dict[str, int]] = field(default_factory=list)
    """For each disturbance, how many calls were in which tender state."""
    seconds: list[float] = field(default_factory=list)
    """How long each upgrade took, from the command to its end."""
    old: list[float] = field(default_factory=list)
    """How long each old version was still there after that."""
    refused: list[str] = field(default_factory=list)
    journal: str = ""
    unscreened: list[float] = field(default_factory=list)
    """When calls that had waited too long went on as they came, in seconds from the beginning."""
    lateness: str = ""
    passed: int = 0
    """Forged ones among them."""


def tender(legs: Sequence[Leg]) -> dict[str, int]:
    """Calls in the moments that an upgrade must not harm."""
    found = {"ringing": 0, "being cancelled": 0, "waiting for ACK": 0}
    for leg in legs:
        if leg.fate == "answered" and b"INVITE" in leg.heard and not leg.status:
            found["ringing"] += 1
        elif leg.fate == "cancelled" and leg.cancelling and not leg.status:
            found["being cancelled"] += 1
        elif leg.fate == "rejected" and leg.status and not leg.ended:
            found["waiting for ACK"] += 1
    return found


def noted(folder: Path) -> int:
    return int((folder / "state" / "ringwarden.pid").read_text(encoding="ascii"))


def lives(pid: int) -> bool:
    """A process that has ended and that nobody asked for (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wishes(seconds: float, rate: float, dice: random.Random) -> Iterator[Wish]:
    """The calls of a run."""
    number = 0
    while number < seconds * rate:
        count = int(min(BLOCK * rate, seconds * rate - number))
        fates = dice.choices([name for name, _ in MIX], [share for _, share in MIX], k=count)
        for at, fate in enumerate(fates, number):
            yield Wish(at / rate, fate, dice.uniform(0.5, 3.0), dice.uniform(1.0, 5.0), 1.0)
        number += count


def placed(folder: Path, what: str, seconds: float, rate: float, workers: int, seed: int) -> Run:
    """One run."""
    with Stage(folder) as stage, ExitStack() as stack:
        proxy = Ringwarden(stage, folder, mode="enforce", codes=REFUSED, workers=workers)
        telephones = stack.enter_context(Telephones(stage, proxy.me))
        crowd = telephones.crowd
        run = Run(what, crowd.counts, crowd.lost, 0)
        config, place = folder / "ringwarden" / "ringwarden.toml", folder / "ringwarden"
        ended = threading.Event()
        former: list[tuple[int, float]] = []

        def disturb() -> None:
            if not EVERY[what] or ended.wait(BEGIN):
                return
            while True:
                if what == "reload":
                    run.moments.append(tender(crowd.legs()))
                    os.kill(noted(place), signal.SIGHUP)
                else:
                    old, began = noted(place), time.monotonic()
                    done = subprocess.Popen(
                        [sys.executable, "-m", "proxy.cli", "upgrade", "--config", str(config)],
                        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                    )  # fmt: skip
                    moment = tender(crowd.legs())
                    while done.poll() is None:
                        # The last look is that of the change: the command ends right after it.
                        moment = tender(crowd.legs())
                        time.sleep(0.02)
                    run.moments.append(moment)
                    run.seconds.append(time.monotonic() - began)
                    if done.returncode:
                        run.refused.append(done.communicate()[1].strip())
                    else:
                        former.append((old, time.monotonic()))
                if ended.wait(EVERY[what]):
                    return

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            began = time.monotonic() + AHEAD + 0.2
            telephones.watch(proxy.program.pid)
            telephones.ask(wishes(seconds, rate, random.Random(seed)), began)
            telephones.until(began + seconds)
            ended.set()
            while len(crowd) and time.monotonic() < began + seconds + 90.0:
                telephones.until(time.monotonic() + 0.5)
            thread.join()
            for old, since in former:
                while lives(old) and time.monotonic() - since < PATIENCE:
                    telephones.until(time.monotonic() + 0.25)
                run.old.append(time.monotonic() - since)
            run.resent, run.passed = crowd.resent, crowd.passed
            run.lost += [leg for leg in crowd.legs() if not leg.ended]
            time.sleep(1.0)
            run.unscreened, run.lateness = telephones.unscreened(place / "journal.db"), telephones.lateness(proxy.program.pid)
        finally:
            ended.set()
            thread.join()
            new = noted(place) if (place / "state" / "ringwarden.pid").is_file() else 0
            if new and new != proxy.program.pid:
                os.kill(new, signal.SIGTERM)
                until = time.monotonic() + 15.0
                while lives(new) and time.monotonic() < until:
                    time.sleep(0.05)
            proxy.program.stop()
        checked = subprocess.run(
            [sys.executable, "-m", "proxy.cli", "journal", "verify", "--journal", str(place / "journal.db")],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        run.journal = (checked.stdout + checked.stderr).strip()
    return run


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=500.0, help="calls a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=tuple(EVERY), help="one of the runs")
    parser.add_argument("--quick", action="store_true", help="a few calls and one upgrade: does it run at all?")
    args = parser.parse_args(argv)
    seconds, rate = (25.0, 20.0) if args.quick else (args.seconds, args.rate)
    runs = []
    for what in (args.only,) if args.only else EVERY:
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
            runs.append(placed(Path(name), what, seconds, rate, args.workers, args.seed))
    print(table(
        f"{rate:g} calls a second for {seconds:g} s through {args.workers} worker(s)",
        ["what happens", "times", "calls", *FATES_SHOWN, "lost", "sent again", "unscreened"],
        [[one.what, str(len(one.moments)), f"{sum(one.counts.values()):,}", *(f"{one.counts[fate]:,}" for fate in FATES_SHOWN), str(len(one.lost)), f"{one.resent:,}", f"{len(one.unscreened):,}"] for one in runs],
    ))  # fmt: skip
    well = True
    for one in runs:
        for at, moment in enumerate(one.moments):
            took = f"; took {one.seconds[at]:.1f} s" if at < len(one.seconds) else ""
            left = f", the old one stayed {one.old[at]:.0f} s" if at < len(one.old) else ""
            print(f"{one.what} {at + 1}: " + ", ".join(f"{count} {name}" for name, count in moment.items()) + took + left)
        for (fate, status, bye), count in Counter((leg.fate, leg.status, leg.bye) for leg in one.lost).most_common(8):
            print(f"lost: {count:,} {fate}, last heard {status}, to BYE {bye}")
        for text in one.refused:
            print(f"refused: {text}")
        if one.unscreened:
            print(f"unscreened: {heaps(one.unscreened)}")
        print(f"{one.what}: journal: {one.journal}")
        print(f"{one.what}: {one.lateness}")
        harmed = [name for name in ("ringing", "being cancelled", "waiting for ACK") if one.moments and not any(m[name] for m in one.moments)]
        if harmed:
            print(f"{one.what}: no call was {', '.join(harmed)} at any of these moments: the run shows nothing of them")
        well &= one.passed <= len(one.unscreened) and not (one.lost or one.refused or harmed) and one.journal.startswith("the chain holds")
    print("\nNo call lost, no row missing: " + ("kept." if well else "NOT kept."))
    return 0 if well else 1


FATES_SHOWN = tuple(name for name in FATES if name in dict(MIX))


if __name__ == "__main__":
    raise SystemExit(main())
