"""Brings the administrator's lists from where the operator says, beside the calls: fetched, checked as a whole, and
only then put in the place of the file that `certs.trust` reads.

The URLs are the operator's own, never those that a certificate names (STI-094), so they may lead into a private network
and to any port. A start does not wait for it (TRAP-86).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping

from certs.fetch import FetchError
from certs.files import FileError
from certs.trust import Errand
from shaken.errors import CredentialError

MAX_LIST = 4 * 1024 * 1024
"""Octets of a list."""
SECONDS = 30.0
"""For one fetch."""
AGAIN = 60.0
"""Seconds after a failure; each further one doubles them, up to the usual time."""


class Courier:
    """`get` fetches a file or raises FetchError; `say` writes a log line."""

    def __init__(
        self,
        errands: Mapping[str, Errand],
        get: Callable[[str], Awaitable[bytes]],
        utc: Callable[[], float],
        every: float,
        say: Callable[..., object],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """errands: by URL; every: seconds between two rounds."""
        self._errands, self._get, self._utc, self._every = errands, get, utc, every
        self._say, self._sleep = say, sleep
        self.failed = 0
        """Errands of the last round that brought nothing."""

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            self.failed = await self.round()
            failures = failures + 1 if self.failed else 0
            await self._sleep(min(AGAIN * 2 ** (failures - 1), self._every) if failures else self._every)

    async def round(self) -> int:
        """Each errand once; how many brought nothing. Never raises."""
        failed = 0
        for url, errand in self._errands.items():
            try:
                octets = await self._get(url)
                await asyncio.to_thread(self._put, errand, octets)
            except (FetchError, CredentialError, FileError, OSError) as error:
                failed += 1
                self._say("list-not-brought", level="warning", url=url, why=str(error))
        return failed

    def _put(self, errand: Errand, octets: bytes) -> None:
        errand.check(octets, self._utc())
        path = errand.path
        if path.exists() and path.read_bytes() == octets:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(octets)
        draft.replace(path)
