"""What the user agents send: each request opens a server transaction, or moves the one that is open (RFC 3261 sections
16.10, 17.2.3), and is refused where its bytes have faults. What is done about a new one is the user's business.
"""

from __future__ import annotations

from collections.abc import Hashable

from proxy.sip import reply, timers, transactions
from proxy.sip.branches import Branches
from proxy.sip.context import (
    Acked,
    Arrived,
    Cancelled,
    Context,
    Loose,
    PlainAcked,
    PlainArrived,
    Refused,
    Retransmitted,
)
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.layer import Layer, Transaction
from proxy.sip.matching import server_key
from proxy.sip.message import Request
from proxy.sip.options import Options
from proxy.sip.parser import answerable, framed
from proxy.sip.plain import Plain
from proxy.sip.upstream import Upstream


class Arriving:
    """The requests of an endpoint."""

    __slots__ = ("_branches", "_layer", "_options", "_up")

    def __init__(self, options: Options, layer: Layer, up: Upstream, branches: Branches) -> None:
        self._options, self._layer, self._up, self._branches = options, layer, up, branches

    def plain(self, plain: Plain, data: bytes, flow: Flow, now: float) -> bool:
        """Report a plain request of a dialog, or end a refused INVITE with its ACK; False where it is no new one."""
        layer, pending = self._layer, self._up.pending
        server = layer.servers.get(plain.key)
        if plain.method == b"ACK":
            if server is None or server.state == transactions.ACCEPTED:
                pending.append(_new(PlainAcked, (plain, flow, data)))
            else:
                layer.feed(server, transactions.ACK, now)
            return True
        if server is not None or len(layer.servers) >= self._options.max_transactions:
            return False
        to = flow  # as reply.way_back has it
        if flow.connection or not plain.rport:
            to = reply.sent_by(plain.hop, flow)
        context = Context(transactions.SERVER, transactions.TRYING, plain.key, layer.servers, to, None, flow, data)
        context.soon = layer.timers.start(timers.LATE_100, context, "100", now)
        layer.servers[plain.key] = context
        pending.append(_new(PlainArrived, (context, plain, flow)))
        return True

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Report a new request; one that came again, an ACK and a CANCEL move the transaction that they belong to."""
        method = request.method
        layer, pending = self._layer, self._up.pending
        key = server_key(request)
        server = layer.servers.get(key)
        if method == "ACK":
            if server is None or server.state == transactions.ACCEPTED:
                tag = request.to_tag
                if tag is None or not tag.startswith(reply.STATELESS) or tag != reply.stateless_tag(request):
                    pending.append(Acked(request, flow))
            else:
                layer.feed(server, transactions.ACK, now)
            return
        if server is not None:
            layer.feed(server, transactions.REQUEST, now)
            pending.append(Retransmitted(False))
            return
        if method == "CANCEL":
            self._cancel(request, flow, key, now)
            return
        if len(layer.servers) >= self._options.max_transactions and not self._fits(request):
            pending.append(Refused(flow, ParseError("too many transactions are open", 503, request), request))
            return
        to = reply.way_back(request.via, flow)
        if method == "INVITE":
            context = Context(
                transactions.INVITE_SERVER, transactions.PROCEEDING, key, layer.servers, to, request, flow
            )
            context.soon = layer.timers.start(timers.AT_ONCE, context, "100", now)
        else:
            context = Context(transactions.SERVER, transactions.TRYING, key, layer.servers, to, request, flow)
            context.soon = layer.timers.start(timers.LATE_100, context, "100", now)
        layer.servers[key] = context
        pending.append(Arrived(context, request, flow))

    def _fits(self, request: Request) -> bool:
        """Whether there is room in the reserve. Anybody may write a To tag: behind what such requests can fill,
        emergency calls have a part of their own.
        """
        room, vital = self._options.max_transactions, self._options.vital
        spare = -(-room // 4)
        if vital is not None and vital(request.target):
            room += 2 * spare  # To is not looked at: such a call is let in with faults
        elif request.to_tag is not None:
            room += spare
        return len(self._layer.servers) < room

    def _cancel(self, request: Request, flow: Flow, key: Hashable, now: float) -> None:
        """Section 16.10: answered at once, then every pending branch is cancelled."""
        layer, up = self._layer, self._up
        context = layer.servers.get(server_key(request, "INVITE"))
        if not isinstance(context, Context):
            up.pending.append(Loose(request, flow))
            return
        own = Transaction(
            transactions.SERVER, transactions.TRYING, key, layer.servers, reply.way_back(request.via, flow)
        )
        layer.servers[key] = own
        layer.feed(own, transactions.SEND_2XX, now, reply.answer(request, flow, 200, "OK", up.tag(context)))
        if context.dead or context.cancelled:
            return
        context.cancelled = True
        context.reasons = tuple(
            line for line, name in zip(request.lines, request.names, strict=True) if name == "reason"
        )
        up.pending.append(Cancelled(context))
        if not context.forwarded:
            up.answer(context, 487, reply.PHRASES[487], now)
        for branch in context.branches:
            self._branches.cancel(branch, now)

    def faulty(self, error: ParseError, flow: Flow, now: float) -> None:
        """Bytes with a fault: a 400 or its like without state; silence where no answer is possible (SIP-016). An
        emergency call is let in all the same, and so are its ACK, its BYE and what else belongs to it.
        """
        partial = error.partial
        if partial is not None and error.status != 505 and (request := self._let_in(partial)) is not None:
            self.request(request, flow, now)
            return
        if partial is not None and partial.method != "ACK" and partial.line("via") is not None:
            phrase = reply.PHRASES.get(error.status, reply.PHRASES[400])
            tag = reply.stateless_tag(partial)
            try:
                back = reply.way_back(partial.via, flow)
            except ParseError:
                back = flow
            self._layer.out.append((reply.answer(partial, flow, error.status, phrase, tag), back))
        self._up.pending.append(Refused(flow, error, partial))

    def _let_in(self, request: Request) -> Request | None:
        """The request as it goes on with its faults, which from now on raise nothing; None where it does not."""
        vital, belongs = self._options.vital, self._options.belongs
        try:
            answerable(request)
        except ParseError:
            return None
        if vital is not None and vital(request.target):
            request = framed(request)
            request.forgive()
            return request
        request.forgive()
        return request if belongs is not None and framed(request) is request and belongs(request) else None


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
