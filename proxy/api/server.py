"""The HTTP around signing and verification: /stir/v1/signing and /stir/v1/verification; and what secsipidx answers.

There is no password: whoever reaches the address may ask, so it belongs on loopback or a management network. A page in
somebody's browser can reach loopback too; what only a page sends (an Origin, RFC 6454) is refused. Of several
workers each listens at the same address: keys and certificates are at hand there, and no call waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from proxy.admin.site import Site
from proxy.api import secsipidx
from proxy.api.asking import Dialect, Misuse
from proxy.api.signing import Signing
from proxy.api.verification import Verification

MAX_BODY = 64 * 1024
"""Octets of a request: ten Identity headers of a usual size, and one of the longest that is read."""
MAX_ASKED = 128
"""Requests under way; one more is told to come back. Each is a few hundred microseconds, or waits for a certificate."""
BODY_SECONDS = 5.0
"""How long a body may take to come."""
MAX_PASSED = 128
"""Characters of a header that is passed through."""
JSON = "application/json"
PASSED_THROUGH = ("X-RequestID", "X-InstanceID")

OPERATIONS = {
    "/stir/v1/signing": "signing", "/v1/sign-csv": "signing",
    "/stir/v1/verification": "verification", "/v1/check": "verification",
}  # fmt: skip

Count = Callable[[str, str], None]
"""Told the operation and how it ended."""
Answer = Callable[[bytes], Awaitable[dict[str, Any]]]


class Api:
    """Both operations as an application; `site` listens for it."""

    def __init__(
        self,
        signing: Signing,
        verification: Verification,
        dialect: Dialect,
        *,
        say: Callable[..., None] = lambda event, **fields: None,
        count: Count = lambda operation, result: None,
    ) -> None:
        self.signing, self.verification, self.dialect = signing, verification, dialect
        self._say, self._count = say, count
        self._asked = 0

    def site(self, host: str, port: int, *, shared: bool = False) -> Site:
        """Who listens."""
        return Site("api", host, port, self.application, say=self._say, shared=shared)

    def application(self) -> web.Application:
        """The routes, and around them what every answer has."""
        @web.middleware
        async def framed(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
            return await self._framed(request, handler)

        application = web.Application(client_max_size=MAX_BODY, middlewares=[framed])
        application.router.add_post("/stir/v1/signing", self._sign)
        application.router.add_post("/stir/v1/verification", self._verify)
        application.router.add_post("/v1/sign-csv", self._sign_row)
        application.router.add_post("/v1/check", self._check)
        return application

    async def _framed(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Bounds, errors in the words of the dialect, and headers that are passed through."""
        operation = OPERATIONS.get(request.path, "other")
        answer: web.StreamResponse
        try:
            if self._asked >= MAX_ASKED:
                raise Misuse("POL5000", status=503)
            self._asked += 1
            try:
                answer = await handler(request)
            finally:
                self._asked -= 1
        except Misuse as error:
            self._count(operation, {500: "fault", 503: "busy"}.get(error.status, "misused"))
            answer = self._refusal(error)
        except web.HTTPException as error:
            self._count(operation, "misused")
            answer = self._refusal(_misuse(error))
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
        except Exception as error:  # a fault of ours is theirs to know, and ours to see
            self._count(operation, "fault")
            self._say("api-fault", level="error", fault=repr(error))
            answer = self._refusal(Misuse("POL5000"))
        for name in PASSED_THROUGH:
            if (value := request.headers.get(name, "")) and len(value) <= MAX_PASSED and value.isprintable():
                answer.headers[name] = value
        return answer

    def _refusal(self, error: Misuse) -> web.Response:
        headers = {"Retry-After": "1"} if error.status == 503 else None
        return web.json_response(error.body(self.dialect), status=error.status, headers=headers)

    async def _sign(self, request: web.Request) -> web.StreamResponse:
        octets = await body(request)
        told = self.signing.answer(octets, self.dialect)
        self._count("signing", "done")
        return web.json_response(told)

    async def _verify(self, request: web.Request) -> web.StreamResponse:
        octets = await body(request)
        told = await self.verification.answer(octets, self.dialect)
        outcome = told["verificationResponse"]
        passed = "Passed" in (outcome.get("verstat") or outcome.get("verstatValue") or "")
        self._count("verification", "done" if passed else "failed")
        return web.json_response(told)


    async def _sign_row(self, request: web.Request) -> web.StreamResponse:
        try:
            text = secsipidx.sign(await read(request), self.signing)
        except secsipidx.Refused as error:
            self._count("signing", "fault" if error.status == 500 else "misused")
            return web.Response(text=f"{error}\n", status=error.status)
        self._count("signing", "done")
        return web.Response(text=text + "\n")

    async def _check(self, request: web.Request) -> web.StreamResponse:
        proved = await secsipidx.check(await read(request), self.verification)
        self._count("verification", "done" if proved else "failed")
        return web.Response(text="OK\n" if proved else "FAILED\n", status=200 if proved else 500)


async def body(request: web.Request) -> bytes:
    """The body of a request that accepts and sends JSON. Raises Misuse."""
    accepted = request.headers.get("Accept", "*/*").lower()
    types = [one.partition(";")[0].strip() for one in accepted.split(",")]
    if not {"*/*", "application/*", JSON, ""} & set(types):
        raise Misuse("SVC4002", types[0][:64])
    if "Content-Length" not in request.headers:
        raise Misuse("SVC4007")
    if request.content_length == 0:
        raise Misuse("SVC4000")
    if request.content_type != JSON:
        raise Misuse("SVC4004", JSON)
    return await read(request)


async def read(request: web.Request) -> bytes:
    """The body of any request that no web page sent. Raises Misuse."""
    if "Origin" in request.headers:
        raise Misuse("POL4030", "nothing is done for a web page")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Misuse("SVC4000", status=408) from None


def _misuse(error: web.HTTPException) -> Misuse:
    """What the server itself refuses, in the words of the interface."""
    if error.status == 405:
        return Misuse("POL4050")
    if error.status == 413:
        return Misuse("SVC4005", "body", status=413)
    if error.status == 404:
        return Misuse("SVC4003")
    return Misuse("SVC4006", error.reason or "", status=error.status)
