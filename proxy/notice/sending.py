"""Notices on their ways: each at once, each on its own, again where it did not arrive.

One notice on one way is one task, so that a way which hangs delays neither the other ways nor the next notice; their
number is bounded. An attempt has a deadline, and then the pauses of RETRIES follow. What could not be delivered at the
end is said in the log and counted: it is never lost silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from proxy.notice.content import Notice

RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds of pause before each repetition: six attempts in half a minute, and the first ones soon."""
ATTEMPT_SECONDS = 5.0
"""How long one attempt may take; the law wants the notice contemporaneous, so a hanging peer is given up early."""
MAX_PENDING = 256
"""Notices on one way at a time. More emergency calls than that within half a minute is no longer news."""
MAX_SCARCE = 32
"""Of these, for tests and for calls of strangers: they may not take the places of the real ones."""


class Undelivered(Exception):
    """An attempt failed; the text says why, without secrets and numbers."""


class Way(Protocol):
    """One way on which notices leave."""

    name: str
    """webhook | mail | syslog"""

    async def send(self, notice: Notice) -> None:
        """Deliver. Raises Undelivered."""

    async def close(self) -> None:
        """Let connections go."""


class Sending:
    """Delivers notices on all ways."""

    def __init__(
        self,
        ways: Sequence[Way],
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        count: Callable[[str, str], None],
        say: Callable[..., None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """count(way, result): sent, failed, dropped or retried. `sleep` is handed in for tests in virtual time."""
        self._ways = tuple(ways)
        self._spawn, self._count, self._say, self._sleep = spawn, count, say, sleep
        self._pending = {way.name: 0 for way in ways}
        self._former: list[Way] = []
        self._attempted = asyncio.Event()
        self._under_way = 0

    @property
    def pending(self) -> Mapping[str, int]:
        """Notices that are not delivered yet, by way."""
        return dict(self._pending)

    @property
    def waiting(self) -> int:
        """The same on all ways."""
        return sum(self._pending.values())

    def swap(self, ways: Sequence[Way]) -> None:
        """Put other ways in the place of the present ones; notices under way keep theirs."""
        self._former += self._ways
        self._ways = tuple(ways)
        for way in ways:
            self._pending.setdefault(way.name, 0)

    def put(self, notice: Notice, *, scarce: bool = False) -> None:
        """Send a notice on every way. Returns at once and never raises. `scarce`: see MAX_SCARCE."""
        bound = MAX_SCARCE if scarce else MAX_PENDING
        for way in self._ways:
            if self._pending[way.name] >= bound:
                self._count(way.name, "dropped")
                self._say("notice-dropped", level="error", way=way.name, call_id=notice.call_id)
                continue
            self._pending[way.name] += 1
            self._spawn(self._deliver(way, notice), f"notice {way.name}")

    async def finish(self, seconds: float) -> None:
        """Wait for attempts that are being made, so that a stop does not cut off a notice; no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(0)  # what was put a moment ago begins
                while self._under_way:
                    self._attempted.clear()
                    await self._attempted.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        for way in (*self._ways, *self._former):
            await way.close()

    async def _deliver(self, way: Way, notice: Notice) -> None:
        why = ""
        try:
            for pause in (0.0, *RETRIES):
                if pause:
                    self._count(way.name, "retried")
                    self._say("notice-retry", level="warning", way=way.name, call_id=notice.call_id, why=why)
                    await self._sleep(pause)
                if not (why := await self._attempt(way, notice)):
                    self._count(way.name, "sent")
                    return
            self._count(way.name, "failed")
            self._say("notice-failed", level="error", way=way.name, call_id=notice.call_id, why=why)
        finally:
            self._pending[way.name] -= 1

    async def _attempt(self, way: Way, notice: Notice) -> str:
        """Why it failed; empty when it did not."""
        self._under_way += 1
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await way.send(notice)
            return ""
        except TimeoutError:
            return "no answer in time"
        except Undelivered as error:
            return str(error)
        except Exception as error:  # a fault of ours on one way must not end the repetitions
            return f"fault: {error!r}"
        finally:
            self._under_way -= 1
            self._attempted.set()
