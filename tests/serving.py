"""A web server on loopback for the time of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


async def never() -> None:
    """What a service does that hangs: it ends with its server."""
    await asyncio.Event().wait()


@asynccontextmanager
async def served(
    take: Callable[[web.Request], Awaitable[web.StreamResponse]], path: str = "/{any:.*}", method: str = "POST"
) -> AsyncIterator[str]:
    """The URL of a server that hands `take` what comes for this path."""
    app = web.Application()
    app.router.add_route(method, path, take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
