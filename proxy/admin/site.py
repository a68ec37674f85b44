"""One HTTP address that never stops a call: a port that is busy is said, counted and tried again beside the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

MAX_URL = 2048
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries to bind: doubled each time, up to the longest."""
SHUTDOWN_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""A kept connection that asks nothing is closed then."""


class Site:
    """A listening application. `start` never raises; `address` is where it listens, None while it does not."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        application: Callable[[], web.Application],
        *,
        say: Callable[..., None] = lambda event, **fields: None,
        restarted: Callable[[], None] = lambda: None,
        first_pause: float = FIRST_PAUSE,
        shared: bool = False,
    ) -> None:
        """name: in log lines. restarted: counts a further try to bind. shared: several processes of ours listen at this
        address, and the kernel deals the connections out.
        """
        self.address: tuple[str, int] | None = None
        self._name, self._host, self._port, self._application = name, host, port, application
        self._say, self._restarted, self._pause, self._shared = say, restarted, first_pause, shared
        self._runner: web.AppRunner | None = None
        self._trying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, or say why not and go on trying beside the calls."""
        if not await self._bind():
            self._trying = asyncio.create_task(self._keep_trying(), name=self._name)

    async def stop(self) -> None:
        """Listen no more. Open answers get a second to finish."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
            self._trying = None
        runner, self._runner, self.address = self._runner, None, None
        if runner is not None:
            await runner.cleanup()

    async def _keep_trying(self) -> None:
        pause = self._pause
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._restarted()
            if await self._bind():
                return

    async def _bind(self) -> bool:
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=MAX_URL,
        )
        try:
            await runner.setup()
            site = web.TCPSite(runner, self._host, self._port, reuse_port=self._shared or None)
            await site.start()
        except Exception as error:
            # Whatever it is, calls do not need this address.
            self._say(f"{self._name}-down", level="error", address=f"{self._host}:{self._port}", why=str(error))
            await runner.cleanup()
            return False
        self._runner = runner
        self.address = (self._host, runner.addresses[0][1])
        self._say(f"{self._name}-up", address=f"{self._host}:{self.address[1]}")
        return True
