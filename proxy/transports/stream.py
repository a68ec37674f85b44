"""TCP and TLS: connections that come, connections that we open, and what they may cost (RFC 3261 section 18).

A peer costs a bounded connection and nothing else: how many there are, how long one may be silent or half-way through
a message, and how much may wait to be written to it all have limits. A connection is used for whatever goes to the
same address; a response goes back by the connection that its request came by, or by a new one where that is gone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.framing import Framer
from proxy.transports.tls import Tls

PONG = b"\r\n"
SWEEP_SECONDS = 1.0
"""How often connections are looked at for silence."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may cost; times in seconds."""

    connections: int = 4096
    """Open at one time, ours and theirs. A provider's trunks need tens; registered phones thousands."""
    per_source: int = 256
    """From one address: one address cannot use up the others' share."""
    connect: float = 3.0
    """Until a connection that we open must stand, TLS included."""
    handshake: float = 10.0
    """Until a TLS client must have shaken hands."""
    message: float = 16.0
    """From the first byte of a message to its last: a slow sender is cut off."""
    idle: float = 900.0
    """Without any whole message. Trunks ping more often than that."""
    unsent: int = 1024 * 1024
    """Octets that may wait to be written: a peer that does not read loses the connection."""


class Connection(asyncio.Protocol):
    """One stream to one peer."""

    def __init__(self, streams: Streams, number: int, target: Flow | None) -> None:
        self.number = number
        self.target = target
        """What we opened it for; None where the peer did."""
        self.flow = target or Flow(0, "", 0)
        self.since = streams.now()
        """When the message under way began, or when the last one was whole."""
        self.waiting: list[tuple[bytes, Flow]] = []
        """What is to be sent once it stands."""
        self.transport: asyncio.Transport | None = None
        self._streams = streams
        self._framer = Framer()

    @property
    def half_way(self) -> bool:
        return self._framer.partial

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = self.transport.get_extra_info("peername")
        if peer is None:
            self.transport.abort()
            return
        self.flow = Flow(self._streams.index, str(peer[0]).partition("%")[0], int(peer[1]), self.number)
        bare = self.transport.get_extra_info("socket")
        if bare is not None:
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams.opened(self)

    def data_received(self, data: bytes) -> None:
        streams, framer = self._streams, self._framer
        begun = framer.partial
        try:
            messages = framer.feed(data)
        except ParseError as error:
            streams.broken(self, framer.lost, error)
            return
        if framer.pings and self.transport is not None:
            self.write(PONG * min(framer.pings, 8))
            framer.pings = 0
        if messages or not begun:
            self.since = streams.now()
        if messages:
            streams.take(messages, self.flow)

    def write(self, data: bytes) -> bool:
        """Hand bytes over to be written; False when the peer has let too many wait already."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + len(data) > self._streams.bounds.unsent:
            self._streams.slow += 1
            transport.abort()
            return False
        transport.write(data)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.closed(self)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Streams:
    """One TCP or TLS listener, with its connections both ways."""

    def __init__(
        self,
        listener: Listener,
        index: int,
        *,
        tls: Tls | None = None,
        bound: socket.socket | None = None,
        bounds: Bounds = Bounds(),
        now: Callable[[], float] | None = None,
        domain: Callable[[Flow], str] = lambda flow: "",
    ) -> None:
        """Binds at once. tls: None for plain TCP; bound: a socket that is this listener's already.

        domain: the name that a peer was looked up by, which its certificate must be of (RFC 5922 section 7.2); empty:
        its address. Raises OSError.
        """
        self.listener = listener
        self.index = index
        self.bounds = bounds
        self.refused = 0
        """Connections that were turned away: there were too many."""
        self.slow = 0
        """Connections closed because the peer was too slow, in sending or in reading."""
        self.dropped = 0
        """Messages that could not be sent."""
        self.broken_streams = 0
        self.now = now or asyncio.get_running_loop().time
        self._tls, self._domain = tls, domain
        self._numbers = count(1)
        self._open: dict[int, Connection] = {}
        self._ways: dict[tuple[str, int], Connection] = {}
        """By the peer's address: whichever connection leads there."""
        self._sources: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._take: Callable[[list[bytes], Flow], None] = lambda messages, flow: None
        self._failed: Callable[[Flow], None] = lambda flow: None
        self._broken: Callable[[bytes, Flow, ParseError], None] = lambda head, flow, error: None
        address = ipaddress.ip_address(listener.host.strip("[]"))
        if bound is not None:
            self.socket = bound
            return
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.bind((str(address), listener.port))
        except BaseException:
            self.socket.close()
            raise

    def __len__(self) -> int:
        """Open connections, those under way too."""
        return len(self._open)

    @property
    def port(self) -> int:
        """The bound port: the one that the kernel chose, where the settings say 0."""
        return int(self.socket.getsockname()[1])

    async def start(
        self,
        take: Callable[[list[bytes], Flow], None],
        failed: Callable[[Flow], None],
        broken: Callable[[bytes, Flow, ParseError], None],
    ) -> None:
        """Accept and read. take: whole messages of one connection; failed: nothing can be sent to this flow; broken: a
        stream that cannot be followed any further, with the head that broke it if there is one.
        """
        self._take, self._failed, self._broken = take, failed, broken
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self, next(self._numbers), None),
            sock=self.socket,
            ssl=self._tls.server if self._tls is not None else None,
            ssl_handshake_timeout=self.bounds.handshake if self._tls is not None else None,
            backlog=1024,
        )
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)

    def close(self) -> None:
        """Close everything; what is in flight is lost, as with any stop."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._open.values()):
            connection.close()
        self.socket.close()

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send by the flow's connection, by another one to the same address, or by a new one.

        False: it cannot be sent. What fails later is told to `failed`.
        """
        connection = self._open.get(flow.connection) if flow.connection else None
        if connection is None:
            connection = self._ways.get((flow.host, flow.port))
        if connection is None:
            return self._connect(data, flow)
        if connection.transport is None:
            if sum(len(one) for one, _ in connection.waiting) + len(data) > self.bounds.unsent:
                self.dropped += 1
                return False
            connection.waiting.append((data, flow))
            return True
        if not connection.write(data):
            self.dropped += 1
            return False
        return True

    # What the connections report

    def take(self, messages: list[bytes], flow: Flow) -> None:
        self._take(messages, flow)

    def opened(self, connection: Connection) -> None:
        """A connection stands: it is counted, and what waited for it leaves."""
        flow = connection.flow
        if connection.target is None:
            if len(self._open) >= self.bounds.connections or self._sources[flow.host] >= self.bounds.per_source:
                self.refused += 1
                connection.flow = Flow(0, "", 0)
                connection.close()
                return
            self._sources[flow.host] += 1
            self._open[connection.number] = connection
        self._ways.setdefault((flow.host, flow.port), connection)
        connection.since = self.now()
        waiting, connection.waiting = connection.waiting, []
        for data, target in waiting:
            if not connection.write(data):
                self.dropped += 1
                self._failed(target)

    def closed(self, connection: Connection) -> None:
        """A connection is gone; what still waited for it has failed."""
        if self._open.pop(connection.number, None) is None:
            return
        flow, target = connection.flow, connection.target
        for address in ((flow.host, flow.port), (target.host, target.port) if target is not None else None):
            if address is not None and self._ways.get(address) is connection:
                del self._ways[address]
        if target is None:
            self._sources[flow.host] -= 1
            if not self._sources[flow.host]:
                del self._sources[flow.host]
        for _, waiting in connection.waiting:
            self._failed(waiting)
        if target is not None:
            self._failed(target)

    def broken(self, connection: Connection, head: bytes, error: ParseError) -> None:
        """Nothing can be read from it any more: an answer may still leave, then it is closed."""
        self.broken_streams += 1
        self._broken(head, connection.flow, error)
        if connection.transport is not None:
            connection.transport.close()

    # Opening

    def _connect(self, data: bytes, flow: Flow) -> bool:
        if len(self._open) >= self.bounds.connections:
            self.refused += 1
            self.dropped += 1
            return False
        target = Flow(flow.listener, flow.host, flow.port)
        connection = Connection(self, next(self._numbers), target)
        connection.waiting.append((data, flow))
        self._open[connection.number] = connection
        self._ways[flow.host, flow.port] = connection
        task = asyncio.get_running_loop().create_task(self._reach(connection, target), name="connect")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _reach(self, connection: Connection, target: Flow) -> None:
        loop = asyncio.get_running_loop()
        try:
            tls = self._tls.client if self._tls is not None else None
            async with asyncio.timeout(self.bounds.connect):
                # From the address that we listen on: the peer knows us by it. The port is the kernel's choice.
                await loop.create_connection(
                    lambda: connection,
                    target.host,
                    target.port,
                    ssl=tls,
                    server_hostname=self._domain(target) or target.host if tls is not None else None,
                    local_addr=(self.socket.getsockname()[0], 0),
                )
        except (OSError, TimeoutError, ValueError, ssl.SSLError):
            connection.close()
            self.dropped += len(connection.waiting)
            self.closed(connection)

    def _sweep(self) -> None:
        """Close what has been silent, or half-way through a message, for too long."""
        now, bounds = self.now(), self.bounds
        for connection in tuple(self._open.values()):
            if connection.transport is None:
                continue
            if now - connection.since > (bounds.message if connection.half_way else bounds.idle):
                self.slow += connection.half_way
                connection.close()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
