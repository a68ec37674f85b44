"""sipp as caller and callee: what it is told, and what its statistics mean.

The scenarios are in `scenarios/`, the calls come from an injection file (feed.py). sipp here has no TLS and its clock
has steps of a few milliseconds: it is the judge of "did every call complete, and was anything sent twice", not of
latency (that is sender.py).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import Program, ProgramError, wait
from proxy.lab.load.plan import Address as Address

SCENARIOS = Path(__file__).parent / "scenarios"
LIMIT = 5000
"""Calls that may be open at once: far more than a healthy run needs, so it never throttles one."""
BUFFER = 4 * 1024 * 1024
"""Bytes of socket buffer: the default holds about 90 INVITEs, and one pause of the machine would look like a lost
datagram.
"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The last line of sipp's statistics file (option -trace_stat), cumulative counters."""

    created: int
    successful: int
    failed: int
    retransmissions: int
    """Messages that sipp itself sent again because no answer had come."""
    unexpected: int
    dead: int
    """Messages that belonged to no call, or to one that was over."""
    seconds: float
    answer_ms: float
    """Mean time from INVITE to final answer, as exact as sipp's clock (a few milliseconds)."""

    @property
    def clean(self) -> bool:
        """Every call completed, nothing was sent twice, and nothing came that did not belong."""
        return self.successful == self.created > 0 and not (
            self.failed or self.retransmissions or self.unexpected or self.dead
        )


def read(path: Path) -> Statistics:
    """The totals of a statistics file. Raises ProgramError if sipp wrote none."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="ascii", errors="replace").splitlines(), delimiter=";"))
    except FileNotFoundError:
        raise ProgramError(f"sipp wrote no statistics to {path.name}") from None
    if not rows:
        raise ProgramError(f"sipp's statistics in {path.name} are empty")
    last = rows[-1]
    return Statistics(
        created=int(last["TotalCallCreated"]),
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        unexpected=int(last["FailedUnexpectedMessage(C)"]),
        dead=int(last["OutOfCallMsgs(C)"]) + int(last["DeadCallMsgs(C)"]),
        seconds=_clock(last["ElapsedTime(C)"]),
        answer_ms=_clock(last.get("ResponseTimeanswer(C)", "0")) * 1000,
    )


def _clock(text: str) -> float:
    """sipp's `hh:mm:ss:microseconds` (older ones: milliseconds after a point) in seconds."""
    hours, minutes, rest = ([*text.split(":", 2), "0", "0"])[:3]
    seconds, _, fraction = rest.replace(":", ".").partition(".")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + (float(f"0.{fraction}") if fraction else 0.0)


def _command(scenario: Path, me: Address, statistics: Path, transport: str, *more: str) -> list[str]:
    return [
        "sipp", "-sf", str(scenario), "-i", me.host, "-p", str(me.port), "-t", transport, "-nostdin", "-buff_size", str(BUFFER),
        "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-error_file", str(statistics.with_suffix(".errors")), *more,
    ]  # fmt: skip


class Callee:
    """A sipp that answers calls until it is stopped; its totals are there afterwards."""

    def __init__(
        self, me: Address, folder: Path, *, cores: tuple[int, ...] = (), name: str = "callee", transport: str = "u1"
    ) -> None:
        self.me = me
        self._statistics = folder / f"{name}.csv"
        self._statistics.unlink(missing_ok=True)
        self.program = Program(name, _command(SCENARIOS / "callee.xml", me, self._statistics, transport), folder, cores=cores)
        self.program.ready(lambda: bound(me, transport))

    def settled(self, calls: int, seconds: float = 5.0) -> Statistics:
        """Its totals, once that many calls have ended well (its file is written each second) or `seconds` have
        passed.
        """
        try:
            wait(lambda: self._statistics.exists() and read(self._statistics).successful >= calls, seconds, "callee")
        except ProgramError:
            pass  # the caller of this compares the totals, and says more than we could
        return read(self._statistics)

    def __enter__(self) -> Callee:
        return self

    def __exit__(self, *error: object) -> None:
        self.program.stop()


def call(
    me: Address,
    proxy: Address,
    feed: Path,
    *,
    calls: int,
    rate: float,
    folder: Path,
    scenario: str = "caller",
    talk_ms: int = 0,
    cores: tuple[int, ...] = (),
    name: str = "caller",
    patience: float = 15.0,
    transport: str = "u1",
    limit: int = LIMIT,
) -> Statistics:
    """Place `calls` calls at `rate` a second and wait for the last one; `patience` seconds more than that is a
    failure. `transport` as sipp names it: u1, t1 (one connection), tn (one a call). `limit`:
    calls that may be open at once.
    """
    statistics = folder / f"{name}.csv"
    statistics.unlink(missing_ok=True)
    seconds = calls / min(rate, 200.0) + talk_ms / 1000 + patience
    command = _command(
        SCENARIOS / f"{scenario}.xml", me, statistics, transport,
        "-inf", str(feed), "-r", f"{rate:g}", "-m", str(calls), "-l", str(limit), "-d", str(talk_ms),
        "-recv_timeout", "10000", "-max_socket", "1000", "-timeout", f"{seconds:.0f}", "-timeout_error", str(proxy),
    )  # fmt: skip
    with Program(name, command, folder, cores=cores) as program:
        code = program.finished(seconds + 10)
        result = read(statistics)
        if code not in (0, 1):  # 1: at least one call failed, which the totals say better
            errors = statistics.with_suffix(".errors")
            text = errors.read_text(errors="replace")[:2000] if errors.exists() else ""
            raise ProgramError(f"sipp ended with {code}: {result}\n{text}\n{program.log()}")
        return result


def bound(address: Address, transport: str = "u1") -> bool:
    """Somebody holds this address (read from the kernel's table; nothing is sent to it)."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.host.split("."))) + f":{address.port:04X}"
    with open(f"/proc/net/{'udp' if transport[0] == 'u' else 'tcp'}", encoding="ascii") as table:
        return any(line.split()[1] == wanted for line in list(table)[1:])
