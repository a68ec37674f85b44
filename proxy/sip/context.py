"""The response context of section 16: one request, the branches that it was sent out on, and what came back.

Values only; `endpoint` moves them. A context is let go when its last transaction has ended.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.sip.edit import Edits
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.routing import Routed
from proxy.sip.timers import Timer
from proxy.sip.transactions import Table


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user wants done with a request."""

    targets: Sequence[Flow]
    """Tried in this order: the next one on a transport error, a 503, a timeout, or silence."""
    routed: Routed
    edits: Edits | None
    """Changes of the user's own."""
    record_route: bytes | None
    """The token for our Record-Route; None: we do not ask to stay in the dialog."""
    response_swap: tuple[tuple[bytes, bytes], ...] = ()
    """(line as we sent it, line as we received it): given back in the responses."""


class Transaction:
    """One of the four machines. `timers` are those that run; a machine has two at most."""

    __slots__ = ("context", "key", "kind", "last", "retry", "retry_timer", "state", "table", "timer")

    def __init__(self, kind: str, table: Table, state: str, key: Hashable, context: Context) -> None:
        self.kind = kind
        self.table = table
        self.state = state
        self.key = key
        self.context = context
        self.last: bytes | None = None
        """What is sent again: our last response, or our request."""
        self.retry = 0.0
        self.retry_timer: Timer | None = None
        self.timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.state}>"


class Branch(Transaction):
    """A client transaction: one attempt at one hop."""

    __slots__ = (
        "abandoned", "cancel_sent", "cancel_wanted", "done", "provisional", "silence_timer", "target", "timer_c",
    )  # fmt: skip

    def __init__(self, kind: str, table: Table, state: str, key: str, context: Context, target: Flow) -> None:
        super().__init__(kind, table, state, key, context)
        self.target = target
        self.provisional = False
        """Something came back, and no final yet."""
        self.done = False
        """A final came, or will not come any more."""
        self.abandoned = False
        """Left for silence: the next hop was tried, this one may still answer."""
        self.cancel_wanted = False
        self.cancel_sent = False
        self.silence_timer: Timer | None = None
        self.timer_c: Timer | None = None


class Context:
    """One request on its way through us."""

    __slots__ = (
        "back", "best", "branches", "cancelled", "case", "dead", "final", "flow", "forwarded", "mark", "next_target",
        "plan", "prepared", "reasons", "request", "server", "tag", "timer",
    )  # fmt: skip

    def __init__(self, request: Request, flow: Flow, back: Flow, tag: str) -> None:
        self.request = request
        self.flow = flow
        """Where it came from."""
        self.back = back
        """Where the responses go."""
        self.tag = tag
        """Our To tag, should we answer ourselves: one for all answers (SIP-055)."""
        self.case: Any = None
        """The user's own."""
        self.server: Transaction | None = None
        self.branches: list[Branch] = []
        self.plan: Plan | None = None
        self.prepared: Edits | None = None
        self.mark = ""
        self.next_target = 0
        self.forwarded = False
        self.final = 0
        """The status of the first final that was sent upstream; 0 before that."""
        self.best: list[Response] = []
        """Non-2xx finals of the branches."""
        self.cancelled = False
        self.dead = False
        """Answered or given up: the user may not act on it any more."""
        self.reasons: tuple[bytes, ...] = ()
        self.timer: Timer | None = None
        """For the 100 that is due when the user takes his time."""


# What the endpoint reports to its user.


@dataclass(slots=True)
class Arrived:
    """A new request, of any method but ACK and CANCEL."""

    context: Context
    request: Request
    flow: Flow


@dataclass(slots=True)
class Acked:
    """The ACK of a 2xx: the user passes it on."""

    request: Request
    flow: Flow


@dataclass(slots=True)
class Loose:
    """A CANCEL that matches nothing: passed on without state (section 16.10)."""

    request: Request
    flow: Flow


@dataclass(slots=True)
class Ringing:
    """A provisional response went upstream."""

    context: Context
    response: Response


@dataclass(slots=True)
class Finished:
    """The first final went upstream; `response` and `flow` where a branch gave it."""

    context: Context
    status: int
    response: Response | None
    flow: Flow | None


@dataclass(slots=True)
class Cancelled:
    """The caller gave up."""

    context: Context


@dataclass(slots=True)
class Refused:
    """Bytes that are no acceptable message. They were answered where that is possible."""

    flow: Flow
    error: Any
    partial: Request | None


@dataclass(slots=True)
class Stray:
    """A response that belongs to nothing of ours: dropped (RFC 6026 section 7.3)."""

    flow: Flow
    response: Response


@dataclass(slots=True)
class FailedOver:
    """The next hop was tried."""

    context: Context
    left: Flow
    taken: Flow
    why: str


@dataclass(slots=True)
class Retransmitted:
    """A request came again and was absorbed, or we sent one again."""

    ours: bool


Event = (
    Arrived | Acked | Loose | Ringing | Finished | Cancelled | Refused | Stray | FailedOver | Retransmitted
)
