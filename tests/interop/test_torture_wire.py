"""The torture messages of RFC 4475 and 5118 over real sockets, all into one running ringwarden: after each of them an
ordinary call passes, and not one was a fault of ours.

A way is what carries bytes in; TLS would be one row more of WAYS.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from proxy.lab.calling import Answer
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation, as_caller, opening
from proxy.lab.ports import free_port
from proxy.lab.world import World
from proxy.sip.errors import ParseError
from proxy.sip.framing import Framer
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from tests.waiting import SECONDS, comes

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "torture"
ROWS: list[dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))["message"]
PATIENCE = SECONDS
NOTICED = ("requests", "parse_errors", "strays", "retransmissions")
"""The counters of which one moves with every message that arrives."""

Carry = Callable[[bytes], Awaitable[None]]
Place = Callable[[], Awaitable[None]]


class Counters:
    """ringwarden's own, read by HTTP."""

    def __init__(self, world: World, session: ClientSession) -> None:
        self.world, self.session = world, session

    async def read(self) -> dict[str, float]:
        """The sum of each family over its labels; parse errors by kind besides."""
        async with self.session.get(f"{self.world.admin}/metrics") as answer:
            text = await answer.text()
        found: dict[str, float] = {}
        for name, labels, value in re.findall(r"^ringwarden_(\w+)_total(\{[^}]*\})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0) + float(value)
            if name == "parse_errors":
                found[labels] = float(value)
        return found

    async def moved(self, before: dict[str, float]) -> dict[str, float]:
        """What has changed, once something has. A message that leaves no trace is the test's failure."""
        async with asyncio.timeout(PATIENCE):
            while True:
                now = await self.read()
                if any(now[name] != before[name] for name in NOTICED):
                    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


async def ordinary(world: World) -> None:
    """A call by UDP, answered and ended."""
    identity = "<sip:+13015550101@carrier.example.net>"
    call = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", identity)
    outcome = await world.carrier.call(call, world.proxy)
    assert outcome.status == 200, outcome.statuses


def ends(data: bytes) -> bool:
    """Whether a stream knows where this message ends, or that it cannot know."""
    framer = Framer()
    framer.feed(data)
    try:
        return framer.next() is not None
    except ParseError:
        return True


def only_ordinary(request: Request) -> Answer:
    """The PBX answers our own calls and turns everything else away, so that nothing is repeated for half a minute."""
    ours = request.call_id.endswith(b"@lab")
    return Answer() if ours else Answer(404, "Not Found", rings=False)


def another(text: str, transport: str, address: str, source: str) -> str:
    """One more listener, and who may use it."""
    listener = f'[[listen]]\ntransport = "{transport}"\naddress = "{address}"\n\n'
    text = re.sub(r'(name = "carrier"\nside = "carrier"\nsources = \[[^\]]*)\]', rf'\1, "{source}"]', text)
    return text.replace("[[trunk]]", listener + "[[trunk]]", 1)


@asynccontextmanager
async def by_udp(folder: Path) -> AsyncIterator[tuple[World, Carry, Place]]:
    async with World(folder) as world:
        async def carry(data: bytes) -> None:
            await world.carrier.send(data, world.proxy)

        yield world, carry, lambda: ordinary(world)


@asynccontextmanager
async def by_udp_over_ipv6(folder: Path) -> AsyncIterator[tuple[World, Carry, Place]]:
    try:
        out = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        out.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    with out:
        out.setblocking(False)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
        async with World(folder, amend=lambda text: another(text, "udp", f"[::1]:{port}", "::1")) as world:
            async def carry(data: bytes) -> None:
                out.sendto(data, ("::1", port))

            yield world, carry, lambda: ordinary(world)


@asynccontextmanager
async def by_tcp(folder: Path) -> AsyncIterator[tuple[World, Carry, Place]]:
    """A connection for each message, from an address of its own; the ordinary call goes by TCP too."""
    port = free_port()
    async with World(folder, amend=lambda text: another(text, "tcp", f"127.0.0.1:{port}", "127.0.0.2")) as world:
        async def carry(data: bytes) -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            writer.write(data)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        yield world, carry, lambda: ordinary_by_tcp(world, port)


async def ordinary_by_tcp(world: World, port: int, talked: asyncio.Event | None = None) -> None:
    """The same, over a connection: INVITE, 200, ACK, BYE, 200. talked: set when it is to hang up; until then keep-alives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    own = writer.get_extra_info("sockname")[1]
    framer, heard = Framer(), []

    async def hears(method: str) -> Response:
        async with asyncio.timeout(PATIENCE):
            while True:
                while heard:
                    message = parse(heard.pop(0))
                    if isinstance(message, Response) and message.cseq.method == method and message.status >= 200:
                        return message
                framer.feed(await reader.read(65_536))
                while (data := framer.next()) is not None:
                    heard.append(data)

    try:
        via = f"Via: SIP/2.0/TCP 127.0.0.2:{own};branch=z9hG4bK{os.urandom(8).hex()}"
        call = Invitation(f"sip:+{CALLEE}@127.0.0.1:{port}", "<sip:+13015550101@carrier.example.net>")
        sent = opening(call, via, f"sip:lab@127.0.0.2:{own};transport=tcp", os.urandom(4).hex())
        writer.write(sent)
        answer = await hears("INVITE")
        assert answer.status == 200, answer.start
        request = parse(sent)
        assert isinstance(request, Request)
        dialog = as_caller(request, answer, ("127.0.0.1", port))
        writer.write(dialog.request("ACK", via.replace("z9hG4bK", "z9hG4bKack")))

        async def over() -> bool:
            writer.write(b"\r\n\r\n")
            return talked is None or talked.is_set()

        await comes(over, "the end of the talk", 4 * SECONDS)
        writer.write(dialog.following().request("BYE", via.replace("z9hG4bK", "z9hG4bKbye")))
        assert (await hears("BYE")).status == 200
    finally:
        writer.close()
        await writer.wait_closed()


WAYS = {"udp": by_udp, "udp over ipv6": by_udp_over_ipv6, "tcp": by_tcp}


@pytest.mark.req(
    "T-01", "T-02", "T-03", "T-04", "T-05", "T-06", "T-07", "T-08", "T-09", "T-10", "T-11", "T-12", "T-13", "T-14",
    "T-15", "T-16", "T-17", "T-18", "T-19", "T-20", "T-21", "T-22", "T-23", "T-24", "T-25", "T-26", "T-27", "T-28",
    "T-29", "T-30", "T-31", "T-32", "T-33", "T-34", "T-35", "T-36", "T-37", "T-38", "T-39", "T-40", "T-41", "T-42",
    "T-43", "T-44", "T-45", "T-46", "T-47", "T-48", "T-49", "V-01", "V-02", "V-03", "V-04", "V-05", "V-06", "V-07",
    "V-08", "V-09", "V-10", "V-11", "V-12",
)  # fmt: skip
@pytest.mark.parametrize("way", WAYS)
async def test_after_each_torture_message_an_ordinary_call_passes(way: str, tmp_path: Path) -> None:
    assert len(ROWS) == 61
    async with WAYS[way](tmp_path) as (world, carry, place), ClientSession() as session:
        world.pbx.answers = only_ordinary
        counters, process = Counters(world, session), world.process.pid
        await place()
        for row in ROWS:
            before = await counters.read()
            data = (FOLDER / f"{row['name']}.sip").read_bytes()
            await carry(data)
            # On a stream a message whose length is beyond its end is still awaited when the connection closes.
            moved = await counters.moved(before) if way != "tcp" or ends(data) else {}
            refused = row.get("parse", row.get("check"))
            if way != "tcp":  # a stream has its own opinion of lengths, and may be closed over them
                kind = f'{{kind="{refused}"}}'
                assert (moved.get("parse_errors", 0) == 1) == (refused is not None), (row["name"], moved)
                assert refused is None or kind not in before or kind in moved, (row["name"], moved)
            assert "internal_errors" not in moved, row["name"]
            await place()
        assert world.process.returncode is None and world.process.pid == process
        assert (await counters.read())["internal_errors"] == 0
        assert not any("fault" in line for line in world.said), world.said
