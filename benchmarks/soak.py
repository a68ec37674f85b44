"""Does anything grow in a day? Memory, file descriptors, timers and transactions over 24 hours of calls.

First a day by a clock of our own: a whole ringwarden in this process, with its journal, on real sockets, and people who
answer, give up, are refused, are busy, are not there or let it ring; the clock jumps from one event to the next. Then twenty
minutes by the real clock, as an operator runs it, at half load. Memory may grow while tables and caches fill, so the first part
of each is not judged; in the end nothing may be left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, feed
from benchmarks.callers import CARRIER, FATES, PBX, Crowd
from benchmarks.counted import ME, NOW, SEED, UTC, Loop, Set, started, taken
from benchmarks.report import table
from benchmarks.ringwarden import REFUSED, Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import Stage
from benchmarks.telephones import AHEAD, Telephones, Wish, heaps
from proxy.lab.load.stand import total

HOUR = 3600.0
MIX = (("answered", 0.60), ("rejected", 0.15), ("cancelled", 0.10), ("busy", 0.10), ("unanswered", 0.03), ("silent", 0.02))
"""Shares of the fates."""
SIGNED = 0.7
"""Share of calls that bring a PASSporT."""
QUIET = 400.0
"""Seconds without calls at the end: Timer C and what follows it take less."""
LONGEST = 300.0
"""Seconds that a call is talked at most, so that all are over within QUIET."""
GROWTH, SLACK = 0.02, 2.0
"""Memory may grow by this share, and by so many MiB more, between the middle and the end: the rest is the allocator's."""
FILLED = 60_000
"""Calls after which tables and caches are full: from then on memory is judged."""
BLOCK = 15.0
"""Seconds between two looks by the real clock."""
STEP = 0.25
"""Seconds that the clock of our own jumps at most."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    hours: float
    calls: int
    lost: int
    mib: float
    files: int
    objects: int
    transactions: float
    timers: int
    active: float
    tasks: int


def memory(pid: int) -> float:
    """MiB that one process has in memory and shares with nobody."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    kib = sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(("Private_Clean", "Private_Dirty")))
    return kib / 1024


def files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def fates(count: int, dice: random.Random) -> list[str]:
    return dice.choices([name for name, _ in MIX], [share for _, share in MIX], k=count)


def flat(looks: Sequence[Look], read: Callable[[Look], float], growth: float = GROWTH, slack: float = SLACK) -> bool:
    """Whether the last quarter is no higher than the second one, but for the tolerance: its lowest against its highest."""
    quarter = max(1, len(looks) // 4)
    before, after = [read(one) for one in looks[quarter : 2 * quarter]], [read(one) for one in looks[-quarter:]]
    return min(after) <= max(before) * (1 + growth) + slack


# By a clock of our own


class Day:
    """The people, the ringwarden and the clock."""

    def __init__(self, loop: Loop, made: Set, rate: float, dice: random.Random) -> None:
        self._loop, self._set, self._rate, self._dice = loop, made, rate, dice
        (udp, *_) = made.app.sockets
        self._read = loop.readers[udp.socket.fileno()]
        self._to = (ME, udp.port)
        out, into = (Address(*one.getsockname()) for one in (made.out, made.into))
        self.crowd = Crowd(out, into, Address(*self._to), self._say)
        self._said = 0
        self._number = 0

    def _say(self, side: int, data: bytes) -> None:
        (self._set.into if side == PBX else self._set.out).sendto(data, self._to)
        self._said += 1

    async def until(self, end: float, calls: bool = True) -> None:
        """Let time pass, from event to event."""
        loop, crowd, dice = self._loop, self.crowd, self._dice
        due = loop.now
        while loop.now < end:
            if calls and loop.now >= due:
                self._place(loop.now)
                due = loop.now + dice.expovariate(self._rate)
            crowd.due(loop.now)
            await self._settle()
            soonest = min(crowd.next() or end, due if calls else end, end)
            loop.now = min(max(soonest, loop.now + 0.001), loop.now + STEP)
            await asyncio.sleep(0)
            await self._settle()

    async def _settle(self) -> None:
        """Until nobody has anything to say."""
        crowd, now = self.crowd, self._loop.now
        while True:
            said, self._said = self._said, 0
            if said:
                self._read()
                await asyncio.sleep(0)
            heard = [(CARRIER, one) for one in taken(self._set.out)] + [(PBX, one) for one in taken(self._set.into)]
            for side, data in heard:
                crowd.heard(side, data, now)
            if not heard and not self._said:
                return

    def _place(self, now: float) -> None:
        (fate,) = fates(1, self._dice)
        self._number += 1
        utc = UTC + now - NOW
        if fate == "rejected" or self._dice.random() < SIGNED:
            (call,) = feed.signed(1, self._set.signer, utc, first=self._number)
            call = feed.forged(call) if fate == "rejected" else call
        else:
            (pair,) = feed.pairs(1, self._number)
            call = feed.Call(*pair, pair[0], "")
        rings, talks = self._dice.uniform(0.5, 20.0), min(self._dice.expovariate(1 / 60.0), LONGEST)
        self.crowd.place(call, fate, now, rings=rings, talks=talks, pause=self._dice.choice((0.0, 1.2)))

    def look(self) -> Look:
        app, crowd = self._set.app, self.crowd
        gc.collect()
        me = os.getpid()
        layer = app.endpoint._layer
        return Look(
            (self._loop.now - NOW) / HOUR, sum(crowd.counts.values()), len(crowd.lost), memory(me), files(me),
            len(gc.get_objects()), app.endpoint.transactions, len(layer.timers), len(app.calls.ongoing), len(asyncio.all_tasks()),
        )  # fmt: skip


async def day(loop: Loop, folder: Path, hours: float, rate: float, seed: int, every: float, show: Callable[[Look], None]) -> tuple[list[Look], Look, Day]:
    """The looks, one each `every` seconds; the one after everything has ended; and who called."""
    made = await started(loop, folder, lambda: UTC + loop.now - NOW, journal=True)
    people = Day(loop, made, rate, random.Random(seed))
    await people.until(NOW + min(600.0, hours * HOUR / 10))
    gc.collect()
    gc.freeze()
    looks = []
    while loop.now < NOW + hours * HOUR:
        await people.until(loop.now + every)
        looks.append(people.look())
        show(looks[-1])
    await people.until(loop.now + QUIET, calls=False)
    last = people.look()
    show(last)
    await made.app.stop()
    return looks, last, people


def judged(looks: Sequence[Look], last: Look, crowd: Crowd) -> list[str]:
    """What is not as it should be. Memory is judged once the tables are full."""
    wrong = []
    if last.calls >= FILLED:
        if not flat(looks, lambda one: one.mib):
            wrong.append("memory grows")
        if not flat(looks, lambda one: one.objects, slack=2_000.0):
            wrong.append("objects become more")
    if not flat(looks, lambda one: one.files, 0.0, 3.0):
        wrong.append("file descriptors become more")
    if last.transactions or last.timers:
        wrong.append(f"{last.transactions:.0f} transactions and {last.timers} timers are left")
    if last.active:
        wrong.append(f"{last.active:.0f} calls count as open that have ended")
    if last.tasks > looks[0].tasks + 1:
        wrong.append(f"{last.tasks - looks[0].tasks} tasks are left")
    if crowd.lost:
        kinds = sorted({f"{one.fate}: {one.status} {one.bye}" for one in crowd.lost})
        wrong.append(f"{len(crowd.lost)} calls did not end as they should ({'; '.join(kinds[:5])})")
    return wrong


HEAD = ["hours", "calls", "lost", "MiB", "files", "objects", "transactions", "timers", "open calls", "tasks"]


def row(one: Look) -> list[str]:
    return [
        f"{one.hours:.2f}", f"{one.calls:,}", str(one.lost), f"{one.mib:.1f}", str(one.files), f"{one.objects:,}",
        f"{one.transactions:.0f}", f"{one.timers:,}", f"{one.active:.0f}", str(one.tasks),
    ]  # fmt: skip


def accelerated(hours: float, rate: float, seed: int, every: float) -> list[str]:
    began, spent = time.monotonic(), time.process_time()

    def show(one: Look) -> None:
        print(f"  {one.hours:6.2f} h  {one.calls:>9,} calls  {one.mib:6.1f} MiB  after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="ringwarden-soak-") as folder, asyncio.Runner(loop_factory=Loop) as runner:
        looks, last, people = runner.run(day(runner.get_loop(), Path(folder), hours, rate, seed, every, show))  # type: ignore[arg-type]
    shown = looks if len(looks) <= 26 else looks[:: -(-len(looks) // 26)]
    print(table(
        f"{hours:g} hours by a clock of our own, {rate:g} calls a second, seed {seed}; {time.monotonic() - began:.0f} s of ours, "
        f"{time.process_time() - spent:.0f} s of CPU", HEAD, [*map(row, shown), row(last)],
    ))  # fmt: skip
    print(", ".join(f"{people.crowd.counts[name]:,} {name}" for name in FATES) + "\n")
    return judged(looks, last, people.crowd)


# By the real clock


def wishes(minutes: float, rate: float, dice: random.Random) -> Iterator[Wish]:
    """The calls of so many minutes; a look comes each BLOCK, and the seed draws the fates of as many together."""
    count = round(rate * BLOCK)
    for block in range(round(minutes * 60 / BLOCK)):
        for at, fate in enumerate(fates(count, dice)):
            yield Wish(
                block * BLOCK + at / rate, fate, dice.uniform(0.2, 10.0), min(dice.expovariate(1 / 20.0), LONGEST), dice.choice((0.0, 1.2))
            )  # fmt: skip


def real(minutes: float, rate: float, workers: int, seed: int) -> list[str]:
    """Half load through processes as an operator runs them."""
    looks: list[Look] = []
    with tempfile.TemporaryDirectory(prefix="ringwarden-soak-") as name, ExitStack() as stack:
        folder = Path(name)
        stage = stack.enter_context(Stage(folder))
        proxy = stack.enter_context(Ringwarden(stage, folder, mode="enforce", codes=REFUSED, workers=workers))
        telephones = stack.enter_context(Telephones(stage, proxy.me))
        # A look takes its time, and the telephones do not wait for it.
        aside = stack.enter_context(ThreadPoolExecutor(1))
        crowd = telephones.crowd
        began = time.monotonic() + AHEAD + 0.2

        def look(hours: float, calls: int, lost: int) -> Look:
            pids, text = cpu.tree(proxy.program.pid), proxy.metrics()
            return Look(
                hours, calls, lost, sum(map(memory, pids)), sum(map(files, pids)), 0, total(text, "ringwarden_transactions"), 0,
                total(text, "ringwarden_active_calls"), len(pids),
            )  # fmt: skip

        def seen() -> Future[Look]:
            return aside.submit(look, (time.monotonic() - began) / HOUR, sum(crowd.counts.values()), len(crowd.lost))

        def show(one: Look) -> None:
            looks.append(one)
            print(f"  {one.hours * 60:5.1f} min  {one.calls:>9,} calls  {one.mib:6.1f} MiB  {one.lost} lost", file=sys.stderr, flush=True)

        telephones.watch(proxy.program.pid)
        telephones.ask(wishes(minutes, rate, random.Random(seed)), began)
        for block in range(round(minutes * 60 / BLOCK)):
            telephones.until(began + (block + 1) * BLOCK)
            coming = seen()
            coming.add_done_callback(lambda done: show(done.result()))
        # The last calls end; then Timer C and all that follows.
        telephones.until(time.monotonic() + QUIET)
        last = seen().result()
        lateness = telephones.lateness(proxy.program.pid)
        unscreened = telephones.unscreened(folder / "ringwarden" / "journal.db")
    shown = looks[:: max(1, len(looks) // 20)]
    rows = [[f"{one.hours * 60:.1f}", *row(one)[1:5], row(one)[6], row(one)[8], row(one)[9]] for one in (*shown, last)]
    head = ["minutes", *HEAD[1:5], HEAD[6], HEAD[8], "processes"]
    print(table(f"{minutes:g} minutes by the real clock, {rate:g} calls a second, {workers} workers, seed {seed}", head, rows))
    print(", ".join(f"{crowd.counts[name]:,} {name}" for name in FATES) + f"; {crowd.resent} messages sent again")
    print(f"Unscreened under load: {len(unscreened)}, of them forged: {crowd.passed}. {heaps(unscreened)}\n{lateness}\n")
    more = [f"{crowd.passed} forged calls came through"] if crowd.passed > len(unscreened) else []
    return judged(looks, last, crowd) + more


def told(what: str, wrong: Iterable[str]) -> bool:
    wrong = list(wrong)
    print(f"{what}: " + ("NOT kept: " + "; ".join(wrong) if wrong else "memory, file descriptors and timers stay: kept.") + "\n", flush=True)
    return not wrong


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--hours", type=float, default=24.0, help="by a clock of our own; 0: none")
    parser.add_argument("--day-rate", type=float, default=2.0, help="calls a second of them")
    parser.add_argument("--minutes", type=float, default=20.0, help="by the real clock; 0: none")
    parser.add_argument("--rate", type=float, default=1000.0, help="calls a second of them: half of what one core carries")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args(argv)
    well = True
    if args.hours:
        well &= told("A day", accelerated(args.hours, args.day_rate, args.seed, min(HOUR / 2, args.hours * HOUR / 12)))
    if args.minutes:
        well &= told("By the real clock", real(args.minutes, args.rate, args.workers, args.seed))
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
