"""Do emergency calls complete when several times as many calls come as we carry?

First as many signed calls as go, from a sipp that starts the next when one has ended: that is what is carried. Then so
many times more arrive, at a steady pace that nobody slows down, while a telephone of the PBX calls 911 five times a
second. Lost is an emergency call without its 200, or whose BYE got none. The ordinary calls are the flood: how many of
them end well is told and not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import feed, sipp
from benchmarks.programs import Program, free_port
from benchmarks.report import table
from benchmarks.ringwarden import Ringwarden
from benchmarks.sipp import SCENARIOS, Address
from benchmarks.stage import Stage
from proxy.lab.calling import Outcome
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone

TIMES = 5.0
PACE = 5.0
"""Emergency calls a second."""
FEED = 5_000
"""Signed calls that a flood goes round in."""
PATIENCE = 35.0
"""Seconds for an emergency call: as long as its caller's transaction lives (64*T1)."""
OPEN = 64
SLOW_MS = 1_000.0
TARGETS = ("911", "933", "urn:service:sos")


def carried(stage: Stage, ours: Ringwarden, folder: Path, calls: int) -> float:
    """Calls a second that go through, when each waits for another to end."""
    path = feed.write(folder / "carried.feed", feed.signed(calls, stage.signer, time.time()))
    began = time.monotonic()
    sipp.call(stage.carrier, ours.me, path, calls=calls, rate=20_000, folder=folder, limit=OPEN, patience=60.0)
    return calls / (time.monotonic() - began)


async def emergency(ours: Address, pbx: str, carrier: Address, seconds: float) -> list[tuple[Outcome, bool]]:
    """Emergency calls at their pace: how each ended, and whether its BYE was answered."""
    async with Phone(carrier.host, carrier.port, user="psap"), Phone(pbx, user="pbx") as phone:

        async def place(number: int) -> tuple[Outcome, bool]:
            await asyncio.sleep(number / PACE)
            target = TARGETS[number % len(TARGETS)]
            uri = target if target.startswith("urn:") else f"sip:{target}@{ours}"
            call = Invitation(uri, "<sip:+12025550177@pbx.example>")
            outcome = await phone.call(call, (ours.host, ours.port), hang_up=False, seconds=PATIENCE)
            if outcome.dialog is None:
                return outcome, False
            return outcome, (await phone.within(outcome.dialog, "BYE", seconds=PATIENCE)).status == 200

        return list(await asyncio.gather(*(place(number) for number in range(int(seconds * PACE)))))


def flood(stage: Stage, ours: Ringwarden, folder: Path, rate: float, seconds: float) -> Program:
    """A sipp that starts calls at this rate, whatever becomes of them."""
    path = feed.write(folder / "flood.feed", feed.signed(FEED, stage.signer, time.time()))
    command = [
        "sipp", "-sf", str(SCENARIOS / "caller.xml"), "-i", stage.carrier.host, "-p", str(stage.carrier.port), "-t", "u1",
        "-nostdin", "-buff_size", str(sipp.BUFFER), "-inf", str(path), "-r", f"{rate:.0f}", "-l", "1000000",
        "-m", f"{rate * seconds:.0f}", "-timeout", f"{seconds:.0f}", "-recv_timeout", "4000",
        "-trace_stat", "-stf", str(folder / "flood.csv"), "-fd", "1", str(ours.me),
    ]  # fmt: skip
    return Program("flood", command, folder, cores=stage.places.load)


def run(folder: Path, times: float, seconds: float, workers: int, calls: int) -> tuple[list[str], int]:
    """One row of the table, and how many emergency calls were lost."""
    with Stage(folder) as stage:
        psap = Address(stage.carrier.host, free_port(stage.carrier.host))
        with (
            Ringwarden(stage, folder, carrier=psap, workers=workers, name="flooded", cores=stage.places.measured if workers == 1 else ()) as ours,
            sipp.Callee(stage.pbx, folder, cores=stage.places.load),
        ):
            rate = carried(stage, ours, folder, calls)
            offered = 0.0
            with flood(stage, ours, folder, rate * times, seconds + 5) if times else _Nobody():
                time.sleep(2.0 if times else 0.0)  # it has its pace, and what waits is full
                results = asyncio.run(emergency(ours.me, stage.pbx.host, psap, seconds))
            if times:
                totals = sipp.read(folder / "flood.csv")
                offered = totals.created
            lost = sum(outcome.status != 200 or not ended for outcome, ended in results)
            setup = sorted(outcome.final_us / 1000 for outcome, _ in results if outcome.status == 200)
            row = [
                f"{times:g}", f"{rate:,.0f}", f"{rate * times:,.0f}", f"{offered:,.0f}",
                f"{totals.successful / max(totals.created, 1):.0%}" if times else "-",
                str(len(results)), str(lost), f"{statistics.median(setup):,.0f}" if setup else "-",
                f"{setup[-1]:,.0f}" if setup else "-", str(sum(one > SLOW_MS for one in setup)),
                str(sum(outcome.resent for outcome, _ in results)),
            ]  # fmt: skip
            return row, lost


class _Nobody:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--times", type=float, default=TIMES, help="of what is carried")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--calls", type=int, default=4_000, help="to find out what is carried")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    asked = parser.parse_args(arguments)
    seconds, calls = (4.0, 1_000) if asked.quick else (asked.seconds, asked.calls)
    rows, lost = [], 0
    for times in (0.0, asked.times):
        with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
            row, more = run(Path(name), times, seconds, asked.workers, calls)
            rows.append(row)
            lost += more
    print(table(
        f"Emergency calls while {asked.times:g} times as many calls come as are carried; {asked.workers} worker(s), {seconds:g} s",
        ["times", "carried/s", "offered/s", "calls", "ended well", "911", "lost", "setup ms", "longest", f"> {SLOW_MS:g} ms", "resent"], rows,
    ))  # fmt: skip
    print(f"\nEmergency calls lost: {lost}. Goal: none.")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
