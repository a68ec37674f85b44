"""The operator's HTTP address: /metrics, /healthz and, in the lab only, the levers of the lab.

Nothing here can stop a call: a port that is busy is said, counted and tried again beside the calls; a
reader that fails answers 500 to the one who asked. There is no password: bind it to loopback or to a
management network.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from proxy.admin.health import Vitals, report
from proxy.admin.site import FIRST_PAUSE, Site

MAX_BODY = 64 * 1024
"""Octets of a lab request."""
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


class Admin(Site):
    """The server."""

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
        super().__init__(
            "admin", host, port, self._routed, say=say, restarted=restarted, first_pause=first_pause
        )
        self._metrics, self._vitals = metrics, vitals
        self._clock = clock if vitals.lab else None
        self._hooks = dict(hooks or {}) if vitals.lab else {}
        self._more = tuple(more)

    def _routed(self) -> web.Application:
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
