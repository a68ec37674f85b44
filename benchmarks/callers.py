"""Telephones for many calls with different fates, without I/O: messages and time in, messages out.

`soak` and `telephones` bring the clock and the sockets, so the same people call in an accelerated day and in a real minute. Who
gets no answer sends again (RFC 3261 section 17); a call is lost if it does not end as its fate has it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.feed import Call
from benchmarks.sender import SDP, answer, invite, value, values
from benchmarks.sipp import Address

T1, T2, LIFE = 0.5, 4.0, 32.0
FATES = {
    "answered": 200,
    "cancelled": 487,
    "rejected": 438,
    "busy": 486,
    "silent": 408,
    "unanswered": 487,
}
"""What the caller hears in the end. rejected: by the proxy; silent: nobody is at the PBX; unanswered: it rings for ever."""
GIVES_UP = 0.3
"""Seconds that a telephone takes to say 487 after a CANCEL."""
CARRIER, PBX = 0, 1
PASSED = 480
"""What a telephone says to a call that should have been rejected and was not: under too much load some go unscreened, and
ringwarden counts them.
"""
CONTACT = b"Contact: <sip:pbx@%s>\r\n"


@dataclass(slots=True)
class Leg:
    """One call."""

    call: Call
    fate: str
    rings: float
    talks: float
    pause: float
    """Seconds that the caller of a rejected call lets its ACK wait."""
    invite: bytes
    call_id: bytes
    placed: float
    status: int = 0
    bye: int = 0
    resent: int = 0
    ended: float = 0.0
    """When nothing was waited for any more."""
    heard: set[bytes] = field(default_factory=set)
    """Methods of which a final was heard; of INVITE, anything."""
    via: bytes = b""
    """What of an answer to its INVITE follows the first line, at the callee."""
    reply: bytes = b""
    acked: bool = False
    cancelling: bool = False

    @property
    def passed(self) -> bool:
        """It should have been rejected and came through."""
        return self.fate == "rejected" and self.status == PASSED

    @property
    def lost(self) -> bool:
        return not self.passed and self._lost

    @property
    def _lost(self) -> bool:
        return self.status != FATES[self.fate] or (self.fate == "answered" and self.bye != 200)

    @property
    def over(self) -> bool:
        return self.status >= 200 and (self.fate != "answered" or self.bye != 0)


class Crowd:
    """All of them. `due` does what is due; `heard` takes what has come; both say through `say`."""

    def __init__(self, carrier: Address, pbx: Address, proxy: Address, say: Callable[[int, bytes], None], run: str = "c") -> None:
        """say: (side, message); everything goes to the proxy."""
        self._addresses, self._proxy, self._say, self._run = (carrier, pbx), proxy, say, run
        self._legs: dict[bytes, Leg] = {}
        self._open: dict[bytes, Leg] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self.counts: Counter[str] = Counter()
        """Calls placed, by fate."""
        self.lost: list[Leg] = []
        self.resent = self.passed = 0

    def __len__(self) -> int:
        """Calls that are not over, and those that are remembered."""
        return len(self._legs)

    def legs(self) -> list[Leg]:
        """Those that are not over."""
        return list(self._open.values())

    def next(self) -> float | None:
        return self._due[0][0] if self._due else None

    def place(self, call: Call, fate: str, at: float, *, rings: float = 0.1, talks: float = 1.0, pause: float = 0.0) -> None:
        self._at(at, lambda now: self._begin(call, fate, rings, talks, pause, now))

    def due(self, now: float) -> None:
        due = self._due
        while due and due[0][0] <= now:
            heapq.heappop(due)[2](now)

    def heard(self, side: int, data: bytes, now: float) -> None:
        if data.startswith(b"OPTIONS "):
            self._say(side, answer(data, b"200 OK"))
            return
        leg = self._legs.get(value(data, b"Call-ID"))
        if leg is None:
            if side == PBX and data.startswith((b"BYE ", b"CANCEL ")):
                self._say(side, answer(data, b"200 OK"))
            return
        if data.startswith(b"SIP/2.0 "):
            if side == CARRIER:
                self._response(leg, data, now)
        elif side == PBX:
            self._request(leg, data, now)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._due, (when, self._number, act))

    # The callers

    def _begin(self, call: Call, fate: str, rings: float, talks: float, pause: float, now: float) -> None:
        self.counts[fate] += 1
        call_id = f"{self._run}.{sum(self.counts.values())}"
        leg = Leg(call, fate, rings, talks, pause, invite(call, self._addresses[CARRIER], self._proxy, call_id), call_id.encode(), now)
        self._legs[leg.call_id] = self._open[leg.call_id] = leg
        self._send(leg, b"INVITE", leg.invite, now, T1, now)
        if fate == "cancelled":
            self._at(now + rings, lambda now: self._cancel(leg, now))

    def _send(self, leg: Leg, method: bytes, data: bytes, now: float, pause: float, begun: float) -> None:
        """Send, and again until something was heard (timers A and E)."""
        if method in leg.heard or leg.ended:
            return
        if now - begun > LIFE:
            self._end(leg, now)
            return
        if now > begun:
            leg.resent += 1
        self._say(CARRIER, data)
        longer = pause * 2 if method == b"INVITE" else min(pause * 2, T2)
        self._at(now + pause, lambda now: self._send(leg, method, data, now, longer, begun))

    def _cancel(self, leg: Leg, now: float) -> None:
        if leg.status < 200:
            if b"INVITE" not in leg.heard:
                self._at(now + T1, lambda now: self._cancel(leg, now))  # not before a provisional (section 9.1)
                return
            leg.cancelling = True
            self._send(leg, b"CANCEL", self._after(leg, b"CANCEL", value(leg.invite, b"To")), now, T1, now)

    def _after(self, leg: Leg, method: bytes, to: bytes) -> bytes:
        """CANCEL, or the ACK of a failure: of the INVITE's own transaction."""
        target = leg.invite.split(b" ", 2)[1]
        return self._written(leg, method, target, value(leg.invite, b"Via"), to, 1)

    def _written(self, leg: Leg, method: bytes, target: bytes, via: bytes, to: bytes, number: int, route: bytes = b"") -> bytes:
        return (
            b"%s %s SIP/2.0\r\nVia: %s\r\n%sMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n"
            b"Content-Length: 0\r\n\r\n"
        ) % (method, target, via, route, value(leg.invite, b"From"), to, leg.call_id, number, method)  # fmt: skip

    def _response(self, leg: Leg, data: bytes, now: float) -> None:
        status, method = int(data[8:11]), value(data, b"CSeq").rpartition(b" ")[2]
        if method == b"INVITE":
            leg.heard.add(method)
            if status >= 300:
                self._at(now + (leg.pause if not leg.status else 0.0), lambda now: self._refused(leg, data))
                if not leg.status:
                    leg.status = status
                    self._at(now + leg.pause, lambda now: self._end(leg, now))
            elif status >= 200:
                self._answered(leg, data, now)
        elif status >= 200:
            leg.heard.add(method)
            if method == b"BYE" and not leg.bye:
                leg.bye = status
                self._end(leg, now)

    def _refused(self, leg: Leg, data: bytes) -> None:
        self._say(CARRIER, self._after(leg, b"ACK", value(data, b"To")))

    def _answered(self, leg: Leg, data: bytes, now: float) -> None:
        target = value(data, b"Contact").strip(b"<>")
        route = b"".join(b"Route: %s\r\n" % line for line in reversed(values(data, b"Record-Route")))
        me, to = str(self._addresses[CARRIER]).encode(), value(data, b"To")
        via = b"SIP/2.0/UDP %s;branch=z9hG4bK-%s%s"
        self._say(CARRIER, self._written(leg, b"ACK", target, via % (me, leg.call_id, b"-ack"), to, 1, route))
        if not leg.status:
            leg.status = 200
            bye = self._written(leg, b"BYE", target, via % (me, leg.call_id, b"-bye"), to, 2, route)
            self._at(now + leg.talks, lambda now: self._send(leg, b"BYE", bye, now, T1, now))

    def _end(self, leg: Leg, now: float) -> None:
        if leg.ended:
            return
        leg.ended = now
        del self._open[leg.call_id]
        self.resent += leg.resent
        self.passed += leg.passed
        if leg.lost:
            self.lost.append(leg)
        # Whoever repeats himself meanwhile is heard.
        self._at(now + LIFE, lambda now: self._forget(leg))

    def _forget(self, leg: Leg) -> None:
        self._legs.pop(leg.call_id, None)

    # Those who are called

    def _request(self, leg: Leg, data: bytes, now: float) -> None:
        if data.startswith(b"INVITE "):
            self._called(leg, data, now)
        elif data.startswith(b"ACK "):
            leg.acked = True
        elif data.startswith(b"BYE "):
            self._say(PBX, answer(data, b"200 OK"))
        elif data.startswith(b"CANCEL "):
            self._say(PBX, answer(data, b"200 OK"))
            if leg.reply and leg.reply.startswith(b"SIP/2.0 1"):
                leg.reply = b""
                final = b"SIP/2.0 487 Request Terminated" + leg.via
                self._at(now + GIVES_UP, lambda now: self._final(leg, final, T1, now, now))

    def _called(self, leg: Leg, data: bytes, now: float) -> None:
        if leg.via:
            if leg.reply:
                self._say(PBX, leg.reply)  # it came again
            return
        contact = CONTACT % str(self._addresses[PBX]).encode()
        ringing = answer(data, b"180 Ringing", contact)
        leg.via = ringing.removeprefix(b"SIP/2.0 180 Ringing")
        if leg.fate == "silent":
            return
        if leg.fate in ("busy", "rejected"):
            final = b"486 Busy Here" if leg.fate == "busy" else b"480 Temporarily Unavailable"
            self._final(leg, answer(data, final), T1, now, now)
            return
        leg.reply = ringing
        self._say(PBX, ringing)
        if leg.fate == "answered":
            final = answer(data, b"200 OK", contact, SDP)
            self._at(now + leg.rings, lambda now: self._final(leg, final, T1, now, now))

    def _final(self, leg: Leg, final: bytes, pause: float, begun: float, now: float) -> None:
        """A final, again until its ACK comes (sections 13.3.1.4 and 17.2.1)."""
        if leg.acked or now - begun > LIFE:
            return
        leg.reply = final
        self._say(PBX, final)
        self._at(now + pause, lambda now: self._final(leg, final, min(pause * 2, T2), begun, now))
