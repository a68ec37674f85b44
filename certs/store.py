"""The credentials that calls are judged by, in memory: by the full URL of their certificate file.

The whole chain is validated once, when the file comes (a proxy that cached the leaf alone passed the first
call and failed the second); a call then costs one look-up. Many callers of one URL share one fetch. A
caller waits as long as it can afford; the fetch goes on without it and fills the cache for the next.

A verified chain serves as long as it is valid. Its time, a day or more where the server says so, only says when it is
fetched again: a little before that time is over, beside the calls, and again later when that fails. Nothing but its
own end, a revocation or other anchors takes a chain away, so no repository that dies or serves nonsense for an hour
costs a call. Where a signature does not hold, the file may have been replaced: it is fetched once more, once a minute.

A failure is remembered for seconds, longer each time, half a minute at most, and in a place of its own, so that no
flood of bad URLs pushes out one good chain. A host that does not answer rests (`certs.breaker`).

Two clocks: `utc` for what certificates say (a lab may move it), `now` for how long a failure counts (nobody
moves it). How the file is got is `certs.fetch`'s business, how many at once `certs.flights`', what it is
worth `shaken.credential`'s, how it outlives a restart `certs.shelf`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from certs import fetch
from certs.breaker import RULES, Breaker
from certs.breaker import Rules as BreakerRules
from certs.chains import Chains, Held, Kept
from certs.failures import Failures, Terms
from certs.fetch import Fetched
from certs.flights import Bounds, Flights, host_of
from shaken import reference
from shaken.credential import Anchors, Credential, CredentialFailure, pointed, validate
from shaken.errors import CredentialError, ShakenError
from shaken.revocation import REVOKED, Identity, Revocations

UNREACHABLE = "identity-unreachable"
"""The slug of a failure that says nothing about the certificate: it could not be had, or not in time."""
LET_GO, LET_GO_SECONDS = 100, 0.002
"""So many chains are freed at a time, and then the calls have their turn."""
TOO_MANY = "too many certificates are being fetched"
SUSPICION = 60.0
"""Seconds between two fetches of one URL that bad signatures can cause (TRAP-82)."""

COUNTS = (
    "missed",  # asked for and not in memory
    "joined",  # a fetch of the same URL was under way
    "late",  # the caller's time was over first
    "busy",  # too many fetches wait already, or this one waited too long
    "early",  # a verified chain is fetched again before its time is over
    "stale",  # the same after it
    "suspected",  # the same because a signature did not hold
    "revalidated",  # validated from memory or the shelf, after a start or because the anchors changed
    "evicted",  # a verified chain went because the cache is full
    "verified",  # a chain holds
    "invalid",  # a file came and its chain does not hold
    "revoked",  # or was taken back
    "fault",  # what never should happen, and was reported to the loop's exception handler
    *(f"failed-{slug}" for slug in fetch.SLUGS),  # no file came
)
"""All names that `count` is called with."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The bounds, each with its reason."""

    urls: int = 10_000
    """Verified chains: several times the certificates in use in the US."""
    failures: Terms = field(default_factory=Terms)
    """How long failures are remembered, and how many."""
    fresh: float = 86_400.0
    """Seconds after which a verified chain is fetched again, at least (ATIS-1000074: a day unless told longer) ..."""
    longest: float = 7 * 86_400.0
    """... and at most: who writes "a year" into a header has not thought of the next certificate."""
    seconds: float = 10.0
    """One fetch, at most. The fetcher's own limit is lower; this is the store's promise whatever fetches."""
    bounds: Bounds = field(default_factory=Bounds)
    """How many fetches."""
    rests: BreakerRules = RULES
    """When a host is left alone."""


LIMITS = StoreLimits()


class Store:
    """The cache. All of it belongs to one event loop; only `get`, `successor` and `close` wait.

    `get` (the argument) fetches a file or raises FetchError; `utc` gives Unix seconds, `now` monotonic
    ones; `count` is called with a name of COUNTS, and never where `peek` finds what is fresh; `keep` is handed each
    file that was fetched and verified, and must not wait.
    """

    def __init__(
        self,
        get: Callable[[str], Awaitable[Fetched]],
        anchors: Anchors,
        utc: Callable[[], float],
        now: Callable[[], float],
        limits: StoreLimits = LIMITS,
        count: Callable[[str], object] = lambda name: None,
        keep: Callable[[str, Kept], object] = lambda url, kept: None,
    ) -> None:
        self._get = get
        self._anchors = anchors
        self._utc, self._now = utc, now
        self._limits = limits
        self._count, self._keep = count, keep
        self._chains = Chains(limits.urls, lambda: count("evicted"))
        self._held = self._chains.held
        self._revocations, self._withheld = Revocations(), ""
        self._stock: dict[str, Kept] = {}  # to be validated when somebody asks
        self._failures = Failures(now, limits.failures)
        self._breaker = Breaker(now, limits.rests)
        self._flights: Flights[Credential | CredentialFailure] = Flights(
            self._fetched, now, limits.bounds, self._chains.proven
        )

    def __len__(self) -> int:
        """How many verified chains are held."""
        return len(self._held)

    @property
    def flying(self) -> int:
        """How many fetches are under way."""
        return self._flights.flying

    @property
    def resting(self) -> int:
        """How many hosts are left alone."""
        return self._breaker.resting

    @property
    def stocked(self) -> int:
        """How many files wait for somebody to ask for them."""
        return len(self._stock)

    def peek(self, url: str) -> Credential | CredentialFailure | None:
        """What is known of this URL without waiting; None: `get` it. A look-up and a comparison: each call comes here.

        In the event loop: what is due may be fetched again beside the calls.
        """
        held = self._held.get(url)
        if held is not None and held.begins <= self._utc() < held.due:
            held.used = True
            return held.credential
        return self._look(url, held)

    async def get(self, url: str, seconds: float) -> Credential | CredentialFailure:
        """The credential behind this URL, or why there is none. Waits at most so long and never raises."""
        return (await self.get_all((url,), seconds))[url]

    async def get_all(self, urls: Sequence[str], seconds: float) -> dict[str, Credential | CredentialFailure]:
        """The same of each, with one wait for all: a call may name ten. Waits at most so long and never raises."""
        found: dict[str, Credential | CredentialFailure] = {}
        landings: dict[str, asyncio.Future[Credential | CredentialFailure | None]] = {}
        for url in urls:
            if (known := self.peek(url)) is not None:
                found[url] = known
                continue
            self._count("missed")
            landing = self._flights.under_way(url)
            if landing is not None:
                self._count("joined")
            elif (landing := self._begin(url)) is None:
                found[url] = unreachable(url, TOO_MANY)
                continue
            landings[url] = landing
        if landings:
            # Not wait_for: a caller that gives up, or is cancelled, leaves the flights alone.
            await asyncio.wait(landings.values(), timeout=max(seconds, 0.0))
        for url, landing in landings.items():
            if not landing.done():
                self._count("late")
                found[url] = unreachable(url, f"not here within {seconds:g} s")
            elif (result := landing.result()) is None:
                self._count("busy")
                found[url] = unreachable(url, TOO_MANY)
            else:
                found[url] = result
        return found

    def suspect(self, url: str, credential: Credential) -> bool:
        """A signature does not hold under this credential: the file may have been replaced since (TRAP-82).

        Begins a fetch, at most one a minute for each URL. Whether there is, or may soon be, another one: then
        `successor` waits for it.
        """
        held = self._held.get(url)
        if held is None:
            return False
        if held.credential is not credential or self._flights.under_way(url) is not None:
            return True
        now = self._now()
        if now - held.suspected < SUSPICION or self._begin(url) is None:
            return False
        held.suspected = now
        self._count("suspected")
        return True

    async def successor(self, url: str, credential: Credential, seconds: float) -> Credential | None:
        """The credential that took the place of this one, if one does so in time. Waits at most so long."""
        landing = self._flights.under_way(url)
        if landing is not None:
            await asyncio.wait((landing,), timeout=max(seconds, 0.0))
        known = self.peek(url)
        if isinstance(known, Credential) and known.fingerprint != credential.fingerprint:
            return known
        return None

    def stock(self, files: Mapping[str, Kept]) -> None:
        """Files of an earlier life: each is verified as if it had come just now, when somebody asks for it."""
        room = self._limits.urls - len(self._stock)
        for url, kept in islice(files.items(), max(room, 0)):
            if url not in self._held:
                self._stock[url] = kept

    def forget(self, urls: Iterable[str]) -> None:
        """Drops what is held and known of these URLs."""
        for url in urls:
            self._chains.drop(url)
            self._stock.pop(url, None)
            self._failures.forget(url)

    @property
    def urls(self) -> tuple[str, ...]:
        """What is held."""
        return tuple(self._held)

    def replace_anchors(self, anchors: Anchors) -> None:
        """From now on these vouch. What is held is validated anew when next asked for, without a fetch."""
        self._anchors = anchors
        self._put_back()
        self._failures.clear()

    def replace_revocations(self, revocations: Revocations, withheld: str = "") -> None:
        """From now on these are taken back. What is held and stands there goes at once; what stood there may come back.

        withheld: why nothing may count as proved for now (it stays in memory), or nothing.
        """
        self._revocations, self._withheld = revocations, withheld
        self._failures.forget_all(REVOKED)
        for url, held in tuple(self._held.items()):
            if (found := revocations.revoked(held.credential.path)) is not None:
                self._chains.drop(url)
                self._count("revoked")
                self._failing(CredentialFailure(REVOKED, "invalid", _taken_back(found), url))
        if withheld:
            self._put_back()

    async def close(self) -> None:
        """Ends all fetches; whoever waits, now or later, gets a failure."""
        await self._flights.close()

    def _look(self, url: str, held: Held | None) -> Credential | CredentialFailure | None:
        """The slow way of `peek`: renew what is due, let go what has ended, validate what is on stock."""
        utc = self._utc()
        if self._withheld:
            return unreachable(url, self._withheld)
        if held is not None:
            if held.credential.valid_at(utc):
                held.used = True
                self._renew(url, held, utc)
                return held.credential
            self._chains.drop(url)
        if (kept := self._stock.pop(url, None)) is not None:
            self._count("revalidated")
            return self._judged(url, kept)
        if (failure := self._failures.of(url, utc)) is not None:
            return failure
        if self._breaker.rests(host_of(url)) and self._flights.under_way(url) is None:
            self._count("failed-resting")
            return unreachable(url, "its host did not answer, and is left alone for a while")
        return None

    def _put_back(self) -> None:
        """On stock with all that is held: it is validated again before it serves again."""
        self._stock.update((url, held.kept) for url, held in self._held.items() if held.kept is not None)
        former, self._held = self._held, self._chains.anew()
        self._let_go(former)

    def _let_go(self, former: dict[str, Held]) -> None:
        """Free what is held no more, a little at a time: ten thousand keys at once would hold up the calls."""
        for _ in range(min(len(former), LET_GO)):
            former.popitem()
        if former:
            asyncio.get_running_loop().call_later(LET_GO_SECONDS, self._let_go, former)

    def _renew(self, url: str, held: Held, utc: float) -> None:
        """Fetch again what is due. Even a host that rests is asked for what it gave before."""
        if self._flights.under_way(url) is None and self._begin(url) is not None:
            self._count("stale" if utc >= held.ends else "early")
        held.due = min(utc + self._limits.failures.first, held.credential.not_after)

    def _begin(self, url: str) -> asyncio.Future[Credential | CredentialFailure | None] | None:
        landing = self._flights.begin(url)
        if landing is None:
            self._count("busy")
        return landing

    async def _fetched(self, url: str) -> Credential | CredentialFailure:
        """One flight: whatever comes of it is in the cache when it lands."""
        host = host_of(url)
        self._breaker.asked(host)
        try:
            async with asyncio.timeout(self._limits.seconds):
                found = await self._get(url)
                body = await self._with_list(found.body)
        except TimeoutError:
            self._breaker.ended(host, "timeout")
            return self._missing(url, "timeout", f"not complete after {self._limits.seconds:g} s")
        except fetch.FetchError as error:
            self._breaker.ended(host, error.slug)
            return self._missing(url, error.slug, str(error))
        except Exception as error:
            return self._fault(url, error)
        self._breaker.ended(host, None)
        limits = self._limits
        seconds = min(max(found.seconds or 0.0, limits.fresh), limits.longest)
        kept = Kept(body, self._utc(), seconds)
        result = self._judged(url, kept)
        held = self._held.get(url)
        if held is not None and held.kept is kept:
            self._keep(url, kept)
        return result

    async def _with_list(self, body: bytes) -> bytes:
        """The file with the list of numbers that its certificate points to, if it does. Raises FetchError."""
        body = reference.bare(body)
        try:
            where = pointed(body, self._anchors, self._utc())
            return body if where is None else reference.attach(body, (await self._get(where)).body)
        except ShakenError:
            return body  # what is wrong with it is said where it is judged

    def _judged(self, url: str, kept: Kept) -> Credential | CredentialFailure:
        """What the file is worth: held as a credential, or remembered as a failure."""
        utc = self._utc()
        if self._withheld:
            self._stock[url] = kept
            return unreachable(url, self._withheld)
        try:
            credential = validate(url, kept.body, self._anchors, utc)
            if (found := self._revocations.revoked(credential.path)) is not None:
                raise CredentialError(_taken_back(found), REVOKED)
        except ShakenError as error:
            self._count("revoked" if error.slug == REVOKED else "invalid")
            return self._failing(CredentialFailure(error.slug, "invalid", str(error), url))
        except Exception as error:
            return self._fault(url, error)
        self._count("verified")
        self._failures.forget(url)
        self._stock.pop(url, None)
        self._chains.put(credential, kept, utc)
        return credential

    def _missing(self, url: str, slug: str, why: str) -> Credential | CredentialFailure:
        self._count(f"failed-{slug}")
        return self._failing(unreachable(url, why))

    def _fault(self, url: str, error: Exception) -> Credential | CredentialFailure:
        """Our own bug, or a hostile file's lucky strike: answered as a failure, counted, and reported."""
        self._count("fault")
        asyncio.get_running_loop().call_exception_handler({"message": f"judging {url}", "exception": error})
        return self._failing(unreachable(url, f"internal error: {type(error).__name__}"))

    def _failing(self, failure: CredentialFailure) -> Credential | CredentialFailure:
        """Remember a failure; what is held and still valid serves on, and is fetched again when the failure ends."""
        utc, url = self._utc(), failure.url
        seconds = self._failures.note(failure, utc)
        held = self._held.get(url)
        if held is not None and held.credential.valid_at(utc):
            held.due = min(utc + seconds, held.credential.not_after)
            return held.credential
        return failure


def _taken_back(identity: Identity) -> str:
    return f"the certificate {identity[1]:x} was taken back"


def unreachable(url: str, why: str) -> CredentialFailure:
    """That a certificate could not be had, or not in time."""
    return CredentialFailure(UNREACHABLE, "unreachable", why, url)
