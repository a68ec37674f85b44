"""Waiting for what another process does, or a number that tells nobody: a condition, and a deadline after which it has failed.

Tests sleep here and nowhere else. The deadlines measure nothing: where all is well they are never reached, on a slow machine either.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

from proxy.lab.world import World
from proxy.storage.find import JournalError, find
from proxy.storage.rows import Record

SECONDS = 60.0
"""That anything may take on a busy machine."""
PAUSE = 0.01

T = TypeVar("T")


async def until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Returns as soon as the condition holds. It is asked in a thread: it may read files. Raises AssertionError with `what`."""

    async def asked() -> object:
        return await asyncio.to_thread(condition)

    await comes(asked, what, seconds)


async def turns(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """The same of what belongs to the loop: it is asked between the loop's turns."""

    async def asked() -> object:
        return condition()

    await comes(asked, what, seconds)


async def breath() -> None:
    """A moment in which the loop lets go of what was closed, and what was on its way comes in."""
    await asyncio.sleep(PAUSE)


async def comes(asked: Callable[[], Awaitable[T]], what: str, seconds: float = SECONDS) -> T:
    """What is answered, once it counts as true. Raises AssertionError with `what`."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := await asked()):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE)
            return found
    except TimeoutError:
        raise AssertionError(f"in {seconds:g} s not: {what}") from None


def found(condition: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Where there is no loop: what the condition gives, once it counts as true. Raises AssertionError with `what`."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (holds := condition()):
        assert time.monotonic() < end, f"in {seconds:g} s not: {what}"
        pause.wait(PAUSE)
    return holds


async def metrics(world: World) -> str:
    """What ringwarden counts now."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.admin}/metrics") as answer:
        return await answer.text()


async def counted(world: World, line: str, value: float) -> None:
    """Returns once a metric says so."""

    async def says() -> bool:
        shown = re.search(rf"^{re.escape(line)} (\S+)$", await metrics(world), re.MULTILINE)
        return shown is not None and float(shown[1]) == value

    await comes(says, f"{line} {value:g}")


async def recorded(journal: Path, call_id: str, whole: Callable[[Record], object] = lambda record: True) -> Record:
    """The one record of a call (or of a refusal), once the journal has it and it is `whole`: it is written beside the calls."""

    def look() -> Record | None:
        try:
            records = find(journal, call_id)
        except (JournalError, OSError):
            return None  # nothing is written yet
        assert len(records) <= 1, records
        return records[0] if records and whole(records[0]) else None

    record = await comes(lambda: asyncio.to_thread(look), f"a record of {call_id}")
    assert record is not None
    return record
