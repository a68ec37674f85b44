"""TCP and TLS: one listening address, the connections that came by it and those that we opened from it.

A response goes back by the connection of its request; where that is gone, and for a request, a connection to the
address and port serves, and else a new one is opened (RFC 3261 section 18). A connection that came to us serves
requests only to the very address and port that it came from (SIP-104).

A peer costs a bounded connection and nothing else (`proxy.transports.bounds`). Nothing here waits on behalf of a call:
what is sent to a peer that is still being connected is kept, within bounds, and told as failed if it comes to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.framing import FramingError
from proxy.transports.bounds import Bounds, Room
from proxy.transports.connection import Connection
from proxy.transports.tls import Tls, belongs

BACKLOG = 1024
"""Connections that the system may hold for us until we take them; it may cap it."""
ACCEPTS = 16
"""Connections taken at one wake-up."""
REST_SECONDS = 0.1
"""Pause before taking connections again when the system has no file descriptor left."""
SWEEP_SECONDS = 1.0
"""How often it is looked who has taken too long."""
ENDS = 32
"""Connections ended at one look, and AGAIN_SECONDS to the next look where there may be more: a thousand that came
together do not hold up the calls when they go together.
"""
AGAIN_SECONDS = 0.01
IP_BIND_ADDRESS_NO_PORT = 24
"""Of Linux (ip(7)); the socket module does not name it."""

Count = Callable[[str, str], None]
"""Told what happens: `begun` with in or out, `refused` with why, `ended` with why."""


class Streams:
    """One TCP or TLS listener, with its connections both ways."""

    def __init__(
        self,
        listener: Listener,
        index: int,
        *,
        tls: Tls | None = None,
        bound: socket.socket | None = None,
        room: Room | None = None,
        now: Callable[[], float] | None = None,
        domain: Callable[[Flow], str] = lambda flow: "",
        count: Count = lambda what, why: None,
        deal: Callable[[socket.socket], bool] = lambda taken: False,
        carry: Callable[[bytes, Flow], bool] = lambda data, flow: False,
        share: Callable[[Flow, bool], None] = lambda flow, there: None,
    ) -> None:
        """Binds at once. tls: None for plain TCP; bound: a socket that is this listener's already; room: shared by all
        listeners. domain: the name that a peer was looked up by, which its certificate must be of (RFC 5922 section
        7.2); empty: its address. deal: gives a connection that came to another process, and says whether it did.
        carry: has a message sent by a connection of another process, and says whether there is one. share: told that
        somebody can be reached by a connection that came to us, or no more. Raises OSError.
        """
        address = ipaddress.ip_address(listener.host.strip("[]"))
        self.listener, self.index = listener, index
        self.room = room if room is not None else Room(Bounds())
        self.dropped = 0
        """Messages that could not be sent."""
        self.now = now or asyncio.get_running_loop().time
        self._tls, self._domain, self._count, self._deal = tls, domain, count, deal
        self._carry, self._share = carry, share
        self._family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self._local = "" if address.is_unspecified else str(address)
        self._open: dict[int, Connection] = {}
        self._ways: dict[tuple[str, int], Connection] = {}
        """Which connection takes what is sent to an address and port."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._resting = False
        self._take: Callable[[list[bytes], Flow], None] = lambda messages, flow: None
        self._failed: Callable[[Flow], None] = lambda flow: None
        self._broken: Callable[[bytes, Flow, ParseError], bool] = lambda octets, flow, error: False
        if bound is not None:
            self.socket = bound
            return
        self.socket = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if address.version == 6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.bind((str(address), listener.port))
        except BaseException:
            self.socket.close()
            raise

    def __len__(self) -> int:
        """Connections, those under way too."""
        return len(self._open)

    @property
    def port(self) -> int:
        """The bound port: the one that the kernel chose, where the settings say 0."""
        return int(self.socket.getsockname()[1])

    async def start(
        self,
        take: Callable[[list[bytes], Flow], None],
        failed: Callable[[Flow], None],
        broken: Callable[[bytes, Flow, ParseError], bool],
    ) -> None:
        """Accept (unless it rests already) and read. take: whole messages of one connection; failed: nothing can be
        sent to this flow; broken: a stream that cannot be followed any further, with what is left of it; True: that was
        taken all the same, and is answered by this connection.
        """
        self._take, self._failed, self._broken = take, failed, broken
        self.loop = asyncio.get_running_loop()
        if not self._resting:
            self.socket.setblocking(False)
            self.socket.listen(BACKLOG)
            self.loop.add_reader(self.socket, self._accept)
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._swept)

    def rest(self) -> None:
        """Take no more connections, also where it has not begun; those that are there stay."""
        self._resting = True
        if self._sweeper is not None:
            self.loop.remove_reader(self.socket)

    def let_go(self, busy: Callable[[Flow], bool], seconds: float) -> None:
        """End the connections that brought nothing for so long and that nobody waits for."""
        now = self.now()
        for connection in tuple(self._open.values()):
            if not connection.why and connection.quiet(now) >= seconds and not busy(connection.flow):
                connection.end("idle")

    def close(self) -> None:
        """Close everything; what is in flight is lost, as with any stop."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
            self.loop.remove_reader(self.socket)
        self.socket.close()
        for connection in tuple(self._open.values()):
            connection.end("stopped", at_once=True)
        for task in self._tasks:
            task.cancel()

    # Out

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send by the flow's connection, by another one to the same address, or by a new one.

        False: it cannot be sent. What fails later is told to `failed`.
        """
        found = self._open.get(flow.connection) if flow.connection else None
        if found is None or found.why:
            found = self._ways.get((flow.host, flow.port))
        if found is None or found.why:
            if self._carry(data, flow):
                return True
            found = self._opened(flow.host, flow.port)
        if found is not None and found.send(data):
            return True
        self.dropped += 1
        return False

    def carried(self, data: bytes, flow: Flow) -> bool:
        """Send what another process has for somebody who has connected to us; False where he is gone."""
        found = self._ways.get((flow.host, flow.port))
        return found is not None and not found.why and found.send(data)

    @property
    def ways(self) -> list[Flow]:
        """Whom we reach by connections that came to us, and that have brought a message."""
        return [plain(one.flow) for one in self._ways.values() if not one.ours and one.proved and not one.why]

    async def reach(self, flow: Flow) -> bool:
        """Whether a connection to an address can be had. One that is opened for that stays, for what is sent later."""
        found = self._ways.get((flow.host, flow.port)) or self._opened(flow.host, flow.port)
        if found is None:
            return False
        await asyncio.sleep(0)  # who makes it has begun then
        if found.task is not None:
            await asyncio.wait((found.task,))
        return not found.why

    def _opened(self, host: str, port: int) -> Connection | None:
        """A connection that is being opened; None where it must not be."""
        if not self._fit(host, port):
            return None
        known = self.room.knows(host, port)
        if why := self.room.refuses(host, True, known):
            self._count("refused", why)
            return None
        connection = self._entered(host, port, True, known)
        self._ways[host, port] = connection
        self._spawn(self._connect(connection), "connect")
        return connection

    def _fit(self, host: str, port: int) -> bool:
        """One host of our family, and not ourselves: ports and addresses of the wire come this far and no further."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        if address.version != (6 if self._family == socket.AF_INET6 else 4) or not 0 < port < 65_536:
            return False
        if address.is_multicast or address.is_unspecified or host == "255.255.255.255":
            return False
        return (host, port) != (self._local, self.port)

    async def _connect(self, connection: Connection) -> None:
        connection.task = asyncio.current_task()
        host, port = connection.flow.host, connection.flow.port
        made: socket.socket | None = None
        try:
            made = socket.socket(self._family, socket.SOCK_STREAM)
            made.setblocking(False)
            if self._local:
                # From the address that we listen on: the peer knows us by it. The port is chosen when the peer is
                # known, so that many connections may share one port of ours.
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                made.bind((self._local, 0))
            secure: dict[str, Any] = {}
            if self._tls is not None:
                domain = self._domain(plain(connection.flow)) or host
                secure = {"ssl": self._tls.client, "server_hostname": domain}
            async with asyncio.timeout(self.room.bounds.connect):
                await self.loop.sock_connect(made, (host, port))
                await self._given(self.loop.create_connection(lambda: connection, sock=made, **secure), made)
        except BaseException as error:
            if made is not None:
                made.close()
            connection.why = connection.why or "connect"
            self.gone(connection)
            if not isinstance(error, OSError | TimeoutError | ValueError):
                raise

    # In

    def _accept(self) -> None:
        for _ in range(ACCEPTS):
            try:
                taken, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    continue  # it was gone before we took it
                self._count("refused", "files")
                if not self.room.evict():
                    self.loop.remove_reader(self.socket)
                    self.loop.call_later(REST_SECONDS, self._accept_again)
                return
            if self._deal(taken):
                taken.close()  # ours of it; the other process has its own
            else:
                self.adopt(taken, address[0], address[1])

    def adopt(self, taken: socket.socket, host: str, port: int) -> None:
        """Serve a connection that has come, here or to another process."""
        known = self.room.knows(host, port)
        if why := self.room.refuses(host, False, known):
            self._count("refused", why)
            taken.close()
            return
        taken.setblocking(False)
        connection = self._entered(host, port, False, known)
        task = self._spawn(self._welcome(connection, taken), "accept")
        task.add_done_callback(lambda task: taken.close() if task.cancelled() else None)  # perhaps it never began

    def _accept_again(self) -> None:
        if self._sweeper is not None and not self._resting:
            self.loop.add_reader(self.socket, self._accept)

    async def _welcome(self, connection: Connection, taken: socket.socket) -> None:
        connection.task = asyncio.current_task()
        secure: dict[str, Any] = {}
        if self._tls is not None:
            secure = {"ssl": self._tls.server, "ssl_handshake_timeout": self.room.bounds.first}
        try:
            if connection.why:
                raise ConnectionAbortedError
            await self._given(self.loop.connect_accepted_socket(lambda: connection, taken, **secure), taken)
        except BaseException as error:
            taken.close()
            connection.why = connection.why or "handshake"
            self.gone(connection)
            if not isinstance(error, OSError | ValueError):
                raise

    async def _given(self, work: Coroutine[Any, Any, Any], taken: socket.socket) -> None:
        """Give a socket to the loop, for good. uvloop closes the descriptor of a connection that ends while it is made,
        and does not tell the socket, which would close it again: by then it is another connection's.
        """
        try:
            await work
        finally:
            if type(self.loop).__module__.startswith("uvloop"):
                taken.detach()

    # What connections tell

    def take(self, messages: list[bytes], flow: Flow) -> None:
        self._take(messages, flow)

    def misframed(self, fault: FramingError, flow: Flow) -> bool:
        return self._broken(fault.octets, flow, fault)

    def ready(self, connection: Connection, transport: asyncio.Transport) -> bool:
        """A connection is made, its handshake done: whether it is with whom it should be."""
        flow, tls = connection.flow, self._tls
        domain = self._domain(plain(flow)) if tls is not None else ""
        well = (
            tls is None
            or tls.settings.verify != "name"
            or not (connection.ours or domain)
            or belongs(transport.get_extra_info("peercert"), domain, flow.host)
        )
        if connection.ours:
            return well
        if well:
            # Whom we would have to connect to has connected to us. Anybody else's connection serves its answers.
            self._ways.setdefault((flow.host, flow.port), connection)
        return True

    def proved(self, connection: Connection) -> None:
        flow = connection.flow
        self.room.proved(flow.connection)
        if self._ways.get((flow.host, flow.port)) is connection:
            self._share(plain(flow), True)

    def gone(self, connection: Connection) -> None:
        """A connection is no more, or was never made."""
        flow = connection.flow
        if self._open.pop(flow.connection, None) is None:
            return
        self.room.leave(flow.connection, flow.host)
        self._count("ended", connection.why)
        self.dropped += connection.waiting
        if connection.why == "stopped":
            return
        if self._ways.get((flow.host, flow.port)) is connection:
            del self._ways[flow.host, flow.port]
            if not connection.ours and connection.proved:
                self._share(plain(flow), False)
            self._failed(plain(flow))
        self._failed(flow)

    def _entered(self, host: str, port: int, ours: bool, known: bool) -> Connection:
        number = next(self.room.ids)
        connection = Connection(self, Flow(self.index, host, port, number), ours, self.now())
        self._open[number] = connection
        self.room.enter(number, host, lambda: connection.end("evicted", at_once=True), ours, known)
        self._count("begun", "out" if ours else "in")
        return connection

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.loop.call_exception_handler({"message": "a connection could not be made", "exception": fault})

    def _sweep(self) -> bool:
        """End what has taken too long, ENDS of them; True where there may be more."""
        now, bounds, ended = self.now(), self.room.bounds, 0
        for connection in tuple(self._open.values()):
            ended += connection.look(now, bounds)
            if ended >= ENDS:
                return True
        return False

    def _swept(self) -> None:
        again = self._sweep()
        self._sweeper = self.loop.call_later(AGAIN_SECONDS if again else SWEEP_SECONDS, self._swept)


def plain(flow: Flow) -> Flow:
    """The flow to a peer by whatever connection: as a request that goes there has it."""
    return Flow(flow.listener, flow.host, flow.port)
