"""One TCP or TLS connection: octets to messages, messages to octets, and the reasons why it must end.

asyncio (uvloop) does the reading, the writing and the handshake. Whom the messages go to, and which connection serves
whom, is known by its home (`proxy.transports.stream`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from proxy.sip.flow import Flow
from proxy.sip.framing import PONG, Framer, FramingError
from proxy.transports.bounds import Bounds

if TYPE_CHECKING:
    from proxy.transports.stream import Streams

BATCH = 32
"""Messages taken at one turn before timers and other sockets get theirs; as of a UDP socket."""
HIGH_WATER = 64 * 1024
"""Octets not yet taken by the peer from which on it counts as stalled, if it takes no more."""
PARTING_SECONDS = 2.0
"""How long a connection that we end may take to bring out what was written last."""


class Connection(asyncio.Protocol):
    """A stream of messages to and from one peer."""

    __slots__ = (
        "_begun", "_ends", "_framer", "_heard", "_home", "_made", "_queue", "_queued", "_stalled", "_transport",
        "flow", "ours", "proved", "task", "why",
    )  # fmt: skip

    def __init__(self, home: Streams, flow: Flow, ours: bool, now: float) -> None:
        """ours: we opened it."""
        self._home = home
        self.flow = flow
        self.ours = ours
        self.why = ""
        """Why it ends, once it does; nothing is sent by it any more."""
        self.proved = ours
        """It brought a whole message or a ping."""
        self.task: asyncio.Task[None] | None = None
        """Who makes the connection."""
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._queue: list[bytes] = []
        self._queued = 0
        self._made = self._heard = now
        self._begun: float | None = None
        """When the message began that is not complete yet."""
        self._stalled: float | None = None
        self._ends = 0.0

    @property
    def half_way(self) -> bool:
        """A message has begun that is not whole."""
        return self._begun is not None

    @property
    def waiting(self) -> int:
        """Messages that wait for it to stand."""
        return len(self._queue)

    def quiet(self, now: float) -> float:
        """Seconds since it brought anything whole."""
        return now - self._heard

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have its methods, but are none by inheritance.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._heard = self._home.now()
        if self.why or not self._home.ready(self, transport):
            self.why = self.why or "identity"
            transport.abort()
            return
        queue, self._queue, self._queued = self._queue, [], 0
        if queue:
            transport.writelines(queue)

    def data_received(self, data: bytes) -> None:
        if not self.why:
            self._framer.feed(data)
            self._take()

    def pause_writing(self) -> None:
        self._stalled = self._home.now()

    def resume_writing(self) -> None:
        self._stalled = None

    def connection_lost(self, error: Exception | None) -> None:
        self.why = self.why or ("broken" if error is not None else "closed")
        self._home.gone(self)

    # Messages in

    def _take(self) -> None:
        framer, home = self._framer, self._home
        pings = framer.pings
        messages: list[bytes] = []
        fault: FramingError | None = None
        try:
            while len(messages) < BATCH and (message := framer.next()) is not None:
                messages.append(message)
        except FramingError as error:
            fault = error
        now = home.now()
        if framer.pings != pings:
            self.send(PONG)
        if messages or framer.pings != pings:
            self._heard = now
            if not self.proved:
                self.proved = True
                home.proved(self)
        if not len(framer):
            self._begun = None
        elif messages or self._begun is None:
            self._begun = now
        if messages:
            home.take(messages, self.flow)
        if fault is not None:
            self._misframed(fault, "framing")
        elif len(messages) == BATCH and self._transport is not None and not self.why:
            self._transport.pause_reading()
            home.loop.call_soon(self._more)

    def _more(self) -> None:
        if self.why or self._transport is None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._take()

    def _misframed(self, fault: FramingError, why: str) -> None:
        if self._home.misframed(fault, self.flow):
            # Somebody took it as it was: its answers go by this connection, but nothing more is read from it.
            if self._transport is not None and not self._transport.is_closing():
                self._transport.pause_reading()
            self._begun = None
        else:
            self.end(why)

    # Messages out

    def send(self, octets: bytes) -> bool:
        """Write, or keep until it is open; False, and the connection ends, where the peer does not take what is there
        for it.
        """
        if self.why:
            return False
        limit = self._home.room.bounds.unsent
        transport = self._transport
        if transport is None:
            self._queued += len(octets)
            if self._queued > limit:
                self.end("unread", at_once=True)
                return False
            self._queue.append(octets)
            return True
        if transport.is_closing():
            return False
        transport.write(octets)
        if self._stalled is not None and transport.get_write_buffer_size() > limit:
            self.end("unread", at_once=True)
            return False
        return True

    # The end

    def end(self, why: str, at_once: bool = False) -> None:
        """End it: with what was written before, or at once."""
        if not self.why:
            self.why = why
            self._ends = self._home.now() + PARTING_SECONDS
        if self._transport is None:
            if self.task is not None:
                self.task.cancel()
        elif at_once:
            self._transport.abort()
        else:
            self._transport.close()

    def look(self, now: float, bounds: Bounds) -> bool:
        """End it if it has taken too long over something; True where it did."""
        if self.why:
            if now <= self._ends or self._transport is None:
                return False
            self._transport.abort()
            self._ends = now + PARTING_SECONDS
            return True
        if self._transport is None:
            return False  # who makes it has a deadline
        if self._stalled is not None and now - self._stalled > bounds.stalled:
            self.end("unread", at_once=True)
        elif self._begun is not None and now - self._begun > bounds.message:
            self._misframed(self._framer.late(), "slow")
        elif not self.proved and now - self._made > bounds.first:
            self.end("silent")
        elif now - self._heard > bounds.idle:
            self.end("idle")
        else:
            return False
        return True
