"""Asking peers how they are: OPTIONS to each target, and what its answer or its silence says.

Bytes and time in, bytes out, as the endpoint is: who owns the sockets sends what `due` gives, hands over the responses
that belong to no call (`heard`), and comes back at `next`. A ping is a client transaction of its own for two seconds
(RFC 3261 section 17.1.2 with a shorter end): it is sent again until an answer comes. Any answer proves that somebody is
there, but 503 and those that a proxy gives for a dead server behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.peers import Directory, Target, machine
from proxy.peers.choice import Draw
from proxy.routes import retry_after
from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Response
from proxy.sip.routing import hostport

T1 = 0.5
"""Seconds to the first repetition; doubled each time."""
PATIENCE = 2.0
"""Seconds that an answer may take."""
DOUBT = 1.0
"""Seconds between two pings while it is not sure how a target is, and while one rises."""
DEAD = 3.0
"""Seconds between two pings to a target that is down."""
SPREAD = 0.2
"""By this share the pauses differ, so that many targets are not asked at one moment."""
UNWELL = frozenset((408, 502, 503, 504))


@dataclass(slots=True)
class Ping:
    """One that is under way."""

    target: Target
    flow: Flow
    data: bytes
    sent: float
    again: float
    """When it is sent again."""
    pause: float = T1


class Pinger:
    """The pings of one process."""

    def __init__(
        self,
        directory: Directory,
        listeners: Sequence[Listener],
        outlet: Callable[[Target], Flow | None],
        branch: Callable[[], str],
        draw: Draw,
        seconds: float = 10.0,
    ) -> None:
        """branch: an unguessable token, as the endpoint takes for its branches. seconds: between two pings to a target
        that is well; 0: none at all are sent.
        """
        self._directory, self._listeners, self._outlet = directory, listeners, outlet
        self._branch, self._draw, self._seconds = branch, draw, seconds
        self._open: dict[str, Ping] = {}
        self._busy: dict[Target, str] = {}
        """The branch of the ping that is under way."""
        self._after: dict[Target, tuple[float, float]] = {}
        """When the last ping of a target ended, and by what its next pause is stretched."""
        self._number = 0

    def due(self, now: float) -> list[tuple[bytes, Flow]]:
        """What is to be sent now; pings that got no answer in time are over."""
        if not self._seconds:
            return []
        out: list[tuple[bytes, Flow]] = []
        for branch, ping in list(self._open.items()):
            if now >= ping.sent + PATIENCE:
                self._end(branch, now)
                self._directory.ill(ping.target, "silence", now, ping.sent, call=False)
            elif now >= ping.again and ping.flow.connection == 0 and ping.target.transport == "UDP":
                ping.pause *= 2
                ping.again = now + ping.pause
                out.append((ping.data, ping.flow))
        pinged = self._directory.pinged()
        for target, (health, name) in pinged.items():
            if target in self._busy or now < self._at(target, health.state, now):
                continue
            if (flow := self._outlet(target)) is None:
                continue
            branch = self._branch()
            ping = Ping(target, flow, self._options(target, flow, name, branch), now, now + T1)
            self._open[branch] = ping
            self._busy[target] = branch
            out.append((ping.data, flow))
        for target in [target for target in self._after if target not in pinged]:
            del self._after[target]
        return out

    def next(self, now: float) -> float | None:
        """When `due` wants to be asked again, or sooner if a state changes; None while there is nobody to ask."""
        if not self._seconds:
            return None
        times = [min(ping.again, ping.sent + PATIENCE) for ping in self._open.values()]
        times += [
            self._at(target, health.state, now)
            for target, (health, _) in self._directory.pinged().items()
            if target not in self._busy and self._outlet(target) is not None
        ]
        return min(times, default=None)

    def heard(self, response: Response, now: float) -> bool:
        """Take a response that belongs to no call; whether it was the answer to a ping."""
        try:
            branch = response.via.branch.removeprefix("z9hG4bK")
            ping = self._open.get(branch)
            if ping is None or response.cseq.method != "OPTIONS":
                return False
        except ParseError:
            return False
        if response.status < 200:
            return True
        self._end(branch, now)
        if response.status in UNWELL:
            rest = retry_after(response) if response.status == 503 else 0.0
            self._directory.ill(ping.target, str(response.status), now, ping.sent, call=False, retry_after=rest)
        else:
            self._directory.well(ping.target, now, call=False, round_trip=now - ping.sent)
        return True

    def failed(self, flow: Flow, now: float) -> None:
        """Nothing could be sent to this flow."""
        for branch, ping in list(self._open.items()):
            if ping.flow == flow:
                self._end(branch, now)
                self._directory.ill(ping.target, "transport", now, ping.sent, call=False)

    def _end(self, branch: str, now: float) -> None:
        ping = self._open.pop(branch)
        self._busy.pop(ping.target, None)
        self._after[ping.target] = (now, 1.0 + SPREAD * (self._draw() - 0.5))

    def _at(self, target: Target, state: str, now: float) -> float:
        """When a target is asked the next time: soon after it came into being, and by its state from then on."""
        if (after := self._after.get(target)) is None:
            after = self._after[target] = (now - DOUBT, self._draw())
        pause = {machine.UP: self._seconds, machine.HELD: self._seconds, machine.DOWN: DEAD}.get(state, DOUBT)
        return after[0] + min(pause, self._seconds) * after[1]

    def _options(self, target: Target, flow: Flow, name: str, branch: str) -> bytes:
        """RFC 3261 section 11.1."""
        self._number += 1
        mine = self._listeners[flow.listener]
        me = hostport(mine.advertised_host, mine.advertised_port)
        where = name.encode("ascii", "replace") if name else hostport(target.host, target.port)
        token = branch.encode()
        uri = b"sips:" + where if target.transport in ("TLS", "WSS") else b"sip:" + where
        if target.transport in ("TCP", "WS"):
            uri += b";transport=" + target.transport.lower().encode()
        return b"\r\n".join(
            (
                b"OPTIONS " + uri + b" SIP/2.0",
                b"Via: SIP/2.0/" + target.transport.encode() + b" " + me + b";branch=z9hG4bK" + token,
                b"Max-Forwards: 70",
                b"From: <sip:ping@" + me + b">;tag=" + token[:16],
                b"To: <" + uri + b">",
                b"Call-ID: " + token,
                b"CSeq: %d OPTIONS" % self._number,
                b"Contact: <sip:" + me + b">",
                b"Accept: application/sdp",
                b"Content-Length: 0",
                b"",
                b"",
            )
        )
