"""Waiting for what another process does, or a number that tells nobody: a condition, and a deadline after which it has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SECONDS = 60.0
"""That anything may take on a busy machine."""
PAUSE = 0.01


async def until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Returns as soon as the condition holds. It is asked in a thread: it may read files. Raises AssertionError with `what`."""
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise AssertionError(f"in {seconds:g} s not: {what}") from None
