"""What do 10,000 certificates cost: a look-up, memory, a restart, other roots, a long revocation list?

In one process, without sockets: the store as a worker has it, filled from a folder as after a restart. Chains are real, 200
different ones over 10,000 URLs; the revocation list has 50,000 entries of two issuers. A stall is what the loop of the calls
does not do anything else in.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
import timeit
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.urls import resident
from certs.chains import Kept
from certs.fetch import Fetched
from certs.lab import DAY, Authority
from certs.lab_pa import Administrator
from certs.shelf import Shelf
from certs.store import Store
from shaken import revocation
from shaken.credential import Anchors, Credential
from shaken.revocation import Revocations

CERTIFICATES, ENTRIES, CHAINS = 10_000, 50_000, 200
LOOK_UP = 8.3
"""A look-up, in look-ups in a plain dict: what it was before it could renew, and may not exceed again."""
GROWTH = 2.0
"""A look-up among all of them, to one among ten, less what a plain dict grows by: memory is slower where there is more."""
STALL_MS = 50.0
KIB = 24.0
"""Memory of one certificate, with its file."""


async def nothing(url: str) -> Fetched:
    raise AssertionError("nothing is fetched here")


def per_look_up(store: Store, urls: Sequence[str]) -> float:
    """Nanoseconds."""
    peek = store.peek

    def look() -> None:
        for url in urls:
            peek(url)

    return min(timeit.repeat(look, number=1, repeat=15)) / len(urls) * 1e9


def bare(urls: Sequence[str]) -> float:
    """Nanoseconds of a look-up in a dict."""
    get = dict.fromkeys(urls, 1).get

    def look() -> None:
        for url in urls:
            get(url)

    return min(timeit.repeat(look, number=1, repeat=15)) / len(urls) * 1e9


def timed(work: object) -> float:
    """Milliseconds of a call, of our own: what the machine does for others meanwhile is not counted."""
    began = time.thread_time()
    work()  # type: ignore[operator]
    return (time.thread_time() - began) * 1000


async def measure(folder: Path, count: int, entries: int) -> list[tuple[str, str, str, bool]]:
    utc = time.time()
    authority, other = Authority(seed="size"), Authority(seed="size-too", name="SHAKEN Other Root")
    leaves = [authority.leaf(f"{number:03d}J") for number in range(min(CHAINS, count))]
    bodies = [leaf.chain_pem() for leaf in leaves]
    urls = [f"https://cr{number % 300}.example.net/{number}.pem" for number in range(count)]
    shelf = Shelf(folder)

    def write() -> None:
        for at, url in enumerate(urls):
            shelf.put(url, Kept(bodies[at % len(bodies)], utc, DAY))

    written = timed(write)
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 10, 5_000)  # as `run` has it
    before = resident()
    files: dict[str, Kept] = {}
    loaded = timed(lambda: files.update(shelf.load()))
    anchors = Anchors.of([authority.anchors_pem])
    store = Store(nothing, anchors, time.time, time.monotonic)
    store.stock(files)
    first = [timed(lambda url=url: store.peek(url)) for url in urls]
    assert len(store) == count and all(isinstance(store.peek(url), Credential) for url in urls)
    memory = (resident() - before) * 1024 / count
    ratios, grown = [], []
    for _ in range(7):
        plain = bare(urls)
        few, ten = per_look_up(store, urls[:10] * (count // 10)), bare(urls[:10] * (count // 10))
        ratios.append(few / ten)
        grown.append(per_look_up(store, urls) / few - plain / ten + 1)
    pa = Administrator(utc)
    # An issuer is named where another one begins, as the administrator does.
    names = {0: other.root.certificate.subject, entries // 2: authority.root.certificate.subject}
    revoked = [(names.get(at), at + 1) for at in range(entries)]
    octets = pa.crl([leaves[0].certificate, *revoked], 2)
    found: list[revocation.RevocationList] = []
    read = timed(lambda: found.append(revocation.read(octets, (pa.crl_certificate,), utc)))
    swapped = timed(lambda: store.replace_revocations(Revocations((found[0],))))
    gone = count - len(store)
    roots = timed(lambda: store.replace_anchors(Anchors.of([authority.anchors_pem, other.anchors_pem])))
    await store.close()
    return [
        ("a look-up, in look-ups in a dict", f"{statistics.median(ratios):.1f}", f"{LOOK_UP}", statistics.median(ratios) <= LOOK_UP),
        ("a look-up among all, to one among ten", f"{statistics.median(grown):.2f}", f"{GROWTH}", statistics.median(grown) <= GROWTH),
        ("memory of one, KiB", f"{memory:.1f}", f"{KIB:g}", memory <= KIB),
        ("writing all of them to the folder, ms (beside the calls)", f"{written:.0f}", "", True),
        ("reading them at a start, ms", f"{loaded:.0f}", "", True),
        ("the first use of one, ms: median", f"{statistics.median(first):.2f}", "", True),
        ("the first use of one, ms: longest", f"{max(first):.1f}", f"{STALL_MS:g}", max(first) <= STALL_MS),
        (f"reading a revocation list of {entries:,}, ms (beside the calls)", f"{read:.0f}", "", True),
        (f"taking it up, ms of stall ({gone} chains go)", f"{swapped:.1f}", f"{STALL_MS:g}", swapped <= STALL_MS and gone == count // len(leaves)),
        ("taking up other roots, ms of stall", f"{roots:.1f}", f"{STALL_MS:g}", roots <= STALL_MS),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of all")
    asked = parser.parse_args(arguments)
    count, entries = (CERTIFICATES // 10, ENTRIES // 10) if asked.quick else (CERTIFICATES, ENTRIES)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        rows = asyncio.run(measure(Path(name), count, entries))
    print(f"What {count:,} certificates cost\n")
    for what, figure, limit, kept in rows:
        print(f"{what:<66}{figure:>8}  " + (f"at most {limit}: {'kept' if kept else 'NOT KEPT'}" if limit else ""))
    return 0 if all(kept for *_, kept in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
