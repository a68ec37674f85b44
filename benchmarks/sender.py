"""A small telephone of our own, for what sipp's clock is too coarse for: the delay of each single call, and one
call's answer.

Caller and callee are two plain UDP sockets in one loop, so both ends of a delay are read from one clock; arrival
times are the kernel's (SO_TIMESTAMPNS), so that our own slowness is not blamed on the proxy. It knows just enough SIP
to place a call, answer it and hang up; nothing is sent twice: what is lost is counted, not repaired.
"""

from __future__ import annotations

import heapq
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benchmarks.feed import Call
from benchmarks.sipp import BUFFER, Address

SO_TIMESTAMPNS = 35
SPIN = 0.0005
"""Seconds before a call is due in which we look instead of sleeping: epoll wakes up to a millisecond late."""
ROOM = 65_535

SDP = (
    b"v=0\r\no=lab 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


@dataclass(slots=True)
class Timing:
    """What became of one call; moments are Unix nanoseconds, 0 for "never"."""

    kind: str
    sent: int = 0
    arrived: int = 0
    rang: int = 0
    answered: int = 0
    ended: int = 0
    status: int = 0
    """The final answer that the caller got."""

    @property
    def delay_ms(self) -> float:
        """From the caller's INVITE to its arrival at the callee."""
        return (self.arrived - self.sent) / 1e6


@dataclass(frozen=True, slots=True)
class Planned:
    """A call and the second, counted from the start, in which it is placed."""

    at: float
    call: Call
    kind: str = ""


@dataclass(slots=True)
class _Leg:
    timing: Timing
    call: Call
    invite: bytes
    request: dict[str, bytes] = field(default_factory=dict)


def invite(call: Call, me: Address, proxy: Address, call_id: str) -> bytes:
    """An INVITE like the one of the sipp scenario `caller`."""
    identity = f"Identity: {call.identity}\r\n" if call.identity else ""
    head = (
        f"INVITE sip:+{call.callee}@{proxy};user=phone SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {me};branch=z9hG4bK-{call_id}-1\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:+{call.caller}@carrier.example;user=phone>;tag=c{call_id}\r\n"
        f"To: <sip:+{call.callee}@pbx.example;user=phone>\r\n"
        f"Call-ID: {call_id}\r\n"
        "CSeq: 1 INVITE\r\n"
        f"Contact: <sip:carrier@{me}>\r\n"
        f"P-Asserted-Identity: <sip:+{call.asserted}@carrier.example;user=phone>\r\n"
        f"{identity}"
        "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE\r\n"
        "Supported: timer, 100rel\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(SDP)}\r\n\r\n"
    )
    return head.encode("ascii") + SDP


def alive(address: Address, seconds: float = 0.2) -> bool:
    """Whether somebody answers OPTIONS there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(seconds)
        probe.bind((address.host, 0))
        port = probe.getsockname()[1]
        try:
            probe.sendto(
                f"OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {address.host}:{port};branch=z9hG4bK-alive{port}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:probe@{address.host}>;tag=probe\r\nTo: <sip:{address}>\r\n"
                f"Call-ID: alive-{port}@{address.host}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode("ascii"),
                (address.host, address.port),
            )
            return probe.recv(ROOM).startswith(b"SIP/2.0 ")
        except OSError:  # nobody there (ICMP), or no answer in time
            return False


def place(
    plan: Iterable[Planned],
    caller: Address,
    callee: Address,
    proxy: Address,
    *,
    patience: float = 3.0,
    run: str = "",
    see: Callable[[bytes], None] = lambda invite: None,
) -> list[Timing]:
    """Place the calls at their moments through `proxy`, answer them as the callee, hang up; wait `patience` seconds
    for the last.

    `see` is handed each INVITE that the callee gets.
    """
    exchange = _Exchange(caller, callee, proxy, run or f"{time.monotonic_ns():x}", see)
    try:
        return exchange.run(sorted(plan, key=lambda planned: planned.at), patience)
    finally:
        exchange.close()


class _Exchange:
    """Both ends of all calls, and the loop between them."""

    def __init__(
        self, caller: Address, callee: Address, proxy: Address, run: str, see: Callable[[bytes], None]
    ) -> None:
        self._caller, self._callee, self._run, self._see = caller, callee, run, see
        self._proxy = (proxy.host, proxy.port)
        self._proxy_address = proxy
        self._legs: dict[bytes, _Leg] = {}
        self._open = 0
        self._out, self._in = _socket(caller), _socket(callee)
        self._poll = select.epoll()
        self._poll.register(self._out, select.EPOLLIN)
        self._poll.register(self._in, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        self._out.close()
        self._in.close()

    def run(self, plan: list[Planned], patience: float) -> list[Timing]:
        legs = []
        for index, planned in enumerate(plan):
            call_id = f"{self._run}.{index}"
            leg = _Leg(
                Timing(planned.kind), planned.call, invite(planned.call, self._caller, self._proxy_address, call_id)
            )
            self._legs[call_id.encode()] = leg
            legs.append(leg)
        due = [(planned.at, index) for index, planned in enumerate(plan)]
        heapq.heapify(due)
        began = time.monotonic()
        self._open = len(legs)
        while due:
            wait = began + due[0][0] - time.monotonic()
            if wait <= 0:
                leg = legs[heapq.heappop(due)[1]]
                leg.timing.sent = time.time_ns()
                self._out.sendto(leg.invite, self._proxy)
                wait = 0.0
            self._turn(wait)
        deadline = time.monotonic() + patience
        while self._open and (left := deadline - time.monotonic()) > 0:
            self._turn(left)
        return [leg.timing for leg in legs]

    def _turn(self, wait: float) -> None:
        """Take what has come, or wait for it, but wake a little before the next call is due."""
        timeout = 0.0 if wait < SPIN else wait - SPIN
        for file, _ in self._poll.poll(timeout):
            sock, handle = (self._in, self._at_callee) if file == self._in.fileno() else (self._out, self._at_caller)
            for _ in range(16):  # take turns: neither end starves the other
                try:
                    data, ancillary, _, source = sock.recvmsg(ROOM, 64)
                except BlockingIOError:
                    break
                handle(data, _stamp(ancillary), source)

    def _at_callee(self, data: bytes, when: int, source: tuple[str, int]) -> None:
        leg = self._legs.get(value(data, b"Call-ID"))
        if leg is None:
            return
        if data.startswith(b"INVITE "):
            if leg.timing.arrived:
                return  # a second copy: the first one counts
            leg.timing.arrived = when
            self._see(data)
            contact = b"Contact: <sip:pbx@%s>\r\n" % str(self._callee).encode()
            self._in.sendto(answer(data, b"180 Ringing", contact), source)
            self._in.sendto(answer(data, b"200 OK", contact, SDP), source)
        elif data.startswith(b"BYE "):
            self._in.sendto(answer(data, b"200 OK"), source)

    def _at_caller(self, data: bytes, when: int, source: tuple[str, int]) -> None:
        leg = self._legs.get(value(data, b"Call-ID"))
        if leg is None or not data.startswith(b"SIP/2.0 "):
            return
        status, timing = int(data[8:11]), leg.timing
        if value(data, b"CSeq").endswith(b"BYE"):
            if not timing.ended:
                timing.ended = when
                self._open -= 1
        elif status >= 200 and not timing.status:
            timing.status, timing.answered = status, when
            if status < 300:
                self._out.sendto(self._in_dialog(leg, data, b"ACK", 1), self._proxy)
                self._out.sendto(self._in_dialog(leg, data, b"BYE", 2), self._proxy)
            else:
                self._out.sendto(self._refusal_ack(leg, data), self._proxy)
                timing.ended = when
                self._open -= 1
        elif status == 180 and not timing.rang:
            timing.rang = when

    def _in_dialog(self, leg: _Leg, response: bytes, method: bytes, sequence: int) -> bytes:
        target = value(response, b"Contact").strip(b"<>")
        route = b"".join(b"Route: %s\r\n" % line for line in reversed(values(response, b"Record-Route")))
        return self._request(leg, response, method, target, sequence, b"-%d%s" % (sequence + 1, method), route)

    def _refusal_ack(self, leg: _Leg, response: bytes) -> bytes:
        # RFC 3261 17.1.1.3: the INVITE's own Request-URI and branch.
        return self._request(leg, response, b"ACK", leg.invite.split(b" ", 2)[1], 1, b"-1", b"")

    def _request(
        self, leg: _Leg, response: bytes, method: bytes, target: bytes, sequence: int, branch: bytes, route: bytes
    ) -> bytes:
        call_id = value(response, b"Call-ID")
        return (
            b"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%s%s\r\n%sMax-Forwards: 70\r\n"
            b"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n"
        ) % (
            method, target, str(self._caller).encode(), call_id, branch, route,
            value(leg.invite, b"From"), value(response, b"To"), call_id, sequence, method,
        )  # fmt: skip


def values(message: bytes, name: bytes) -> list[bytes]:
    """The values of the header lines of that name, as they stand (long names, no folding: our own peers write so)."""
    wanted = b"\r\n" + name.lower() + b":"
    found = []
    head = message[: message.find(b"\r\n\r\n")]
    lower = head.lower()
    at = lower.find(wanted)
    while at >= 0:
        end = head.find(b"\r\n", at + 2)
        found.append(head[at + len(wanted) : end if end >= 0 else None].strip())
        at = lower.find(wanted, at + 2)
    return found


def value(message: bytes, name: bytes) -> bytes:
    """The first of them; empty for none."""
    found = values(message, name)
    return found[0] if found else b""


def answer(request: bytes, status: bytes, more: bytes = b"", body: bytes = b"") -> bytes:
    """A response to a request (RFC 3261 8.2.6), with its Vias and Record-Routes."""
    lines = [b"SIP/2.0 " + status]
    for name in (b"Via", b"Record-Route", b"From", b"Call-ID", b"CSeq"):
        lines += [name + b": " + one for one in values(request, name)]
    to = value(request, b"To")
    lines.append(b"To: " + (to if b";tag=" in to else to + b";tag=p" + value(request, b"Call-ID")))
    if body:
        more += b"Content-Type: application/sdp\r\n"
    return b"\r\n".join(lines) + b"\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _socket(address: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    sock.bind((address.host, address.port))
    return sock


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
