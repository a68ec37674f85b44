"""Where a request came from: what goes back there, our own answers and those of the hops (RFC 3261 section 16.7). Which
of them goes is the business of `branches` and `finals`.
"""

from __future__ import annotations

from proxy.sip import reply, transactions
from proxy.sip.context import Context, Event, Finished, Ringing, TimedOut
from proxy.sip.edit import Edits, drop_top_via, rebuilt
from proxy.sip.flow import Flow
from proxy.sip.grammar import COMMA
from proxy.sip.layer import Layer
from proxy.sip.message import Message, Response
from proxy.sip.options import Options, Tokens
from proxy.sip.timers import OWNER


class Upstream:
    """What an endpoint does towards those who ask, and what it has to tell of that."""

    __slots__ = ("_layer", "_options", "_streams", "_tokens", "pending", "settled")

    def __init__(self, options: Options, tokens: Tokens, layer: Layer) -> None:
        self._options, self._tokens, self._layer = options, tokens, layer
        self.pending: list[Event] = []
        """What is to be told to the user."""
        self.settled: list[Context] = []
        """Contexts whose final was sent since `to_send` was last called."""
        self._streams = frozenset(at for at, one in enumerate(options.listeners) if one.transport != "UDP")

    def respond(self, context: Context, event: str, data: bytes, now: float) -> tuple[str, ...]:
        """A response to where the request came from, if its transaction lets it."""
        if (timer := context.soon) is not None:
            timer[OWNER] = context.soon = None
        return self._layer.feed(context, event, now, data)

    def tag(self, context: Context) -> str:
        """Our To tag for a request, made when it is first needed."""
        if not context.tag:
            context.tag = self._tokens.tag()
        return context.tag

    def answer(
        self, context: Context, status: int, phrase: str, now: float, lines: tuple[bytes, ...] = ()
    ) -> None:
        """A final response of our own."""
        if self._options.server_name:
            lines = (*lines, b"Server: " + self._options.server_name.encode("utf-8", "replace"))
        data = reply.answer(context.request, context.flow, status, phrase, self.tag(context), lines)
        self.respond(context, transactions.sending(status), data, now)
        self._settle(context, status, None)

    def give_up(self, context: Context) -> None:
        """No final at all: RFC 4320 section 4.2 allows none so late."""
        self._layer.timers.cancel(context.soon)
        context.soon = None
        self._layer.end(context)
        context.dead = True
        self.settled.append(context)
        self.pending.append(TimedOut(context))

    def _settle(self, context: Context, status: int, flow: Flow | None) -> None:
        context.final, context.dead = status, True
        self.settled.append(context)
        self.pending.append(_new(Finished, (context, status, flow)))

    def passed(self, context: Context, response: Response, flow: Flow | None, now: float) -> None:
        """Pass a response on: our Via comes off, lines that we edited are given back, nothing else changes (16.7)."""
        lines, names, status = response.lines, response.names, response.status
        at = names.index("via")
        if COMMA in lines[at] or context.swap or context.turn is not None:
            edits = Edits()
            if context.turn is not None:
                edits.take(context.turn(response))
            drop_top_via(response, edits)
            for ours, theirs in context.swap:
                if ours in lines:
                    edits.swap[lines.index(ours)] = theirs
            if at in edits.drop and names.count("via") == 1:
                self._without_way(context, status, now)
                return
            data = rebuilt(response, response.start, self.length(response, context.to), edits)
        else:
            if names.count("via") == 1:
                self._without_way(context, status, now)
                return
            length = self.length(response, context.to)
            data = b"\r\n".join((response.start, *length, *lines[:at], *lines[at + 1 :], b"", response.body))
        self.sent(context, status, data, flow, now)

    def length(self, message: Message, to: Flow) -> tuple[bytes, ...]:
        """The Content-Length that a message must have on a stream, where it came without (section 16.6(9); SIP-043)."""
        if to.listener not in self._streams or message.line("content-length") is not None:
            return ()
        return (b"Content-Length: %d" % len(message.body),)

    def _without_way(self, context: Context, status: int, now: float) -> None:
        """No Via is left but ours: the response may not go on (section 16.7(3); SIP-057). Where it is the final, the
        request gets one of ours: it would wait for ever.
        """
        if status >= 200 and not context.dead:
            self.answer(context, 500, reply.PHRASES[500], now)

    def sent(self, context: Context, status: int, data: bytes, flow: Flow | None, now: float) -> None:
        """A response of a branch goes to where the request came from, and the user is told."""
        if status < 200:
            if self.respond(context, transactions.SEND_1XX, data, now):
                self.pending.append(_new(Ringing, (context,)))
            return
        gone = self.respond(context, transactions.sending(status), data, now)
        if gone and not context.final:
            self._settle(context, status, flow)
        elif not gone and status < 300 and context.table is transactions.INVITE_SERVER:
            # A 2xx goes upstream also after another final, and after its transaction has ended (16.7(5); SIP-048).
            self._layer.out.append((data, context.to))


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
