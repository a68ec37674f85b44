"""A notice by HTTP: POST of its JSON, signed, so that the receiver can tell ours from a prank.

`X-Ringwarden-Signature: t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 with the shared secret over `<t>.<body>`. The time is
that of the attempt; a receiver refuses old ones. `Idempotency-Key` is the same for every repetition of one call: a
receiver that has seen it answers 200 and does nothing. Any 2xx is delivery; redirects are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp

from proxy.notice.content import Notice
from proxy.notice.sending import ATTEMPT_SECONDS, Undelivered
from proxy.settings import WebhookSettings

SIGNATURE = "X-Ringwarden-Signature"
CONNECTIONS = 32
"""At one time: a peer that hangs must not make the next notice wait for one that will never be answered."""


def signature(secret: bytes, utc: float, body: bytes) -> str:
    """The value of the signature header."""
    at = str(int(utc))
    return f"t={at},v1={hmac.new(secret, at.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def verified(secret: bytes, value: str, body: bytes, utc: float, tolerance: float = 300.0) -> bool:
    """What a receiver does: is this signature ours, and of now?"""
    at = value.partition(",")[0].removeprefix("t=")
    if not (at.isascii() and at.isdigit()) or abs(utc - int(at[:15])) > tolerance:
        return False
    return hmac.compare_digest(signature(secret, int(at[:15]), body).encode(), value.encode("utf-8", "replace"))


class Webhook:
    """The way by HTTP."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings, utc: Callable[[], float]) -> None:
        self._url, self._secret, self._utc = settings.url, settings.secret, utc
        self._trusted = trusted(settings.ca)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, notice: Notice) -> None:
        body = notice.as_json()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notice.key,
            SIGNATURE: signature(self._secret, self._utc(), body),
        }
        try:
            async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    raise Undelivered(f"it answered {answer.status}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Undelivered(type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A connection a notice: an old one may be dead, and only the repetition would find out.
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True, ssl=self._trusted),
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS),
                headers={"User-Agent": "ringwarden"},
            )
        return self._session


def trusted(ca: Path | None) -> ssl.SSLContext:
    """Certificates are always checked: against the system's authorities, or the operator's own. Raises OSError for a
    file that holds none. Takes milliseconds: at the start, not beside a call.
    """
    return ssl.create_default_context(cafile=str(ca) if ca is not None else None)
