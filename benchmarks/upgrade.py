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
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed
from benchmarks.callers import CARRIER, FATES, PBX, Crowd, Leg
from benchmarks.counted import bound
from benchmarks.report import table
from benchmarks.ringwarden import REFUSED, Ringwarden
from benchmarks.sender import ROOM
from benchmarks.stage import ROOT, Stage

MIX = (("answered", 0.70), ("rejected", 0.15), ("cancelled", 0.15))
EVERY = {"nothing happens": 0.0, "reload": 10.0, "upgrade": 1000.0}
"""Seconds between two disturbances, from 10 s on: one upgrade, because the next waits until the first has ended."""
BEGIN = 10.0
AHEAD = 10.0
"""Seconds of calls that are signed at one time."""
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
    unscreened: int = 0
    """Calls that waited too long for a machine under load, and went on as they came."""
    passed: int = 0
    """Forged ones among them."""
    written: int = 0


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


def placed(folder: Path, what: str, seconds: float, rate: float, workers: int, seed: int) -> Run:
    """One run."""
    dice = random.Random(seed)
    with Stage(folder) as stage:
        proxy = Ringwarden(stage, folder, mode="enforce", codes=REFUSED, workers=workers)
        out, into = bound(stage.carrier.host, stage.carrier.port), bound(stage.pbx.host, stage.pbx.port)
        to = (proxy.me.host, proxy.me.port)

        def send(side: int, data: bytes) -> None:
            (out, into)[side].sendto(data, to)

        crowd = Crowd(stage.carrier, stage.pbx, proxy.me, send)
        run = Run(what, crowd.counts, crowd.lost, 0)
        config, place = folder / "ringwarden" / "ringwarden.toml", folder / "ringwarden"
        poll = select.epoll()
        for one in (out, into):
            poll.register(one, select.EPOLLIN)
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

        def pass_time(end: float) -> None:
            while (now := time.monotonic()) < end:
                crowd.due(now)
                wait = min(crowd.next() or end, end) - time.monotonic()
                for file, _ in poll.poll(max(wait, 0.0)):
                    sock, side = (out, CARRIER) if file == out.fileno() else (into, PBX)
                    for _ in range(32):
                        try:
                            crowd.heard(side, sock.recv(ROOM), time.monotonic())
                        except BlockingIOError:
                            break

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            began, number = time.monotonic() + 0.2, 0
            while number < seconds * rate:
                count = int(min(AHEAD * rate, seconds * rate - number))
                fates = dice.choices([name for name, _ in MIX], [share for _, share in MIX], k=count)
                for at, (call, fate) in enumerate(zip(feed.signed(count, stage.signer, time.time(), first=number), fates, strict=True)):
                    call = feed.forged(call) if fate == "rejected" else call
                    rings = dice.uniform(0.5, 3.0)
                    crowd.place(call, fate, began + (number + at) / rate, rings=rings, talks=dice.uniform(1.0, 5.0), pause=1.0)
                number += count
                pass_time(began + number / rate - AHEAD / 20)
            ended.set()
            while len(crowd) and time.monotonic() < began + seconds + 90.0:
                pass_time(time.monotonic() + 0.5)
            thread.join()
            for old, since in former:
                while lives(old) and time.monotonic() - since < PATIENCE:
                    pass_time(time.monotonic() + 0.25)
                run.old.append(time.monotonic() - since)
            run.resent, run.passed = crowd.resent, crowd.passed
            run.unscreened = round(proxy.count("ringwarden_decisions_total", action="unscreened"))
            run.lost += [leg for leg in crowd.legs() if not leg.ended]
            time.sleep(1.0)
            run.written = round(proxy.count("ringwarden_journal_written_total"))
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
            out.close()
            into.close()
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
        [[one.what, str(len(one.moments)), f"{sum(one.counts.values()):,}", *(f"{one.counts[fate]:,}" for fate in FATES_SHOWN), str(len(one.lost)), f"{one.resent:,}", f"{one.unscreened:,}"] for one in runs],
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
        print(f"{one.what}: journal: {one.journal}")
        harmed = [name for name in ("ringing", "being cancelled", "waiting for ACK") if one.moments and not any(m[name] for m in one.moments)]
        if harmed:
            print(f"{one.what}: no call was {', '.join(harmed)} at any of these moments: the run shows nothing of them")
        well &= one.passed <= one.unscreened and not (one.lost or one.refused or harmed) and one.journal.startswith("the chain holds")
    print("\nNo call lost, no row missing: " + ("kept." if well else "NOT kept."))
    return 0 if well else 1


FATES_SHOWN = tuple(name for name in FATES if name in dict(MIX))


if __name__ == "__main__":
    raise SystemExit(main())
