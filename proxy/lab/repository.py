"""A certificate repository on loopback: serves certificate files by HTTPS, and does so wrongly when asked.

Faults are what real and hostile repositories do: never answer, answer one octet at a time, send pages,
pictures, megabytes. In a test a file is put with its fault; in a subprocess (`python -m
proxy.lab.repository --folder DIR`) the first part of the path names it: /hang/a.pem, /status-503/a.pem.
Each request is counted by its path.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import re
import signal
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

PEM_TYPE = "application/pem-certificate-chain"
HUGE = 10 * 1024 * 1024
"""Octets that the fault "huge" would send."""
DRIP_SECONDS = 0.05
"""Between two octets of the fault "drip": a chain of 3,000 octets takes two and a half minutes."""
MAX_FILE = 1024 * 1024
"""Octets of a file that is served."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.pem", re.ASCII)
# Certificates only: a key that lies in the folder is never served.

Answer = Callable[["Repository", web.Request, bytes], Awaitable[web.StreamResponse]]


class Repository:
    """An HTTPS server on loopback, used as `async with Repository(cert, key) as repository`.

    `tls_cert` and `tls_key` are PEM files (`certs.lab.Authority.tls`); port 0 takes a free one. With a
    `folder`, what was not put is served from its files, under their names.
    """

    def __init__(
        self,
        tls_cert: Path,
        tls_key: Path,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        folder: Path | None = None,
    ) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(tls_cert, tls_key)
        self._host, self._port, self._folder = host, port, folder
        self._files: dict[str, tuple[bytes, str | None]] = {}
        self._gate = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.hits: Counter[str] = Counter()
        """Requests per path, however they ended."""
        self.waiting = asyncio.Event()
        """Set once a request hangs: a test then knows that it has arrived."""

    @property
    def base(self) -> str:
        """`https://127.0.0.1:port`, without a final slash; known once it runs."""
        return f"https://{self._host}:{self._port}"

    def put(self, path: str, pem: bytes, fault: str | None = None) -> str:
        """Serves these octets at this path, with a fault of FAULTS or "status-NNN"; returns the URL."""
        if fault is not None and _fault(fault) is None:
            raise ValueError(f"no such fault: {fault!r} (known: {', '.join(FAULTS)}, status-NNN)")
        path = "/" + path.lstrip("/")
        self._files[path] = (pem, fault)
        return self.base + path

    def release(self) -> None:
        """Lets what hangs, now or later, answer."""
        self._gate.set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.set()  # what hangs must not hold up the end
        if self._runner is not None:
            await self._runner.cleanup()

    async def hang(self) -> None:
        """Returns when `release` is called."""
        self.waiting.set()
        await self._gate.wait()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.hits[path] += 1
        known = self._files.get(path)
        if known is not None:
            body, fault = known
            answer = _fault(fault) if fault is not None else _well
        else:
            first, _, rest = path.lstrip("/").partition("/")
            answer = _fault(first) if rest else None
            found = self._read(rest if answer is not None else path.lstrip("/"))
            if found is None:
                return web.Response(status=404, text="not here\n")
            body = found
        return await (answer or _well)(self, request, body)

    def _read(self, name: str) -> bytes | None:
        if self._folder is None or not _NAME.fullmatch(name):
            return None
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(MAX_FILE)
        except OSError:
            return None


async def _well(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=body, content_type=PEM_TYPE)


async def _hang(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    await repository.hang()
    return await _well(repository, request, body)


async def _drip(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": PEM_TYPE, "Content-Length": str(len(body))})
    await response.prepare(request)
    for octet in body:
        await response.write(bytes((octet,)))
        await asyncio.sleep(DRIP_SECONDS)
    return response


async def _redirect(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": repository.base + "/redirected.pem"})


async def _huge(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": PEM_TYPE, "Content-Length": str(HUGE)})
    return await _pour(request, response)


async def _endless(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return await _pour(request, web.StreamResponse(headers={"Content-Type": PEM_TYPE}))


async def _pour(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    await response.prepare(request)
    line = b"A" * 63 + b"\n"
    with contextlib.suppress(ConnectionError):  # the other side has seen enough
        for _ in range(HUGE // 16_384):
            await response.write(line * 256)
    return response


async def _page(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=b"<html><body>Please log in.</body></html>\n", content_type="text/html")


async def _garbage(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=bytes(range(256)) * 4, content_type=PEM_TYPE)


async def _empty(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=b"", content_type=PEM_TYPE)


async def _bomb(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=gzip.compress(bytes(HUGE)), headers={"Content-Type": PEM_TYPE, "Content-Encoding": "gzip"})


async def _cut(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": PEM_TYPE, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


FAULTS: dict[str, Answer] = {
    "hang": _hang,  # accepts and says nothing
    "drip": _drip,  # an octet at a time
    "redirect": _redirect,
    "huge": _huge,  # ten megabytes, announced
    "endless": _endless,  # ten megabytes, not announced
    "type": _page,  # a web page
    "garbage": _garbage,  # octets that are no PEM
    "empty": _empty,
    "bomb": _bomb,  # ten megabytes in ten kilobytes of gzip
    "cut": _cut,  # closes half-way
}
"""What a file may be put with; besides, "status-NNN" answers with that status."""


def _fault(name: str) -> Answer | None:
    if name.startswith("status-") and name[7:].isdigit() and 200 <= int(name[7:]) <= 599:

        async def status(repository: Repository, request: web.Request, body: bytes) -> web.StreamResponse:
            return web.Response(status=int(name[7:]), text="as asked\n")

        return status
    return FAULTS.get(name)


async def serve(repository: Repository) -> None:
    """Runs until SIGINT or SIGTERM; prints the base URL, alone on its line, when it is ready."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with repository:
        print(repository.base, flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proxy.lab.repository", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="whose *.pem files are served")
    parser.add_argument("--cert", type=Path, required=True, help="TLS certificate (PEM)")
    parser.add_argument("--key", type=Path, required=True, help="TLS private key (PEM)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    asked = parser.parse_args()

    async def run() -> None:
        await serve(Repository(asked.cert, asked.key, asked.port, folder=asked.folder))

    asyncio.run(run())


if __name__ == "__main__":
    main()
