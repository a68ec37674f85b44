"""What is served when several times as many calls come as we can carry?

First as many signed calls as go, from callers who begin the next when one has ended: that is what is carried. Then calls
arrive at a pace that nobody slows down, in steps up to so many times more, and at last for a minute; the callers send
again what nobody answers and stop at a 503, as RFC 3261 has it. All the while a telephone of the PBX calls 911 five times
a second: lost is an emergency call without its 200, or whose BYE got none. A front desk is told of each by a webhook: the
delay runs from the telephone's first INVITE to the notice. At the end what is carried is measured again, because machines
change their pace. `--plot` draws offered against served (the extra `bench`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, feed, sipp
from benchmarks.crowd import Second
from benchmarks.programs import Program, free_port
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import ROOT, Stage
from proxy.lab.calling import Outcome
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone

TIMES = 5.0
STEPS = (0.5, 1.0, 2.0, 3.0, 4.0)
PACE = 5.0
"""Emergency calls a second."""
FEED = 15_000
"""Signed calls that a flood goes round in."""
AHEAD = 30
"""Seconds that they are dated ahead, so that they are fresh to the end of a flood."""
PATIENCE = 35.0
"""Seconds for an emergency call: as long as its caller's transaction lives (64*T1)."""
OPEN = 64
GOAL = 0.9
"""Of what is carried: served at the least."""
MORE_MIB = 128.0
"""What ringwarden may have taken at the most beyond what it had when all its calls were carried."""
TARGETS = ("911", "933", "urn:service:sos")
NOTICE_MS = 1000.0
"""In which people are told of an emergency call (47 CFR 9.16(b)(2))."""
WEBHOOK = """
[notice.webhook]
url = "http://{address}/"
secret = "{secret}"
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What ringwarden has taken at one moment."""

    at: float
    spent: float
    """CPU seconds since it began."""
    resident: float
    """MiB."""

    @classmethod
    def now(cls, ours: Ringwarden) -> Look:
        return cls(time.monotonic(), sum(map(cpu.clock, cpu.tree(ours.program.pid))), ours.resident())


@dataclass(frozen=True, slots=True)
class Urgent:
    """What became of an emergency call."""

    outcome: Outcome
    ended: bool
    """Its BYE was answered."""
    told_ms: float | None
    """From its first INVITE to the notice; None: nobody was told in time."""

    @property
    def lost(self) -> bool:
        return self.outcome.status != 200 or not self.ended


class Desk:
    """The front desk: whom it was told of, and when (monotonic seconds). Use it in a `with` block."""

    def __init__(self, host: str) -> None:
        told = self._told = dict[str, float]()
        news = self._news = threading.Condition()

        class Taken(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with news:
                    told.setdefault(body["call_id"], at)
                    news.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Taken)
        self._server.daemon_threads = True
        self.address = Address(host, self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def told(self, call_id: str, deadline: float) -> float | None:
        """When it was told of this call, waiting until then at the most."""
        with self._news:
            self._news.wait_for(lambda: call_id in self._told, max(deadline - time.monotonic(), 0.0))
            return self._told.get(call_id)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the calls of one stretch."""

    name: str
    seconds: list[Second]
    emergency: list[Urgent]
    looks: list[Look]

    @property
    def busy(self) -> float:
        """CPU seconds of ringwarden in a second."""
        first, last = self.looks[min(1, len(self.looks) - 2)], self.looks[-1]
        return (last.spent - first.spent) / (last.at - first.at)

    @property
    def most(self) -> float:
        """MiB of ringwarden."""
        return max(look.resident for look in self.looks)

    def _rate(self, what: str) -> float:
        """In a second; without the first, in which it begins, and the last, which waits for the rest."""
        inner = self.seconds[1:-1] or self.seconds
        return statistics.fmean(getattr(one, what) for one in inner)

    @property
    def offered(self) -> float:
        return self._rate("begun")

    @property
    def served(self) -> float:
        return self._rate("well")

    @property
    def lost(self) -> int:
        """Emergency calls."""
        return sum(one.lost for one in self.emergency)

    @property
    def untold(self) -> int:
        """Emergency calls that nobody was told of."""
        return sum(one.told_ms is None for one in self.emergency)

    @property
    def notice(self) -> float:
        """The longest milliseconds until somebody was told."""
        return max((one.told_ms for one in self.emergency if one.told_ms is not None), default=0.0)

    def row(self, carried: float) -> list[str]:
        setup = sorted(one.outcome.final_us / 1000 for one in self.emergency if one.outcome.status == 200)
        return [
            self.name, f"{self.offered:,.0f}", f"{self.served:,.0f}", f"{self.served / carried:.2f}", f"{self._rate('refused'):,.0f}",
            f"{self._rate('again'):,.0f}", f"{self.busy:.2f}", f"{self.served / self.busy:,.0f}", f"{self.most:,.0f}", str(len(self.emergency)), str(self.lost),
            f"{statistics.median(setup):,.0f}" if setup else "-", f"{setup[-1]:,.0f}" if setup else "-",
            f"{self.notice:,.0f}", str(self.untold),
        ]  # fmt: skip


HEAD = ["calls", "offered/s", "served/s", "of carried", "503/s", "again/s", "CPU", "served/CPU s", "MiB", "911", "lost", "setup ms", "longest", "notice ms, longest", "untold"]


async def emergency(ours: Address, pbx: str, psap: Address, seconds: float, desk: Desk) -> list[Urgent]:
    """Emergency calls at their pace: how each ended, whether its BYE was answered, and when the desk was told."""
    async with Phone(psap.host, psap.port, user="psap"), Phone(pbx, user="pbx") as phone:

        async def place(number: int) -> Urgent:
            await asyncio.sleep(number / PACE)
            target = TARGETS[number % len(TARGETS)]
            uri = target if target.startswith("urn:") else f"sip:{target}@{ours}"
            call = Invitation(uri, "<sip:+12025550177@pbx.example>")
            began, ended = time.monotonic(), False
            outcome = await phone.call(call, (ours.host, ours.port), hang_up=False, seconds=PATIENCE)
            if outcome.dialog is not None:
                ended = (await phone.within(outcome.dialog, "BYE", seconds=PATIENCE)).status == 200
            told = await asyncio.to_thread(desk.told, call.call_id, began + PATIENCE)
            return Urgent(outcome, ended, None if told is None else (told - began) * 1000)

        return list(await asyncio.gather(*(place(number) for number in range(int(seconds * PACE)))))


class Ground:
    """A ringwarden between the crowd and a callee that answers, for the length of all stretches."""

    def __init__(self, stage: Stage, ours: Ringwarden, psap: Address, desk: Desk, folder: Path) -> None:
        self.stage, self.ours, self.psap, self.desk, self.folder = stage, ours, psap, desk, folder
        self._number = 0

    def run(self, name: str, seconds: float, rate: float = 0.0) -> Run:
        """One stretch: at that rate, or as many as go."""
        stage, number = self.stage, self._number
        self._number += 1
        path = feed.write(self.folder / "flood.feed", feed.signed(FEED, stage.signer, time.time() + (AHEAD if rate else 0)))
        me = Address(stage.carrier.host, free_port(stage.carrier.host))
        command = [
            sys.executable, "-m", "benchmarks.crowd", "--me", str(me), "--proxy", str(self.ours.me), "--feed", str(path),
            "--seconds", f"{seconds:g}", *(("--rate", f"{rate:g}") if rate else ("--open", str(OPEN), "--calls", str(FEED))),
        ]  # fmt: skip
        environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with (
            looks(self.ours, seconds) as seen,
            Program(f"crowd-{number}", command, self.folder, cores=stage.places.load[:1], environment=environment) as program,
        ):
            called = asyncio.run(emergency(self.ours.me, stage.pbx.host, self.psap, seconds, self.desk))
            program.finished(seconds + 20)
            lines = program.log_path.read_text(encoding="ascii").splitlines()
        return Run(name, [Second(**json.loads(line)) for line in lines if line.startswith("{")], called, seen)


@contextmanager
def looks(ours: Ringwarden, seconds: float) -> Iterator[list[Look]]:
    """A look at ringwarden each second for so long, in a thread beside."""
    seen, done = [Look.now(ours)], threading.Event()

    def look() -> None:
        while len(seen) <= seconds and not done.wait(1.0):
            seen.append(Look.now(ours))

    beside = threading.Thread(target=look, daemon=True)
    beside.start()
    try:
        yield seen
    finally:
        done.set()
        beside.join()


def measured(folder: Path, times: float, seconds: float, step: float, workers: int) -> list[Run]:
    """All stretches: as many as go, the steps, the flood, as many as go."""
    with Stage(folder, places=cpu.Places.quiet()) as stage:
        # The telephones are no part of what is measured.
        os.sched_setaffinity(0, stage.places.load)
        psap = Address(stage.carrier.host, free_port(stage.carrier.host))
        cores = stage.places.measured if workers == 1 else ()
        with (
            Desk(stage.pbx.host) as desk,
            Ringwarden(
                stage, folder, carrier=psap, workers=workers, name="flooded", cores=cores,
                more=WEBHOOK.format(address=desk.address, secret="31" * 32),
            ) as ours,
            sipp.Callee(stage.pbx, folder, cores=stage.places.load[-1:]),
        ):
            ground = Ground(stage, ours, psap, desk, folder)
            ground.run("warming up", 3.0)
            runs = [ground.run("as many as go", step)]
            rate = runs[0].served
            for one in (*(one for one in STEPS if one < times), times):
                long = seconds if one == times else step
                runs.append(ground.run(f"{one:g} times, {long:g} s", long, rate * one))
                print(f"  {runs[-1].name}: {runs[-1].served:,.0f} of {runs[-1].offered:,.0f} a second", file=sys.stderr, flush=True)
            runs.append(ground.run("as many as go", step))
    return runs


def plot(path: Path, runs: Sequence[Run], carried: float) -> None:
    """Offered against served, and the last flood second by second. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "flood"
    from matplotlib import pyplot

    steps, flood = runs[1:-1], runs[-2]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    offered, most = [one.offered for one in steps], max(one.offered for one in steps)
    left.plot([0, carried, most], [0, carried, carried], color="0.6", linestyle="--", label="all that is offered, up to what is carried")
    left.plot(offered, [one.served for one in steps], marker="o", color="C0", label="served")
    left.fill_between([0, most], GOAL * carried, carried / GOAL, color="C0", alpha=0.12, label="within 10 %")
    left.set(xlabel="calls offered a second", ylabel="calls served a second", ylim=(0, None), xlim=(0, None))
    left.legend(loc="lower right")
    at = range(1, len(flood.seconds) - 1)
    right.plot(at, [one.begun for one in flood.seconds[1:-1]], color="C3", label="offered")
    right.plot(at, [one.well for one in flood.seconds[1:-1]], color="C0", label="served")
    right.axhline(carried, color="0.6", linestyle="--", label="carried")
    right.set(xlabel=f"second of the flood ({flood.name})", ylabel="calls a second", ylim=(0, None))
    right.legend(loc="center right")
    figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--times", type=float, default=TIMES, help="of what is carried")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the flood")
    parser.add_argument("--step", type=float, default=10.0, help="seconds of each other stretch")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plot", type=Path, metavar="SVG", help="where to draw it")
    parser.add_argument("--quick", action="store_true", help="some seconds, and no steps")
    asked = parser.parse_args(arguments)
    seconds, step = (5.0, 3.0) if asked.quick else (asked.seconds, asked.step)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        runs = measured(Path(name), asked.times, seconds, step, asked.workers)
    flood, ends = runs[-2], (runs[0], runs[-1])
    carried = statistics.fmean(one.served for one in ends)
    print(table(f"{asked.workers} worker(s), {carried:,.0f} calls a second carried (before and after)", HEAD, [one.row(carried) for one in runs]))
    share, more = flood.served / carried, flood.most - runs[0].most
    lost = sum(one.lost for one in runs)
    served = share >= GOAL
    print(f"\nServed of what is carried, {asked.times:g} times as many offered: {share:.2f}. Goal: {GOAL} at least: {'kept' if served else 'NOT kept'}.")
    fairly = flood.served / flood.busy / statistics.fmean(one.served / one.busy for one in ends)
    print(f"The same for each second of CPU that ringwarden got, on a machine that others use too: {fairly:.2f}.")
    calls = sum(len(one.emergency) for one in runs)
    print(f"Emergency calls lost: {lost} of {calls}. Goal: none.")
    untold, notice = sum(one.untold for one in runs), max(one.notice for one in runs)
    told = not untold and notice <= NOTICE_MS
    print(
        f"The desk was told of {calls - untold} of {calls}, after {notice:,.0f} ms at the longest ({flood.notice:,.0f} in the flood)."
        f" Limit: each, within {NOTICE_MS:,.0f} ms: {'kept' if told else 'NOT kept'}."
    )
    print(f"Memory: {more:+,.0f} MiB at the most in the flood. Bound: {MORE_MIB:g}.")
    if asked.plot:
        plot(asked.plot, runs, carried)
    return 0 if served and told and not lost and more <= MORE_MIB else 1


if __name__ == "__main__":
    raise SystemExit(main())
