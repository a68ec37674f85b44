"""Repositories that never give a certificate: each address of 127.0.0.0/8 does its own harm to whatever path is asked for.

`python -m benchmarks.hole --cert C --key K --strangers N`: seven addresses with a fault each, and N that take a connection
and say nothing, not even TLS. It counts connections and requests by path, and tells them to whoever connects to `TOLD`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import signal
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

FAULTS = ("mute", "hang", "drip", "500", "redirect", "huge", "type")
"""No TLS; no answer; an octet a second; a server error; a redirect; ten megabytes; a web page."""
TOLD = "127.9.0.250"
HUGE = 10 * 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pem-certificate-chain\r\n"
ANSWERS = {
    "500": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: https://127.9.0.1/\r\nContent-Length: 0\r\n\r\n",
    "type": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
}


def address(fault: str) -> str:
    """Where this harm is done."""
    return f"127.9.0.{FAULTS.index(fault) + 1}"


def stranger(number: int) -> str:
    """The address of the so-and-so-many-th stranger."""
    return f"127.10.{number // 250}.{number % 250 + 1}"


class Hole:
    """What was asked of us."""

    def __init__(self) -> None:
        self.connections = 0
        self.paths: Counter[str] = Counter()

    def told(self) -> bytes:
        most = max(self.paths.values(), default=0)
        found = {"connections": self.connections, "requests": self.paths.total(), "paths": len(self.paths), "most": most}
        return json.dumps(found).encode()

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.told())
        await writer.drain()
        writer.close()

    async def mute(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read()
        writer.close()

    def harm(self, fault: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                request = await reader.readuntil(b"\r\n\r\n")
                self.paths[f"{fault}{request.split(b' ')[1].decode('ascii', 'replace')}"] += 1
                await self.answer(fault, reader, writer)
            writer.close()

        return serve

    async def answer(self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault == "hang":
            await reader.read()
        elif fault == "drip":
            writer.write(HEAD + b"Content-Length: 3000\r\n\r\n")
            for _ in range(3000):
                writer.write(b"A")
                await writer.drain()
                await asyncio.sleep(1.0)
        elif fault == "huge":
            writer.write(HEAD + b"\r\n")
            for _ in range(HUGE // 65_536):
                writer.write(b"A" * 65_536)
                await writer.drain()
        else:
            writer.write(ANSWERS[fault])
            await writer.drain()


@asynccontextmanager
async def opened(cert: str, key: str, strangers: int, port: int = 0) -> AsyncIterator[tuple[Hole, int]]:
    """All of them at one port, which is chosen where it is 0."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    hole = Hole()
    async with AsyncExitStack() as stack:
        try:
            for fault in FAULTS:
                secure = None if fault == "mute" else context
                serve = hole.mute if fault == "mute" else hole.harm(fault)
                server = await asyncio.start_server(serve, address(fault), port, ssl=secure, limit=65_536)
                stack.callback(server.close)
                port = server.sockets[0].getsockname()[1]
            for number in range(strangers):
                server = await asyncio.start_server(hole.mute, stranger(number), port)
                stack.callback(server.close)
            stack.callback((await asyncio.start_server(hole.tell, TOLD, port)).close)
            yield hole, port
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def counted(port: int) -> dict[str, int]:
    """What the hole at that port has counted."""
    with socket.create_connection((TOLD, port), timeout=5) as sock:
        octets = b""
        while part := sock.recv(65_536):
            octets += part
    found: dict[str, int] = json.loads(octets)
    return found


async def run(cert: str, key: str, strangers: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with opened(cert, key, strangers) as (_, port):
        print(f"hole at {port}", flush=True)
        await stop.wait()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hole", description=__doc__)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--strangers", type=int, default=0)
    asked = parser.parse_args()
    asyncio.run(run(asked.cert, asked.key, asked.strangers))


if __name__ == "__main__":
    main()
