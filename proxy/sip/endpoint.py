"""The endpoint: bytes and time in; bytes, events and one next timer out. A transaction-stateful proxy (RFC 3261
section 16).

It finds the transaction of each message, lets the tables of `transactions` say what follows, and keeps the response
contexts. It decides nothing about a call: its user does, with `reply`, `forward` and `relay`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.sip import matching, reply, transactions
from proxy.sip import timers as clock
from proxy.sip.branches import Branches
from proxy.sip.context import (
    Acked,
    Arrived,
    Branch,
    Cancelled,
    Context,
    Event,
    FailedOver,
    Finished,
    Loose,
    Plan,
    Refused,
    Retransmitted,
    Ringing,
    Stray,
    Transaction,
)
from proxy.sip.edit import Edits, count_down, drop_top_via, rebuilt, stamp_via
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import check, parse
from proxy.sip.routing import MAX_BREADTH, Routed, loop_mark

__all__ = [
    "Acked", "Arrived", "Cancelled", "Endpoint", "Event", "FailedOver", "Finished", "Listener", "Loose", "Options",
    "Plan", "Refused", "Retransmitted", "Ringing", "Stray", "Tokens",
]  # fmt: skip

MAX_TRANSACTIONS = 400_000
"""Live server transactions: 6,000 calls a second for the 32 seconds that an answered one lingers, twice."""
COOKIE = b"z9hG4bK"


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that we listen on, and what we write of it into Via and Record-Route."""

    transport: str
    host: str
    port: int
    advertised_host: str
    advertised_port: int


@dataclass(frozen=True, slots=True)
class Options:
    """What may be set; times in seconds."""

    listeners: tuple[Listener, ...]
    t1: float = clock.T1
    t2: float = clock.T2
    t4: float = clock.T4
    timer_c: float = clock.TIMER_C
    silence: float = 2.0
    """Without any answer of a hop for so long, the next one is tried."""
    max_transactions: int = MAX_TRANSACTIONS


class Tokens(Protocol):
    """Unguessable tokens of RFC 3261's token characters."""

    def branch(self) -> str: ...
    def tag(self) -> str: ...


class Endpoint(Branches):
    """The machine. Its five verbs are those of every sans-I/O protocol; three more belong to its user."""

    def __init__(self, options: Options, tokens: Tokens) -> None:
        super().__init__(options, tokens)
        self._servers: dict[Hashable, Transaction] = {}

    @property
    def transactions(self) -> int:
        """Live transactions, both sides."""
        return len(self._servers) + len(self._clients) + len(self._cancels)

    # Bytes and time in

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Event]:
        """One datagram. Never raises."""
        if len(data) < 4 or data[0] < 0x21:
            # A keep-alive of line ends, or STUN: the first two bits of that are zero (RFC 5626 section 8, SIP-102).
            if not data.strip(b"\r\n\0") or data[0] < 0x04:
                return []
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(message, flow, now)
            else:
                check(message)
                self._request(message, flow, now)
        except ParseError as error:
            self._answer_bad(error, flow)
            self._pending.append(Refused(flow, error, error.partial))
        return self._reported()

    def handle_timer(self, now: float) -> list[Event]:
        """Let everything happen that is due."""
        for owner, name in self._timers.expired(now):
            if isinstance(owner, Context):
                owner.timer = None
                self.trying(owner, now)
            elif name == "silence":
                self._silent(owner, now)
            elif name == "C":
                self._timer_c(owner, now)
            else:
                self._feed(owner, name, now)
        return self._reported()

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called at the latest."""
        return self._timers.next()

    def transport_error(self, flow: Flow, now: float) -> list[Event]:
        """Nothing could be sent to this flow: its branches that heard nothing yet have failed (section 16.9)."""
        for branch in [one for one in self._unanswered.values() if one.target == flow]:
            self._feed(branch, transactions.ERROR, now)
        return self._reported()

    def to_send(self) -> list[tuple[bytes, Flow]]:
        """What is to be sent, handed over."""
        out, self._out = self._out, []
        return out

    # The user's verbs

    def trying(self, context: Context, now: float) -> None:
        """Send 100, unless something was sent already (section 17.2.1)."""
        server = context.server
        if server is not None and server.last is None and not context.final:
            data = reply.answer(context.request, context.flow, 100, "Trying", context.tag)
            self._respond(context, transactions.SEND_1XX, data, now)

    def reply(self, context: Context, status: int, reason: str, now: float, lines: Sequence[bytes] = ()) -> list[Event]:
        """Answer a request ourselves, with a final response. Does nothing where the caller has an answer."""
        if not (context.final or context.dead):
            self._answer(context, status, reason, now, lines)
        return self._reported()

    def _answer(self, context: Context, status: int, reason: str, now: float, lines: Sequence[bytes] = ()) -> None:
        context.dead = True
        data = reply.answer(context.request, context.flow, status, reason, context.tag, lines)
        context.final = status
        self._respond(context, transactions.response_event(status, send=True), data, now)
        self._pending.append(Finished(context, status, None, None))

    def forward(self, context: Context, plan: Plan, now: float) -> list[Event]:
        """Send a request on. Does nothing where the caller has given up or has an answer."""
        if context.dead or context.forwarded or not plan.targets:
            return self._reported()
        request = context.request
        context.mark = loop_mark(request, request.target)
        if self._loops(request, context.mark):
            self._answer(context, 482, "Loop Detected", now)
            return self._reported()
        context.forwarded, context.plan = True, plan
        edits = context.prepared = Edits()
        stamp_via(request, context.flow.host, context.flow.port, edits)
        count_down(request, edits)
        if "max-breadth" not in request.names:
            edits.add.append(b"Max-Breadth: %d" % MAX_BREADTH)
        edits.take(plan.routed.edits).take(plan.edits)
        self._next_branch(context, now)
        return self._reported()

    def relay(self, request: Request, routed: Routed, target: Flow, edits: Edits | None, now: float) -> None:
        """Send a request on without state: the ACK of a 2xx, a CANCEL that matches nothing (section 16.11)."""
        if request.max_forwards == 0:
            return
        ours = Edits()
        count_down(request, ours)
        ours.take(routed.edits).take(edits)
        # The same request gets the same branch, however often it comes: what 16.11 asks of a stateless element.
        mark = loop_mark(request, request.via.branch.encode("utf-8", "surrogateescape") + request.target)
        via = self._vias[target.listener] + COOKIE + b"-" + mark.encode()
        self._out.append((rebuilt(request, self._start(request, routed.target), (via,), ours), target))

    # Requests

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        if method == "CANCEL":
            self._cancel(request, flow, now)
            return
        key = matching.server_key(request)
        server = self._servers.get(key)
        if method == "ACK":
            if server is None or server.kind != "INVITE_SERVER" or server.state == transactions.ACCEPTED:
                self._pending.append(Acked(request, flow))
            else:
                self._feed(server, transactions.ACK, now)
            return
        if server is not None:
            self._feed(server, transactions.REQUEST, now)
            self._pending.append(Retransmitted(False))
            return
        if len(self._servers) >= self._options.max_transactions:
            raise ParseError("too many transactions are open", 503, request)
        context = Context(request, flow, reply.way_back(request.via, flow), self._tokens.tag())
        if method == "INVITE":
            server = Transaction("INVITE_SERVER", transactions.INVITE_SERVER, transactions.PROCEEDING, key, context)
            context.timer = self._timers.start(clock.AT_ONCE, context, "100", now)
        else:
            server = Transaction("SERVER", transactions.SERVER, transactions.TRYING, key, context)
            context.timer = self._timers.start(clock.LATE_100, context, "100", now)
        context.server = self._servers[key] = server
        self._pending.append(Arrived(context, request, flow))

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        """Section 16.10: answered at once, then every pending branch is cancelled."""
        key = matching.server_key(request)
        if (again := self._servers.get(key)) is not None:
            self._feed(again, transactions.REQUEST, now)
            self._pending.append(Retransmitted(False))
            return
        invite = self._servers.get(matching.invite_key(request))
        if invite is None:
            self._pending.append(Loose(request, flow))
            return
        context = invite.context
        own = Context(request, flow, reply.way_back(request.via, flow), context.tag)
        own.server = self._servers[key] = Transaction("SERVER", transactions.SERVER, transactions.TRYING, key, own)
        own.dead, own.final = True, 200
        self._respond(own, transactions.SEND_2XX, reply.answer(request, flow, 200, "OK", context.tag), now)
        if context.final or context.cancelled:
            return
        context.cancelled = True
        context.reasons = tuple(
            line for line, name in zip(request.lines, request.names, strict=True) if name == "reason"
        )
        if not context.forwarded:
            self._answer(context, 487, "Request Terminated", now)
        for branch in context.branches:
            self._cancel_branch(branch, now)
        self._pending.append(Cancelled(context))

    def _answer_bad(self, error: ParseError, flow: Flow) -> None:
        """A 400 or its like, without state; silence where no answer is possible (SIP-016)."""
        partial = error.partial
        if partial is None or partial.method == "ACK":
            return
        try:
            back = reply.way_back(partial.via, flow)
            answer = reply.answer(
                partial, flow, error.status, PHRASES.get(error.status, "Bad Request"), self._tokens.tag()
            )
        except ParseError:
            return
        self._out.append((answer, back))

    # Responses

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        via = response.via
        branch: Branch | None = None
        if (via.host.lower(), via.port or reply.DEFAULT_PORT) in self._sent_by:
            name = via.branch
            method = response.cseq.method
            branch = self._cancels.get(name) if method == "CANCEL" else self._clients.get(name)
            if branch is not None and method not in ("CANCEL", branch.context.request.method):
                branch = None
        if branch is None:
            self._pending.append(Stray(flow, response))
            return
        self._current = response
        self._feed(branch, transactions.response_event(response.status), now)
        self._current = None

    def _upstream(self, context: Context, response: Response, branch: Branch | None, now: float) -> None:
        """Forward a response: our Via comes off, lines that we edited come back, nothing else changes (section
        16.7).
        """
        edits = Edits()
        drop_top_via(response, edits)
        plan = context.plan
        if plan is not None:
            for ours, theirs in plan.response_swap:
                for place, line in enumerate(response.lines):
                    if line == ours:
                        edits.swap[place] = theirs
        data = rebuilt(response, response.start, (), edits)
        status = response.status
        first = not context.final
        if status >= 200 and first:
            context.final, context.dead = status, True
        server = context.server
        if server is not None and (
            server.state in _OPEN or (server.state == transactions.ACCEPTED and 200 <= status < 300)
        ):
            self._respond(context, transactions.response_event(status, send=True), data, now)
        elif 200 <= status < 300 and context.request.method == "INVITE":
            # A late 2xx goes upstream even after another final (section 16.7(5); SIP-048).
            self._out.append((data, context.back))
        if status >= 200 and first:
            self._pending.append(Finished(context, status, response, branch.target if branch is not None else None))
        elif status > 100 and first:
            self._pending.append(Ringing(context, response))

    def _respond(self, context: Context, event: str, data: bytes, now: float) -> None:
        if context.timer is not None:
            self._timers.cancel(context.timer)
            context.timer = None
        server = context.server
        if server is None:
            return
        self._sending = data
        self._feed(server, event, now)

    # The machines

    def _feed(self, one: Transaction, event: str, now: float) -> None:
        """One event into one machine; what its table says is done."""
        found = one.table.get((one.state, event))
        if found is None:
            return
        one.state, actions = found
        for action in actions:
            if action == transactions.SEND:
                one.last = self._sending
                self._out.append((self._sending, one.context.back))
            elif action == transactions.RESEND:
                if one.last is not None:
                    self._out.append((one.last, one.target if isinstance(one, Branch) else one.context.back))
                    if event != transactions.REQUEST:
                        self._pending.append(Retransmitted(True))
            elif action == transactions.STOP:
                self._timers.cancel(one.retry_timer)
                self._timers.cancel(one.timer)
                one.retry_timer = one.timer = None
            elif action[0] == "+":
                self._start_timer(one, action[1], now)
            elif isinstance(one, Branch):
                self._act(one, action, now)
        if one.state == transactions.TERMINATED:
            self._terminate(one)
        elif one.state == transactions.ACCEPTED and one.kind == "INVITE_SERVER":
            # Nothing is sent again from here: the bytes may go, the key stays for 32 seconds.
            one.last = None

    def _terminate(self, one: Transaction) -> None:
        self._timers.cancel(one.retry_timer)
        self._timers.cancel(one.timer)
        one.retry_timer = one.timer = None
        if isinstance(one, Branch):
            self._forget(one)
        else:
            self._servers.pop(one.key, None)
            if one.context.server is one:
                one.context.server = None
                self._timers.cancel(one.context.timer)
                one.context.timer = None

    def _loops(self, request: Request, mark: str) -> bool:
        """Whether the request was here before, unchanged (section 16.3(4), RFC 5393 section 4.2)."""
        suffix = b"." + mark.encode()
        return any(
            name == "via" and suffix in line and any(via[8:] in line for via in self._sent_by_bytes)
            for name, line in zip(request.names, request.lines, strict=True)
        )


_OPEN = frozenset((transactions.PROCEEDING, transactions.TRYING))

PHRASES = {
    400: "Bad Request",
    413: "Request Entity Too Large",
    416: "Unsupported URI Scheme",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
}
