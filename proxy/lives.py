"""The life of a child of the supervisor: it says how far it is, and hears signals."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.app import App
from proxy.collector import calm
from proxy.workers.legacy import until
from proxy.workers.pulse import BEAT_SECONDS


async def begun(write: int, stages: memoryview) -> None:
    """Say that we are built, and wait until all are and the older version lets us."""
    if not stages[-1]:
        os.write(write, b"b")
    await until(lambda: bool(stages[-1]), 0.002)


def beat(loop: asyncio.AbstractEventLoop, stamp: memoryview) -> None:
    """Say that the loop turns, now and from now on."""
    stamp[0] = time.monotonic_ns()
    loop.call_later(BEAT_SECONDS, beat, loop, stamp)


async def lived(
    write: int,
    stamp: memoryview,
    stop: Callable[[], Coroutine[Any, Any, None]],
    heard: dict[signal.Signals, Callable[[], Any]],
    ended: asyncio.Event | None = None,
) -> int:
    """Say that we serve, and go on until told to stop. stamp: our cell of the pulses. ended: set when there is nothing
    left to do.
    """
    ended = ended or asyncio.Event()
    loop = asyncio.get_running_loop()
    beat(loop, stamp)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    for number, act in heard.items():
        loop.add_signal_handler(number, act)
    calm()
    os.write(write, b"!")
    os.close(write)
    await ended.wait()
    await stop()
    return 0


async def again(app: App) -> None:
    await app.reload()
