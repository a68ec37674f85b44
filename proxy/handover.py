"""One generation follows another: what a process does that takes over, and what one does that is followed.

Who takes over is built whole before it reads anything. Then the old worker stops reading, publishes its live
transactions and says so; what it knows of callers and peers goes on here. Who is followed answers what is handed to it,
lets go of journal and addresses, passes on the calls that are up, and ends with its last transaction.
"""

from __future__ import annotations

import asyncio
import marshal
import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from proxy.generations import fold, layout, running_version, slices
from proxy.metrics import Cells
from proxy.neighbours import TOLD, Hearsay, Moved
from proxy.sip.timers import TIMER_C
from proxy.storage.journal import Journal
from proxy.transports import Streams
from proxy.wiring import Wiring
from proxy.workers import roll
from proxy.workers.clerk import Clerk
from proxy.workers.legacy import Elder, Legacy, until
from proxy.workers.links import DATAGRAM, ENDED, OPEN, RETIRE, ROWS, Line, RemoteJournal, batches, rows_of, unwrapped
from proxy.workers.shared import RELEASED, RETIRED
from proxy.workers.steering import named

RETIRE_SECONDS = 2.0
"""How long a worker waits for the one of the old version to read no more; then that one is taken for dead."""
LEAVE_SECONDS = TIMER_C + 20.0
"""How long a process that was followed stays at most: Timer C, and what comes after it."""
BEAT_SECONDS = 0.25
"""How often it looks whether it may go."""
QUIET_SECONDS = 5.0
"""A connection that brings nothing for so long, and that nobody waits for, ends with its process's retirement."""


class Handover(Wiring):
    """Both sides of it."""

    async def _take_over(self) -> None:
        """Have the worker of the old version read no more, and go on where it was."""
        leaving = self.memory.leaving
        first = not leaving.stages[-1]  # else we follow a worker of ours that had done this
        if self._begin is not None:
            await self._begin()
        self.calls.world.bypass = bool(leaving.bypass[0])
        if self.elder is None:
            return
        elder, number, told = self.elder, self.number, self.elder.bypass
        if first or elder.stage(number) < RETIRED:
            if elder.stage(number) < RETIRED:
                elder.legacy.lines[number].send(RETIRE, marshal.dumps(None))
            # All of them: what comes to the wrong one of us must find the marks of every old worker.
            everybody = range(elder.legacy.workers)
            await until(lambda: all(elder.stage(one) >= RETIRED for one in everybody), 0.001, RETIRE_SECONDS)
            if elder.memory is not None:
                self.memory.begin_with(elder.memory, number)
            orders, states = elder.legacy.peers
            self._know(orders, states)
        self.calls.ongoing.watch(True)
        if self.seat is not None and self.workers > 1:
            self.seat.elder = elder
        else:
            self.bypass(told)
            self.server.hands(lambda data, flow: elder.takes(data, flow, 0))
        self.spawn(self._survive(elder, told), "elder")

    def _know(self, orders: Mapping[str, str], states: Iterable[Moved]) -> None:
        """What was known of the peers before us."""
        nobody = Hearsay(self.directory, self.clock.now, lambda moved: None, lambda moved: None)
        nobody.welcomed(orders, states)

    def bypass(self, on: bool) -> None:
        """Stop screening at once, or go on with it."""
        if self.seat is None:
            self.memory.leaving.bypass[0] = on  # for who follows us, also while it starts
        if self.calls.world.bypass != on:
            self.calls.world.bypass = on
            self.log.say("bypass", level="warning", on=on)

    async def _survive(self, elder: Elder, told: bool) -> None:
        """Until the old version has ended: then nothing is handed over any more, and its counters are ours. told: what
        it had heard of a bypass; until we have noted ourselves, who asks for one (or for its end) reaches the old one.
        """

        def ended() -> bool:
            nonlocal told
            if self.seat is None and elder.bypass != told:
                told = not told
                self.bypass(told)
            return elder.ended()

        await until(ended, BEAT_SECONDS)
        if self.seat is not None:
            self.seat.elder = None
        else:
            self.server.hands(None)
            fold(elder, self.memory)
        self.elder = None
        self.calls.ongoing.watch(self.retired)
        self.log.say("upgrade-complete", level="warning", handed=elder.handed, lost=elder.lost)

    def slices(self) -> list[Cells]:
        """The counters of this process, and of those before it."""
        return slices(self.memory, self.elder)

    def _left_over(self, journal: Journal | Clerk | None, kind: bytes, record: bytes) -> None:
        """What the old version still has for the journal, where both are alone."""
        if kind == ROWS and journal is not None:
            for row in rows_of(record):
                journal.put(row)
        elif kind == OPEN:
            self.calls.ongoing.take_over(marshal.loads(record)[1])
        elif kind == ENDED:
            for end in marshal.loads(record)[1]:
                self.calls.ongoing.over(*end)

    # On the way out

    def bequest(self) -> Legacy:
        """What a successor is given, where we are alone. Raises OSError."""
        self.write_down()
        if self.line is None or self.desk_line is None:
            self.line, self.desk_line = Line(), Line()
            take = partial(Line.read, self.line, self._told)
            asyncio.get_running_loop().add_reader(self.line.outlet, take)
            self._closing.insert(0, partial(asyncio.get_running_loop().remove_reader, self.line.outlet))
        listeners = [(one.transport.lower(), one.host, one.port) for one in self.listeners]
        rows = self.directory.rows(self.clock.now())
        orders = {row.peer: row.order for row in rows if row.order}
        states = [
            (*target, health.state, self.directory.rests(target), health.why)
            for target, (health, _) in self.directory.pinged().items()
            if health.state in TOLD
        ]
        return Legacy(
            running_version(), self.generation, 1, os.getpid(), listeners, [[one.socket for one in self.sockets]],
            [self.line], self.desk_line, self.memory.file, self.memory.leaving.file, layout(), (orders, states),
            self.calls.world.bypass, self.parts.secret,
        )  # fmt: skip

    def _told(self, kind: bytes, record: bytes) -> None:
        if kind == RETIRE:
            self.retire()
        elif kind == DATAGRAM and self.retired:
            self.server.handed(*unwrapped(record))

    def retire(self) -> None:
        """A successor is there: read the public sockets no more, publish what is alive, and end when it has ended."""
        if self.retired:
            return
        self.retired = True
        self.calls.ongoing.watch(True)
        self.calls.afterwards()
        cells: Any = self.memory.leaving.roll[self.number]

        def note(data: bytes) -> None:
            """What repeats or cancels this request may come to our successor."""
            if (found := named(data)) is not None and not found[0]:
                roll.write(cells, (found[1],))

        for data in self.server.rest(note):
            note(data)
        lost = roll.write(cells, self.endpoint.known_by())
        self.memory.leaving.stages[self.number] = RETIRED
        self.tending.stop()
        self.log.say("retired", level="warning", transactions=self.endpoint.transactions, unlisted=lost)
        self.spawn(self._leave(), "leave")

    async def _leave(self) -> None:
        world = self.calls.world
        outward = self.seat.desk if self.seat is not None else self.desk_line
        if self.seat is None and self.desk_line is not None:
            former, world.journal = world.journal, RemoteJournal(self.desk_line)
            if isinstance(former, Clerk):
                await former.close()
            elif isinstance(former, Journal):
                await asyncio.to_thread(former.close)
            if self.admin is not None:
                await self.admin.stop()
        if self.api is not None:
            await self.api.stop()
        if self.seat is None:
            self.memory.leaving.stages[self.workers] = RELEASED
        streams = [one for one in self.sockets if isinstance(one, Streams)]

        def idle() -> bool:
            self._pass_calls(outward)
            waits = self.endpoint.unanswered() if any(map(len, streams)) else set()
            for one in streams:
                one.let_go(lambda flow: (flow.host, flow.port) in waits, QUIET_SECONDS)
            return not (self.endpoint.transactions or self.calls.waiting or any(map(len, streams)))

        await until(idle, BEAT_SECONDS, LEAVE_SECONDS)
        if isinstance(world.journal, RemoteJournal):
            world.journal.close()
        self._pass_calls(outward)
        self.left.set()

    def _pass_calls(self, outward: Line | None) -> None:
        """Calls that were answered here end elsewhere, and some that were passed on have ended here."""
        ongoing = self.calls.ongoing
        for kind, rows in ((OPEN, batches(ongoing.hand_over())), (ENDED, batches(ongoing.strange()))):
            for batch in rows:
                if outward is not None:
                    outward.send(kind, (self.number, batch))
