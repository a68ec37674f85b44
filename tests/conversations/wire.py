"""Two sides and the proxy between them, as bytes on virtual time: what the conversations are written with.

A `Phone` is one address. It says things by verbs (`invites`, `answers`, `cancels`) and demands what it hears (`hears`, `gets`);
what it heard stays in its `inbox` until it is asked for. `Wire` carries the bytes, moves the clock from timer to timer, and has
a user of the endpoint that does what the test tells it: forward, hold, or reject.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from proxy.sip.context import Context, Plan
from proxy.sip.edit import Edits
from proxy.sip.endpoint import (
    Acked,
    Arrived,
    Endpoint,
    Event,
    Faulted,
    Finished,
    Listener,
    Loose,
    Options,
)
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.routing import Me, check, route

OWN = ("203.0.113.5", 5060)
SDP = b"v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def read(data: bytes) -> Request | Response:
    """What a tolerant phone makes of it: an emergency call goes on with the faults that it came with."""
    try:
        return parse(data)
    except ParseError as error:
        assert error.partial is not None, error.why
        return error.partial


class CountedTokens:
    """Tokens that a reader can follow: 000001, 000002, ..."""

    def __init__(self) -> None:
        self.count = 0

    def branch(self) -> str:
        self.count += 1
        return f"{self.count:06}"

    tag = branch


@dataclass
class Clock:
    """The virtual time; `advance` is the wire's."""

    now: float = 1000.0
    advance: Callable[[float], None] = lambda seconds: None


class Phone:
    """One address on the wire."""

    def __init__(self, wire: Wire, host: str, port: int = 5060, listener: int = 0) -> None:
        self.wire = wire
        self.flow = Flow(listener, host, port)
        self.inbox: deque[tuple[float, Request | Response, bytes]] = deque()
        self.invite: Request | None = None
        """The last request that it got, or sent."""
        self.sent = b""
        self.count = 0

    # Saying

    def says(self, data: bytes) -> None:
        """Any bytes."""
        self.sent = data
        self.wire.carry(data, self.flow)

    def request(
        self,
        method: str = "INVITE",
        target: str = "sip:+12025550199@pbx.example.com;user=phone",
        *,
        branch: str | None = None,
        via: str | None = None,
        lines: Sequence[str] = (),
        cseq: int = 1,
        call: str = "call-1",
        to_tag: str = "",
        max_forwards: int | None = 70,
        body: bytes = b"",
        start: str | None = None,
    ) -> bytes:
        """A request of this phone's as bytes."""
        self.count += 1
        host = f"[{self.flow.host}]" if ":" in self.flow.host else self.flow.host
        branch = f"z9hG4bKup{self.count}" if branch is None else branch
        via = f"SIP/2.0/UDP {host}:{self.flow.port};rport;branch={branch}" if via is None else via
        head = [
            start or f"{method} {target} SIP/2.0",
            *([f"Via: {via}"] if via else []),
            *([f"Max-Forwards: {max_forwards}"] if max_forwards is not None else []),
            'From: "EXAMPLE CO" <sip:+12025550123@carrier.example.net;user=phone>;tag=caller',
            f"To: <sip:+12025550199@pbx.example.com;user=phone>{';tag=' + to_tag if to_tag else ''}",
            f"Call-ID: {call}",
            f"CSeq: {cseq} {method}",
            *lines,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def invites(self, **how: object) -> bytes:
        data = self.request("INVITE", **{"body": SDP, **how})  # type: ignore[arg-type]
        self.says(data)
        return data

    def rings(self, callee: Phone, **how: object) -> bytes:
        """A call to another phone, up to its ringing; the bytes of the INVITE."""
        data = self.invites(**how)
        callee.gets("INVITE")
        callee.answers(180)
        self.hears(180)
        return data

    def asks(self, method: str, **how: object) -> bytes:
        """Any other request."""
        data = self.request(method, **how)  # type: ignore[arg-type]
        self.says(data)
        return data

    def again(self) -> None:
        """The same bytes once more."""
        self.says(self.sent)

    def _after(self, invite: bytes, method: bytes, to: bytes | None = None, lines: Sequence[str] = ()) -> bytes:
        head = invite.partition(b"\r\n\r\n")[0].split(b"\r\n")
        out = [method + head[0][head[0].index(b" ") :]]
        for line in head[1:]:
            name = line.partition(b":")[0]
            if name == b"CSeq":
                line = line.rpartition(b" ")[0] + b" " + method
            elif name == b"To" and to is not None:
                line = to
            if name in (b"Via", b"Max-Forwards", b"From", b"To", b"Call-ID", b"CSeq", b"Route"):
                out.append(line)
        return b"\r\n".join([*out, *(line.encode() for line in lines), b"Content-Length: 0", b"", b""])

    def cancels(self, invite: bytes, *lines: str) -> None:
        """The CANCEL of an INVITE that this phone sent."""
        self.says(self._after(invite, b"CANCEL", lines=lines))

    def acks(self, invite: bytes, response: Response) -> None:
        """The ACK of a final that is no 2xx: of the INVITE's own transaction."""
        self.says(self._after(invite, b"ACK", to=response.line("to")))

    def answers(
        self,
        status: int,
        phrase: str = "Phrase",
        *,
        to: Request | None = None,
        tag: str = "callee",
        lines: Sequence[str] = (),
        body: bytes = b"",
    ) -> bytes:
        """A response to the last request that this phone got."""
        request = to or self.invite
        assert request is not None, "nothing came to answer"
        out = [f"SIP/2.0 {status} {phrase}".encode()]
        for line, name in zip(request.lines, request.names, strict=True):
            if name in ("via", "from", "call-id", "cseq", "record-route"):
                out.append(line)
            elif name == "to":
                out.append(line if status == 100 or b";tag=" in line else line + b";tag=" + tag.encode())
        out += [line.encode() for line in lines]
        data = b"\r\n".join([*out, b"Content-Length: %d" % len(body), b"", body])
        self.says(data)
        return data

    # Hearing

    def _next(self) -> Request | Response:
        assert self.inbox, f"{self.flow.host} heard nothing"
        return self.inbox.popleft()[1]

    def hears(self, status: int) -> Response:
        """Demands that the next thing heard is this response."""
        message = self._next()
        assert isinstance(message, Response), f"{status} was due, {message.start!r} came"
        assert message.status == status, f"{status} was due, {message.start!r} came"
        return message

    def gets(self, method: str) -> Request:
        """Demands that the next thing heard is this request."""
        message = self._next()
        assert isinstance(message, Request), f"{method} was due, {message.start!r} came"
        assert message.method == method, f"{method} was due, {message.start!r} came"
        if method not in ("ACK", "CANCEL"):
            self.invite = message
        return message

    def hears_nothing(self) -> None:
        assert not self.inbox, f"{self.flow.host} heard {[item[1].start for item in self.inbox]}"

    def times(self, start: float) -> list[float]:
        """When everything in the inbox was heard, from `start`; the inbox is emptied."""
        found = [round(when - start, 3) for when, _, _ in self.inbox]
        self.inbox.clear()
        return found


@dataclass
class Acts:
    """What the user of the endpoint does with a new request."""

    mode: str = "forward"
    """forward | hold | reject"""
    status: int = 603
    reason: str = "Network Blocked"
    lines: tuple[bytes, ...] = ()
    targets: tuple[Flow, ...] = ()
    token: bytes | None = b"TOKEN"
    edits: Callable[[Request], Edits] | None = None
    swap: tuple[tuple[bytes, bytes], ...] = ()
    trying: bool = False
    insist: bool = False
    follow: Callable[[Context, Response, Flow], tuple[bytes, Flow, tuple[bytes, ...]] | None] | None = None
    preload: bool = True
    held: list[Context] = field(default_factory=list)


class Wire:
    """A caller, the proxy and callees."""

    def __init__(self, callees: int = 1, **options: object) -> None:
        listeners = options.pop("listeners", None) or (Listener("UDP", *OWN, *OWN),)
        self.options = Options(listeners, **options)  # type: ignore[arg-type]
        self.clock = Clock(advance=self.advance)
        self.proxy = Endpoint(self.options, CountedTokens())
        own = {(one.host, one.port) for one in self.options.listeners}
        self.me = Me([*own, *((one.advertised_host, one.advertised_port) for one in self.options.listeners)])
        self.phones: dict[tuple[str, int], Phone] = {}
        self.caller = self.phone("198.51.100.10")
        self.callees = [self.phone(f"192.0.2.{20 + 10 * number}") for number in range(callees)]
        self.callee = self.callees[0]
        self.acts = Acts(targets=tuple(one.flow for one in self.callees))
        self.events: list[Event] = []
        self.dead: set[tuple[str, int]] = set()
        self.lost: list[bytes] = []
        """What was sent to an address where nobody is."""
        self.faulty = False
        """Faults of ours are what the conversation is about."""

    def phone(self, host: str, port: int = 5060, listener: int = 0) -> Phone:
        one = self.phones[host, port] = Phone(self, host, port, listener)
        return one

    @property
    def now(self) -> float:
        return self.clock.now

    def told(self, kind: type) -> list[Event]:
        """The events of one kind so far."""
        return [event for event in self.events if type(event) is kind]

    def carry(self, data: bytes, flow: Flow) -> None:
        """Bytes into the proxy, and what follows of it."""
        self.act(self.proxy.receive(data, flow, self.now))
        self.drain()

    def advance(self, seconds: float) -> None:
        """Lets time pass, from timer to timer."""
        end = self.clock.now + seconds
        while (due := self.proxy.next_timer()) is not None and due <= end:
            self.clock.now = max(due, self.clock.now)
            self.act(self.proxy.handle_timer(self.now))
            self.drain()
        self.clock.now = end

    def drain(self) -> None:
        """Delivers what the proxy has to send."""
        while out := self.proxy.to_send():
            for data, flow in out:
                phone = self.phones.get((flow.host, flow.port))
                if (flow.host, flow.port) in self.dead:
                    self.act(self.proxy.transport_error(flow, self.now))
                elif phone is None:
                    self.lost.append(data)
                else:
                    phone.inbox.append((self.now, read(data), data))

    # The user of the endpoint

    def act(self, events: Sequence[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, Arrived):
                self._arrived(event)
            elif isinstance(event, Acked | Loose):
                routed = route(event.request, self.me)
                target = self._onward(routed.next.host, routed.next.port) if not routed.own else None
                if target is None:
                    target = self.acts.targets[0]
                self.proxy.relay(event.request, routed, target, None, self.now, event.flow)
            elif isinstance(event, Finished):
                assert event.context.dead
            elif isinstance(event, Faulted) and not self.faulty:
                raise event.error

    def _onward(self, host: str, port: int | None) -> Flow | None:
        known = self.phones.get((host, port or 5060))
        return known.flow if known is not None else None

    def _arrived(self, event: Arrived) -> None:
        acts = self.acts
        if (refusal := check(event.request)) is not None:
            self.act(self.proxy.reply(event.context, refusal.status, refusal.reason, self.now, refusal.lines))
        elif acts.mode == "forward":
            self.forward(event.context)
        elif acts.mode == "reject":
            self.act(self.proxy.reply(event.context, acts.status, acts.reason, self.now, acts.lines))
        else:
            acts.held.append(event.context)
            if acts.trying:
                self.proxy.trying(event.context, self.now)

    def forward(self, context: Context) -> None:
        """What the user does when it has judged."""
        acts, request = self.acts, context.request
        routed = route(request, self.me)
        targets: Sequence[Flow] = acts.targets
        token = acts.token
        if request.to_tag is not None:
            token = None
            if (onward := self._onward(routed.next.host, routed.next.port)) is not None:
                targets = (onward,)
        edits = acts.edits(request) if acts.edits is not None else None
        plan = Plan(targets, routed, edits, token, acts.swap, preload=acts.preload, insist=acts.insist, follow=acts.follow)
        self.act(self.proxy.forward(context, plan, self.now))

    def release(self) -> None:
        """The held requests go on, or not, where the caller gave up."""
        held, self.acts.held = self.acts.held, []
        for context in held:
            if not context.dead:
                self.forward(context)
        self.drain()

    def forked(self) -> list[Request]:
        """A call whose first hop says nothing, so that the second is tried too; what each has got."""
        self.caller.invites()
        self.advance(2.1)
        got = [one.gets("INVITE") for one in self.callees[:2]]
        for one in self.callees:
            one.inbox.clear()  # the same once more
        return got

    def quiet(self) -> None:
        """All timers run out: nothing may be left."""
        self.advance(400)
        assert self.proxy.transactions == 0
        assert self.proxy.next_timer() is None
