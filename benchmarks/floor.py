"""What does a whole verified call cost beside what cannot be cheaper, and where does the rest go?

The floor of a call is one bare ES256 check and seven datagrams in and out, taken in the same run. Then the same load runs
once more under py-spy, which looks 1,000 times a second where the worker is, without slowing it as a tracing profiler
would; each look is put to the room of its innermost line, and where the time is spent in a system call or in OpenSSL the
line that called it shows that.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cpu, floors
from benchmarks.generator import Generator
from benchmarks.programs import Program, ProgramError
from benchmarks.report import Spread, keep, table
from benchmarks.ringwarden import Ringwarden
from benchmarks.stage import ROOT, Stage

DATAGRAMS = 7
"""In and out, of one call: INVITE, 180, 200, ACK, BYE, 200, and 100 where one is sent."""
LOOKS = 1000
"""Of the profiler, a second."""
SHOWN = 18
ALL = "\n[load]\nunscreened_ms = 0\n"

KINDS = (
    ("receiving and sending", ("proxy/transports/udp.py", "proxy/transports/connection.py")),
    ("checking signatures", ("shaken/verify.py", "shaken/quick.py", "shaken/hearing.py", "shaken/passport.py", "shaken/identity.py", "shaken/credential.py")),
    ("SIP: parsing, editing, transactions", ("proxy/sip/",)),
    ("screening and policy", ("proxy/screening/", "policy/", "proxy/judging.py", "proxy/marking.py", "proxy/following.py", "proxy/acting.py")),
    ("the call's story and its record", ("proxy/calls.py", "proxy/onward.py", "proxy/record.py", "proxy/seal.py", "proxy/storage/", "proxy/routes.py", "proxy/peers/", "proxy/resolver.py")),
    ("the pump", ("proxy/server.py", "proxy/inbox.py", "proxy/workers/", "proxy/tokens.py", "proxy/clock.py")),
    ("counting", ("proxy/metrics.py",)),
)
"""How the rooms are put together for reading; whatever is none of these is "other"."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    us: float
    """CPU microseconds a call, all processes."""
    verify: float
    datagram: float

    @property
    def floor(self) -> float:
        return self.verify + DATAGRAMS * self.datagram

    @property
    def ratio(self) -> float:
        return self.us / self.floor


@dataclass(frozen=True, slots=True)
class Place:
    """Where looks found the worker."""

    kind: str
    where: str
    """File and function."""
    share: float


def places(raw: Iterable[str]) -> list[Place]:
    """The innermost frames of the calls' own thread in py-spy's raw output (`thread;frame;... count` a line), most often
    seen first. The other threads mostly wait, which looks like work to it.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for line in raw:
        stack, _, count = line.rstrip().rpartition(" ")
        if not count.isdigit():
            continue
        frames = stack.split(";")
        if "MainThread" not in frames[0]:
            continue
        # uvloop, asyncio and libraries are charged to the line of ours that called them, if one did.
        ours = [frame for frame in frames if _FRAME(frame)]
        if not ours or "proxy/cli/" in ours[-1] or "proxy/app.py" in ours[-1]:
            seen["", "the event loop"] += int(count)
            continue
        found = _FRAME(ours[-1])
        assert found is not None
        path = found[2].replace("\\", "/")
        seen[path, f"{path} {found[1]}"] += int(count)
    total = sum(seen.values()) or 1
    return [Place(_kind(path), where, count / total) for (path, where), count in seen.most_common()]


_FRAME = re.compile(r"(.+) \(((?:proxy|policy|shaken|certs)/[^:)]+)(?::[0-9]+)?\)\Z").match


def _kind(path: str) -> str:
    return next((name for name, rooms in KINDS if any(path.startswith(room) for room in rooms)), "other")


def main_share(pid: int) -> float:
    """The part of a process's CPU time that its first thread used."""
    spent = {}
    for task in (cpu.PROC / str(pid) / "task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        spent[int(task.name)] = int(fields[11]) + int(fields[12])
    return spent[pid] / max(sum(spent.values()), 1)


def run(folder: Path, *, pairs: int, rate: float, seconds: float) -> tuple[list[Sample], list[Place], float]:
    """The samples, the profile (empty without py-spy), and the part of the time that is the calls' own thread's."""
    with Stage(folder) as stage, Generator(stage, cores=stage.places.load) as generator:
        calls = int(rate * seconds)
        samples = []
        with Ringwarden(stage, folder, cores=stage.places.measured, more=ALL) as proxy:
            generator.run(proxy.me, rate, calls)
            for number in range(pairs):
                low = floors.measure(stage.places.measured)
                meter = cpu.Meter(proxy.program.pid)
                outcome = generator.run(proxy.me, rate, calls)
                spent = meter.spent()
                if outcome.failures:
                    raise ProgramError(f"{outcome.failures} of {calls} calls failed: the machine is too busy for {rate:g} a second")
                samples.append(Sample(spent.seconds / calls * 1e6, low.verify, low.datagram))
                print(f"  {number + 1} of {pairs}: {samples[-1].us:,.0f} us a call, {samples[-1].ratio:.1f} floors", flush=True)
            raw = folder / "profile.raw"
            spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
            if spy is None:
                return samples, [], 1.0
            words = [
                spy, "record", "--pid", str(proxy.program.pid), "--format", "raw", "--rate", str(LOOKS), "--duration", f"{seconds:.0f}",
                "--output", str(raw), "--full-filenames", "--threads",
            ]  # fmt: skip
            with Program("py-spy", words, folder, cores=stage.places.load) as watching:
                generator.run(proxy.me, rate, calls)
                watching.finished(seconds + 20)
            text = raw.read_text(encoding="utf-8").replace(f"{ROOT}/", "")
            return samples, places(text.splitlines()), main_share(proxy.program.pid)


def shown(samples: Sequence[Sample], found: Sequence[Place], part: float, rate: float) -> str:
    us, ratio = Spread.of([one.us for one in samples]), Spread.of([one.ratio for one in samples])
    verify, datagram = Spread.of([one.verify for one in samples]), Spread.of([one.datagram for one in samples])
    rows = [
        ["a verified call", us.shown(), ratio.shown(2)],
        ["its floor", f"{verify.median + DATAGRAMS * datagram.median:.0f}", "1.00"],
        ["  one bare ES256 check", verify.shown(), ""],
        [f"  {DATAGRAMS} datagrams in and out", f"{DATAGRAMS * datagram.median:.0f}", ""],
    ]
    text = table(f"A whole call beside its floor, {rate:g} a second, one worker, {len(samples)} runs", ["", "CPU us: median (range)", "in floors"], rows)
    if not found:
        return text + "\n\nNo profile: py-spy is not here (pip install 'ringwarden[bench]')."
    kinds: Counter[str] = Counter()
    for one in found:
        kinds[one.kind] += one.share  # type: ignore[assignment]
    by_kind = [[kind, f"{part * share:.1%}", f"{part * share * us.median:,.0f}"] for kind, share in kinds.most_common()]
    by_kind.append(["other threads: journal, log", f"{1 - part:.1%}", f"{(1 - part) * us.median:,.0f}"])
    lines = [[one.where, one.kind, f"{part * one.share:.1%}", f"{part * one.share * us.median:,.0f}"] for one in found[:SHOWN]]
    return "\n\n".join([
        text,
        table("Where it goes, by rooms (the worker, innermost line of ours)", ["", "share", "us a call"], by_kind),
        table("and by functions", ["", "kind", "share", "us a call"], lines),
    ])  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=350.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="one run of two seconds: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args(argv)
    pairs, seconds = (1, 2.0) if asked.quick else (asked.pairs, asked.seconds)
    with tempfile.TemporaryDirectory(prefix="ringwarden-bench-") as name:
        try:
            samples, found, part = run(Path(name), pairs=pairs, rate=asked.rate, seconds=seconds)
        except ProgramError as error:
            print(f"No result: {error}", *getattr(error, "__notes__", ()), sep="\n")
            return 1
    print(shown(samples, found, part, asked.rate))
    keep(asked.json, {"samples": [asdict(one) for one in samples], "main_thread": part, "places": [asdict(one) for one in found[:100]]})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
