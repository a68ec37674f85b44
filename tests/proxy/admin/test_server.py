"""The operator's address: what it serves, and that nothing about it stops anything."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from proxy.admin.health import Vitals
from proxy.admin.server import MAX_BODY, Admin
from proxy.clock import LabClock
from proxy.metrics import Metrics
from proxy.storage.journal import Health
from tests.waiting import SECONDS

Start = Callable[..., Awaitable[Admin]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    made: list[Admin] = []

    async def begin(lab: bool = False, **more: Any) -> Admin:
        metrics = Metrics(("none",))
        vitals = Vitals(
            "1.2.3", "observe", lab, ["udp:127.0.0.1:5060"], lambda: Health(False, "full", 1, 2, 3)
        )
        given = {"metrics": lambda: metrics.exported("1.2.3", lab), "vitals": vitals, "port": 0} | more
        made.append(Admin("127.0.0.1", **given))
        await made[-1].start()
        return made[-1]

    yield begin
    for admin in made:
        await admin.stop()


async def ask(admin: Admin, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
    assert admin.address is not None
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, f"http://127.0.0.1:{admin.address[1]}{path}", **more) as answer,
    ):
        return answer.status, await answer.text()


async def test_metrics_and_health_are_served(start: Start) -> None:
    admin = await start()
    status, text = await ask(admin, "/metrics")
    assert status == 200 and "ringwarden_build_info{" in text and "ringwarden_lab 0.0" in text
    status, text = await ask(admin, "/healthz")
    assert status == 200 and '"degraded"' in text and '"why": "full"' in text


@pytest.mark.req("TRAP-91")
async def test_the_levers_of_the_lab_are_there_in_the_lab_only(start: Start) -> None:
    clock = LabClock("2023-09-07T12:00:00Z")
    outside = await start(lab=False, clock=clock, hooks={"x": lambda value: value})
    for path in ("/lab/clock", "/lab/x"):
        assert (await ask(outside, path, "PUT", data="+2d"))[0] == 404
    assert clock.spec == "2023-09-07T12:00:00Z"
    inside = await start(lab=True, clock=clock)
    assert "ringwarden_lab 1.0" in (await ask(inside, "/metrics"))[1]
    assert '"lab": true' in (await ask(inside, "/healthz"))[1]


@pytest.mark.parametrize(
    "body", ["2023-09-08T12:00:00Z", '"2023-09-08T12:00:00Z"', '{"clock": "2023-09-08T12:00:00Z"}']
)
async def test_the_lab_clock_can_be_read_and_moved(start: Start, body: str) -> None:
    clock = LabClock("2023-09-07T12:00:00Z")
    admin = await start(lab=True, clock=clock)
    assert "1694088000.0" in (await ask(admin, "/lab/clock"))[1]
    assert await ask(admin, "/lab/clock", "PUT", data=body) == (
        200,
        '{"clock": "2023-09-08T12:00:00Z", "utc": 1694174400.0}',
    )
    assert clock.utc() == 1_694_174_400.0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"3", 400),
        (b"{}", 400),
        (b"later", 400),
        (b"[" * 60_000, 400),
        (b"\xff", 400),
        (b"x" * (MAX_BODY + 1), 413),
    ],
)
async def test_a_bad_clock_is_refused_with_a_sentence(start: Start, body: bytes, status: int) -> None:
    clock = LabClock("2023-09-07T12:00:00Z")
    admin = await start(lab=True, clock=clock)
    assert (await ask(admin, "/lab/clock", "PUT", data=body))[0] == status
    assert clock.utc() == 1_694_088_000.0


async def test_hooks_take_and_give_json(start: Start) -> None:
    async def double(value: object) -> object:
        if not isinstance(value, int):
            raise ValueError("a number is needed")
        return value * 2

    admin = await start(lab=True, hooks={"double": double, "echo": lambda value: value})
    assert await ask(admin, "/lab/double", "PUT", data="21") == (200, '{"result": 42}')
    assert await ask(admin, "/lab/double", "PUT", data="x") == (400, '{"error": "a number is needed"}')
    assert await ask(admin, "/lab/echo", "PUT") == (200, '{"result": null}')
    assert (await ask(admin, "/lab/clock"))[0] == 404


async def test_a_busy_port_is_said_counted_and_tried_again(start: Start) -> None:
    said: list[str] = []
    tried: list[int] = []
    twice, up = asyncio.Event(), asyncio.Event()

    def say(event: str, **fields: object) -> None:
        said.append(event)
        if event == "admin-up":
            up.set()

    def count() -> None:
        tried.append(1)
        if len(tried) == 2:
            twice.set()

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        admin = await start(port=port, say=say, restarted=count, first_pause=0.01)
        assert admin.address is None and said == ["admin-down"]
        async with asyncio.timeout(SECONDS):
            await twice.wait()
    async with asyncio.timeout(SECONDS):
        await up.wait()
    assert (await ask(admin, "/healthz"))[0] == 200
    assert said[:2] == ["admin-down", "admin-down"] and said[-1] == "admin-up"


async def test_an_address_that_is_not_ours_stops_nothing(start: Start) -> None:
    said: list[str] = []
    admin = Admin(
        "192.0.2.1", 9495, metrics=lambda: b"", vitals=Vitals("1", "observe", False, []),
        say=lambda event, **fields: said.append(event),
    )  # fmt: skip
    await admin.start()
    assert admin.address is None and said == ["admin-down"]
    await admin.stop()
    await admin.stop()


async def test_a_reader_that_fails_answers_500_and_serves_on(start: Start) -> None:
    admin = await start(metrics=lambda: b"" if 1 / 0 else b"")
    assert (await ask(admin, "/metrics"))[0] == 500
    assert (await ask(admin, "/healthz"))[0] == 200
