"""What one process has for another: datagrams that belong to somebody else, ends of calls, rows of the journal, wanted
certificates, news of peers, the operator's orders.

Unix sockets that keep records apart (SOCK_SEQPACKET: the queue of a datagram socket holds ten), made before the first
fork and held by the supervisor, so that what is sent to a worker which has just died waits for its successor. Nothing
here ever waits: what does not fit is dropped and counted.
"""

from __future__ import annotations

import asyncio
import marshal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, TypeVar

from certs.fetch import Fetched, FetchError
from proxy.sip.flow import Flow
from proxy.storage.journal import MAX_WAITING, Health
from proxy.storage.rows import End, Item, Note, Row

_Named = TypeVar("_Named", bound=tuple[bytes, *tuple[float, ...]])

MAX_RECORD = 256 * 1024
BATCH = 100
"""Rows of one record at most."""
RECORD = 64 * 1024
"""Octets from which on a record holds no further row: one that is as long as a datagram still fits."""
MAX_OCTETS = 64 * 1024 * 1024
"""Of rows that wait. Nearly all are of half a kilobyte, but a Call-ID may be as long as its sender likes."""
BEAT = 0.2
"""Seconds between two looks at the rows that wait: each costs both processes a cold start."""
FETCH_SECONDS = 10.0
"""How long a worker waits for the desk: longer than any fetch may take."""
MAX_FETCHES = 256

DATAGRAM, ENDED, ROWS, WANTED, FETCHED = b"D", b"E", b"R", b"W", b"F"
MOVED, SHOWN, BEGUN, WELCOME, ORDER, CLOCK = b"M", b"S", b"B", b"L", b"O", b"C"
CARRIED, WAYS, ASKED, SOUGHT = b"T", b"Y", b"A", b"N"
"""A target of a peer has changed; what the operator sees of the peers; a worker begins, and is told what the others
know; an order to a peer; the lab's clock is set. A message that is to leave by a connection of the reader's; who is
reached by connections of the writer's, or no more; the writer asks for that. A request that came by a connection, and
whose transaction is sought among the workers."""
RETIRE, OPEN, KEEP, LEGACY = b"Q", b"P", b"K", b"G"
"""A worker reads the public sockets no more; calls that are up pass to the next generation; a worker writes down what
it knows of callers; what the desk knew of the peers.
"""


class Line:
    """One way to one process: any process may write, that one reads."""

    def __init__(self, ends: tuple[socket.socket, socket.socket] | None = None) -> None:
        """ends: inlet and outlet of a way that is there already."""
        self.inlet, self.outlet = ends or socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for one in (self.inlet, self.outlet):
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)

    def close(self) -> None:
        """Both ends."""
        self.inlet.close()
        self.outlet.close()

    def send(self, kind: bytes, value: Any) -> bool:
        """Hand a record over; False where it did not fit."""
        try:
            self.inlet.send(kind + (value if isinstance(value, bytes) else marshal.dumps(value)))
        except (BlockingIOError, InterruptedError, OSError):
            return False
        return True

    def read(self, take: Callable[[bytes, bytes], None], most: int = 64) -> None:
        """Everything that has arrived, `most` records at a time."""
        for _ in range(most):
            try:
                record = self.outlet.recv(MAX_RECORD)
            except (BlockingIOError, InterruptedError, OSError):
                return
            if not record:
                return
            take(record[:1], record[1:])


class Door:
    """A way on which one process is given connections that came to others."""

    def __init__(self) -> None:
        self.inlet, self.outlet = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for one in (self.inlet, self.outlet):
            one.setblocking(False)

    def close(self) -> None:
        """Both ends."""
        self.inlet.close()
        self.outlet.close()

    def send(self, listener: int, taken: socket.socket) -> bool:
        """Give a connection of this listener; False where it did not fit. The giver's own descriptor stays his."""
        try:
            socket.send_fds(self.inlet, [bytes((listener,))], [taken.fileno()])
        except (BlockingIOError, InterruptedError, OSError):
            return False
        return True

    def read(self, take: Callable[[int, socket.socket], None]) -> None:
        """Every connection that was given, with the listener that it came to."""
        for _ in range(BATCH):
            try:
                record, descriptors, _, _ = socket.recv_fds(self.outlet, 1, 1)
            except (BlockingIOError, InterruptedError, OSError):
                return
            for descriptor in descriptors:
                take(record[0], socket.socket(fileno=descriptor))
            if not record:
                return


def wrapped(data: bytes, flow: Flow) -> bytes:
    """A datagram with where it came from and where it arrived."""
    host = flow.host.encode("ascii")
    return bytes((flow.listener, len(host))) + host + flow.port.to_bytes(2, "big") + data


def unwrapped(record: bytes) -> tuple[bytes, Flow]:
    end = 2 + record[1]
    port = int.from_bytes(record[end : end + 2], "big")
    return record[end + 2 :], Flow(record[0], record[2:end].decode("ascii"), port)


def batches(rows: Iterable[_Named]) -> Iterator[list[_Named]]:
    """Rows that begin with a Call-ID, as many at a time as a record holds: it may be nearly as long as a datagram."""
    batch: list[_Named] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row[0]) + 32  # and its times
        if size >= RECORD:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


KINDS: dict[str, type[Row] | type[End] | type[Note]] = {one.__name__: one for one in (Row, End, Note)}


class Outbox:
    """Rows of the journal on their way to another process."""

    def __init__(self, line: Line, bound: int = MAX_WAITING) -> None:
        self.handed = 0
        """Rows that were handed over."""
        self.refused = 0
        """Rows that were not, because too many waited."""
        self._line, self._bound = line, bound
        self._queue: deque[bytes] = deque()
        self._octets = 0
        """Of the rows that wait."""
        self._handle: asyncio.TimerHandle | None = None

    def put(self, row: Item) -> None:
        """Hand over a row: never waits, never raises; dropped and counted when too many wait already."""
        try:
            octets = marshal.dumps((type(row).__name__, tuple(row)))
        except ValueError:  # a fault of ours: the turn of the call that it tells of goes on
            self.refused += 1
        else:
            self._wait(octets)

    def _wait(self, octets: bytes) -> None:
        """A row waits for the next beat."""
        if len(self._queue) >= self._bound or self._octets + len(octets) > MAX_OCTETS:
            self.refused += 1
            return
        self._queue.append(octets)
        self._octets += len(octets)
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(BEAT, self._flush)

    def _flush(self) -> None:
        self._handle = None
        if not self._sent():
            self._handle = asyncio.get_running_loop().call_later(BEAT, self._flush)

    def _sent(self) -> bool:
        """Hand over what waits; False where not all of it fits now."""
        queue = self._queue
        while queue:
            batch: list[bytes] = []
            size = 0
            while queue and size < RECORD and len(batch) < BATCH:
                batch.append(queue.popleft())
                size += len(batch[-1])
            if not self._line.send(ROWS, batch):
                queue.extendleft(reversed(batch))
                return False
            self._octets -= size
            self.handed += len(batch)
        return True

    def _give_up(self) -> None:
        """What waits is lost."""
        self.refused += len(self._queue)
        self._queue.clear()
        self._octets = 0

    def _quiet(self) -> None:
        """No timer is left."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class RemoteJournal(Outbox):
    """The journal of a worker: its rows go to the desk. The same verbs as `Journal`."""

    def health(self) -> Health:
        return Health(True, "", self.handed, self.refused, len(self._queue))

    def close(self) -> None:
        self._quiet()
        if not self._sent():
            self._give_up()


def packed_rows(record: bytes) -> list[bytes]:
    """The rows that a worker sent, each still packed."""
    # An older version packs all rows of a record at once.
    return [one if isinstance(one, bytes) else marshal.dumps(one) for one in marshal.loads(record)]


def rows_of(record: bytes) -> list[Item]:
    """The rows that a worker sent."""
    return [_row(one) for one in packed_rows(record)]


def _row(octets: bytes) -> Item:
    kind, values = marshal.loads(octets)
    return KINDS[kind]._make(values)


class RemoteFetch:
    """Certificates are fetched by the desk: once for all workers."""

    def __init__(self, desk: Line, worker: int) -> None:
        self._desk, self._worker = desk, worker
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Fetched]] = {}

    async def fetch(self, url: str) -> Fetched:
        """As `Fetcher.fetch`. Raises FetchError."""
        if len(self._waiting) >= MAX_FETCHES:
            raise FetchError("busy", "too many certificates are wanted at once")
        number = next(self._numbers)
        found: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self._waiting[number] = found
        try:
            if not self._desk.send(WANTED, (number, self._worker, url)):
                raise FetchError("busy", "the desk does not listen")
            async with asyncio.timeout(FETCH_SECONDS):
                return await found
        except TimeoutError:
            raise FetchError("timeout", "the desk does not answer") from None
        finally:
            del self._waiting[number]

    def arrived(self, record: bytes) -> None:
        """What the desk sent."""
        number, data, slug, why = marshal.loads(record)
        found = self._waiting.get(number)
        if found is not None and not found.done():
            if slug:
                found.set_exception(FetchError(slug, why))
            else:
                found.set_result(Fetched._make(data))

    async def close(self) -> None:
        """Nothing is kept here."""
