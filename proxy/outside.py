"""A service of somebody else that a call waits for, asked by HTTP: each question has its limit, so many are under way
at once, and after some failures in a row nobody is asked for a while. What comes of it is the asker's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import aiohttp

TRIES = 5
REST = 5.0
MOST = 256
"""Questions under way; beyond that there is no answer at once."""
ANSWER = 64 * 1024
"""Octets of an answer that are read."""

T = TypeVar("T")


class Unanswered(Exception):
    """`how` is resting, full, late or failed."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Outside:
    """One service. Used and closed in one event loop."""

    def __init__(self, url: str, path: str, now: Callable[[], float], seconds: float) -> None:
        """path: of the standard, where the URL has none."""
        self.url = url if url.partition("://")[2].rstrip("/").count("/") else url.rstrip("/") + path
        self._now, self.seconds = now, seconds
        self._session: aiohttp.ClientSession | None = None
        self._failures, self._rests_until, self._asking = 0, float("-inf"), 0

    async def ask(self, body: bytes, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the answer; it raises ValueError for one that will not do. Raises Unanswered."""
        if self._now() < self._rests_until:
            raise Unanswered("resting")
        if self._asking >= MOST:
            raise Unanswered("full")
        self._asking += 1
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._answer(body)
            found = read(answer)
        except TimeoutError:
            raise self._failed("late") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failed("failed") from error
        finally:
            self._asking -= 1
        self._failures = 0
        return found

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _answer(self, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MOST), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        async with self._session.post(self.url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"the service answers {response.status}")
            return await whole(response, ANSWER)

    def _failed(self, how: str) -> Unanswered:
        self._failures += 1
        if self._failures >= TRIES:
            self._failures, self._rests_until = 0, self._now() + REST
        return Unanswered(how)


async def whole(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body of an answer, in however many pieces it comes. Raises ValueError for one of more than `most` octets, and
    what aiohttp does.
    """
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            raise ValueError("the answer is too long")
    return bytes(body)
