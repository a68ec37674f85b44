"""systemd hears what it asked for, and nobody else anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from proxy.service import every, told


def test_systemd_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.settimeout(5)
        assert told("READY=1", environ={"NOTIFY_SOCKET": path})
        assert heard.recv(100) == b"READY=1"
        assert told("RELOADING=1", monotonic=True, environ={"NOTIFY_SOCKET": path})
        assert heard.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


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
