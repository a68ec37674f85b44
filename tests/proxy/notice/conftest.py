"""A notice, and what stands around the sending: nothing waits in real time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from proxy.notice.content import Notice
from tests.waiting import SECONDS

UTC = 1_795_000_000.25

NOTICE = Notice(
    key="5f0c",
    utc=UTC,
    call_id="e9-77@203.0.113.9",
    dialled="911",
    caller="2177",
    name="Room 3127",
    callback="+12025550177",
    location="500 Example St, Floor 3",
    location_by="number",
    conveyed=True,
    trunk="pbx",
    source="192.0.2.20",
)


class Edge:
    """Tasks, counters, log lines and a clock that a test reads."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.slept: list[float] = []
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    def count(self, way: str, result: str) -> None:
        self.counted[way, result] += 1

    def say(self, event: str, **fields: Any) -> None:
        self.said.append((event, fields))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def settled(self) -> None:
        """All tasks have ended; one that does not is the test's failure."""
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*self.tasks)


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def notice() -> Notice:
    return NOTICE
