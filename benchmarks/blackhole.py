"""Do repositories that do harm hold up anybody else? The delay of calls verified from cache, before and during.

200 calls a second are verified with a certificate that is in memory, and measured; 50 more, one in five, are not. In one half
of each pair these are calls like the others; in the other half they name repositories that do not serve: in turns one that speaks no TLS, never answers, gives an octet a second, a server error,
a redirect, ten megabytes, a web page (`faults`); a new URL each of one silent host (`one host`); of a thousand (`1,000 hosts`).
In `forged` they carry old tokens, tokens for another number, and URLs that nobody may fetch: then nothing at all is fetched.
`--urls 100000` asks `one host` and `1,000 hosts` for as many different URLs each: every harmful call then carries ten Identity
headers, as many as are heard of one request, each with a URL that no other has; they come at 100 a second, in longer halves.
The delay is from the caller's INVITE to its arrival at the callee, by the kernel's clock. What others took of our core meanwhile
stands beside it: on a machine that is not quiet, that is most of any delay.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, feed, hole
from benchmarks.programs import Program, wait
from benchmarks.report import Spread, percentile, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sender import Planned, Timing, place
from benchmarks.stage import ROOT, Stage
from shaken.hearing import MAX_TOKENS
from shaken.sign import Signer

RATE = 200.0
HARMFUL_RATE = 50.0
"""Calls a second that name a hole: one in five."""
NAMED = 4
"""Calls that name one URL, where URLs are not all different."""
STRANGERS = 1_000
MANY_RATE = 100.0
"""Harmful calls a second where a number of URLs is asked for ..."""
TOKENS = MAX_TOKENS
"""... and the Identity headers of each."""
MORE_MIB = 128.0
"""Memory that ringwarden may take while so many are named, all calls beside them included: as in a flood."""
RATIO = 1.2
"""The p99 of cached calls during, to the one before: the median of the pairs."""
LIMIT_MS = 50.0
"""No cached call may take longer; and no other one so much longer than its deadline."""
DEADLINE_MS = 300.0

Harm = Callable[[int], feed.Call]
"""The so-and-so-many-th harmful call of a half."""


@dataclass(frozen=True, slots=True)
class Half:
    """Milliseconds."""

    p50: float
    p99: float
    longest: float
    others: float
    """The longest of the calls that are not measured."""
    lost: int
    waited: float = 0.0
    """In which our main thread could have run and the core served somebody else."""
    busy: float = 0.0
    """CPU seconds of ringwarden in a second."""


def half(stage: Stage, ours: Ringwarden, seconds: float, harm: Harm, number: int, rate: float = HARMFUL_RATE) -> Half:
    """One half of a pair. rate: harmful calls a second."""
    count = int(RATE * seconds)
    plan = [
        Planned(at / RATE, call, "cached")
        for at, call in enumerate(feed.signed(count, stage.signer, time.time(), first=number * 4000))
    ]
    plan += [Planned(at / rate + 0.001, harm(at), "other") for at in range(int(rate * seconds))]
    waited, spent = cpu.waited(ours.program.pid), sum(map(cpu.clock, cpu.tree(ours.program.pid)))
    found = figures(place(plan, stage.carrier, stage.pbx, ours.me))
    spent = sum(map(cpu.clock, cpu.tree(ours.program.pid))) - spent
    return replace(found, waited=(cpu.waited(ours.program.pid) - waited) * 1000, busy=spent / seconds)


def figures(timings: Sequence[Timing]) -> Half:
    delays = [one.delay_ms for one in timings if one.arrived and one.kind == "cached"]
    others = [one.delay_ms for one in timings if one.arrived and one.kind == "other"]
    lost = sum(1 for one in timings if one.status != 200)
    return Half(percentile(delays, 0.5), percentile(delays, 0.99), max(delays), max(others, default=0.0), lost)


class Harmful:
    """Calls that name holes; each half has URLs of its own."""

    def __init__(self, stage: Stage, port: int) -> None:
        self._stage, self._port, self._half = stage, port, 0

    def of(self, kind: str) -> Harm:
        self._half += 1
        half, make = self._half, getattr(self, f"_{kind.replace(' ', '_').replace('1,000_', '')}")
        return lambda at: make(half, at)

    def _many(self, half: int, at: int, url: Callable[[int], str]) -> feed.Call:
        """A call with all the Identity headers that are heard, each with a URL of its own. A call's value is written as one
        header line: what stands between two of them is the end of one and the name of the next."""
        calls = [self._call(url(at * TOKENS + number), half, at) for number in range(TOKENS)]
        return replace(calls[0], identity="\r\nIdentity: ".join(call.identity for call in calls))

    def _many_one_host(self, half: int, at: int) -> feed.Call:
        return self._many(half, at, lambda number: f"https://{hole.address('hang')}:{self._port}/{half}-{number}.pem")

    def _many_hosts(self, half: int, at: int) -> feed.Call:
        return self._many(half, at, lambda number: f"https://{hole.stranger(number % STRANGERS)}:{self._port}/{half}-{number}.pem")

    def _call(self, url: str, half: int, at: int, utc: float | None = None) -> feed.Call:
        signer = Signer(self._stage.good.key, url)
        return feed.signed(1, signer, time.time() if utc is None else utc, first=half * 4000 + 3000 + at)[0]

    def _none(self, half: int, at: int) -> feed.Call:
        return feed.signed(1, self._stage.signer, time.time(), first=half * 4000 + 3000 + at)[0]

    def _faults(self, half: int, at: int) -> feed.Call:
        place = at // NAMED
        host = hole.address(hole.FAULTS[place % len(hole.FAULTS)])
        return self._call(f"https://{host}:{self._port}/{half}-{place}.pem", half, at)

    def _one_host(self, half: int, at: int) -> feed.Call:
        return self._call(f"https://{hole.address('hang')}:{self._port}/{half}-{at}.pem", half, at)

    def _hosts(self, half: int, at: int) -> feed.Call:
        host = hole.stranger((half * 211 + at) % STRANGERS)
        return self._call(f"https://{host}:{self._port}/{half}-{at}.pem", half, at)

    def _forged(self, half: int, at: int) -> feed.Call:
        url = f"https://{hole.address('mute')}:{self._port}/{half}-{at}.pem"
        if at % 4 == 0:
            return self._call(url, half, at, time.time() - 3600)
        if at % 4 == 1:
            return feed.elsewhere(self._call(url, half, at))
        if at % 4 == 2:
            return feed.from_another(self._call(url, half, at))
        return self._call(url + "?now=1", half, at)


KINDS = ("faults", "one host", "1,000 hosts", "forged")
MANY = ("one host", "1,000 hosts")


HEAD = [
    "", "p99 before: median (range)", "p99 during", "ratio of the pairs", "longest before", "during", "core not had", "CPU", "harmful", "lost",
    "connections", "of one URL", "MiB", "then", "limits",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of harm, and how long it is done."""

    kind: str
    pairs: int
    seconds: float
    """Of a half without harm ..."""
    harmed: float
    """... and with it."""
    rate: float = HARMFUL_RATE
    urls: int = 0
    """So many different ones are named; 0: as many as it happens to be."""

    @classmethod
    def many(cls, kind: str, urls: int, pairs: int, seconds: float, rate: float) -> Question:
        return cls(kind, pairs, seconds, urls / TOKENS / rate / pairs, rate, urls)

    @property
    def shown(self) -> str:
        return f"{self.kind}, {self.urls:,} URLs" if self.urls else self.kind

    @property
    def harm(self) -> str:
        return f"many {self.kind}" if self.urls else self.kind


def ask(stage: Stage, ours: Ringwarden, harmful: Harmful, port: int, question: Question, first: int) -> tuple[list[str], bool]:
    """A row of the table, and whether all limits were kept."""
    # What the kind before left in line must not be counted here.
    wait(lambda: not ours.count("ringwarden_cert_fetching"), 30.0, "fetches of before have ended")
    before: list[Half] = []
    during: list[Half] = []
    counted, memory = hole.counted(port), ours.resident()
    for number in range(question.pairs):
        for quiet in (True, False) if number % 2 else (False, True):
            into, seconds = (before, question.seconds) if quiet else (during, question.harmed)
            into.append(half(stage, ours, seconds, harmful.of("none" if quiet else question.harm), first + number + 1, question.rate))
    after = hole.counted(port)
    # A mixed bag of pairs: the ratio of each, then their median.
    ratios = [there.p99 / here.p99 for here, there in zip(before, during, strict=True)]
    connections = after["connections"] - counted["connections"]
    longest, others = max(one.longest for one in during), max(one.others for one in during)
    taken = [sum(one.waited for one in halves) for halves in (before, during)]
    lost, then = sum(one.lost for one in (*before, *during)), ours.resident()
    well = statistics.median(ratios) <= RATIO and longest <= LIMIT_MS and others <= DEADLINE_MS + LIMIT_MS and not lost
    well = well and after["most"] <= 1 and (question.kind != "forged" or connections == 0)
    well = well and (not question.urls or then - memory <= MORE_MIB)
    return [
        question.shown, Spread.of([one.p99 for one in before]).shown(2), Spread.of([one.p99 for one in during]).shown(2),
        Spread.of(ratios).shown(2), f"{max(one.longest for one in before):.1f}", f"{longest:.1f}",
        f"{taken[0]:.0f} / {taken[1]:.0f}", " / ".join(f"{statistics.fmean(one.busy for one in halves):.2f}" for halves in (before, during)),
        f"{others:.0f}", str(lost),
        str(connections), str(after["most"]), f"{then - memory:+.1f}", f"{then:.0f}", "kept" if well else "NOT kept",
    ], well  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half")
    parser.add_argument("--quick", action="store_true", help="one pair of one second")
    parser.add_argument("--only", choices=KINDS, help="one kind of harm")
    parser.add_argument("--urls", type=int, metavar="N", help="one host and 1,000 hosts only, with so many different URLs each (100000: 5 min)")
    parser.add_argument("--rate", type=float, default=MANY_RATE, help="harmful calls a second, with --urls (50, one in five: 8 min)")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args(arguments)
    pairs, seconds = (1, 1.0) if asked.quick else (asked.pairs, asked.seconds)
    if asked.urls:
        kinds = [Question.many(kind, asked.urls, pairs, seconds, asked.rate) for kind in MANY if asked.only in (None, kind)]
    else:
        kinds = [Question(kind, pairs, seconds, seconds) for kind in KINDS if asked.only in (None, kind)]
    rows, good = [], True
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, Stage(Path(name)) as stage:
        folder = Path(name)
        tls = stage.authority.tls([hole.address(fault) for fault in hole.FAULTS]).save(folder, "hole")
        command = [sys.executable, "-m", "benchmarks.hole", "--cert", str(tls[0]), "--key", str(tls[1]), "--strangers", str(STRANGERS)]
        environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with Program("hole", command, folder, cores=stage.places.load[-1:], environment=environment) as holes:
            holes.ready(lambda: holes.says("hole at"))
            port = int(holes.log().partition("hole at ")[2].split()[0])
            with Ringwarden(stage, folder, cores=stage.places.measured, workers=asked.workers) as ours:
                harmful = Harmful(stage, port)
                half(stage, ours, 1.0, harmful.of("none"), 0)
                for place, question in enumerate(kinds):
                    row, well = ask(stage, ours, harmful, port, question, place * pairs)
                    rows.append(row)
                    good = good and well
    last = kinds[-1]
    long = f"{last.seconds:g}" + (f" and {last.harmed:g}" if asked.urls else "")
    print(table(
        f"Delay of calls verified from cache, ms, {pairs} pairs of {long} s at {RATE:g} a second; {last.rate:g} more beside them; during: these name holes",
        HEAD, rows,
    ))  # fmt: skip
    print(f"\nLimits: ratio {RATIO:g}, {LIMIT_MS:g} ms, {DEADLINE_MS + LIMIT_MS:g} ms for harmful calls, one request for a URL, no connection for forged ones{f', {MORE_MIB:g} MiB' if asked.urls else ''}.")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
