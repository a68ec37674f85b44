"""The response context of section 16: one request, the branches that it was sent out on, and what came back. Values
only; `branches` and `endpoint` move them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from proxy.sip.edit import Edits
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.layer import Transaction
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.plain import Plain
from proxy.sip.routing import Routed
from proxy.sip.timers import Timer
from proxy.sip.transactions import Table


class Plan(NamedTuple):
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
    turn: Callable[[Response], Edits] | None = None
    """What else changes in the responses that go upstream; never raises."""
    preload: bool = True
    """Our own route set to the target, if there is one, is written; not for a request that has the dialog's."""
    insist: bool = False
    """Every target is tried until one takes the request, whatever the others answer: an emergency call."""
    follow: Callable[[Context, Response, Flow], tuple[bytes, Flow, tuple[bytes, ...]] | None] | None = None
    """Told a 3xx and who gave it, says which Request-URI is tried instead, where, and with which lines beside the
    others; never raises. None: it goes back."""


GONE = Request(b"", [], [], b"", "", b"sip:gone.invalid")
"""Stands for a request that is not needed any more: a lingering transaction keeps only what the RFC asks of it."""


class Branch(Transaction):
    """A client transaction: one attempt at one hop (`to`)."""

    __slots__ = (
        "abandoned", "breadth", "cancel_sent", "cancel_wanted", "context", "cseq", "done", "provisional",
        "silence_timer", "timer_c",
    )  # fmt: skip

    def __init__(
        self, table: Table, state: str, key: bytes, home: dict[bytes, Branch], to: Flow, context: Context, cseq: bytes
    ) -> None:
        Transaction.__init__(self, table, state, key, home, to)
        self.context = context
        self.cseq = cseq
        """The line as we sent it: a response that repeats it needs no closer look."""
        self.breadth = 0
        """The Max-Breadth that it was given, where a bound came with the request."""
        self.provisional = False
        """Something came back."""
        self.done = False
        """A final came, or will not come any more."""
        self.abandoned = False
        """Left for silence: another hop was tried, and this one may still answer."""
        self.cancel_wanted = False
        self.cancel_sent = False
        self.silence_timer: Timer | None = None
        self.timer_c: Timer | None = None


class Context(Transaction):
    """One request on its way through us, and its server transaction.

    The user reads `request`, `flow`, `forwarded` and `dead`, and has `case` for himself. Once the final response has
    left, `request` and `case` are let go at the next `to_send()`: keep what you need longer.
    """

    __slots__ = (
        "_request", "best", "branches", "breadth", "cancelled", "case", "data", "dead", "edits", "final", "flow",
        "forwarded", "mark", "plan", "reasons", "serial", "soon", "swap", "tag", "timed_out", "tried", "turn",
    )  # fmt: skip

    def __init__(
        self, table: Table, state: str, key: Any, home: dict[Any, Any], to: Flow, request: Request | None,
        flow: Flow, data: bytes = b"",
    ) -> None:  # fmt: skip
        """data: the request as received, where it was not taken apart."""
        Transaction.__init__(self, table, state, key, home, to)
        self._request = request
        self.data = data
        self.flow = flow
        """Where it came from."""
        self.case: Any = None
        """The user's own."""
        self.forwarded = False
        self.dead = False
        """Answered or given up: the user cannot act on it any more."""
        self.final = 0
        """The status of the first final that was sent upstream; 0 before that."""
        self.cancelled = False
        self.tag = ""
        """Our To tag, once we answered ourselves: one for all answers (SIP-055)."""
        self.soon: Timer | None = None
        """For the 100 that is due when nothing else was sent; after it, for the user who does not come back."""
        self.plan: Plan | None = None
        self.edits: Edits | None = None
        self.mark = b""
        self.tried = 0
        """How many of the targets."""
        self.breadth = 0
        """The Max-Breadth that came with the request; 0 where none did, or where one target takes it all."""
        self.serial = False
        """Max-Breadth allows one branch at a time."""
        self.timed_out = False
        """A branch gave no final in time."""
        self.branches: Sequence[Branch] = ()
        self.best: Sequence[tuple[Response, Branch]] = ()
        """Non-2xx finals, and who gave them."""
        self.reasons: tuple[bytes, ...] = ()
        self.swap: tuple[tuple[bytes, bytes], ...] = ()
        self.turn: Callable[[Response], Edits] | None = None

    @property
    def request(self) -> Request:
        """Taken apart when somebody asks for the first time."""
        if self._request is None:
            message = parse(self.data)
            assert isinstance(message, Request)
            self._request = message
        return self._request

    def settle(self) -> None:
        """The final has left: keep what late responses and retransmissions need."""
        self._request, self.data = GONE, b""
        self.case = self.plan = self.edits = None
        self.branches = self.best = ()


# What the endpoint reports to its user.


class Arrived(NamedTuple):
    """A new request, of any method but ACK and CANCEL."""

    context: Context
    request: Request
    flow: Flow


class Acked(NamedTuple):
    """The ACK of a 2xx: the user passes it on."""

    request: Request
    flow: Flow


class PlainAcked(NamedTuple):
    """The ACK of a 2xx in the form that nearly all have: the user passes it on, or has it taken apart (`data`)."""

    plain: Plain
    flow: Flow
    data: bytes


class PlainArrived(NamedTuple):
    """A BYE in the form that nearly all have: the user sends it on, or has it taken apart (`context.data`)."""

    context: Context
    plain: Plain
    flow: Flow


class Loose(NamedTuple):
    """A CANCEL that matches nothing: passed on without state (section 16.10)."""

    request: Request
    flow: Flow


class Ringing(NamedTuple):
    """A provisional response went upstream."""

    context: Context


class Finished(NamedTuple):
    """The first final went upstream; `flow`: the hop that gave it, if it is not ours."""

    context: Context
    status: int
    flow: Flow | None


class TimedOut(NamedTuple):
    """Nothing came in time, and nothing was sent upstream: a request other than INVITE has no 408 (RFC 4320)."""

    context: Context


class Cancelled(NamedTuple):
    """The caller gave up."""

    context: Context


class Refused(NamedTuple):
    """Bytes that are no acceptable message, answered where that is possible; or, with status 503 and dropped without an
    answer, a request beyond `max_transactions`."""

    flow: Flow
    error: ParseError
    partial: Request | None


class Stray(NamedTuple):
    """A response that belongs to nothing of ours: dropped (RFC 6026 section 7.3)."""

    flow: Flow
    response: Response


class FailedOver(NamedTuple):
    """The next hop was tried. `why`: 503 (with its response), transport, timeout, silence, or refused: any other final,
    where the plan insists."""

    context: Context
    left: Flow
    taken: Flow
    why: str
    response: Response | None = None


class Faulted:
    """A fault of ours in what a timer leads to: it ended nothing but that."""

    __slots__ = ("error", "timer")

    def __init__(self, timer: str, error: Exception) -> None:
        self.timer, self.error = timer, error


class Retransmitted(NamedTuple):
    """A request came again and was absorbed, or we sent something again (`ours`)."""

    ours: bool


Event = (
    Arrived
    | Acked
    | PlainAcked
    | PlainArrived
    | Loose
    | Ringing | Finished | TimedOut | Cancelled | Refused | Stray | FailedOver | Retransmitted | Faulted
)
