"""The operator's HTTP address: /metrics, /healthz and, in the lab only, the levers of the lab.

Nothing here can stop a call: a port that is busy is said, counted and tried again beside the calls; a
reader that fails answers 500 to the one who asked. There is no password: bind it to loopback or to a
management network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from proxy.admin.health import Vitals, report

MAX_BODY = 64 * 1024
"""Octets of a lab request."""
MAX_URL = 2048
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries to bind: doubled each time, up to the longest."""
SHUTDOWN_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""A kept connection that asks nothing is closed then."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Movable(Protocol):
    """The lab's clock."""

    @property
    def spec(self) -> str: ...

    def set(self, spec: str) -> None:
        """Raises ValueError with a sentence."""

    def utc(self) -> float: ...


Hook = Callable[[object], object]
"""A lever of the lab: takes the JSON value of the body, gives one back; raises ValueError with a sentence."""


class Admin:
    """The server. `start` never raises; `address` is where it listens, None while it does not."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: Callable[[], bytes],
        vitals: Vitals,
        say: Callable[..., None] = lambda event, **fields: None,
        restarted: Callable[[], None] = lambda: None,
        clock: Movable | None = None,
        hooks: Mapping[str, Hook] | None = None,
        more: Sequence[web.RouteDef] = (),
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """metrics: the text for Prometheus. say: a log line. restarted: counts a further try to bind.

        more: what other rooms serve here.
        clock, hooks: given in the lab only; without `vitals.lab` they are not served.
        """
        self.address: tuple[str, int] | None = None
        self._host, self._port = host, port
        self._metrics, self._vitals, self._say, self._restarted = metrics, vitals, say, restarted
        self._clock = clock if vitals.lab else None
        self._hooks = dict(hooks or {}) if vitals.lab else {}
        self._more = tuple(more)
        self._pause = first_pause
        self._runner: web.AppRunner | None = None
        self._trying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, or say why not and go on trying beside the calls."""
        if not await self._bind():
            self._trying = asyncio.create_task(self._keep_trying(), name="admin")

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
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
        except Exception as error:
            # Whatever it is, calls need no metrics.
            self._say("admin-down", level="error", address=f"{self._host}:{self._port}", why=str(error))
            await runner.cleanup()
            return False
        self._runner = runner
        self.address = (self._host, runner.addresses[0][1])
        self._say("admin-up", address=f"{self._host}:{self.address[1]}")
        return True

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_get("/metrics", self._read_metrics)
        application.router.add_get("/healthz", self._read_health)
        application.router.add_routes(self._more)
        if self._clock is not None:
            application.router.add_get("/lab/clock", self._read_clock)
            application.router.add_put("/lab/clock", self._set_clock)
        for name in self._hooks:
            application.router.add_put(f"/lab/{name}", self._pull)
        return application

    async def _read_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": TEXT})

    async def _read_health(self, request: web.Request) -> web.Response:
        return web.json_response(report(self._vitals), headers={"Cache-Control": "no-store"})

    async def _read_clock(self, request: web.Request) -> web.Response:
        assert self._clock is not None
        return web.json_response({"clock": self._clock.spec, "utc": self._clock.utc()})

    async def _set_clock(self, request: web.Request) -> web.Response:
        assert self._clock is not None
        try:
            spec = await body(request)
            if isinstance(spec, dict):
                spec = spec.get("clock")
            if not isinstance(spec, str):
                raise ValueError('send {"clock": "+2d"} or a plain text')
            self._clock.set(spec)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        self._say("lab-clock", clock=spec)
        return await self._read_clock(request)

    async def _pull(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix("/lab/")
        try:
            answer = self._hooks[name](await body(request))
            if isinstance(answer, Awaitable):
                answer = await answer
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"result": answer})


async def body(request: web.Request) -> object:
    """The JSON value of a request, or its text where that is no JSON. Raises ValueError."""
    text = (await request.text()).strip()
    if not text:
        return None
    try:
        value: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("the body is nested too deeply") from error
    except ValueError:
        return text
    return value
