"""Do a thousand slow TCP senders hold up anybody else? The delay of verified calls over UDP, before and during.

200 calls a second are verified with a certificate that is in memory. In the second half of each pair a process beside
holds 1,000 TCP connections, from a hundred addresses, and writes an octet of an INVITE into each of them twice a
second; what is closed is opened again. The delay is from the caller's INVITE to its arrival at the callee, by the kernel's clock.
"""

from __future__ import annotations

import argparse
import errno
import select
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.blackhole import LIMIT_MS, Half, Harmful, half
from benchmarks.programs import Program, wait
from benchmarks.report import Spread, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import Address
from benchmarks.stage import ROOT, Stage

CONNECTIONS = 1000
SOURCES = 100
BEAT = 0.5
"""Seconds between two octets of one connection."""
SLICES = 50
"""The connections write in so many groups within a beat: a steady drip, not a wave."""
INVITE = b"INVITE sip:+12025550123@pbx.example SIP/2.0\r\nVia: SIP/2.0/TCP slow.example;branch=z9hG4bKslow\r\nSubject: " + b"s" * 20_000


def drip(to: Address, count: int) -> None:
    """Hold that many connections and drip into them until somebody ends this process."""
    open_: dict[socket.socket, int] = {}
    poll = select.epoll()
    by_number: dict[int, socket.socket] = {}
    number = 0
    said = False
    while True:
        while len(open_) < count:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setblocking(False)
            one.bind((f"127.9.0.{1 + number % SOURCES}", 0))
            number += 1
            if one.connect_ex((to.host, to.port)) not in (0, errno.EINPROGRESS):
                one.close()
                break
            open_[one] = number
            by_number[one.fileno()] = one
            poll.register(one, select.EPOLLIN | select.EPOLLRDHUP)
        if not said and len(open_) == count:
            print("dripping", flush=True)
            said = True
        for group in range(SLICES):
            for one in [one for one, own in open_.items() if own % SLICES == group]:
                at = time.monotonic_ns() // int(BEAT * 1e9) % 1000
                try:
                    one.send(INVITE[at : at + 1] if at else b"I")
                except BlockingIOError:
                    continue
                except OSError:
                    _forget(one, open_, by_number)
            for descriptor, _ in poll.poll(BEAT / SLICES):
                if (gone := by_number.get(descriptor)) is not None:
                    _forget(gone, open_, by_number)


def _forget(one: socket.socket, open_: dict[socket.socket, int], by_number: dict[int, socket.socket]) -> None:
    if open_.pop(one, None) is not None:
        del by_number[one.fileno()]
        one.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--quick", action="store_true", help="one pair of one second")
    parser.add_argument("--drip", metavar="HOST:PORT", help="be the slow senders, until ended")
    asked = parser.parse_args(arguments)
    if asked.drip:
        host, _, port = asked.drip.rpartition(":")
        drip(Address(host, int(port)), asked.connections)
    pairs, seconds = (1, 1.0) if asked.quick else (asked.pairs, asked.seconds)
    before: list[Half] = []
    during: list[Half] = []
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name, Stage(Path(name)) as stage:
        with Ringwarden(stage, Path(name), cores=stage.places.measured) as ours:
            plain = Harmful(stage, 0)  # which names no hole here
            half(stage, ours, 1.0, plain.of("none"), 0)
            for number in range(pairs):
                for slow in (False, True) if number % 2 else (True, False):
                    if not slow:
                        before.append(half(stage, ours, seconds, plain.of("none"), number + 1))
                        continue
                    command = [
                        sys.executable, "-m", "benchmarks.slow",
                        "--drip", str(ours.me), "--connections", str(asked.connections),
                    ]  # fmt: skip
                    beside = Program(
                        "slow", command, Path(name), cores=stage.places.load[-1:],
                        environment={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                    )  # fmt: skip
                    try:
                        beside.ready(
                            lambda: ours.count("ringwarden_half_open_connections") >= min(asked.connections, 1000) * 0.99
                        )
                        during.append(half(stage, ours, seconds, plain.of("none"), number + 1))
                    finally:
                        beside.stop()
                    wait(lambda: ours.count("ringwarden_connections") == 0, 20.0, "the slow connections are gone")
            cut = sum(ours.count("ringwarden_connections_ended_total", why=why) for why in ("slow", "silent"))
    rows = [
        [label, *(Spread.of([getattr(one, field) for one in got]).shown(2) for field in ("p50", "p99", "longest")), str(sum(one.lost for one in got))]
        for label, got in (("before", before), ("during", during))
    ]
    print(table(
        f"Delay of verified calls, ms, {pairs} pairs of {seconds:g} s; during: {asked.connections} slow TCP senders",
        ["", "p50: median (range)", "p99", "longest", "lost"], rows,
    ))  # fmt: skip
    worst = max(one.longest for one in during)
    added = worst - max(one.longest for one in before)
    well = added <= LIMIT_MS and not any(one.lost for one in (*before, *during))
    print(
        f"\nThe longest wait during is {worst:.1f} ms, {added:+.1f} ms beside the longest before; {cut:g} senders were cut off."
        f" Limit {LIMIT_MS:g} ms: {'kept' if well else 'NOT kept'}."
    )
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
