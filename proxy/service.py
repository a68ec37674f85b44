"""What systemd is told of us (sd_notify): ready, reloading, stopping, alive. Without systemd nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping


def told(state: str, *, monotonic: bool = False, environ: Mapping[str, str] = os.environ) -> bool:
    """Send one line; whether anybody was there. monotonic: add the time, as RELOADING=1 wants it."""
    where = environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return False
    if monotonic:
        state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.setblocking(False)
        link.sendto(state.encode(), "\0" + where[1:] if where[0] == "@" else where)
        return True
    return False


def every(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life that systemd asks for, halved; None where it does not."""
    try:
        wanted = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return wanted / 2e6 if wanted > 0 and environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()) else None


async def alive(seconds: float) -> None:
    """Say it for ever. It runs on the loop that serves the calls: when that hangs, systemd hears nothing."""
    while True:
        told("WATCHDOG=1")
        await asyncio.sleep(seconds)
