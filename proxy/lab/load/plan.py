"""What is asked of a run, and what became of it. Values only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from proxy.lab.load.delays import Delays

CARRIED = 0.001
"""The share of calls that may fail, and of messages that may be sent twice, at a rate that counts as carried."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, port: int = 5060) -> Address:
        """`host:port`, `host` or `[v6]:port`. Raises ValueError."""
        host, _, rest = text.strip().rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
        host = host.strip("[]")
        number = int(rest) if rest else port
        if not host or not 0 <= number < 65_536:
            raise ValueError(f"{text!r} is no host:port")
        return cls(host, number)


@dataclass(frozen=True, slots=True)
class Signing:
    """With what the calls are signed."""

    key: bytes
    """P-256 private key, PEM."""
    urls: tuple[str, ...]
    """Where its certificate is; several are used in turn, call by call."""
    keys: tuple[bytes, ...] = ()
    """A key of its own for each URL, where there are."""
    attest: str = "A"
    forged: bool = False
    """One octet of each signature is changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of calls."""

    target: Address
    rate: float = 100.0
    """Calls a second that are started, whatever becomes of them; with `limit` the most that are."""
    calls: int = 1000
    limit: int = 0
    """Calls open at once: the next starts as soon as one has ended. 0: no such limit."""
    callers: int = 1
    """Processes."""
    me: Address = Address("127.0.0.1", 0)
    one_port: bool = True
    """All callers send from one port, as a trunk does; else each from its own."""
    transport: str = "udp"
    connections: int = 1
    """Over TCP, of all callers together."""
    talk: float = 0.0
    """Seconds between ACK and BYE."""
    hold: str = ""
    """`ring`: no call is ever answered; `talk`: none is ended. They stay until the run is let go."""
    expect: int = 200
    """The final answer that a call is to get."""
    patience: float = 4.0
    """Seconds that a request waits for its final answer before the call has failed. A phone waits 32; somebody who
    listens to silence does not."""
    signing: Signing | None = None
    callee: str = ""
    """The number that all calls go to, digits; empty: fictional ones in turn."""
    domain: str = "pbx.example"
    before: str = ""
    """Header lines with their ends that stand before Via."""
    first: int = 0
    """The index of the first call's numbers."""
    nap: float = 0.0
    """Seconds that a caller sleeps when something has come, before it reads it: what comes in between is handled at the
    same wake-up, which is most of what a message costs here. For runs whose delays do not matter."""
    exact: bool = False
    """Delays by the kernel's time stamps, not by when a caller came to read: costs it a fifth more."""
    cores: tuple[int, ...] = ()
    """Where callers and signers run; empty: anywhere."""


@dataclass(slots=True)
class Seen:
    """What one caller saw; those of several can be added."""

    placed: int = 0
    completed: int = 0
    """As was expected, to the last answer."""
    failed: Counter[str] = field(default_factory=Counter)
    """Why: `silence`, or the status that came."""
    again: int = 0
    """Messages that had to be sent twice."""
    nobody: int = 0
    """Messages that belonged to no call, or to one that was over."""
    held: int = 0
    ringing: Delays = field(default_factory=Delays)
    """Post-dial delay: from the first sending of an INVITE to ringing (or to the final answer, where none rings)."""
    answered: Delays = field(default_factory=Delays)
    """To the final answer."""
    late: Delays = field(default_factory=Delays)
    """How much later than scheduled a call was started: the generator's own weakness."""
    cpu: float = 0.0
    """Seconds of CPU of the caller's process between start and end."""
    began: float = 0.0
    ended: float = 0.0

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            self.placed + other.placed, self.completed + other.completed, self.failed + other.failed,
            self.again + other.again, self.nobody + other.nobody, self.held + other.held, self.ringing + other.ringing,
            self.answered + other.answered, self.late + other.late, self.cpu + other.cpu,
            min(self.began, other.began), max(self.ended, other.ended),
        )  # fmt: skip


@dataclass(slots=True)
class Answered:
    """What one callee saw; those of several can be added."""

    calls: int = 0
    again: int = 0
    """Answers that had to be sent twice."""
    twice: int = 0
    """Requests that came twice."""
    acked: int = 0
    ended: int = 0
    nobody: int = 0
    """ACKs and BYEs of no call of ours."""
    cpu: float = 0.0

    def __add__(self, other: Answered) -> Answered:
        return Answered(
            self.calls + other.calls, self.again + other.again, self.twice + other.twice, self.acked + other.acked,
            self.ended + other.ended, self.nobody + other.nobody, self.cpu + other.cpu,
        )  # fmt: skip

    def __sub__(self, other: Answered) -> Answered:
        return Answered(
            self.calls - other.calls, self.again - other.again, self.twice - other.twice, self.acked - other.acked,
            self.ended - other.ended, self.nobody - other.nobody, self.cpu - other.cpu,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run, as both ends saw it."""

    plan: Plan
    caller: Seen
    callee: Answered | None = None
    """None where the callee is not ours."""

    @property
    def seconds(self) -> float:
        return max(self.caller.ended - self.caller.began, 1e-9)

    @property
    def rate(self) -> float:
        """Completed calls a second."""
        return self.caller.completed / self.seconds

    @property
    def failures(self) -> int:
        return self.caller.placed - self.caller.completed

    @property
    def again(self) -> int:
        """What was sent twice, by either end."""
        return self.caller.again + (self.callee.again if self.callee else 0)

    @property
    def nobody(self) -> int:
        """What belonged to nobody, at either end."""
        return self.caller.nobody + (self.callee.nobody if self.callee else 0)

    @property
    def carried(self) -> bool:
        """The rate was carried: under 0.1 % failed, under 0.1 % was sent twice, and the schedule was kept."""
        least = self.caller.placed * CARRIED
        return (
            self.caller.placed > 0
            and self.failures <= least
            and self.again <= max(least, 1)
            and (self.plan.limit > 0 or self.caller.late.at(0.99) < 0.1)
        )

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a call that the generator itself used, both ends, without signing."""
        return (self.caller.cpu + (self.callee.cpu if self.callee else 0.0)) / max(self.caller.placed, 1) * 1e6

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "offered": self.plan.rate,
            "limit": self.plan.limit,
            "seconds": round(self.seconds, 3),
            "calls": self.caller.placed,
            "completed": self.caller.completed,
            "rate": round(self.rate, 1),
            "failed": dict(self.caller.failed),
            "sent_twice": self.again,
            "nobody": self.nobody,
            "carried": self.carried,
            "post_dial_ms": self.caller.ringing.summary(),
            "answer_ms": self.caller.answered.summary(),
            "late_ms": self.caller.late.summary(),
            "generator_us": round(self.cpu_us, 1),
        }
