"""The name that belongs to a caller's number, asked of a service by HTTP: a cache, a hard limit, failing open.

`GET` of the operator's URL with the number in the place of `{number}`; the answer is the name as text, or JSON with
`name`. What is known is at hand at once, also that there is no name. No answer in time, any other answer, or a service
that is down: the call goes on without a name, and that is counted; after `TRIES` failures in a row the service is left
alone for `REST` seconds. Calls of one caller ask once.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable

import aiohttp

from proxy.outside import whole

LIMIT = 0.05
"""Seconds that a call waits at most."""
TRIES = 5
REST = 5.0
MOST = 256
"""Questions under way; a call beyond that goes on without a name."""
KEPT = 100_000
"""Names that are remembered, some 20 MB; beyond it the oldest is forgotten."""
ANSWER = 4096
"""Octets of an answer at most; a longer one is no name."""
LONGEST = 64
"""Characters of a name. The telephone network's own have 15."""
NOBODY_SECONDS = 3600.0
"""How long it is remembered that a number has no name."""
PLACE = "{number}"


class NameService:
    """One service. `count` is told how each look ended: hit, found, nobody, late, failed, resting, full."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        *,
        seconds: float = LIMIT,
        keep: float = 86_400.0,
        authorization: str = "",
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """keep: seconds that a name is remembered. authorization: the value of that header.

        Raises ValueError for a limit beyond 50 ms, or a URL without a place for the number.
        """
        if not 0 < seconds <= LIMIT:
            raise ValueError("a call waits for a name: more than 50 ms are not given away")
        if PLACE not in url or not url.startswith(("http://", "https://")):
            raise ValueError(f"the address of names is http or https, with {PLACE} in it")
        self._url, self._now, self._seconds, self._keep, self._count = url, now, seconds, keep, count
        self._headers = {"Accept": "application/json, text/plain"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[str]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._failures, self._rests_until = 0, float("-inf")

    def __len__(self) -> int:
        return len(self._known)

    def peek(self, number: str) -> str | None:
        """The name of a number, empty if it has none; None: it is not known."""
        found = self._known.get(number)
        if found is None or found[1] <= self._now():
            return None
        self._count("hit")
        return found[0]

    async def ask(self, number: str) -> str:
        """The name of a number, empty where it has none or none came in time. Never raises but CancelledError."""
        if self._now() < self._rests_until:
            self._count("resting")
            return ""
        task = self._asking.get(number)
        if task is None:
            if len(self._asking) >= MOST:
                self._count("full")
                return ""
            task = self._asking[number] = asyncio.get_running_loop().create_task(self._found(number))
            task.add_done_callback(lambda _: self._asking.pop(number, None))
        # Others may wait for the same answer: who is called off must not take it from them.
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if not task.cancelled() or (asker is not None and asker.cancelling()):
                raise
            return ""  # not the call was called off, but the service has gone: a reload wants another one

    async def close(self) -> None:
        """Let the connections go. Whoever waits goes on without a name, and that is counted as failed."""
        for task in tuple(self._asking.values()):
            if task.cancel():
                self._count("failed")
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _found(self, number: str) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                name = await self._answer(number)
        except TimeoutError:
            return self._failed("late")
        except (aiohttp.ClientError, OSError, ValueError):
            return self._failed("failed")
        self._failures = 0
        self._count("found" if name else "nobody")
        self._known.pop(number, None)
        self._known[number] = name, self._now() + (self._keep if name else min(self._keep, NOBODY_SECONDS))
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return name

    async def _answer(self, number: str) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MOST), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        url = self._url.replace(PLACE, "%2B" + number)
        async with self._session.get(url, headers=self._headers, allow_redirects=False) as response:
            if response.status in (204, 404):
                return ""
            if response.status != 200:
                raise ValueError(f"the service of names answers {response.status}")
            return read(await whole(response, ANSWER), response.content_type)

    def _failed(self, how: str) -> str:
        self._failures += 1
        if self._failures >= TRIES:
            self._failures, self._rests_until = 0, self._now() + REST
        self._count(how)
        return ""


def read(answer: bytes, kind: str) -> str:
    """The name of an answer, empty for none. Raises ValueError."""
    text = answer.decode("utf-8", "strict")
    if kind == "application/json":
        try:
            said = json.loads(text)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
        if not isinstance(said, dict) or not isinstance(found := said.get("name") or "", str):
            raise ValueError("the answer has no name")
        text = found
    elif kind != "text/plain":
        raise ValueError("the answer is neither text nor JSON")
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST]).split())[:LONGEST]
