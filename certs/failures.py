"""What went wrong of late, by URL: for seconds, longer each time, in a bounded memory of its own.

A failure that is remembered long turns a hiccup into an outage of that carrier (TRAP-81); one that is not remembered at
all lets every call knock again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from shaken.credential import CredentialFailure

PURGE = 2
"""Old failures looked at for each new one: more go than come, and no single call pays for all."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long, and how many."""

    first: float = 5.0
    """Seconds that a first failure is remembered; each further one counts twice as long ..."""
    longest: float = 30.0
    """... up to this."""
    urls: int = 4_096
    """URLs that failed of late; one that does not fit is merely fetched again."""


class _Failed(NamedTuple):
    ends: float
    """Monotonic."""
    utc: float
    failure: CredentialFailure
    times: int
    """In a row."""


class Failures:
    """`now` gives monotonic seconds; Unix seconds come with each question."""

    def __init__(self, now: Callable[[], float], terms: Terms) -> None:
        self._now, self._terms = now, terms
        self._failed: dict[str, _Failed] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._failed)

    def note(self, failure: CredentialFailure, utc: float) -> float:
        """Remember it; returns for how many seconds."""
        now, url, terms = self._now(), failure.url, self._terms
        former = self._failed.pop(url, None)
        times = former.times + 1 if former is not None else 1
        seconds: float = min(terms.first * 2.0 ** min(times - 1, 10), terms.longest)
        self._failed[url] = _Failed(now + seconds, utc, failure, times)
        # An ended one is kept a little, so that the next failure is known to be the second.
        for oldest in tuple(islice(self._failed, PURGE)):
            if len(self._failed) > terms.urls or self._failed[oldest].ends + terms.longest <= now:
                del self._failed[oldest]
        return seconds

    def of(self, url: str, utc: float) -> CredentialFailure | None:
        """What is remembered of this URL."""
        failed = self._failed.get(url)
        if failed is None or self._now() >= failed.ends:
            return None
        # A lab has moved the clock of the certificates: what was expired may be valid now.
        return failed.failure if abs(utc - failed.utc) <= self._terms.longest else None

    def forget(self, url: str) -> None:
        self._failed.pop(url, None)

    def forget_all(self, slug: str) -> None:
        """All of this kind."""
        for url in [url for url, failed in self._failed.items() if failed.failure.slug == slug]:
            del self._failed[url]

    def clear(self) -> None:
        self._failed.clear()
