"""The journal's writer in a process of its own: that of a single worker, and of the desk where there are several.

A thread that writes beside the calls takes the interpreter from them: whenever a call sends or receives something the
thread goes on, and the call waits for it. A desk that writes takes a core from the workers. So the rows go by a line to
a process that was forked before the first thread and the first loop. It gives way to the calls at once, by the kernel's
idle class as the one that fetches certificates does (`certs.apart`), and by resting again and again. On a core that is
never free it would get no turn, and rows would be lost: where it is late its caller gives it its share, until it has
been in time for a while. Where the kernel lets nobody out of that class, it is never in it.

What became of the rows it tells in shared memory, which is read when somebody asks. When it has ended, or where there
can be none, a thread beside the calls writes. It ends with its line: also where the caller was killed, and then it
writes what it has and leaves the chain open, because rows may have been lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import marshal
import mmap
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

from proxy.log import Log
from proxy.storage.journal import CLOSE_SECONDS, Care, Health, Journal, Pace
from proxy.storage.rows import Item
from proxy.workers.cores import may_return, share
from proxy.workers.legacy import until
from proxy.workers.links import CLOCK, MAX_RECORD, ROWS, Line, Outbox, packed_rows, rows_of

PACE = Pace()
DONE = b"Z"
"""All rows have been handed over."""
PAGE = 1024
"""Octets of what it tells."""
MAX_WHY = 200
HUNG_SECONDS = 10.0
"""A writer that has told nothing for so long, while rows wait for it, is not well."""
MOVED_SECONDS = 1.0
"""The lab's clock has been moved when it is so far from where it was."""
LATE_SECONDS = 0.75
"""Without a word of a writer that has rows: three of its beats. Then it gives way no more."""
CALM_SECONDS = 5.0
"""After it was late for the last time, it gives way again."""
RETRY_SECONDS = 0.005
WORK_SECONDS, REST_SECONDS = 0.0002, 0.0005
"""The writer works so long, then rests. Now and then the kernel gives it a turn while a call is being served, and takes
it back no sooner than with its next tick: that were 4 ms, if it did not rest.
"""
LEISURE_SECONDS = 1.0
"""Since the last turn, after which there are no more rests: on a core that is never free each of them costs its end."""
_HEAD = Struct("<II")
"""Checksum and length of what follows."""


class Told(NamedTuple):
    """What the writer tells of itself."""

    taken: int = 0
    """Rows that came to it."""
    written: int = 0
    dropped: int = 0
    rowless: int = 0
    waiting: int = 0
    why: str = ""
    """What is wrong; empty when it is well."""
    at: float = 0.0
    """When it told this, monotonic seconds."""


class Page:
    """Written by one process, read by another, and nothing is believed that is half written."""

    def __init__(self) -> None:
        self._octets = mmap.mmap(-1, PAGE)
        self._last = Told(at=time.monotonic())

    def write(self, told: Told) -> None:
        said = marshal.dumps(tuple(told))
        self._octets[: _HEAD.size + len(said)] = _HEAD.pack(crc32(said), len(said)) + said

    def read(self) -> Told:
        """The newest that is whole."""
        page = self._octets[:]
        check, length = _HEAD.unpack_from(page)
        said = page[_HEAD.size : _HEAD.size + length]
        if length and crc32(said) == check:
            self._last = Told._make(marshal.loads(said))
        return self._last


class Clerk(Outbox):
    """As `Journal`, for one event loop. Made by `started`, used after `serve`."""

    def __init__(self, path: Path, line: Line, page: Page, child: int) -> None:
        super().__init__(line)
        self.path, self.child = path, child
        self._page = page
        self._instead: Journal | None = None
        """Who writes in its place."""
        self._make: Callable[[], Journal] = lambda: Journal(path)
        self._held: Callable[[], bool] = lambda: False
        self._ahead: Callable[[], float] = lambda: 0.0
        self._known_ahead = 0.0
        self._lost = 0
        """Rows that it had when it ended, and never wrote."""
        self._closed = False
        self._hurried = 0.0
        """When it was late for the last time, monotonic seconds; 0.0: it gives way, or never did."""

    @classmethod
    def started(cls, path: Path, care: Care, level: str, pace: Pace = PACE) -> Clerk:
        """Forks: to be called while there is one thread and no loop. care: what is kept, and how long. level: of
        what it says in the log. Raises OSError where there can be no further process.
        """
        line, page = Line(), Page()
        try:
            child = os.fork()
        except OSError:
            line.close()
            raise
        if not child:
            try:
                _live(line.outlet, path, care, level, page, pace)
            finally:
                os._exit(0)
        line.outlet.close()
        return cls(path, line, page, child)

    def serve(self, make: Callable[[], Journal], held: Callable[[], bool], ahead: Callable[[], float]) -> None:
        """make: a journal of this process, for when the writer has ended. held: whether somebody else still writes the
        file; until he has ended, rows wait. ahead: seconds by which the lab's clock is ahead of the real one.
        """
        self._make, self._held, self._ahead = make, held, ahead

    def put(self, row: Item) -> None:
        """Hand over a row: never waits, never raises; dropped and counted when too many wait already."""
        if self._closed:
            self.refused += 1
        elif self._instead is not None:
            self._instead.put(row)
        else:
            super().put(row)

    def pass_on(self, record: bytes) -> None:
        """Hand over the rows of a worker as they came, unopened; else as `put`."""
        rows = packed_rows(record)
        if self._closed:
            self.refused += len(rows)
        elif self._instead is not None:
            for row in rows_of(record):
                self._instead.put(row)
        else:
            for octets in rows:
                self._wait(octets)

    @property
    def written(self) -> int:
        """Rows that are in the file."""
        return self._page.read().written + (self._instead.written if self._instead is not None else 0)

    @property
    def dropped(self) -> int:
        """Rows that were lost, here or there."""
        instead = self._instead.dropped if self._instead is not None else 0
        return self.refused + self._page.read().dropped + self._lost + instead

    @property
    def rowless(self) -> int:
        """Ends of calls that were given up because no row came for them."""
        return self._page.read().rowless + (self._instead.rowless if self._instead is not None else 0)

    def health(self) -> Health:
        told = self._page.read()
        if self._instead is not None:
            now = self._instead.health()
            return Health(now.well, now.why, self.written, self.dropped, now.waiting)
        waiting = len(self._queue) + self.handed - told.taken + told.waiting
        why = told.why
        if waiting and not why and not self._closed and time.monotonic() - told.at > HUNG_SECONDS:
            why = "the process that writes it does not answer"
        return Health(not why, why, told.written, self.dropped, max(0, waiting))

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Have what waits written, but wait no longer than this; the rest is dropped and counted."""
        if self._closed:
            return
        self._closed = True
        self._quiet()
        if self._instead is None:
            share(self.child, os.SCHED_BATCH)
        await until(lambda: self._instead is not None or self._sent(), RETRY_SECONDS, seconds)
        if self._instead is not None:
            await asyncio.to_thread(self._instead.close, seconds)
        self._give_up()
        self._line.send(DONE, b"")
        self._line.inlet.close()
        await asyncio.to_thread(_reaped, self.child, seconds + 1.0)
        if self._instead is None:
            self._lost = self._unwritten()

    def _sent(self) -> bool:
        if self._held():
            return False
        if abs(self._ahead() - self._known_ahead) > MOVED_SECONDS:
            self._known_ahead = self._ahead()
            self._line.send(CLOCK, self._known_ahead)
        if super()._sent():
            return not self._watch()
        if _ended(self.child):
            self._take_over()
        return self._instead is not None

    def _watch(self) -> bool:
        """Have a writer that is late give way no more; whether it is to be watched further."""
        if self._closed or self._instead is not None:
            return False
        told, now = self._page.read(), time.monotonic()
        owes = self.handed > told.written + told.dropped + told.rowless
        if owes and now - told.at > LATE_SECONDS:
            if _ended(self.child):
                self._take_over()
                return False
            if self._hurried or share(self.child, os.SCHED_BATCH):
                self._hurried = now
        elif self._hurried and now - self._hurried > CALM_SECONDS:
            share(self.child, os.SCHED_IDLE)
            self._hurried = 0.0
        return owes or self._hurried > 0.0

    def _unwritten(self) -> int:
        """Rows of which a writer that has ended said nothing."""
        told = self._page.read()
        return max(0, self.handed - told.written - told.dropped - told.rowless)

    def _take_over(self) -> None:
        """The writer has ended: what it had is lost, what waits here is not."""
        self._lost = self._unwritten()
        self._instead = self._make()
        for row in rows_of(marshal.dumps(list(self._queue))):
            self._instead.put(row)
        self._queue.clear()
        self._octets = 0


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _reaped(child: int, seconds: float) -> None:
    """Waits for its end, which is made after so many seconds: what was written stays whole."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if _ended(child):
            return
        signal.sigtimedwait((), RETRY_SECONDS)
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _live(line: socket.socket, path: Path, care: Care, level: str, page: Page, pace: Pace) -> None:
    """The process: writes until nobody has rows for it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # they are for the one who has the rows; this one ends with the line
    _let_go(line.fileno())
    gc.freeze()
    log = Log(level)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    if may_return():
        share(0, os.SCHED_IDLE)
    writer = _Writer(line, path, care, log, page, pace)
    writer.run()
    share(0, os.SCHED_BATCH)
    writer.close()
    log.close()


class _Writer:
    """Reads the line and writes the file."""

    def __init__(self, line: socket.socket, path: Path, care: Care, log: Log, page: Page, pace: Pace) -> None:
        self.over = False
        """Nobody has rows any more."""
        self._line, self._log, self._page, self._beat = line, log, page, pace.beat
        self._taken, self._ahead, self._whole = 0, 0.0, False
        self._rested = 0.0
        self._journal = Journal(
            path, self._say, pace, care=care, utc=lambda: time.time() + self._ahead, alone=False, breathe=self._breathe
        )
        self._last = time.monotonic()
        """When the last turn ended."""
        self._waits = select.poll()
        self._waits.register(line, select.POLLIN)

    def run(self) -> None:
        """Write until nobody has rows any more."""
        due = time.monotonic() + self._beat
        while not self.over:
            self._waits.poll(max(0.0, due - time.monotonic()) * 1000)
            if time.monotonic() < due:
                self._read()
            else:
                self.turn()
                due = time.monotonic() + self._beat

    def turn(self) -> None:
        """Write what has come, with rests in between."""
        self._read()
        self._journal.turn()
        self._tell()
        self._last = time.monotonic()

    def close(self) -> None:
        """Write the rest at once, and say in the chain that this was all, if it was."""
        self.over = True
        self._journal.close(whole=self._whole)
        self._tell()

    def _read(self) -> None:
        while not self.over:
            try:
                record = self._line.recv(MAX_RECORD)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                record = b""
            if record[:1] == ROWS:
                rows = rows_of(record[1:])
                self._taken += len(rows)
                for row in rows:
                    self._journal.put(row)
                self._breathe()
            elif record[:1] == CLOCK:
                self._ahead = marshal.loads(record[1:])
            else:
                self._whole = record[:1] == DONE
                self.over = True

    def _breathe(self) -> None:
        now = time.monotonic()
        if not self.over and now - self._rested > WORK_SECONDS and now - self._last < LEISURE_SECONDS:
            time.sleep(REST_SECONDS)
            self._rested = time.monotonic()

    def _say(self, event: str, **fields: Any) -> None:
        self._tell()  # whoever reads of it and asks hears the same
        self._log.say(event, **fields)

    def _tell(self) -> None:
        health = self._journal.health()
        self._page.write(Told(
            self._taken, health.written, health.dropped, self._journal.rowless, health.waiting, health.why[:MAX_WHY],
            time.monotonic(),
        ))  # fmt: skip


def _let_go(kept: int) -> None:
    """Close what belongs to the caller: it would keep his addresses, and his other lines, open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for one in (0, 1):
        os.dup2(nothing, one)
    for one in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        if one > 2 and one != kept:
            with contextlib.suppress(OSError):
                os.close(one)
