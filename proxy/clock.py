"""The two clocks: `now` for timers, which only goes forward, and `utc` for freshness and validity, which
people set.

In the lab the wall clock can be another one, standing still at a moment or running beside the real one, and
can be moved while calls go on. Timers and HTTPS keep the real clocks.
"""

from __future__ import annotations

import ctypes
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_STEP = re.compile(r"(\d{1,6})([dhms])")
_OFFSET = re.compile(r"[+-](?:\d{1,6}[dhms])+")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
EARLIEST, LATEST = 31_536_000.0, 253_000_000_000.0
"""Unix seconds: from 1971 to 9987, what certificates and `datetime` can say with room to spare."""


class Clock:
    """The machine's own clocks."""

    now = staticmethod(time.monotonic)
    """Seconds that only grow."""

    def utc(self) -> float:
        """Unix seconds."""
        return time.time()


class LabClock(Clock):
    """A wall clock that can be set."""

    def __init__(self, spec: str = "+0s") -> None:
        """Raises ValueError, as `set` does."""
        self._fixed: float | None = None
        self._offset = 0.0
        self.spec = spec
        self.set(spec)

    def set(self, spec: str) -> None:
        """`2023-09-07T12:00:00Z` stands still there; `+2d`, `-3h`, `+1d12h` runs so far from the real time.

        Raises ValueError with a sentence, and then stays as it was.
        """
        fixed, offset = moment(spec)
        self._fixed, self._offset, self.spec = fixed, offset, spec

    def utc(self) -> float:
        return time.time() + self._offset if self._fixed is None else self._fixed


def moment(spec: str) -> tuple[float | None, float]:
    """(a fixed moment or None, the offset in seconds). Raises ValueError."""
    if _OFFSET.fullmatch(spec):
        seconds = float(sum(int(count) * _SECONDS[unit] for count, unit in _STEP.findall(spec)))
        offset = -seconds if spec[0] == "-" else seconds
        if not EARLIEST <= time.time() + offset <= LATEST:
            raise ValueError(f"{spec} leads out of the years that a certificate can name")
        return None, offset
    try:
        at = datetime.fromisoformat(spec)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError('a clock is a moment "2023-09-07T12:00:00Z" or an offset "+2d", "-3h"')
    if not EARLIEST <= at.timestamp() <= LATEST:
        raise ValueError(f"{spec} is not within the years that a certificate can name")
    return at.timestamp(), 0.0


def iso(utc: float) -> str:
    """Unix seconds as people read them: `2023-09-07T12:00:00.000Z`."""
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Discipline:
    """What the system knows of its own wall clock."""

    synchronised: bool
    offset: float
    """Seconds still to be corrected, as the time daemon last told."""
    bound: float
    """Seconds: the system's own bound of the error."""


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read; the rest is room."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


_UNSYNCHRONISED, _NANOSECONDS = 0x0040, 0x2000


def discipline() -> Discipline | None:
    """How well the wall clock is kept (REG-024): a freshness window of 60 s is worth what the clock is.
    None: not told here.
    """
    if not sys.platform.startswith("linux"):
        return None
    asked = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    unit = 1e-9 if asked.status & _NANOSECONDS else 1e-6
    return Discipline(not asked.status & _UNSYNCHRONISED, asked.offset * unit, asked.maxerror * 1e-6)


def errors() -> dict[str, float]:
    """The same as seconds by kind, for a gauge; empty where the system does not tell. An unsynchronised
    clock shows in its bound, which grows without end.
    """
    told = discipline()
    return {} if told is None else {"offset": told.offset, "bound": told.bound}
