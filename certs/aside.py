"""The fetcher in a thread of its own, where one process does everything: what TLS, HTTP and ten megabytes of a hostile
server cost is paid beside the calls, and not between them.

Several workers need none of this: their fetches are the desk's, a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable

from certs.fetch import Fetched, Fetcher, FetchError, Limits

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter from another; Python's own 5 ms is longer than a call takes."""
LINGER_SECONDS = 0.05
"""For connections that were just ended to be closed."""
END_SECONDS = 5.0


class Aside:
    """As `Fetcher`, for one event loop that is not to be disturbed. Started by the first fetch."""

    def __init__(
        self, limits: Limits, loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        """Raises ValueError for roots that are none."""
        self._fetcher = Fetcher(limits)
        self._factory = loop_factory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    async def fetch(self, url: str) -> Fetched:
        """As `Fetcher.fetch`. Raises FetchError."""
        if self._closed:
            raise FetchError("broken", "no more is fetched")
        loop = self._loop or self._start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._fetcher.fetch(url), loop))

    async def close(self) -> None:
        """Ends all connections and the thread; a fetch under way fails."""
        self._closed = True
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end(), loop))
        loop.call_soon_threadsafe(loop.call_later, LINGER_SECONDS, loop.stop)
        await asyncio.to_thread(thread.join, END_SECONDS)

    def _start(self) -> asyncio.AbstractEventLoop:
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
        loop = self._loop = self._factory()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="certs-fetch", daemon=True)
        self._thread.start()
        return loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    async def _end(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fetcher.close()
