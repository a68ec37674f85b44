"""One worker's place: which number it has, which sockets are its own, what it shares with the others."""

from __future__ import annotations

import asyncio
import marshal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proxy.sip.flow import Flow
from proxy.workers.legacy import Elder
from proxy.workers.links import DATAGRAM, ENDED, FETCHED, Door, Line, RemoteFetch, RemoteJournal, unwrapped, wrapped
from proxy.workers.shared import Shared
from proxy.workers.steering import owner


@dataclass(slots=True)
class Seat:
    """What a worker is given before it starts."""

    number: int
    workers: int
    sockets: Sequence[socket.socket]
    """Its socket for each listener, bound."""
    shared: Shared
    lines: Sequence[Line]
    """To each worker."""
    desk: Line
    doors: Sequence[Door] = ()
    """To each worker, for connections."""
    dealt: int = 0
    """Connections that were given to others."""
    came: dict[int, int] = field(default_factory=dict)
    """Listener -> connections that came to it here."""
    handed: int = 0
    """Datagrams that were given to their owner."""
    elder: Elder | None = None
    """The generation before, while it lives."""
    lost: int = 0
    """Records that did not fit."""

    def journal(self) -> RemoteJournal:
        return RemoteJournal(self.desk)

    def fetch(self) -> RemoteFetch:
        return RemoteFetch(self.desk, self.number)

    def elsewhere(self, data: bytes, flow: Flow) -> bool:
        """Hand a datagram to the worker that it belongs to; False where that is this one, or nobody."""
        whose = owner(data, self.workers)
        if (elder := self.elder) is not None and elder.takes(data, flow, self.number if whose is None else whose):
            return True
        if whose is None or whose == self.number:
            return False
        if not self.lines[whose].send(DATAGRAM, wrapped(data, flow)):
            self.lost += 1
            return False  # better answered here without its state than not at all
        self.handed += 1
        return True

    def deal(self, listener: int, taken: socket.socket) -> bool:
        """Give a connection to the worker whose turn it is; False where it is ours, or could not be given.

        The kernel chooses by chance who accepts: of eight connections one worker may have seven. Each deals what comes
        to it in turn, itself first, so that in the end all have as many but for one or two.
        """
        count = self.came[listener] = self.came.get(listener, -1) + 1
        whose = (self.number + count) % self.workers
        if whose == self.number or not self.doors or not self.doors[whose].send(listener, taken):
            return False
        self.dealt += 1
        return True

    def ended(self, worker: int, call_id: bytes, utc: float) -> None:
        """Tell the worker that a call of its own is over."""
        if worker < self.workers and not self.lines[worker].send(ENDED, marshal.dumps((call_id, utc))):
            self.lost += 1

    def tell(self, kind: bytes, value: Any) -> None:
        """Tell all other workers something."""
        record = marshal.dumps(value)
        for number, line in enumerate(self.lines):
            if number != self.number and not line.send(kind, record):
                self.lost += 1

    def report(self, kind: bytes, value: Any) -> None:
        """Tell the desk something."""
        if not self.desk.send(kind, marshal.dumps(value)):
            self.lost += 1

    def listen(
        self,
        fetch: RemoteFetch | None,
        datagram: Callable[[bytes, Flow], None],
        ended: Callable[[bytes, float], None],
        more: Mapping[bytes, Callable[[Any], None]] = MappingProxyType({}),
    ) -> None:
        """Read what the others have for this worker, on the running loop. more: who takes the values of other kinds."""
        line = self.lines[self.number]

        def take(kind: bytes, record: bytes) -> None:
            if kind == DATAGRAM:
                datagram(*unwrapped(record))
            elif kind == ENDED:
                ended(*marshal.loads(record))
            elif kind == FETCHED and fetch is not None:
                fetch.arrived(record)
            elif (take_more := more.get(kind)) is not None:
                take_more(marshal.loads(record))

        asyncio.get_running_loop().add_reader(line.outlet, line.read, take)

    def open_door(self, take: Callable[[int, socket.socket], None]) -> None:
        """Take the connections that others give, on the running loop."""
        if self.doors:
            door = self.doors[self.number]
            asyncio.get_running_loop().add_reader(door.outlet, door.read, take)

    def quiet(self) -> None:
        """Read no more."""
        asyncio.get_running_loop().remove_reader(self.lines[self.number].outlet)
        if self.doors:
            asyncio.get_running_loop().remove_reader(self.doors[self.number].outlet)
