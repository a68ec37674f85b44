"""The credentials that calls are judged by, in memory: by the full URL of their certificate file.

The whole chain is validated once, when the file comes (a proxy that cached the leaf alone passed the first
call and failed the second); a call then costs one look-up. Many callers of one URL share one fetch. A
caller waits as long as it can afford; the fetch goes on without it and fills the cache for the next. A
failure is remembered for half a minute and no longer, and in a place of its own, so that no flood of bad
URLs pushes out one good chain. A verified chain that is a day old is fetched again, and serves until its
successor is here.

Two clocks: `utc` for what certificates say (a lab may move it), `now` for how long a failure counts (nobody
moves it). How the file is got is `certs.fetch`'s business, how many at once `certs.flights`', what it is
worth `shaken.credential`'s.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice

from certs import fetch
from certs.flights import Bounds, Flights
from shaken.credential import Anchors, Credential, CredentialFailure, validate
from shaken.errors import ShakenError

UNREACHABLE = "identity-unreachable"
"""The slug of a failure that says nothing about the certificate: it could not be had, or not in time."""
MAX_KEPT = 16 * 1024
"""Octets of a file that is kept beside its credential, to validate it anew when the anchors change."""

PURGE = 2
"""Old failures looked at for each new one: more go than come, and no single call pays for all."""

COUNTS = (
    "missed",  # asked for and not in memory
    "joined",  # a fetch of the same URL was under way
    "late",  # the caller's time was over first
    "busy",  # too many fetches wait already, or this one waited too long
    "stale",  # a verified chain past its day was used while its successor is fetched
    "revalidated",  # validated again from memory, after the anchors changed
    "evicted",  # a verified chain went because the cache is full
    "verified",  # a chain holds
    "invalid",  # a file came and its chain does not hold
    "fault",  # what never should happen, and was reported to the loop's exception handler
    *(f"failed-{slug}" for slug in fetch.SLUGS),  # no file came
)
"""All names that `count` is called with."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The bounds, each with its reason."""

    urls: int = 10_000
    """Verified chains: several times the certificates in use in the US."""
    failures: int = 4_096
    """URLs that failed of late; one that does not fit is merely fetched again."""
    negative: float = 30.0
    """Seconds that a failure is remembered; more would turn a hiccup into an outage of that carrier."""
    fresh: float = 86_400.0
    """Seconds after which a verified chain is fetched again (ATIS-1000074: a day unless told otherwise)."""
    seconds: float = 10.0
    """One fetch, at most. The fetcher's own limit is lower; this is the store's promise whatever fetches."""
    bounds: Bounds = field(default_factory=Bounds)
    """How many fetches."""


LIMITS = StoreLimits()


@dataclass(frozen=True, slots=True)
class _Held:
    """A verified chain: fresh from `begins` to `ends` (Unix seconds), then used while one is fetched."""

    begins: float
    ends: float
    credential: Credential
    body: bytes | None


@dataclass(frozen=True, slots=True)
class _Failed:
    """A failure: remembered until `ends` (monotonic), unless the wall clock has been moved away from `utc`."""

    ends: float
    utc: float
    failure: CredentialFailure


class Store:
    """The cache. All of it belongs to one event loop; only `get` and `close` wait.

    `get` (the argument) fetches a file or raises FetchError; `utc` gives Unix seconds, `now` monotonic
    ones; `count` is called with a name of COUNTS, and never from `peek`.
    """

    def __init__(
        self,
        get: Callable[[str], Awaitable[bytes]],
        anchors: Anchors,
        utc: Callable[[], float],
        now: Callable[[], float],
        limits: StoreLimits = LIMITS,
        count: Callable[[str], object] = lambda name: None,
    ) -> None:
        self._get = get
        self._anchors = anchors
        self._utc, self._now = utc, now
        self._limits = limits
        self._count = count
        self._held: OrderedDict[str, _Held] = OrderedDict()  # the least lately used first
        self._former: dict[str, _Held] = {}  # validated against anchors that are gone
        self._failed: dict[str, _Failed] = {}  # the oldest first
        self._flights: Flights[Credential | CredentialFailure] = Flights(self._fetched, now, limits.bounds)

    def __len__(self) -> int:
        """How many verified chains are held."""
        return len(self._held)

    @property
    def flying(self) -> int:
        """How many fetches are under way."""
        return self._flights.flying

    def peek(self, url: str) -> Credential | CredentialFailure | None:
        """What memory says of this URL; None: `get` it. A look-up and a comparison: each call comes here."""
        held = self._held.get(url)
        if held is not None:
            if held.begins <= self._utc() < held.ends:
                self._held.move_to_end(url)
                return held.credential
            if held.credential.valid_at(self._utc()):
                return None  # `get` hands it out and sees to its successor
            del self._held[url]
        return self._failure(url)

    async def get(self, url: str, seconds: float) -> Credential | CredentialFailure:
        """The credential behind this URL, or why there is none. Waits at most so long and never raises."""
        if (known := self.peek(url)) is not None:
            return known
        self._count("missed")
        landing = self._flights.under_way(url)
        if (held := self._held.get(url)) is not None:
            if landing is None and self._failure(url) is None and self._flights.begin(url) is None:
                self._count("busy")
            self._count("stale")
            return held.credential
        if landing is not None:
            self._count("joined")
        elif (former := self._former.pop(url, None)) is not None and former.body is not None:
            self._count("revalidated")
            return self._judged(url, former.body, former.ends)
        elif (landing := self._flights.begin(url)) is None:
            self._count("busy")
            return unreachable(url, "too many certificates are being fetched")
        # Not wait_for: a caller that gives up, or is cancelled, leaves the flight alone.
        done, _ = await asyncio.wait((landing,), timeout=max(seconds, 0.0))
        if not done:
            self._count("late")
            return unreachable(url, f"not here within {seconds:g} s")
        if (result := landing.result()) is None:
            self._count("busy")
            return unreachable(url, "too many certificates are being fetched")
        return result

    def replace_anchors(self, anchors: Anchors) -> None:
        """From now on these vouch. What is held is validated anew when next asked for, without a fetch."""
        self._anchors = anchors
        self._former = dict(self._held)
        self._held.clear()
        self._failed.clear()

    async def close(self) -> None:
        """Ends all fetches; whoever waits, now or later, gets a failure."""
        await self._flights.close()

    async def _fetched(self, url: str) -> Credential | CredentialFailure:
        """One flight: whatever comes of it is in the cache when it lands."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await self._get(url)
        except TimeoutError:
            return self._missing(url, "timeout", f"not complete after {self._limits.seconds:g} s")
        except fetch.FetchError as error:
            return self._missing(url, error.slug, str(error))
        except Exception as error:
            return self._fault(url, error)
        return self._judged(url, body, self._utc() + self._limits.fresh)

    def _judged(self, url: str, body: bytes, ends: float) -> Credential | CredentialFailure:
        """What the file is worth: kept, as a credential or as a failure."""
        try:
            credential = validate(url, body, self._anchors, self._utc())
        except ShakenError as error:
            self._count("invalid")
            self._held.pop(url, None)  # the repository has spoken: what it served yesterday no longer counts
            return self._remember(CredentialFailure(error.slug, "invalid", str(error), url))
        except Exception as error:
            return self._fault(url, error)
        self._count("verified")
        self._failed.pop(url, None)
        self._former.pop(url, None)
        self._held[url] = _Held(
            credential.not_before,
            min(credential.not_after, ends),
            credential,
            body if len(body) <= MAX_KEPT else None,
        )
        self._held.move_to_end(url)
        if len(self._held) > self._limits.urls:
            self._held.popitem(last=False)
            self._count("evicted")
        return credential

    def _missing(self, url: str, slug: str, why: str) -> CredentialFailure:
        self._count(f"failed-{slug}")
        return self._remember(unreachable(url, why))

    def _fault(self, url: str, error: Exception) -> CredentialFailure:
        """Our own bug, or a hostile file's lucky strike: answered as a failure, counted, and reported."""
        self._count("fault")
        asyncio.get_running_loop().call_exception_handler({"message": f"judging {url}", "exception": error})
        return self._remember(unreachable(url, f"internal error: {type(error).__name__}"))

    def _remember(self, failure: CredentialFailure) -> CredentialFailure:
        now = self._now()
        self._failed.pop(failure.url, None)
        self._failed[failure.url] = _Failed(now + self._limits.negative, self._utc(), failure)
        # All count equally long, so the oldest are the first to end.
        for oldest in tuple(islice(self._failed, PURGE)):
            if len(self._failed) > self._limits.failures or self._failed[oldest].ends <= now:
                del self._failed[oldest]
        return failure

    def _failure(self, url: str) -> CredentialFailure | None:
        failed = self._failed.get(url)
        if failed is None or self._now() >= failed.ends:
            return None
        # A lab has moved the clock of the certificates: what was expired may be valid now.
        return failed.failure if abs(self._utc() - failed.utc) <= self._limits.negative else None


def unreachable(url: str, why: str) -> CredentialFailure:
    """That a certificate could not be had, or not in time."""
    return CredentialFailure(UNREACHABLE, "unreachable", why, url)
