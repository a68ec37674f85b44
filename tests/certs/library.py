"""A store in virtual time, and the repositories of the world behind it: a fetch ends when the test says so."""

from __future__ import annotations

import asyncio
from collections import Counter

from certs.chains import Kept
from certs.fetch import Fetched, FetchError
from certs.lab import Authority
from certs.store import COUNTS, Store, StoreLimits
from shaken.credential import Anchors

UTC = 1_767_225_600.0
"""2026-01-01, the moment of the lab."""
URL = "https://cr.example.net/709J.pem"


class Library:
    """A store, its two clocks, and the repositories of the world behind it."""

    def __init__(self, authority: Authority, limits: StoreLimits | None = None) -> None:
        self.utc, self.now = UTC, 1_000.0
        self.files: dict[str, bytes | Exception] = {}
        self.seconds: float | None = None
        self.kept: dict[str, Kept] = {}
        self.asked: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.store = Store(
            self._get,
            Anchors.of([authority.anchors_pem]),
            lambda: self.utc,
            lambda: self.now,
            limits or StoreLimits(),
            self._count,
            self.kept.__setitem__,
        )

    async def _get(self, url: str) -> Fetched:
        self.asked[url] += 1
        await self.open.wait()
        found = self.files.get(url, FetchError("status", "answered 404"))
        if isinstance(found, Exception):
            raise found
        return Fetched(found, self.seconds)

    def _count(self, name: str) -> None:
        assert name in COUNTS
        self.counts[name] += 1

    def passes(self, seconds: float) -> None:
        self.utc += seconds
        self.now += seconds

    async def landed(self) -> None:
        for _ in range(1_000):
            if not self.store.flying:
                return
            await asyncio.sleep(0)
        raise AssertionError("something still flies")
