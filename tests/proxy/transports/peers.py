"""A whole ringwarden in this process, on loopback, and peers with real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import uvloop

from proxy.app import App
from proxy.parts import prepare
from proxy.settings import read
from proxy.sip.framing import Framer
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.transports import Streams
from tests.waiting import SECONDS, breath, turns

CARRIER, PBX = "127.0.0.2", "127.0.0.3"
PLAIN = {"address": "127.0.0.1:0"}
"""A listener by UDP and TCP."""

OPENED: list[Any] = []
"""What a test opened: closed when it ends."""

Test = TypeVar("Test", bound=Callable[..., Coroutine[Any, Any, None]])


def on_uvloop(test: Test) -> Callable[..., None]:
    """Run a test on the loop that `ringwarden run` has."""

    async def tidily(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            for _ in range(3):  # what was on its way in comes after its listener has closed
                while OPENED:
                    OPENED.pop().close()
                await breath()

    @functools.wraps(test)
    def ran(*given: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(tidily(test(*given, **named)))

    return ran


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition."""
    await turns(condition, what)


class Line:
    """A TCP or TLS connection of a peer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._framer = Framer()
        OPENED.append(self)
        self.me: tuple[str, int] = writer.get_extra_info("sockname")[:2]

    @classmethod
    async def open(cls, to: tuple[str, int], me: str = CARRIER, tls: ssl.SSLContext | None = None, name: str = "") -> Self:
        """name: asked for by SNI."""
        async with asyncio.timeout(SECONDS):
            made = await asyncio.open_connection(
                *to, local_addr=(me, 0), ssl=tls, server_hostname=name if tls is not None else None
            )
        return cls(*made)

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def hears(self) -> Request | Response:
        """The next message."""
        async with asyncio.timeout(SECONDS):
            while (message := self._framer.next()) is None:
                octets = await self.reader.read(65_536)
                assert octets, "the connection has ended"
                self._framer.feed(octets)
            return parse(message)

    async def ended(self) -> bytes:
        """What else comes until the connection ends."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def close(self) -> None:
        self.writer.transport.abort()


class Phone:
    """A peer that listens by TCP or TLS."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.server: asyncio.Server

    @classmethod
    async def at(cls, host: str = PBX, port: int = 0, tls: ssl.SSLContext | None = None) -> Self:
        phone = cls()

        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            phone.lines.put_nowait(Line(reader, writer))

        OPENED.append(phone)
        phone.server = await asyncio.start_server(taken, host, port, ssl=tls)
        return phone

    def close(self) -> None:
        self.server.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server.sockets[0].getsockname()[:2]
        return host, port

    async def line(self) -> Line:
        async with asyncio.timeout(SECONDS):
            return await self.lines.get()


class Datagrams:
    """A peer with a UDP socket."""

    def __init__(self, host: str = PBX, port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        OPENED.append(self)
        self.socket.setblocking(False)
        self.socket.bind((host, port))

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()[:2]
        return host, port

    def close(self) -> None:
        self.socket.close()

    def send(self, octets: bytes, to: tuple[str, int]) -> None:
        self.socket.sendto(octets, to)

    async def hears(self) -> Request | Response:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            return parse(await loop.sock_recv(self.socket, 65_535))


Run = Callable[..., contextlib.AbstractAsyncContextManager[App]]


@contextlib.asynccontextmanager
async def running(folder: Path, pbx: str, **more: Any) -> AsyncIterator[App]:
    """A ringwarden with a carrier and a PBX; `pbx` is the hop. `listen`: its listeners; else one, by UDP and TCP."""
    tables: dict[str, Any] = {
        "listen": [PLAIN],
        "trunk": [
            {"name": "carrier", "side": "carrier", "sources": [CARRIER, "::1"]},
            {"name": "pbx", "side": "pbx", "sources": [PBX]},
        ],
        "next_hop": {"pbx": [pbx], "carrier": [f"udp:{CARRIER}:5060"]},
        "log": {"level": "error"},
        "lab": {"enabled": True},
    }
    tables["next_hop"].update(more.pop("next_hop", {}))
    settings = read({**tables, **more}, "test", folder)
    app = App(settings, prepare(settings))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def where(app: App, transport: str = "TCP", version: int = 4) -> tuple[str, int]:
    """Where it listens."""
    for one in app.listeners:
        if one.transport == transport and (":" in one.host) == (version == 6):
            return one.host, one.port
    raise LookupError(transport)


def streams(app: App) -> list[Streams]:
    """Its TCP and TLS listeners."""
    return [one for one in app.sockets if isinstance(one, Streams)]


def count(app: App, name: str, *labels: str) -> int:
    return app.metrics.counter_value(name, *labels)


def request(
    method: str = "INVITE",
    via: str = "SIP/2.0/TCP 127.0.0.2:5060",
    *lines: str,
    number: int = 1,
    target: str = "sip:+12025550123@pbx.example.com",
    call: str = "call",
    branch: str = "1",
    body: bytes = b"",
    to: str = "",
) -> bytes:
    """A request as a carrier's phone writes it."""
    head = [
        f"{method} {target} SIP/2.0", f"Via: {via};branch=z9hG4bK{call}{branch}", "Max-Forwards: 70",
        "From: <sip:+12025550101@carrier.example.net>;tag=1", f"To: <sip:+12025550123@pbx.example.com>{to}",
        f"Call-ID: {call}", f"CSeq: {number} {method}", "Contact: <sip:a@127.0.0.2:5060>", *lines,
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def response(asked: Request | Response, status: int, *lines: str, tag: str = "b") -> bytes:
    """What a phone answers."""
    assert isinstance(asked, Request)
    head = [f"SIP/2.0 {status} Well".encode()]
    for line, name in zip(asked.lines, asked.names, strict=True):
        if name in ("via", "from", "call-id", "cseq", "record-route"):
            head.append(line)
        elif name == "to":
            head.append(line if b"tag=" in line else line + b";tag=" + tag.encode())
    return b"\r\n".join((*head, *(line.encode() for line in lines), b"Content-Length: 0", b"", b""))
