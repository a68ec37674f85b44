"""The fetcher in a process of its own, for a proxy that is one process else: what TLS, HTTP and ten megabytes of a
hostile server cost neither holds the interpreter nor the place of a call on its core, since that process gives way at
once (SCHED_IDLE: a merely nicer one keeps the core for its slice of 3 ms, longer than a call takes).

Forked before the first thread and the first loop, so that it costs no start of an interpreter. Who always gives way may
starve beside other programs: so it is asked for a sign of life with the fetches, and where it has given none lately, or
has ended, a thread (`certs.aside`) fetches: what comes one at a time always goes so. Several workers have the desk.
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
"""Where the system does not let it give way entirely."""
STARVING = 0.25
"""Of the time of a fetch: who waited so much of it for a core says nothing about the server."""
RELIEF_SECONDS = 60.0
"""How long the thread fetches then what is wanted next."""
QUICK = 0.02
"""Seconds in which a sign of life comes from one that has a core."""
WELL_SECONDS = 1.0
"""How long it counts."""
BEAT_SECONDS = 0.25
"""Between two that are asked for, while there are fetches."""
GRACE_SECONDS = 0.5
"""After the end of a fetch's time, until its answer must be here."""
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
        self._relieved_until = self._well_until = self._beat = float("-inf")
        self._listens = False
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
        try:
            child = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if not child:
            try:
                ours.close()
                _live(theirs, fetcher, limits.seconds, loop_factory)
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
        number, now = next(self._numbers), loop.time()
        self._ask_for_life(now)
        if not self._relieved_until <= now < self._well_until or not self._sent(number, url):
            return await self._by_thread().fetch(url)
        found: asyncio.Future[Fetched] = loop.create_future()
        self._waiting[number] = found
        try:
            async with asyncio.timeout(self._limits.seconds + GRACE_SECONDS):
                return await found
        except (TimeoutError, _Starved):
            # Not asked again here: the server may have had the question, and is to have one of us.
            self._relieved_until = loop.time() + RELIEF_SECONDS
            raise FetchError("timeout", "not complete in time: the process that fetches had no core") from None
        finally:
            # The error that came of it knows this frame: without its own future there is no circle to be collected.
            del self._waiting[number], found

    def _ask_for_life(self, now: float) -> None:
        if now - self._beat >= BEAT_SECONDS and not self._listens and self._sent(0, ""):
            self._beat, self._listens = now, True

    def _sent(self, number: int, url: str) -> bool:
        if self._line is not None:
            try:
                self._line.send(marshal.dumps((number, url)))
                return True
            except BlockingIOError:
                return False
            except OSError:
                self._gone()
        return False

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
            if not number:
                now, self._listens = asyncio.get_running_loop().time(), False
                self._well_until = now + WELL_SECONDS if now - self._beat <= QUICK else float("-inf")
                continue
            found = self._waiting.get(number)
            if found is not None and not found.done():
                if slug:
                    found.set_exception(_Starved() if slug == "starved" else FetchError(slug, why))
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


class _Starved(Exception):
    """The process had no core for so long that its answer means nothing."""


def waited() -> float:
    """Seconds that this thread could have run and its core served others (Linux: schedstat; elsewhere 0.0)."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as stream:
            return int(stream.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _reaped(child: int) -> None:
    """Waits for its end, which may be made."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        for _ in range(int(END_SECONDS / RETRY_SECONDS)):
            if os.waitpid(child, os.WNOHANG)[0]:
                return
            signal.sigtimedwait((), RETRY_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _live(line: socket.socket, fetcher: Fetcher, seconds: float, loop_factory: Loop) -> None:
    """The process: answers until nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # they are for the one who asks
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (OSError, AttributeError):
        os.nice(NICE)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_answer(line, fetcher, seconds * STARVING))


async def _answer(line: socket.socket, fetcher: Fetcher, starving: float) -> None:
    """starving: seconds without a core, in the time of a fetch, after which its end in vain means nothing."""
    ended = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def told(number: int, url: str) -> None:
        before = waited()
        try:
            # Number 0 asks for a sign of life.
            answer = (number, tuple(await fetcher.fetch(url)) if number else (), "", "")
        except FetchError as error:
            starved = error.slug == "timeout" and waited() - before > starving
            answer = (number, (), "starved" if starved else error.slug, str(error))
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
