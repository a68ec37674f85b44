"""systemd hears what it asked for, and nobody else anything."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from proxy import cli
from proxy.lab.world import World
from proxy.service import every, told
from tests.waiting import SECONDS


def test_systemd_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.settimeout(SECONDS)
        assert told("READY=1", environ={"NOTIFY_SOCKET": path})
        assert heard.recv(100) == b"READY=1"
        assert told("RELOADING=1", monotonic=True, environ={"NOTIFY_SOCKET": path})
        assert heard.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_ringwarden_says_when_it_is_ready_reads_again_and_stops(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.setblocking(False)
        words: list[bytes] = []

        async def until(word: bytes) -> None:
            async with asyncio.timeout(SECONDS):
                while not words or not words[-1].startswith(word):
                    words.append(await asyncio.get_running_loop().sock_recv(heard, 100))

        async with World(tmp_path, workers=workers) as world:
            await until(b"READY=1")
            assert cli.main(["reload", "--config", str(world.config)]) == 0
            await until(b"RELOADING=1")
            await until(b"READY=1")
        await until(b"STOPPING=1")


@pytest.mark.parametrize("where", ["", "relative", "/nobody/listens"])
def test_without_it_nothing_happens(where: str) -> None:
    assert not told("READY=1", environ={"NOTIFY_SOCKET": where})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None), ({"WATCHDOG_USEC": "x"}, None), ({"WATCHDOG_USEC": "0"}, None), ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
    ],
)  # fmt: skip
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(environ: dict[str, str], seconds: float | None) -> None:
    assert every(environ) == seconds
