"""What is brought is checked before it is put down; a failure leaves the file and is tried again sooner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from certs.courier import AGAIN, Courier
from certs.fetch import FetchError
from certs.trust import Errand
from shaken.errors import CredentialError

URL = "https://authenticate-api.example.com/crl"
EVERY = 3600.0


class Day:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "staged" / "list"
        self.answer: bytes | Exception = b"good 1"
        self.said: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.courier = Courier(
            {URL: Errand(self.path, self.check)}, self.get, lambda: 0.0, EVERY, self.say, self.sleep
        )

    def check(self, octets: bytes, utc: float) -> None:
        if not octets.startswith(b"good"):
            raise CredentialError("its signature does not hold")

    async def get(self, url: str) -> bytes:
        assert url == URL
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def say(self, event: str, **fields: Any) -> None:
        self.said.append({"event": event, **fields})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 8:
            raise asyncio.CancelledError


@pytest.mark.req("STI-093", "STI-094")
async def test_what_holds_is_put_down_and_what_does_not_leaves_the_file(tmp_path: Path) -> None:
    day = Day(tmp_path)
    assert await day.courier.round() == 0 and day.path.read_bytes() == b"good 1"
    for answer in (b"bad", FetchError("timeout", "too slow")):
        day.answer = answer
        assert await day.courier.round() == 1 and day.path.read_bytes() == b"good 1"
    assert [one["event"] for one in day.said] == ["list-not-brought"] * 2
    day.answer = b"good 2"
    assert await day.courier.round() == 0 and day.path.read_bytes() == b"good 2"
    assert [path.name for path in day.path.parent.iterdir()] == ["list"]


async def test_the_same_file_is_not_written_again(tmp_path: Path) -> None:
    day = Day(tmp_path)
    await day.courier.round()
    before = day.path.stat().st_mtime_ns, day.path.stat().st_ino
    await day.courier.round()
    assert (day.path.stat().st_mtime_ns, day.path.stat().st_ino) == before


async def test_a_failure_is_tried_again_sooner_and_then_less_and_less(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.answer = FetchError("connect", "nobody there")
    with pytest.raises(asyncio.CancelledError):
        await day.courier.run()
    assert day.slept == [AGAIN, 2 * AGAIN, 4 * AGAIN, 8 * AGAIN, 16 * AGAIN, 32 * AGAIN, EVERY, EVERY]


async def test_a_disk_that_does_not_take_it_is_said(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.path.parent.touch()
    assert await day.courier.round() == 1 and day.said[0]["event"] == "list-not-brought"
