"""A signing service of somebody else: asked by HTTP for the Identity header of a call (ATIS-1000082), failing open.

For those whose key lies elsewhere, in a certified box or with their provider. We decide what may be signed, and look at
what comes back: a token over other numbers, or of a higher level, goes on no call. No answer in time, a wrong
one, or a service that is down: the call leaves unsigned, and that is counted. After `TRIES` failures in a row the
service is left alone for `REST` seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import aiohttp

from proxy.screening.signing import Signed, Wanted
from shaken import identity, passport
from shaken.errors import ParseError

LIMIT = 0.4
"""Seconds that a call waits at most where the settings say nothing (API-007)."""
TRIES = 5
REST = 5.0
MOST = 256
"""Questions under way; a call beyond that leaves unsigned at once."""
ANSWER = 32 * 1024
"""Octets of an answer that are read."""
PATH = "/stir/v1/signing"
WINDOW = 60
"""Seconds that the service's clock may be off ours."""


class SigningService:
    """One service."""

    def __init__(self, url: str, now: Callable[[], float], *, seconds: float = LIMIT) -> None:
        """url: of the service; where it has no path, that of the standard is asked."""
        self._url = url if url.partition("://")[2].rstrip("/").count("/") else url.rstrip("/") + PATH
        self._now, self._seconds = now, seconds
        self._session: aiohttp.ClientSession | None = None
        self._failures, self._rests_until, self._asking = 0, float("-inf"), 0

    async def sign(self, wanted: Wanted) -> Signed:
        """What to add to the call; nothing, and why, where the service does not answer as it should. Never raises but
        CancelledError.
        """
        if self._now() < self._rests_until:
            return Signed((), None, "resting", wanted.why)
        if self._asking >= MOST:
            return Signed((), None, "full", wanted.why)
        self._asking += 1
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._answer(question(wanted))
            value, level = read(answer, wanted)
        except TimeoutError:
            return self._failed(wanted, "late")
        except (aiohttp.ClientError, OSError, ValueError):
            return self._failed(wanted, "failed")
        finally:
            self._asking -= 1
        self._failures = 0
        return Signed((*wanted.lines, b"Identity: " + value), level, "signed", wanted.why)

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
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"the service answers {response.status}")
            answer = bytearray()
            async for part in response.content.iter_any():
                answer += part
                if len(answer) > ANSWER:
                    raise ValueError("the answer is too long")
            return bytes(answer)

    def _failed(self, wanted: Wanted, how: str) -> Signed:
        self._failures += 1
        if self._failures >= TRIES:
            self._failures, self._rests_until = 0, self._now() + REST
        return Signed((), None, how, wanted.why)


def question(wanted: Wanted) -> bytes:
    """The request of ATIS-1000082; Annex V of TS 24.229 has the same."""
    asked = {
        "attest": wanted.attest,
        "dest": {"tn": list(wanted.dest)},
        "iat": wanted.iat,
        "orig": {"tn": wanted.orig},
        "origid": wanted.origid,
    }
    return json.dumps({"signingRequest": asked}).encode()


def read(answer: bytes, wanted: Wanted) -> tuple[bytes, str]:
    """The header value of an answer, and its level, if it says what was wanted. Raises ValueError."""
    try:
        said = json.loads(answer)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    found = said.get("signingResponse") if isinstance(said, dict) else None
    text = (found.get("identity") or found.get("identityHeader")) if isinstance(found, dict) else None
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise ValueError("the answer has no header")
    value = text.strip().encode()
    try:
        header = identity.parse(value)
        token = passport.parse(header.token)
    except ParseError as error:
        raise ValueError(str(error)) from error
    if header.info is None or header.info != token.x5u or token.ppt != "shaken":
        raise ValueError("the header is none that a verifier would take")
    if token.orig_tn != wanted.orig or set(token.dest_tns) != set(wanted.dest):
        raise ValueError("the token is for another call")
    if abs(token.iat - wanted.iat) > WINDOW or token.attest not in ("A", "B", "C") or token.attest < wanted.attest:
        raise ValueError("the token is of another time, or claims more than was asked")
    return value, token.attest
