"""The fetcher in a process of its own, for a proxy that is one process else: what TLS, HTTP and ten megabytes of a
hostile server cost neither holds the interpreter nor the place of a call on its core, since that process is nicer.

Forked before the first thread and the first loop, so that it costs no start of an interpreter. Should it ever end, a
thread (`certs.aside`) does its work from then on. Several workers have the desk for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import socket
from collections.abc import Callable
from itertools import count

from certs.aside import Aside
from certs.fetch import Fetched, Fetcher, FetchError, Limits

NICE = 10
"""A tenth of a core that is fully busy otherwise; all of it where nobody else wants it."""
MAX_RECORD = 256 * 1024
"""Octets of one question or answer: a file is at most a quarter of it."""
BUFFER = 4 * 1024 * 1024
RETRY_SECONDS = 0.005
END_SECONDS = 2.0

Loop = Callable[[], asyncio.AbstractEventLoop]


class Apart:
    """As `Fetcher`, for one event loop. Made by `started`."""

    def __init__(self, line: socket.socket, child: int, limits: Limits, loop_factory: Loop) -> None:
        self._line: socket.socket | None = line
        self.child = child
        self._limits, self._factory = limits, loop_factory
        self._aside: Aside | None = None
        self._closed = self._listening = False
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Fetched]] = {}

    @classmethod
    def started(cls, limits: Limits, loop_factory: Loop = asyncio.new_event_loop) -> Apart:
        """Forks: to be called while there is one thread and no loop. Raises ValueError for roots that are none, OSError
        where there can be no further process.
        """
        fetcher = Fetcher(limits)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for one in (ours, theirs):
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        child = os.fork()
        if not child:
            try:
                ours.close()
                _live(theirs, fetcher, loop_factory)
            finally:
                os._exit(0)
        theirs.close()
        return cls(ours, child, limits, loop_factory)

    async def fetch(self, url: str) -> Fetched:
        """As `Fetcher.fetch`. Raises FetchError."""
        if self._closed:
            raise FetchError("broken", "no more is fetched")
        loop = asyncio.get_running_loop()
        if self._line is not None and not self._listening:
            loop.add_reader(self._line, self._take)
            self._listening = True
        number = next(self._numbers)
        try:
            if self._line is not None:
                self._line.send(marshal.dumps((number, url)))
        except BlockingIOError:
            raise FetchError("broken", "too many questions for the process that fetches") from None
        except OSError:
            self._gone()
        if self._line is None:
            return await self._by_thread().fetch(url)
        found: asyncio.Future[Fetched] = loop.create_future()
        self._waiting[number] = found
        try:
            return await found
        finally:
            del self._waiting[number]

    async def close(self) -> None:
        """Ends the process; a fetch under way fails."""
        self._closed = True
        self._gone()
        if self._aside is not None:
            await self._aside.close()
        await asyncio.to_thread(_reaped, self.child)

    def _by_thread(self) -> Aside:
        if self._aside is None:
            self._aside = Aside(self._limits, self._factory)
        return self._aside

    def _take(self) -> None:
        """What the process has found."""
        while self._line is not None:
            try:
                record = self._line.recv(MAX_RECORD)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                record = b""
            if not record:
                self._gone()
                return
            number, data, slug, why = marshal.loads(record)
            found = self._waiting.get(number)
            if found is not None and not found.done():
                if slug:
                    found.set_exception(FetchError(slug, why))
                else:
                    found.set_result(Fetched._make(data))

    def _gone(self) -> None:
        """There is no such process any more, or soon will be none."""
        line, self._line = self._line, None
        if line is None:
            return
        if self._listening:
            asyncio.get_running_loop().remove_reader(line)
        line.close()
        for found in self._waiting.values():
            if not found.done():
                found.set_exception(FetchError("broken", "the process that fetches has ended"))


def _reaped(child: int) -> None:
    """Waits for its end, which may be made."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        for _ in range(int(END_SECONDS / RETRY_SECONDS)):
            if os.waitpid(child, os.WNOHANG)[0]:
                return
            signal.sigtimedwait((), RETRY_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _live(line: socket.socket, fetcher: Fetcher, loop_factory: Loop) -> None:
    """The process: answers until nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # they are for the one who asks
    os.nice(NICE)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_answer(line, fetcher))


async def _answer(line: socket.socket, fetcher: Fetcher) -> None:
    ended = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def told(number: int, url: str) -> None:
        try:
            answer = (number, tuple(await fetcher.fetch(url)), "", "")
        except FetchError as error:
            answer = (number, (), error.slug, str(error))
        except Exception as error:  # a fault of ours: whoever asked must not wait for it
            answer = (number, (), "broken", f"the fetch failed: {type(error).__name__}")
        while not ended.is_set():
            try:
                line.send(marshal.dumps(answer))
                return
            except BlockingIOError:
                await asyncio.sleep(RETRY_SECONDS)
            except OSError:
                ended.set()

    def asked() -> None:
        while True:
            try:
                record = line.recv(MAX_RECORD)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                record = b""
            if not record:
                ended.set()
                return
            task = asyncio.get_running_loop().create_task(told(*marshal.loads(record)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_reader(line, asked)
    await ended.wait()
