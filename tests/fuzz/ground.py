"""What is shown to every message: the parser, the framing, the screening that reads it, and an endpoint that lives on.

Invariants, and whatever breaks one is a finding: bytes raise ParseError or nothing; a stream is cut alike however it is
chopped; the endpoint raises nothing; what it sends can be read; when all timers have run out, nothing is left.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from random import Random
from typing import Any

from policy.emergency import is_emergency_uri
from policy.rulebook import Profile, Rulebook
from proxy.screening.case import Lane, judge, open_case
from proxy.screening.marks import strip
from proxy.settings import Source, Trunk
from proxy.sip import address, via
from proxy.sip.context import Context, Plan
from proxy.sip.endpoint import Acked, Arrived, Endpoint, Event, Faulted, Listener, Loose, Options, Refused
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.framing import Framer, FramingError
from proxy.sip.message import Message, Request
from proxy.sip.parser import check, parse
from proxy.sip.routing import Me, route
from proxy.sip.routing import check as routing_check
from shaken.number import NANP
from shaken.verify import Rules
from tests.conversations.wire import OWN, CountedTokens

UTC = 1767225600.0
"""When the tokens of the corpus were made."""
REMEMBERED = 64
"""Requests that went out lately and may get an answer."""
SLOW = 1500.0
"""Seconds after which every timer has run out: three ways, each ringing until Timer C."""
LISTENERS = (Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN))
CALLERS = (Flow(0, "198.51.100.10", 5060), Flow(0, "198.51.100.11", 1024), Flow(1, "198.51.100.12", 40_000, 3))
CALLEES = (Flow(0, "192.0.2.20", 5060), Flow(0, "192.0.2.30", 5060), Flow(1, "192.0.2.40", 5060))
STATUSES = (100, 180, 183, 199, 200, 202, 301, 404, 407, 486, 487, 500, 503, 603)


class Broken(AssertionError):
    """An invariant does not hold."""


def lane() -> Lane:
    trunk = Trunk("carrier", "carrier", (Source(ip_network("198.51.100.0/24")),), trust="identity", mode="enforce")
    return Lane(trunk, "carrier", NANP, Profile(), "enforce", 100, Rules())


class Ground:
    """One endpoint and its user. Deterministic: the same messages and seeds give the same run."""

    def __init__(self) -> None:
        options = Options(LISTENERS, vital=is_emergency_uri, max_transactions=2_000)
        self.endpoint = Endpoint(options, CountedTokens())
        self.me = Me([OWN])
        self.now = 1000.0
        self.sent: deque[tuple[bytes, Flow]] = deque(maxlen=REMEMBERED)
        self.taken: deque[bytes] = deque(maxlen=REMEMBERED)
        """Requests that were let in lately and may be repeated, taken back or acknowledged."""
        self.held: deque[Context] = deque(maxlen=REMEMBERED)
        self.seen: Counter[str] = Counter()
        """What became of the messages, to see that the run reaches anything at all."""
        self._lane, self._book, self._rng = lane(), Rulebook(), Random(0)

    def take(self, data: bytes, rng: Random) -> None:
        """Everything that one message goes through. Raises what it finds."""
        self._rng = rng
        self.read(data)
        if rng.random() < 0.25:
            self.stream(data, rng)
        flow = rng.choice(CALLEES if data[:4] == b"SIP/" and rng.random() < 0.9 else CALLERS)
        events = self.endpoint.receive(data[:65_535], flow, self.now)
        if any(isinstance(event, Arrived) for event in events):
            self.taken.append(data)
        self.act(events)
        # The answer to bytes that were refused gives their lines back, faults and all.
        self.drain(any(isinstance(event, Refused) for event in events))
        if self.held and rng.random() < 0.3:
            context = self.held.popleft()
            if not context.dead:
                self.forward(context)
        if rng.random() < 0.02:
            self.act(self.endpoint.transport_error(rng.choice(CALLEES), self.now))
        self.drain()
        self.pass_time(rng.choice((0.0, 0.0, 0.001, 0.02, 0.3)))

    # The parts

    def read(self, data: bytes) -> None:
        """The parser, every field that can be asked for, and the glue that reads a call."""
        try:
            message = parse(data)
        except ParseError as error:
            self.seen["refused by parse"] += 1
            if not 400 <= error.status < 700:
                raise Broken(f"status {error.status}") from error
            return
        for ask in ASKED:
            try:
                ask(message)
            except ParseError:
                continue
        try:
            check(message)
        except ParseError:
            self.seen["refused by check"] += 1
            return
        self.seen["read"] += 1
        if not isinstance(message, Request):
            return
        strip(message, prefix="x-screen-", keep_verdicts=False, keep_asserted=False)
        try:
            case = open_case(message, self._lane, UTC)
        except ParseError:
            return
        judge(case, {}, self._book, UTC, 1)

    def stream(self, data: bytes, rng: Random) -> None:
        """The same bytes in one piece and in several are the same messages."""
        places = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((1, 2, 5))))
        pieces = [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
        one, several = self.framed([data]), self.framed(pieces)
        if one[:2] != several[:2]:
            raise Broken(f"in one piece {one!r}, in {len(pieces)} {several!r}")
        self.seen["framed"] += len(one[0])
        if one[2]:
            error = ParseError("a stream is lost")
            self.act(self.endpoint.broken(one[2], CALLERS[2], error, self.now))

    def framed(self, pieces: Sequence[bytes]) -> tuple[list[bytes], str, bytes]:
        framer, found = Framer(), []
        for piece in pieces:
            framer.feed(piece)
            try:
                while (message := framer.next()) is not None:
                    found.append(message)
            except FramingError as error:
                # What there is of the broken message depends on where it was cut.
                return found, error.why, error.octets
        return found, "", b""

    # The user of the endpoint

    def act(self, events: Sequence[Event]) -> None:
        for event in events:
            self.seen[type(event).__name__] += 1
            if isinstance(event, Arrived):
                self.arrived(event)
            elif isinstance(event, Faulted):
                raise Broken(f"a fault of ours in timer {event.timer}") from event.error
            elif isinstance(event, Acked | Loose):
                try:
                    routed = route(event.request, self.me)
                except ParseError:
                    continue
                self.endpoint.relay(event.request, routed, CALLEES[0], None, self.now, event.flow)

    def arrived(self, event: Arrived) -> None:
        context, rng = event.context, self._rng
        try:
            refusal = routing_check(event.request)
        except ParseError:
            refusal = None
        choice = rng.random()
        if refusal is not None:
            self.act(self.endpoint.reply(context, refusal.status, refusal.reason, self.now, refusal.lines))
        elif choice < 0.15:
            self.act(self.endpoint.reply(context, 603, "Network Blocked", self.now, (b"Reason: SIP;cause=603",)))
        elif choice < 0.35:
            self.endpoint.trying(context, self.now)
            self.held.append(context)
        else:
            self.forward(context)

    def forward(self, context: Context) -> None:
        rng = self._rng
        try:
            routed = route(context.request, self.me)
        except ParseError as error:
            self.act(self.endpoint.reply(context, error.status, "Bad Request", self.now))
            return
        marks = strip(context.request, prefix="x-screen-", keep_verdicts=False, keep_asserted=False)
        token = b"TOKEN" if rng.random() < 0.7 else None
        targets = CALLEES[: rng.choice((1, 1, 2, 3))]
        plan = Plan(targets, routed, marks.edits, token, tuple(marks.give_back))
        self.act(self.endpoint.forward(context, plan, self.now))

    def drain(self, refused: bool = False) -> None:
        while out := self.endpoint.to_send():
            for data, flow in out:
                try:
                    parse(data)
                except ParseError as error:
                    # An emergency call goes on with the faults that it came with, and so do the answers to it.
                    vital = b"911" in data or b"urn:" in data
                    if not (refused or vital):
                        raise Broken(f"what we send cannot be read ({error}): {data!r}") from error
                self.sent.append((data, flow))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.endpoint.next_timer()) is not None and due <= until:
            self.now = max(due, self.now)
            self.act(self.endpoint.handle_timer(self.now))
            self.drain()
        self.now = until

    def settle(self) -> None:
        """All timers run out: nothing may be left."""
        self.held.clear()
        self.pass_time(SLOW)
        if self.endpoint.transactions or self.endpoint.next_timer() is not None:
            raise Broken(f"{self.endpoint.transactions} transactions are left when every timer has run out")
        self.sent.clear()

    def answer(self, rng: Random) -> bytes | None:
        """A response to something that was sent lately, as its callee would write it."""
        if not self.sent:
            return None
        data, _ = rng.choice(self.sent)
        head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if head[0][:4] == b"SIP/" or head[0][:4] == b"ACK ":
            return None
        kept = [line for line in head[1:] if line.partition(b":")[0].lower() in COPIED]
        kept = [line + b";tag=callee" if line[:3].lower() == b"to:" and b";tag=" not in line else line for line in kept]
        return b"\r\n".join([b"SIP/2.0 %d Phrase" % rng.choice(STATUSES), *kept, b"Content-Length: 0", b"", b""])


    def companion(self, rng: Random) -> bytes | None:
        """What may follow a request that was let in lately: itself once more, its CANCEL, its ACK."""
        if not self.taken:
            return None
        data = rng.choice(self.taken)
        method = data.partition(b" ")[0]
        return data.replace(method, rng.choice((method, b"CANCEL", b"CANCEL", b"ACK"))) if method else data


COPIED = frozenset((b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq", b"record-route"))
ASKED: tuple[Callable[[Message], Any], ...] = (
    lambda m: m.via,
    lambda m: m.cseq,
    lambda m: m.call_id,
    lambda m: m.from_,
    lambda m: m.to,
    lambda m: (m.from_tag, m.to_tag),
    lambda m: m.uri if isinstance(m, Request) else None,
    lambda m: m.max_forwards if isinstance(m, Request) else None,
    lambda m: [via.parse(value) for value in m.values("via")],
    lambda m: [address.parse(value) for name in ("contact", "route", "record-route") for value in m.values(name)],
    lambda m: repr(m),
)
