"""What does a dead next hop cost? 20 calls a second while the first of two PBXs is killed, silent, refuses or wakes up.

Two phones of the lab are the PBXs, each a process of its own; `ringwarden run` stands before them with its settings as
they come. Something happens to the first phone, and later it is well again. Of every call is kept how long it took to
be answered, and by whom.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.programs import Program, free_port
from benchmarks.report import table
from benchmarks.sender import alive
from benchmarks.sipp import Address
from benchmarks.stage import ROOT
from proxy.lab.dialog import Invitation
from proxy.lab.load.stand import total
from proxy.lab.phone import Phone

RATE = 20.0
BEFORE, TROUBLE, AFTER = 4.0, 10.0, 12.0
"""Seconds: of calls before anything happens, until the first phone is well again, and after that."""
NAP = 3.0
"""Seconds of silence of a phone that wakes up again."""
PATIENCE = 15.0
"""Seconds after which a call that was not answered is lost."""
REACHED_MS = 2000.0
"""In which a call whose first hop is dead has reached the second, and its answer the caller."""
SLOW_MS = 500.0
"""A call that takes longer was held up."""

CONFIGURATION = """\
[[listen]]
address = "{me}"

[[peer]]
name = "carrier"
side = "carrier"
hops = ["udp:127.0.0.1:{carrier}"]
sources = ["127.0.0.1:{carrier}"]
ping = false

[[peer]]
name = "first"
side = "pbx"
hops = ["udp:127.0.0.1:{first}"]
sources = ["127.0.0.1:{first}"]

[[peer]]
name = "second"
side = "pbx"
hops = ["udp:127.0.0.1:{second}"]
sources = ["127.0.0.1:{second}"]
priority = 2

[admin]
address = "127.0.0.1:{admin}"

[log]
level = "warning"
"""


class Box:
    """A PBX that can fail."""

    def __init__(self, name: str, port: int, folder: Path) -> None:
        self.name, self.port, self._folder = name, port, folder
        self._born = 0
        self.start()

    def start(self) -> None:
        self._born += 1
        self.program = Program(
            f"{self.name}-{self._born}",
            [sys.executable, "-m", "benchmarks.answering", str(self.port), self.name],
            self._folder,
            environment={"PYTHONPATH": str(ROOT)},
        )
        self.program.ready(lambda: self.program.says("ready"))

    def tell(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            os.kill(self.program.pid, number)

    def stop(self) -> None:
        if self.program.running:
            self.tell(signal.SIGCONT)
        self.program.stop()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to the first phone, and how it ends."""

    name: str
    begins: Callable[[Box], None]
    ends: Callable[[Box], None]
    seconds: float
    later: Callable[[Box], None] | None = None
    """What happens a second after the end."""


TROUBLES = (
    Trouble("killed (SIGKILL), started again", lambda box: box.tell(signal.SIGKILL), Box.start, TROUBLE),
    Trouble("silent (SIGSTOP)", lambda box: box.tell(signal.SIGSTOP), lambda box: box.tell(signal.SIGCONT), TROUBLE),
    Trouble("answers 503", lambda box: box.tell(signal.SIGUSR1), lambda box: box.tell(signal.SIGHUP), TROUBLE),
    Trouble(
        "wakes after 3 s, rings", lambda box: box.tell(signal.SIGUSR2, signal.SIGSTOP), lambda box: box.tell(signal.SIGCONT),
        NAP, lambda box: box.tell(signal.SIGHUP),
    ),
    Trouble(
        "wakes after 3 s, answers", lambda box: box.tell(signal.SIGSTOP), lambda box: box.tell(signal.SIGCONT), NAP
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """One call."""

    at: float
    """Seconds since the first one."""
    status: int
    by: str
    setup_ms: float
    tags: int
    """How many phones it was answered by."""


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    calls: int
    lost: int
    slow: int
    longest_ms: float
    reached_ms: float
    """The longest of those that the second phone answered."""
    noticed: float
    """Seconds from the trouble to the last call that it held up."""
    back: float | None
    """Seconds from its end to the first call that the first phone has again; None: it never came back."""
    twice: int
    judged: int

    @property
    def kept(self) -> bool:
        """Nothing was lost, the second phone was reached in time, and the first one has calls again."""
        return not self.lost and 0 < self.reached_ms <= REACHED_MS and self.back is not None


async def watched(trouble: Trouble, folder: Path, scale: float) -> Result:
    ports = {name: free_port() for name in ("me", "carrier", "first", "second", "admin")}
    me = Address("127.0.0.1", ports["me"])
    path = folder / "ringwarden.toml"
    path.write_text(CONFIGURATION.format(**{**ports, "me": me}), encoding="utf-8")
    boxes = [Box(name, ports[name], folder) for name in ("first", "second")]
    ours = Program(
        "ringwarden", [sys.executable, "-m", "proxy.cli", "run", "--config", str(path)], folder,
        environment={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        ours.ready(lambda: ours.says("ringwarden ready") and alive(me))
        return await during(trouble, boxes[0], me, ports, scale)
    finally:
        ours.stop()
        for box in boxes:
            box.stop()


async def during(trouble: Trouble, first: Box, me: Address, ports: dict[str, int], scale: float) -> Result:
    before, lasts, after = BEFORE * scale, trouble.seconds, AFTER
    placed: list[Placed] = []
    async with Phone(port=ports["carrier"]) as carrier:
        began = time.monotonic()

        async def one(number: int) -> None:
            at = time.monotonic() - began
            caller = f"<sip:+1202555{100 + number % 100:04d}@carrier.example.net>"
            call = Invitation(f"sip:+12125550147@{me}", caller)
            found = await carrier.call(call, (me.host, me.port), seconds=PATIENCE)
            final = found.final
            by = (final.header("contact") or "").partition(":")[2].partition("@")[0] if final is not None else ""
            tags = {heard.header("to") for heard in found.answers if b" 200 " in heard.data[:12]}
            placed.append(Placed(at, found.status, by, found.final_us / 1000, len(tags)))

        async def happens() -> tuple[float, float]:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(before)
            start = time.monotonic() - began
            trouble.begins(first)
            await asyncio.sleep(lasts)
            await loop.run_in_executor(None, trouble.ends, first)
            end = time.monotonic() - began
            if trouble.later is not None:
                await asyncio.sleep(1.0)
                trouble.later(first)
            return start, end

        async with asyncio.TaskGroup() as group:
            marks = group.create_task(happens())
            for number in range(int((before + lasts + after) * RATE)):
                await asyncio.sleep(max(began + number / RATE - time.monotonic(), 0))
                group.create_task(one(number))
    start, end = marks.result()
    slow = [one for one in placed if one.setup_ms > SLOW_MS and one.status == 200]
    again = [one.at - end for one in placed if one.by == "first" and one.at > end]
    text = await asyncio.get_running_loop().run_in_executor(None, metrics, ports["admin"])
    return Result(
        trouble.name,
        len(placed),
        sum(not 200 <= one.status < 300 for one in placed),
        len(slow),
        max((one.setup_ms for one in placed if one.status == 200), default=0.0),
        max((one.setup_ms for one in placed if one.status == 200 and one.by == "second"), default=0.0),
        max((one.at - start for one in slow), default=0.0),
        min(again, default=None),
        sum(one.tags > 1 for one in placed),
        int(total(text, "ringwarden_decisions_total")),
    )


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer:
        text: str = answer.read().decode("utf-8")
        return text


def row(result: Result) -> tuple[str, ...]:
    return (
        result.name, str(result.calls), str(result.lost), str(result.slow), f"{result.longest_ms:.0f}",
        f"{result.reached_ms:.0f}", f"{result.noticed:.1f}", "never" if result.back is None else f"{result.back:.1f}", str(result.twice),
        str(result.judged), "kept" if result.kept else "NOT kept",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="the first trouble only")
    parser.add_argument("--only", type=int, help="one of the troubles, from 1")
    asked = parser.parse_args(arguments)
    troubles = TROUBLES[:1] if asked.quick else TROUBLES[asked.only - 1 : asked.only] if asked.only else TROUBLES
    results = []
    for trouble in troubles:
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
            results.append(asyncio.run(watched(trouble, Path(name), 0.5 if asked.quick else 1.0)))
    heading = ("first hop", "calls", "lost", f">{SLOW_MS:.0f} ms", "longest ms", "to the second", "held up for s", "back after s", "answered twice", "judged", "limits")
    print(table(f"{RATE:g} calls/s, two hops, what happens to the first", heading, [row(one) for one in results]))
    print(f"\nLimits: none lost, the second hop reached within {REACHED_MS:.0f} ms, the first one back.")
    return 0 if all(one.kept for one in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
