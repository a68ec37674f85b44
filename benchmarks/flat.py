"""Does a call cost the same whatever else there is: calls that ring, calls that were answered, long lists, many signers?

Two ringwardens on the same core, one empty and one full, get the same side load in interleaved pairs; the figure is CPU
time of all processes of a side, divided by calls, and the ratio must stay within 10 %.

    ringing   100,000 INVITE transactions ring, and are held, while the side load runs
    answered  100,000 calls were answered and go on
    lists     250 million do-not-call numbers and ten million numbers of campaigns, beside empty lists: calls in and calls out
    signers   10,000 signers with a certificate each, beside one
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu
from benchmarks.generator import FAST, Generator
from benchmarks.programs import ProgramError
from benchmarks.report import Spread, keep, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import ROOT, Stage
from certs.lab import Issued
from policy.dnc import AREAS, BLOCK, FIRST
from policy.lists import CampaignList
from policy.told import Entry
from proxy.lab.load.fleet import Callers, LoadError
from proxy.lab.load.plan import Outcome, Signing
from proxy.lab.load.stand import total
from proxy.lists import registry, traced
from proxy.lists.shelf import Content, Shelf

EVEN = 1.10
HELD = 100_000
HOLDING = 64
"""Calls on their way at one time while those that are to be held are placed."""
FILLING = {"ring": 120.0, "talk": 300.0}
"""Seconds for placing them, at most: a call rings three minutes, then Timer C ends it (RFC 3261 16.6)."""
LINGERING = 90.0
"""Seconds until what was placed has left nothing but calls, at most (64 * T1 and the journal's beats)."""
ENOUGH = 0.999
EXCHANGES = 200_600
"""Exchanges of the composed registry; an eighth of the numbers of each is marked: 250 million in all."""
ALL = "\n[load]\nunscreened_ms = 0\n"
STARTING = 300.0
"""Seconds for a start with long lists."""


@dataclass(slots=True)
class Row:
    """One question."""

    name: str
    what: str
    ratios: list[float] = field(default_factory=list)
    empty_us: list[float] = field(default_factory=list)
    full_us: list[float] = field(default_factory=list)
    empty_p99: list[float] = field(default_factory=list)
    full_p99: list[float] = field(default_factory=list)
    failed: int = 0
    bytes_each: float = 0.0
    """Memory of one held call, octets, of all our processes."""
    whole: bool = True
    """As much was there as was asked."""

    @property
    def flat(self) -> bool:
        return Spread.of(self.ratios).median <= EVEN and not self.failed and self.whole


Load = Callable[[Address], Outcome]


def pairs(row: Row, sides: Sequence[tuple[Ringwarden, Load]], count: int) -> Row:
    """Measure the empty side and the full one in turns."""
    for number in range(count):
        got: dict[int, tuple[float, Outcome]] = {}
        for which in (0, 1) if number % 2 else (1, 0):
            proxy, load = sides[which]
            meter = cpu.Meter(proxy.program.pid)
            outcome = load(proxy.me)
            got[which] = meter.spent().seconds / outcome.caller.placed * 1e6, outcome
        row.empty_us.append(got[0][0])
        row.full_us.append(got[1][0])
        row.ratios.append(got[1][0] / got[0][0])
        row.empty_p99.append(got[0][1].caller.ringing.ms(0.99))
        row.full_p99.append(got[1][1].caller.ringing.ms(0.99))
        row.failed += got[0][1].failures + got[1][1].failures
    print(f"  {row.name}: {Spread.of(row.ratios).shown(2)}", flush=True)
    return row


class Bench:
    """A stage, its generator and two ringwardens on one core."""

    def __init__(self, stack: ExitStack, folder: Path, rate: float, seconds: float) -> None:
        self.folder, self.rate, self.calls = folder, rate, int(rate * seconds)
        self.stage = stack.enter_context(Stage(folder))
        self.generator = stack.enter_context(Generator(self.stage, cores=self.stage.places.load))
        self._stack = stack

    def ringwarden(self, name: str, me: Address, more: str = "", patience: float = 20.0, **asked: Any) -> Ringwarden:
        where = self.stage.places.measured
        one = Ringwarden(self.stage, self.folder, me=me, name=name, cores=where, more=ALL + more, patience=patience, **asked)
        return self._stack.enter_context(one)

    def both(self) -> tuple[Ringwarden, Ringwarden]:
        """Two alike, warm."""
        me = Address("127.0.0.4", self.stage.second.port)
        two = self.ringwarden("empty", self.stage.proxy), self.ringwarden("full", me)
        for one in two:
            self.load(one.me)
        return two

    def load(self, at: Address) -> Outcome:
        """The side load. Over the callers' own port: the first belongs to whoever holds calls."""
        me = Address(self.stage.carrier.host, 0)
        return self.generator.run(at, self.rate, self.calls, me=me, patience=8.0)


def held(bench: Bench, kind: str, calls: int, count: int) -> Row:
    """`ring` or `talk`: so many calls stay while the side load is measured."""
    empty, full = bench.both()
    name, what = ("ringing", "ring") if kind == "ring" else ("answered", "were answered and go on")
    row = Row(name, f"{calls:,} calls {what}")
    before, seen = full.resident(), bench.generator.callees.seen().calls
    plan = bench.generator.plan(full.me, FAST, calls, hold=kind, limit=HOLDING, callers=2, patience=60.0)
    with Callers(plan) as callers:
        began = time.monotonic()
        callers.begin()
        while (have := bench.generator.callees.seen().calls - seen) < calls * ENOUGH:
            if time.monotonic() - began > FILLING[kind]:
                break
            time.sleep(0.5)
        if have < calls * ENOUGH:
            row.whole, row.what = False, f"only {have:,} calls {what}: more could not be placed in {FILLING[kind]:g} s"
        print(f"  {have:,} calls in {time.monotonic() - began:.0f} s", flush=True)
        time.sleep(1.0)
        # Calls that go on are measured, not what their answers leave to do: transactions linger for half a minute.
        over = time.monotonic() + LINGERING
        while kind == "talk" and total(full.metrics(), "ringwarden_transactions") > 0 and time.monotonic() < over:
            time.sleep(0.5)
        row.bytes_each = (full.resident() - before) * 1024 * 1024 / max(have, 1)
        pairs(row, ((empty, bench.load), (full, bench.load)), count)
        callers.release()
        callers.seen(30.0)
    return row


def signers(bench: Bench, many: int, count: int) -> Row:
    """One signer, and so many, before the same ringwarden."""
    stage = bench.stage
    leaves: list[Issued] = [stage.authority.leaf(f"{number:04}"[-4:] if number < 10_000 else "709J") for number in range(many)]
    base = stage.good_url.rpartition("/")[0]
    for number, leaf in enumerate(leaves):
        (bench.folder / "served" / f"s{number}.pem").write_bytes(leaf.chain_pem())
    everybody = Signing(b"", tuple(f"{base}/s{number}.pem" for number in range(many)), tuple(leaf.key_pem() for leaf in leaves))
    proxy = bench.ringwarden("signers", stage.proxy)
    bench.load(proxy.me)
    me = Address(stage.carrier.host, 0)

    def all_of_them(at: Address) -> Outcome:
        return bench.generator.run(at, bench.rate, bench.calls, me=me, patience=8.0, signing=everybody)

    # Until each certificate is known: calls do not wait for what is fetched, so one round may not do.
    began = time.monotonic()
    for _ in range(8):
        before = proxy.count("ringwarden_verify_total", result="passed")
        bench.generator.run(proxy.me, FAST, many, me=me, patience=8.0, limit=16, signing=everybody)
        if proxy.count("ringwarden_verify_total", result="passed") - before == many:
            break
    print(f"  {many:,} certificates known after {time.monotonic() - began:.0f} s", flush=True)
    # A round of the side load may not bring all of them: it begins where the last one ended.
    return pairs(Row("signers", f"{many:,} signers, beside one"), ((proxy, bench.load), (proxy, all_of_them)), count)


def compose(state: Path, exchanges: int) -> int:
    """Put a registry of so many exchanges into force; an eighth of each is marked, but none of the numbers of fiction."""
    day = int(time.time() // 86_400)
    fiction = int.from_bytes(b"\xff" * BLOCK, "little") ^ ((1 << 200) - 1 ^ (1 << 100) - 1)

    def fill(draft: Path) -> Content:
        with draft.open("w+b", buffering=0) as file:
            writer = registry._Writer(file.fileno(), None)
            areas = range(201, 201 + min(-(-exchanges // 800), AREAS))
            left = exchanges
            for area in areas:
                writer._days[area] = day
                for exchange in range(200, 1000):
                    if not left:
                        break
                    left -= 1
                    bits = _random() & _random() & _random()
                    if exchange == 555:
                        bits &= fiction
                    octets = bits.to_bytes(BLOCK, "little")
                    writer._counts[area] += bits.bit_count()
                    writer._put(FIRST + area * 1000 + exchange, octets)
            head = writer.finish()
        return Content(head.numbers, 0, time.time())

    return Shelf(state / "lists", "dnc").add(fill, time.time()).entries


def _random() -> int:
    return int.from_bytes(os.urandom(BLOCK), "little")


def tables(folder: Path, numbers: int) -> list[Path]:
    """Tables of traced calls, a million numbers each, in no order. None of them is fictional, so nobody calls from them."""
    paths, step = [], 7_999_993
    folder.mkdir(parents=True, exist_ok=True)
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400 * (1 + day))) for day in range(40)]
    for start in range(0, numbers, 1_000_000):
        path = folder / f"campaigns-{start}.csv"
        end = min(start + 1_000_000, numbers)
        with path.open("w", encoding="ascii") as file:
            file.write(f"# expected {end - start}\nnotified,called,caller,campaign,confidence,source\n")
            for number in range(start, end):
                # Exchanges 200 to 549 of area codes from 201 on: 3.5 million numbers each.
                area, line = divmod(number * step % numbers, 3_500_000)
                file.write(f"{days[number % 30]},{days[number % 30 + number % 10]},+1{201 + area}{200 * 10_000 + line},Composed{number % 50},high,test\n")
        paths.append(path)
    return paths


def brought_in(state: Path, paths: Sequence[Path]) -> str:
    """Import tables as an operator does; what it took, in a sentence."""
    command = [sys.executable, "-m", "proxy.cli", "lists", "import", "campaigns", *map(str, paths), "--state", str(state), "--json"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as program:
        assert program.stdout is not None
        said = program.stdout.read()
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise ProgramError(f"lists import campaigns ended with {program.returncode}")
    made = json.loads(said)
    return (
        f"{made['entries']:,} campaign numbers imported in {time.monotonic() - began:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of"
        f" CPU, {used.ru_maxrss / 1024:,.0f} MiB of memory at most; {made['size'] / made['entries']:.1f} octets a number"
    )


def look(state: Path, paths: Sequence[Path]) -> str:
    """What a look-up costs, in a sentence: numbers of the tables and others, in no order, beside a short list."""
    long = traced.campaigns(Shelf(state / "lists", "campaigns").snapshot(1))
    with paths[0].open(encoding="ascii") as file:
        hits = [line.split(",")[2][1:] for line in islice(file, 2, 20_002)]
    misses = [f"{tn[:4]}9{tn[5:]}" for tn in hits]
    short = CampaignList(tuple(Entry(tn, "Composed", 0.0) for tn in hits[:100]))
    utc, found = time.time(), {}
    for name, known, numbers in (("empty", CampaignList(), misses), ("short", short, misses), ("long", long, misses), ("hit", long, hits)):
        rounds = []
        for _ in range(5):
            began = time.thread_time_ns()
            told = [known.match(tn, utc) for tn in numbers]
            rounds.append((time.thread_time_ns() - began) / len(numbers) / 1e3)
        assert all((one is not None) is (name == "hit") for one in told)
        found[name] = Spread.of(rounds).shown(2)
    return (
        f"a look-up, us: {found['long']} where the number is not listed, {found['hit']} where it is; not listed in a list of"
        f" 100 {found['short']}, in none {found['empty']}"
    )


def lists(bench: Bench, exchanges: int, campaigns: int, count: int) -> list[Row]:
    """Empty lists, and long ones: calls from outside ask the campaigns, calls from the PBX the registry."""
    stage, folder = bench.stage, bench.folder
    state = folder / "full" / "state"
    began = time.monotonic()
    numbers = compose(state, exchanges)
    paths = tables(folder / "tables", campaigns)
    print(f"  {numbers:,} do-not-call numbers and {campaigns:,} of campaigns made in {time.monotonic() - began:.0f} s", flush=True)
    print(f"  {brought_in(state, paths)}", flush=True)
    print(f"  {look(state, paths)}", flush=True)
    for path in paths:
        path.unlink()
    empty = bench.ringwarden("empty", stage.proxy, amend=selling)
    me = Address("127.0.0.4", stage.second.port)
    began = time.monotonic()
    full = bench.ringwarden("full", me, patience=STARTING, amend=selling)
    print(f"  in force after {time.monotonic() - began:.0f} s; MiB: {empty.resident():,.0f} empty, {full.resident():,.0f} full", flush=True)
    with ExitStack() as stack:
        leaving = outwards(bench, stack)
        for one in (empty, full):
            bench.load(one.me)
            leaving(one.me)
        what = f"{numbers / 1e6:,.0f} million do-not-call and {campaigns:,} campaign numbers"
        return [
            pairs(Row("lists, calls in", what), ((empty, bench.load), (full, bench.load)), count),
            pairs(Row("lists, calls out", what), ((empty, leaving), (full, leaving)), count),
        ]


def selling(text: str) -> str:
    """A configuration in which every call of ours is telemarketing, so that each asks the registry."""
    return text.replace("[policy.codes]", "[policy]\ntelemarketing = true\n\n[policy.codes]")


def outwards(bench: Bench, stack: ExitStack) -> Load:
    """Calls that leave: from another port of the PBX's to a callee at the carrier."""
    stage = bench.stage
    outside = stack.enter_context(Generator(stage, cores=stage.places.load, at=stage.carrier))
    pbx = Address(stage.pbx.host, 0)
    return lambda at: outside.run(at, bench.rate, bench.calls, me=pbx, patience=8.0, signing=None)


def shown(rows: Sequence[Row], rate: float) -> str:
    body = [
        [
            row.name, Spread.of(row.empty_us).shown(), Spread.of(row.full_us).shown(), Spread.of(row.ratios).shown(2),
            f"{Spread.of(row.empty_p99).median:.2f}", f"{Spread.of(row.full_p99).median:.2f}", str(row.failed),
            f"{row.bytes_each:,.0f}" if row.bytes_each else "", "kept" if row.flat else "NOT kept",
        ]
        for row in rows
    ]  # fmt: skip
    text = table(
        f"What a call costs beside an empty ringwarden; side load {rate:g} a second, {len(rows[0].ratios)} pairs; CPU us a call",
        ["", "empty: median (range)", "full", "ratio", "p99 ms, empty", "full", "failed", "octets a held call", f"at most {EVEN}"],
        body,
    )
    return text + "\n\n" + "\n".join(f"{row.name}: {row.what}" for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=["ringing", "answered", "lists", "signers", []], help="default: all")
    parser.add_argument("--rate", type=float, default=200.0, help="of the side load, calls a second")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each of its runs")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--held", type=int, default=HELD)
    parser.add_argument("--signers", type=int, default=10_000)
    parser.add_argument("--exchanges", type=int, default=EXCHANGES, help="of the do-not-call registry, 1,250 numbers each")
    parser.add_argument("--campaigns", type=int, default=10_000_000)
    parser.add_argument("--quick", action="store_true", help="little of everything: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args(argv)
    parts = asked.parts or ["ringing", "answered", "lists", "signers"]
    if asked.quick:
        asked.held, asked.signers, asked.exchanges, asked.campaigns, asked.pairs, asked.seconds = 500, 50, 900, 50_000, 1, 1.0
    rows: list[Row] = []
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, ExitStack() as stack:
            bench = Bench(stack, Path(name), asked.rate, asked.seconds)
            try:
                if part == "lists":
                    rows += lists(bench, asked.exchanges, asked.campaigns, asked.pairs)
                elif part == "signers":
                    rows.append(signers(bench, asked.signers, asked.pairs))
                else:
                    rows.append(held(bench, "ring" if part == "ringing" else "talk", asked.held, asked.pairs))
            except (ProgramError, LoadError) as error:
                print(f"{part}: no result: {error}", *getattr(error, "__notes__", ()), sep="\n")
    if not rows:
        return 1
    print(shown(rows, asked.rate))
    keep(asked.json, [asdict(row) for row in rows])
    return 0 if asked.quick or (all(row.flat for row in rows) and len(rows) >= len(parts)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
