"""How often callers called on the other machines: told to Redis beside the calls, and remembered from there.

Each machine adds its own calls of a window to a hash of each caller, a field a machine, and reads the others' fields
with it. So what others saw is known a quarter of a second after a caller's first call here, and no call ever waits.
Redis sees no number: keys are keyed hashes, and gone after two windows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

BEAT = 0.25
"""Seconds between two exchanges."""
LIMIT = 1.0
"""Seconds that an exchange may take."""
MOST = 2000
"""Callers of one exchange; a flood of made-up callers costs no more, and those left out are counted."""
REMEMBERED = 100_000
"""Callers of whom the others' calls are remembered; beyond it all are forgotten and asked for anew."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds after each failure in a row."""
PREFIX = "ringwarden:calls"


class Counts:
    """The exchange. `count` is told how each one ended: ok, failed, dropped."""

    def __init__(
        self,
        url: str,
        key: bytes,
        machine: str,
        seconds: float,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """key: what all machines share. seconds: the window. Raises ImportError without the library."""
        from redis.asyncio import Redis  # an extra: machines alone have none
        from redis.exceptions import RedisError

        self._wrong: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, ValueError)
        self._redis: Redis = Redis.from_url(url, socket_timeout=LIMIT, socket_connect_timeout=LIMIT)
        self._key, self._machine, self._seconds, self._count = key, machine.encode(), seconds, count
        self._window = -1
        self._new: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self.dropped = 0
        """Calls that no other machine was told of."""

    def noted(self, caller: str, utc: float) -> int:
        """Note a call, and say how many the other machines saw within the window, as far as is known."""
        at = utc / self._seconds
        window = int(at)
        if window != self._window:
            self._before = self._others if window == self._window + 1 else {}
            self._others, self._window = {}, window
        new = self._new
        if caller in new or len(new) < MOST:
            new[caller] = new.get(caller, 0) + 1
        else:
            self.dropped += 1
        return self._others.get(caller, 0) + int(self._before.get(caller, 0) * (1.0 - (at - window)))

    async def run(self) -> None:
        """Exchange again and again, until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1] if failures else BEAT)
            try:
                if await self.exchange():
                    self._count("ok")
                failures = 0
            except self._wrong:
                failures += 1
                self._count("failed")

    async def exchange(self) -> bool:
        """Tell what is new and hear what others told; False: nothing was new. Raises TimeoutError, OSError, RedisError;
        what was to be told is then lost."""
        told, self._new, window = self._new, {}, self._window
        if not told:
            return False
        async with asyncio.timeout(LIMIT):
            async with self._redis.pipeline(transaction=False) as pipe:
                for caller, calls in told.items():
                    key = self._place(window, caller)
                    pipe.hincrby(key, self._machine, calls)
                    pipe.expire(key, int(2 * self._seconds) + 10)
                    pipe.hgetall(key)
                answers: list[Any] = await pipe.execute()
        self._heard(window, told, answers[2::3])
        return True

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()

    def _heard(self, window: int, told: Mapping[str, int], answers: list[dict[bytes, bytes]]) -> None:
        if window != self._window:
            return  # the next one has begun meanwhile
        if len(self._others) > REMEMBERED:
            self._others = {}
        for caller, fields in zip(told, answers, strict=True):
            if others := sum(int(calls) for machine, calls in fields.items() if machine != self._machine):
                self._others[caller] = others

    def _place(self, window: int, caller: str) -> str:
        return f"{PREFIX}:{window}:{blake2b(caller.encode(), key=self._key[:64], digest_size=12).hexdigest()}"
