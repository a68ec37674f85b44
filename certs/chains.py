"""Verified chains by URL, bounded, each with the moment from which it wants to be fetched again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple
from zlib import crc32

from certs.flights import host_of
from shaken.credential import Credential

MAX_KEPT = 16 * 1024
"""Octets of a file that is kept beside its credential, to validate it anew when the anchors change."""
LOOKED_AT = 64
"""Chains looked at for one that nobody used of late, when one must go."""
EARLY, SPREAD = 0.8, 0.15
"""A chain is fetched again after 80 to 95 % of its time, each URL at a point of its own: what came together need not
go together.
"""


class Kept(NamedTuple):
    """A file that was verified once: what is needed to do so again without a fetch."""

    body: bytes
    fetched: float
    """Unix seconds."""
    seconds: float
    """After which it is fetched again."""


@dataclass(slots=True)
class Held:
    """A verified chain."""

    begins: float
    due: float
    """Unix seconds from which a look-up has more to do than to hand it out."""
    credential: Credential
    kept: Kept | None
    """None where the file is too long to be kept."""
    ends: float
    """When its time is over; it serves on."""
    used: bool = False
    """Since somebody last looked for one that may go."""
    suspected: float = float("-inf")
    """When it was last fetched again because of a bad signature (monotonic)."""


class Chains:
    """So many chains at most; `evicted` is called for each that goes to make room."""

    def __init__(self, most: int, evicted: Callable[[], object]) -> None:
        self._most, self._evicted = most, evicted
        self.held: dict[str, Held] = {}
        """By URL, the oldest first. To be read only."""
        self._hosts: Counter[str] = Counter()

    def proven(self, host: str) -> bool:
        """Whether a chain of this host is held."""
        return host in self._hosts

    def put(self, credential: Credential, kept: Kept, utc: float) -> Held:
        """Hold a chain in the place of its predecessor."""
        url = credential.url
        former = self.drop(url)
        begun = min(kept.fetched, utc)
        ends = min(begun + kept.seconds, credential.not_after)
        held = self.held[url] = Held(
            credential.not_before,
            begun + (ends - begun) * (EARLY + SPREAD * (crc32(url.encode()) / 2**32)),
            credential,
            kept if len(kept.body) <= MAX_KEPT else None,
            ends,
            suspected=former.suspected if former is not None else float("-inf"),
        )
        self._hosts[host_of(url)] += 1
        if len(self.held) > self._most:
            self._evict()
        return held

    def drop(self, url: str) -> Held | None:
        held = self.held.pop(url, None)
        if held is not None:
            host = host_of(url)
            self._hosts[host] -= 1
            if self._hosts[host] <= 0:
                del self._hosts[host]
        return held

    def anew(self) -> dict[str, Held]:
        """Hold nothing any more; what was held is whoever's who has `held` of before."""
        self.held = {}
        self._hosts.clear()
        return self.held

    def _evict(self) -> None:
        """One that nobody used since it was last looked at, or else the oldest."""
        for url in tuple(islice(self.held, LOOKED_AT)):
            held = self.held[url]
            if not held.used:
                break
            held.used = False
            self.held[url] = self.held.pop(url)  # to the end of the line
        else:
            url = next(iter(self.held))
        self.drop(url)
        self._evicted()
