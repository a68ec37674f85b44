"""The endpoint: bytes and time in; bytes, events and one next timer out. A transaction-stateful proxy (RFC 3261,
section 16).

Requests come to `arriving` and responses to `returning`, which find the transaction of each; the transaction layer
moves, `branches` go out and `upstream` leads back. It decides nothing about a call: its user does, with `reply`,
`forward` and `relay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from proxy.sip import curt, reply, transactions
from proxy.sip.arriving import Arriving
from proxy.sip.branches import Branches
from proxy.sip.context import (
    Acked,
    Arrived,
    Branch,
    Cancelled,
    Context,
    Event,
    FailedOver,
    Faulted,
    Finished,
    Loose,
    PlainAcked,
    PlainArrived,
    Plan,
    Refused,
    Retransmitted,
    Ringing,
    Stray,
    TimedOut,
)
from proxy.sip.edit import Edits, count_down, rebuilt, stamp_via
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.layer import Layer
from proxy.sip.matching import server_key
from proxy.sip.message import Request, Response
from proxy.sip.options import Listener, Options, Tokens
from proxy.sip.parser import check, parse
from proxy.sip.plain import Plain, stamped, stateless_branch
from proxy.sip.plain import read as read_plain
from proxy.sip.plain import rebuilt as rebuilt_plain
from proxy.sip.returning import Returning
from proxy.sip.routing import MAX_BREADTH, Routed, breadth, loop_mark, loops
from proxy.sip.upstream import Upstream

__all__ = [
    "Acked", "Arrived", "Cancelled", "Endpoint", "Event", "FailedOver", "Faulted", "Finished", "Listener", "Loose",
    "Options", "PlainAcked", "PlainArrived", "Plan", "Refused", "Retransmitted", "Ringing", "Stray", "TimedOut",
]  # fmt: skip

BREADTH_LINE = b"Max-Breadth: %d" % MAX_BREADTH
BUSY = b"SIP/2.0 503 Service Unavailable"


class Endpoint:
    """The machine. Its five verbs are those of every sans-I/O protocol; four more belong to its user."""

    __slots__ = ("_arriving", "_branches", "_layer", "_options", "_returning", "_shapes", "_up", "_via_parts", "_vias")

    def __init__(self, options: Options, tokens: Tokens) -> None:
        self._options = options
        self._layer = Layer(options)
        self._up = Upstream(options, tokens, self._layer)
        self._branches = Branches(options, tokens, self._layer, self._up)
        self._arriving = Arriving(options, self._layer, self._up, self._branches)
        self._returning = Returning(options, self._layer, self._up, self._branches)
        self._vias = self._branches.vias
        self._shapes = curt.Shapes()
        self._via_parts = tuple(line.partition(b" ")[2].partition(b" ")[2] for line in self._vias)

    @property
    def transactions(self) -> int:
        """Live transactions, both sides."""
        return len(self._layer)

    def known_by(self) -> list[bytes]:
        """What the requests of the live server transactions are known by: their branch without the cookie, or the
        Call-ID of those that have none. For whoever reads our sockets after us.
        """
        found = []
        for key in self._layer.servers:
            assert isinstance(key, tuple)
            if len(key) == 4:
                found.append(str(key[0])[7:].encode("utf-8", "surrogateescape"))
            else:
                found.append(bytes(key[3]))
        return found

    def knows(self, data: bytes) -> bool:
        """Whether a CANCEL or an ACK is of an INVITE that is served here."""
        try:
            message = parse(data)
            return isinstance(message, Request) and server_key(message, "INVITE") in self._layer.servers
        except ParseError:
            return False

    def unanswered(self) -> set[tuple[str, int]]:
        """Hosts and ports of those with whom a transaction is not yet at its final."""
        layer = self._layer
        return {
            (one.to.host, one.to.port)
            for home in (layer.servers, layer.clients, layer.cancels)
            for one in home.values()
            if one.state in (transactions.TRYING, transactions.PROCEEDING, transactions.CALLING)
        }

    # Bytes and time in, bytes and events out

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Event]:
        """One datagram. Never raises."""
        start = data[:4]
        if start == b"SIP/":
            if data[:8] == b"SIP/2.0 " and self._returning.by_bytes(data, flow, now):
                return self._reported()
        elif start in _PLAIN:
            if start == b"ACK " and curt.ends(data):
                return []
            if (plain := read_plain(data)) is not None and self._arriving.plain(plain, data, flow, now):
                return self._reported()
        elif start < b"!" and (data[:1] in _STUN or not data.strip(b"\r\n\0 ")):
            return []  # a keep-alive of line ends or none, or STUN (SIP-101, SIP-102)
        return self.take_apart(data, flow, now)

    def take_apart(self, data: bytes, flow: Flow, now: float) -> list[Event]:
        """The same for what is not passed on by its bytes alone."""
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._returning.taken_apart(message, flow, now)
            else:
                check(message)
                self._arriving.request(message, flow, now)
        except ParseError as error:
            self._arriving.faulty(error, flow, now)
        return self._reported()

    def broken(self, head: bytes, flow: Flow, error: ParseError, now: float) -> list[Event]:
        """A stream brought a head after which nothing can be read: it is refused, where an answer is possible."""
        try:
            message = parse(head)
            error.partial = message if isinstance(message, Request) else None
        except ParseError as other:
            error.partial = other.partial
        self._arriving.faulty(error, flow, now)
        return self._reported()

    def handle_timer(self, now: float) -> list[Event]:
        """Let everything happen that is due. A fault of ours in one is reported and costs no other: nobody is told of
        his timer twice.
        """
        layer, branches = self._layer, self._branches
        for owner, name in layer.timers.expired(now):
            try:
                if name not in _OWN_TIMERS:
                    actions = layer.feed(owner, name, now)
                    if not actions:
                        continue  # one that lingered is over: the ordinary case
                    if transactions.RESEND in actions:
                        self._up.pending.append(Retransmitted(True))
                    elif transactions.TIMEOUT in actions and isinstance(owner, Branch):
                        branches.failed(owner, "timeout", now)
                elif name == "silence":
                    branches.silent(owner, now)
                elif name == "C":
                    branches.timer_c(owner, now)
                else:
                    owner.soon = None
                    if name == "100":
                        self._trying(owner, now)
                    else:
                        self._left_alone(owner, now)
            except Exception as error:
                self._up.pending.append(Faulted(name, error))
        return self._reported()

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called at the latest; None while nothing runs."""
        return self._layer.timers.soonest

    def transport_error(self, flow: Flow, now: float) -> list[Event]:
        """Nothing could be sent to this flow: its branches that heard nothing yet have failed (section 16.9).

        That a response could not be sent destroys nothing (RFC 6026 section 7.1; SIP-061, SIP-081).
        """
        for branch in tuple(self._branches.unanswered.get(flow, {}).values()):
            if transactions.FAIL in self._layer.feed(branch, transactions.ERROR, now):
                self._branches.failed(branch, "transport", now)
        return self._reported()

    def to_send(self) -> list[tuple[bytes, Flow]]:
        """What is to be sent, handed over. Call it when the events have been dealt with."""
        layer, settled = self._layer, self._up.settled
        out, layer.out = layer.out, []
        if settled:
            for context in settled:
                context.settle()
            settled.clear()
        return out

    # The user's verbs

    def trying(self, context: Context, now: float) -> None:
        """Send 100 to an INVITE at once, unless something was sent already (section 17.2.1)."""
        if context.table is transactions.INVITE_SERVER:
            self._trying(context, now)

    def reply(
        self, context: Context, status: int, reason: str, now: float, lines: Sequence[bytes] = ()
    ) -> list[Event]:
        """Answer a request with a final response of ours. Does nothing where it has one, or was sent on."""
        if not (context.dead or context.forwarded):
            self._up.answer(context, status, reason, now, tuple(lines))
        return self._reported()

    def ignore(self, context: Context) -> list[Event]:
        """Give no answer at all, and forget the request: whoever sent it shall not learn that somebody is here."""
        if not (context.dead or context.forwarded):
            self._up.give_up(context)
        return self._reported()

    def busy(self, data: bytes, flow: Flow, seconds: int) -> bool:
        """Answer a new INVITE with 503 and how long to stay away, without a transaction (section 21.5.4). One that was
        served before gets what it got then (section 17.2.1): its call goes on. Says whether it was refused; never
        raises.
        """
        layer, lines = self._layer, (b"Retry-After: %d" % seconds,)
        if (short := self._shapes.refusal(data, flow, BUSY, lines, layer.servers)) is not None:
            layer.out.append(short)
            return True
        try:
            request = parse(data)
            if not isinstance(request, Request):
                return False
            check(request)
            if (server := layer.servers.get(server_key(request))) is not None:
                layer.feed(server, transactions.REQUEST, 0.0)  # which starts no timer
                self._up.pending.append(Retransmitted(False))
                return False
            answer = reply.answer(request, flow, 503, "Service Unavailable", reply.stateless_tag(request), lines)
            layer.out.append((answer, reply.way_back(request.via, flow)))
            return True
        except ParseError:
            return False

    def forward(self, context: Context, plan: Plan, now: float) -> list[Event]:
        """Send a request on (section 16.6). Does nothing where the caller has given up or has an answer."""
        if context.dead or context.forwarded:
            return self._reported()
        request, up, targets = context.request, self._up, len(plan.targets)
        if not targets:
            up.answer(context, 480, reply.PHRASES[480], now)
            return self._reported()
        if targets > 1 or plan.record_route is not None:
            # Requests of a dialog with one way to go bear no mark: Max-Forwards ends their loops (SIP-008).
            context.mark = loop_mark(request)
            if loops(request, context.mark, self._via_parts):
                up.answer(context, 482, reply.PHRASES[482], now)
                return self._reported()
        context.forwarded, context.plan, context.swap, context.turn = True, plan, plan.response_swap, plan.turn
        if context.soon is not None and context.soon[2] == "user":
            self._layer.timers.cancel(context.soon)
            context.soon = None
        edits = context.edits = Edits()
        stamp_via(request, context.flow.host, context.flow.port, edits)
        count_down(request, edits)
        if request.line("max-breadth") is None:
            edits.add.append(BREADTH_LINE)
        else:
            self._spread(context, targets, edits)
        if plan.routed.edits is not None:
            edits.take(plan.routed.edits)
        edits.take(plan.edits)
        if not self._branches.next_branch(context, now):
            up.answer(context, 513, reply.PHRASES[513], now)
        return self._reported()

    def relay(
        self,
        request: Request,
        routed: Routed,
        target: Flow,
        edits: Edits | None,
        now: float,
        source: Flow | None = None,
    ) -> None:
        """Send a request on without state (section 16.11): the ACK of a 2xx, a CANCEL that matches nothing.

        With `source`, where it came from, its Via is stamped. One that may go no further is dropped (SIP-070).
        """
        if request.max_forwards == 0:
            return
        ours = Edits()
        if source is not None:
            stamp_via(request, source.host, source.port, ours)
        count_down(request, ours)
        ours.take(routed.edits).take(edits)
        # The same request gets the same branch, however often it comes; it is none of our transactions'.
        same = (request.line("via") or b"") + request.target + (request.line("cseq") or b"")
        via = self._vias[target.listener] + b"-" + blake2b(same, digest_size=8).hexdigest().encode()
        start = request.start
        if routed.target != request.target:
            start = b"%s %s SIP/2.0" % (request.method.encode(), routed.target)
        self._layer.out.append((rebuilt(request, start, (via, *self._up.length(request, target)), ours), target))

    def pass_on(
        self, plain: Plain, source: Flow, target: Flow, now: float, context: Context | None = None
    ) -> bool:
        """Send a plain request on by its bytes alone, without its Route line: with its context, or an ACK without
        state. False where it has to be taken apart.
        """
        stamp = stamped(plain, source)
        if stamp is None:
            return False
        if context is None:
            via = self._vias[target.listener] + stateless_branch(plain)
            self._layer.out.append((rebuilt_plain(plain, via, stamp), target))
            return True
        context.forwarded = self._branches.plain_branch(context, plain, target, stamp, now)
        return context.forwarded

    def reconsider(self, context: Context, now: float) -> list[Event]:
        """A plain request that cannot go on by its bytes alone is taken apart as any other."""
        self._layer.timers.cancel(context.soon)
        context.soon = None
        self._layer.end(context)
        context.dead = True
        return self.take_apart(context.data, context.flow, now)

    def _reported(self) -> list[Event]:
        up = self._up
        events, up.pending = up.pending, []
        return events

    def _spread(self, context: Context, targets: int, edits: Edits) -> None:
        """Max-Breadth (RFC 5393 section 5.3.3): a request without gets ours; a bound that came is kept, or shared."""
        request = context.request
        bound = breadth(request)
        if bound is None:
            edits.add.append(BREADTH_LINE)
            edits.drop.update(request.where("max-breadth"))
        elif targets > 1 or request.first("max-breadth") != b"%d" % bound or request.names.count("max-breadth") > 1:
            context.breadth = max(bound, 1)
            context.serial = bound < targets
            edits.drop.update(request.where("max-breadth"))

    def _trying(self, context: Context, now: float) -> None:
        """100, if nothing was sent yet; and from now on the user has a deadline."""
        if context.dead or context.state not in _UNANSWERED or context.last is not None:
            return
        data = reply.answer(context.request, context.flow, 100, "Trying", "")
        self._up.respond(context, transactions.SEND_1XX, data, now)
        if not context.forwarded:
            context.soon = self._layer.timers.start(self._options.patience, context, "user", now)

    def _left_alone(self, context: Context, now: float) -> None:
        """The user did not come back to a request: it must not stay for ever."""
        if context.dead or context.forwarded:
            return
        if context.table is transactions.INVITE_SERVER:
            self._up.answer(context, 500, reply.PHRASES[500], now)
        else:
            self._up.give_up(context)


_PLAIN = frozenset((b"ACK ", b"BYE "))
_OWN_TIMERS = frozenset(("silence", "C", "100", "user"))
"""Those that are in no table."""
_STUN = frozenset((b"\0", b"\1", b"\2", b"\3"))
_UNANSWERED = frozenset((transactions.PROCEEDING, transactions.TRYING))
