"""Two telephones that do not give up: caller and callee of many calls, who send again what got no answer (RFC 3261
section 17), in one loop over two UDP sockets.

For the question which calls a process took with it: each call knows in which moments it waited for an answer, and
which worker had to give it. What a call says is written in `sender`.
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.feed import Call
from benchmarks.sender import ROOM, SDP, SPIN, _socket, answer, invite, value, values
from benchmarks.sipp import Address
from proxy.workers.steering import share

T1, T2, LIFE = 0.5, 4.0, 32.0
RINGS = 0.1
"""Seconds before the callee answers: so long at least a call has a transaction open."""
TALKS = 1.0


@dataclass(slots=True)
class Wait:
    """A transaction of the caller's: from its first sending to its final answer, monotonic seconds."""

    worker: int
    begun: float
    ended: float = 0.0

    def open_at(self, moment: float) -> bool:
        return self.begun <= moment and not 0 < self.ended <= moment


@dataclass(slots=True)
class Leg:
    """One call."""

    call_id: bytes
    call: Call
    invite: bytes
    waits: list[Wait] = field(default_factory=list)
    """That of the INVITE, then that of the BYE."""
    status: int = 0
    """The final answer to the INVITE."""
    bye: int = 0
    """That to the BYE."""
    resent: int = 0
    bye_bytes: bytes = b""
    heard: bool = False
    """Anything was heard to the request that is under way."""
    # The callee's part
    seen: bytes = b""
    """The Via of the INVITE that rings or was answered."""
    reply: bytes = b""
    source: tuple[str, int] = ("", 0)
    acked: bool = False

    @property
    def lost(self) -> bool:
        return self.status != 200 or self.bye != 200


class Pair:
    """Use it once: `run` places the calls."""

    def __init__(self, caller: Address, callee: Address, proxy: Address, workers: int) -> None:
        self._caller, self._callee, self._proxy, self._workers = caller, callee, proxy, workers
        self._to = (proxy.host, proxy.port)
        self._out, self._in = _socket(caller), _socket(callee)
        self._poll = select.epoll()
        self._poll.register(self._out, select.EPOLLIN)
        self._poll.register(self._in, select.EPOLLIN)
        self._legs: dict[bytes, Leg] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def close(self) -> None:
        self._poll.close()
        self._out.close()
        self._in.close()

    def run(self, calls: Sequence[Call], rate: float, every: float, act: Callable[[int], None]) -> list[Leg]:
        """Place the calls at this rate; every so many seconds `act` is told its number. Ends when no call waits."""
        run = f"{time.monotonic_ns():x}"
        began = time.monotonic() + 0.1
        for index, call in enumerate(calls):
            call_id = f"{run}.{index}"
            leg = Leg(call_id.encode(), call, invite(call, self._caller, self._proxy, call_id))
            self._legs[leg.call_id] = leg
            self._at(began + index / rate, lambda leg=leg: self._begin(leg))  # type: ignore[misc]
        for number in range(int(len(calls) / rate / every)):
            self._at(began + (number + 1) * every, lambda number=number: act(number))  # type: ignore[misc]
        while self._due:
            wait = self._due[0][0] - time.monotonic()
            if wait <= 0:
                heapq.heappop(self._due)[2]()
                wait = 0.0
            for file, _ in self._poll.poll(0.0 if wait < SPIN else wait - SPIN):
                sock, handle = (self._in, self._at_callee) if file == self._in.fileno() else (self._out, self._at_caller)
                for _ in range(16):
                    try:
                        data, source = sock.recvfrom(ROOM)
                    except BlockingIOError:
                        break
                    handle(data, source)
        return list(self._legs.values())

    def urgent(self) -> None:
        """One emergency call from the callee's side, of which nothing is waited for."""
        mark = f"{time.monotonic_ns():x}".encode()
        me = str(self._callee).encode()
        self._in.sendto(
            b"INVITE sip:911@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%s\r\nMax-Forwards: 70\r\n"
            b"From: <sip:+12025550177@%s>;tag=%s\r\nTo: <sip:911@%s>\r\nCall-ID: urgent.%s\r\nCSeq: 1 INVITE\r\n"
            b"Contact: <sip:pbx@%s>\r\nContent-Length: 0\r\n\r\n" % (me, me, mark, me, mark, me, mark, me),
            self._to,
        )

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._due, (when, self._number, act))

    # The caller

    def _send(self, leg: Leg, data: bytes) -> None:
        branch = value(data, b"Via").partition(b"branch=z9hG4bK")[2]
        leg.waits.append(Wait(share(branch, self._workers), time.monotonic()))
        leg.heard = False
        self._out.sendto(data, self._to)
        self._at(time.monotonic() + T1, lambda: self._again(leg, data, T1, leg.waits[-1]))

    def _begin(self, leg: Leg) -> None:
        self._send(leg, leg.invite)

    def _again(self, leg: Leg, data: bytes, pause: float, wait: Wait) -> None:
        """Timers A and E; an INVITE that was heard of is not sent again, and nothing after 64*T1."""
        now = time.monotonic()
        if wait.ended or now - wait.begun > LIFE:
            return
        if not leg.heard:
            leg.resent += 1
            self._out.sendto(data, self._to)
        pause = min(pause * 2, LIFE if data.startswith(b"INVITE") else T2)
        self._at(now + pause, lambda: self._again(leg, data, pause, wait))

    def _at_caller(self, data: bytes, source: tuple[str, int]) -> None:
        leg = self._legs.get(value(data, b"Call-ID"))
        if leg is None or not data.startswith(b"SIP/2.0 "):
            return
        status, now = int(data[8:11]), time.monotonic()
        if value(data, b"CSeq").endswith(b"BYE"):
            if status >= 200 and not leg.bye:
                leg.bye, leg.waits[-1].ended = status, now
            return
        if not leg.waits[0].ended:
            leg.heard = True
        if status < 200:
            return
        if status >= 300:
            self._out.sendto(self._in_dialog(leg, data, b"ACK", 1, leg.invite.split(b" ", 2)[1], b"-1", b""), self._to)
        else:
            target = value(data, b"Contact").strip(b"<>")
            route = b"".join(b"Route: %s\r\n" % line for line in reversed(values(data, b"Record-Route")))
            self._out.sendto(self._in_dialog(leg, data, b"ACK", 1, target, b"-ack", route), self._to)
            if not leg.status:
                leg.bye_bytes = self._in_dialog(leg, data, b"BYE", 2, target, b"-bye", route)
                self._at(now + TALKS, lambda: self._send(leg, leg.bye_bytes))
        if not leg.status:
            leg.status, leg.waits[0].ended = status, now

    def _in_dialog(
        self, leg: Leg, response: bytes, method: bytes, number: int, target: bytes, mark: bytes, route: bytes
    ) -> bytes:
        return (
            b"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%s%s\r\n%sMax-Forwards: 70\r\n"
            b"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n"
        ) % (
            method, target, str(self._caller).encode(), leg.call_id, mark, route, value(leg.invite, b"From"),
            value(response, b"To"), leg.call_id, number, method,
        )  # fmt: skip

    # The callee

    def _at_callee(self, data: bytes, source: tuple[str, int]) -> None:
        leg = self._legs.get(value(data, b"Call-ID"))
        if leg is None:
            return
        if data.startswith(b"INVITE "):
            via = value(data, b"Via")
            if leg.seen == via:
                self._in.sendto(leg.reply, source)
            elif leg.seen:
                self._in.sendto(answer(data, b"482 Loop Detected"), source)  # merged (section 8.2.2.2)
            else:
                leg.seen, leg.source = via, source
                contact = b"Contact: <sip:pbx@%s>\r\n" % str(self._callee).encode()
                leg.reply = answer(data, b"180 Ringing", contact)
                self._in.sendto(leg.reply, source)
                final = answer(data, b"200 OK", contact, SDP)
                self._at(time.monotonic() + RINGS, lambda: self._answer(leg, final, T1, time.monotonic()))
        elif data.startswith(b"ACK "):
            leg.acked = True
        elif data.startswith(b"BYE "):
            self._in.sendto(answer(data, b"200 OK"), source)

    def _answer(self, leg: Leg, final: bytes, pause: float, begun: float) -> None:
        """The 2xx, again until its ACK comes (section 13.3.1.4)."""
        now = time.monotonic()
        if leg.acked or now - begun > LIFE:
            return
        leg.reply = final
        self._in.sendto(final, leg.source)
        self._at(now + pause, lambda: self._answer(leg, final, min(pause * 2, T2), begun))
