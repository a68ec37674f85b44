"""What do 100,000 URLs that nobody serves cost the cache of certificates, on one host and on a thousand?

In one process, without SIP: the store and the fetcher as a worker has them, real sockets on loopback. While strangers name
one new URL after the other, a call with a certificate that is in memory comes every 5 ms, and a new one of a good
repository every second. Counted are fetches, memory, and how long the loop kept the good calls waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from benchmarks.hole import address, opened, stranger
from benchmarks.report import percentile, table
from certs.fetch import Fetcher, Limits
from certs.flights import host_of
from certs.lab import Authority
from certs.store import Store
from proxy.lab.repository import Repository
from shaken.credential import Anchors, Credential

URLS = 100_000
RATE = 2_000.0
"""Strange URLs a second."""
CALLS = 2
"""That name each of them."""
DEADLINE = 0.3
"""Seconds that a call waits for a certificate."""
MOST_MIB = 64.0
"""Memory that all this may take."""
MOST_MS = 50.0
"""That a good call may be kept waiting, and beyond its deadline any other."""


@dataclass(slots=True)
class Seen:
    late_ms: list[float] = field(default_factory=list)
    """Of good calls."""
    longest: float = 0.0
    """Seconds that a strange call waited."""
    flying: int = 0
    per_host: int = 0
    fetched: Counter[str] = field(default_factory=Counter)
    new: int = 0
    """New URLs of a good repository that were verified within the deadline."""
    asked: int = 0
    """Of so many."""


def resident() -> float:
    """MiB of this process."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


class Run:
    def __init__(self, store: Store, seen: Seen, good: str, base: str) -> None:
        self.store, self.seen, self.good, self.base = store, seen, good, base
        self.calls: set[asyncio.Task[None]] = set()

    async def probe(self) -> None:
        """Good calls, and when they were served."""
        due = time.perf_counter()
        while True:
            due += 0.005
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            assert isinstance(self.store.peek(self.good), Credential), "the good chain is gone"
            self.seen.late_ms.append((time.perf_counter() - due) * 1000)
            due = max(due, time.perf_counter() - 0.005)

    async def newcomers(self) -> None:
        """A new URL of a repository that has proved itself."""
        for number in range(10_000):
            await asyncio.sleep(1.0)
            self.seen.asked += 1
            found = await self.store.get(f"{self.base}/new{number}.pem", DEADLINE)
            self.seen.new += isinstance(found, Credential)

    async def strange(self, url: str) -> None:
        began = time.perf_counter()
        await self.store.get(url, DEADLINE)
        self.seen.longest = max(self.seen.longest, time.perf_counter() - began)

    async def flood(self, urls: int, hosts: Sequence[str], port: int) -> None:
        began, placed = time.perf_counter(), 0
        while placed < urls:
            due = min(int((time.perf_counter() - began) * RATE) + 1, urls)
            for number in range(placed, due):
                url = f"https://{hosts[number % len(hosts)]}:{port}/{number}.pem"
                for _ in range(CALLS):
                    if self.store.peek(url) is not None:
                        continue
                    task = asyncio.create_task(self.strange(url))
                    self.calls.add(task)
                    task.add_done_callback(self.calls.discard)
            placed = due
            self.seen.flying = max(self.seen.flying, self.store.flying)
            await asyncio.sleep(0.001)
        await asyncio.gather(*self.calls)


async def one(folder: Path, urls: int, hosts: int) -> tuple[Seen, float, str]:
    authority = Authority(seed="urls")
    names = [address(fault) for fault in ("hang", "drip", "500", "redirect", "huge", "type")]
    certificate, key = authority.tls(["127.0.0.1", *names]).save(folder, "tls")
    seen, at = Seen(), Counter[str]()
    async with opened(str(certificate), str(key), hosts, 0) as (_, port), Repository(certificate, key) as repository:
        good = repository.put("good.pem", authority.leaf("709J").chain_pem())
        for number in range(urls // int(RATE) + 10):
            repository.put(f"new{number}.pem", authority.leaf("709J").chain_pem())
        fetcher = Fetcher(Limits(lab=True, tls_ca=authority.web_ca_pem))

        async def get(url: str):  # type: ignore[no-untyped-def]
            host = host_of(url)
            seen.fetched[url] += 1
            at[host] += 1
            seen.per_host = max(seen.per_host, at[host])
            try:
                return await fetcher.fetch(url)
            finally:
                at[host] -= 1

        store = Store(get, Anchors.of([authority.anchors_pem]), time.time, time.monotonic)
        assert isinstance(await store.get(good, 5.0), Credential)
        run = Run(store, seen, good, repository.base)
        gc.collect()
        before = resident()
        tasks = [asyncio.create_task(run.probe()), asyncio.create_task(run.newcomers())]
        where = [stranger(number) for number in range(hosts)] if hosts > 1 else [address("hang")]
        await run.flood(urls, where, port)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for fault in done:
            if isinstance(fault, Exception):
                raise fault
        grown = resident() - before
        kept = f"{len(store._failures)} failures, {store.resting} hosts at rest"
        await store.close()
        await fetcher.close()
    return seen, grown, kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--urls", type=int, default=URLS)
    parser.add_argument("--quick", action="store_true", help="2,000 URLs")
    asked = parser.parse_args(arguments)
    urls = 2_000 if asked.quick else asked.urls
    rows, well = [], True
    for hosts in (1, 1_000):
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            seen, grown, kept = runner.run(one(Path(name), urls, hosts))
        most = max(seen.fetched.values())
        late = percentile(seen.late_ms, 0.99)
        rows.append([
            f"{hosts:,}", f"{seen.fetched.total() - seen.asked - 1:,}", str(most), f"{seen.flying}", f"{seen.per_host}",
            f"{seen.longest * 1000:.0f}", f"{late:.1f}", f"{max(seen.late_ms):.1f}", f"{seen.new} of {seen.asked}", f"{grown:+.1f}", kept,
        ])  # fmt: skip
        well = well and most == 1 and grown <= MOST_MIB and max(seen.late_ms) <= MOST_MS and seen.per_host <= 4
        well = well and seen.flying <= 64 and seen.longest <= DEADLINE + MOST_MS / 1000
    print(table(
        f"{urls:,} URLs that nobody serves, {RATE:,.0f} a second, each named by {CALLS} calls; a good call each 5 ms, a new URL of a good repository each second",
        ["hosts", "fetches", "of one URL", "at once", "at one host", "waited, ms at most", "good: late, ms, p99", "at most", "new ones", "MiB", "remembered"],
        rows,
    ))  # fmt: skip
    print(
        f"\nOne fetch of a URL, 64 at once, 4 at a host, {DEADLINE * 1000:.0f} + {MOST_MS:g} ms, {MOST_MS:g} ms late,"
        f" {MOST_MIB:g} MiB: {'kept' if well else 'NOT kept'}."
    )
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
