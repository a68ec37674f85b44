"""One worker's place: which number it has, which sockets are its own, what it shares with the others."""

from __future__ import annotations

import asyncio
import marshal
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proxy.ongoing import ANY
from proxy.sip.flow import Flow
from proxy.workers.legacy import Elder
from proxy.workers.links import (
    ASKED,
    CARRIED,
    DATAGRAM,
    ENDED,
    FETCHED,
    SOUGHT,
    WAYS,
    Door,
    Line,
    RemoteFetch,
    RemoteJournal,
    batches,
    unwrapped,
    wrapped,
)
from proxy.workers.shared import Shared
from proxy.workers.steering import owner

BATCH = 200
"""Of one record."""
MAX_WAYS = 20_000
"""Connections of other workers that are remembered; of more the oldest is forgotten, and a new one is opened."""


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
    ways: OrderedDict[Flow, int] = field(default_factory=OrderedDict)
    """Who has connected to which other worker."""

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

    def seek(self, data: bytes, flow: Flow, first: int | None = None) -> bool:
        """Ask the next worker for the transaction of a request that came by a connection and has none here: a call
        belongs to whoever accepted its connection, which no branch tells. It goes round, and comes back to the worker
        that it came to (first; None: this one) as any message does. False where it could not be sent.
        """
        first = self.number if first is None else first
        whose = (self.number + 1) % self.workers
        record = wrapped(data, flow)
        sent = self.lines[whose].send(DATAGRAM, record) if whose == first else self.lines[whose].send(
            SOUGHT, bytes((first,)) + record
        )
        self.handed += sent
        self.lost += not sent
        return sent

    def carry(self, data: bytes, flow: Flow) -> bool:
        """Have a message sent by the worker to whom its receiver has connected; False where there is none."""
        whose = self.ways.get(Flow(flow.listener, flow.host, flow.port))
        if whose is None:
            return False
        if not self.lines[whose].send(CARRIED, bytes((self.number,)) + wrapped(data, flow)):
            self.lost += 1
            return False
        self.handed += 1
        return True

    def share(self, flow: Flow, there: bool) -> None:
        """Tell the others that somebody has connected to us, or is gone."""
        self.tell(WAYS, (self.number, there, [tuple(flow)]))

    def ask(self) -> None:
        """Ask the others who has connected to them: a worker that begins knows nobody."""
        self.tell(ASKED, self.number)

    def answer(self, worker: int, flows: Sequence[Flow]) -> None:
        """Tell one that begins."""
        for first in range(0, len(flows), BATCH):
            record = marshal.dumps((self.number, True, [tuple(flow) for flow in flows[first : first + BATCH]]))
            if not self.lines[worker].send(WAYS, record):
                self.lost += 1

    def learn(self, worker: int, there: bool, flows: Sequence[tuple[int, str, int, int]]) -> list[Flow]:
        """What another says of its connections. Gives back who is reached no more."""
        gone: list[Flow] = []
        for values in flows:
            flow = Flow._make(values)
            if there:
                self.ways[flow] = worker
                self.ways.move_to_end(flow)
                if len(self.ways) > MAX_WAYS:
                    self.ways.popitem(last=False)
            elif self.ways.get(flow) == worker:
                del self.ways[flow]
                gone.append(flow)
        return gone

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

    def ended(self, ends: Iterable[tuple[int, bytes, *tuple[float, ...]]]) -> None:
        """Tell workers that calls of their own are over, each of all at once: a record costs its reader a turn. ANY:
        all others are told.
        """
        whose: dict[int, list[tuple[bytes, *tuple[float, ...]]]] = {}
        for worker, *end in ends:
            for one in range(self.workers) if worker == ANY else (worker,):
                if one < self.workers and (one != self.number or worker != ANY):
                    whose.setdefault(one, []).append(tuple(end))  # type: ignore[arg-type]
        for worker, rows in whose.items():
            for batch in batches(rows):
                if not self.lines[worker].send(ENDED, batch):
                    self.lost += len(batch)

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
        ended: Callable[..., None],
        more: Mapping[bytes, Callable[[Any], None]] = MappingProxyType({}),
        carried: Callable[[bytes, Flow], bool] = lambda data, flow: False,
        knows: Callable[[bytes], bool] = lambda data: False,
    ) -> None:
        """Read what the others have for this worker, on the running loop. more: who takes the values of other kinds.
        carried: sends a message by a connection of ours, and says whether there is one. knows: whether a request
        belongs to a transaction of ours.
        """
        line = self.lines[self.number]

        def take(kind: bytes, record: bytes) -> None:
            if kind == DATAGRAM:
                datagram(*unwrapped(record))
            elif kind == SOUGHT:
                data, flow = unwrapped(record[1:])
                if knows(data) or not self.seek(data, flow, record[0]):
                    datagram(data, flow)
            elif kind == CARRIED:
                data, flow = unwrapped(record[1:])
                if not carried(data, flow):
                    self.lines[record[0]].send(WAYS, (self.number, False, [tuple(flow)]))
            elif kind == ENDED:
                for end in marshal.loads(record):
                    ended(*end)
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
