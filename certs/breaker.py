"""Hosts that do not answer are left alone for a while, and then asked once (a circuit breaker for each).

Only what is the host's own fault counts against it: nobody there, no name, TLS that fails, no answer in time, a server
error. A file that is missing, too long or no certificate says nothing about its neighbours: on a host that serves many
providers, one who names URLs that are not there must not take the others' away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ILL = frozenset({"address", "dns", "connect", "tls", "timeout", "server", "broken"})
"""Slugs of `certs.fetch.FetchError` that speak against the host."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a host rests, and how long."""

    after: int = 5
    """Failures in a row; fewer may be one hiccup, met by the four fetches that one host may have at a time."""
    first: float = 5.0
    """Seconds of the first rest; each further one is twice as long ..."""
    longest: float = 60.0
    """... up to this: a host that came back is found within a minute."""
    trial: float = 10.0
    """Seconds after which a trial that never ended counts as none."""
    hosts: int = 4_096
    """Hosts that failed of late; of more the oldest is forgotten."""


RULES = Rules()


@dataclass(slots=True)
class _Ill:
    failures: int = 0
    rests: int = 0
    until: float = 0.0
    """Nothing is asked before this moment (monotonic)."""
    trying: bool = False
    """A trial is under way."""


class Breaker:
    """Closed (asks), open (rests) or half-open (one trial), for each host. A host that is well leaves no trace."""

    def __init__(self, now: Callable[[], float], rules: Rules = RULES) -> None:
        self._now, self._rules = now, rules
        self._ill: dict[str, _Ill] = {}  # the oldest first

    def __len__(self) -> int:
        """Hosts that failed of late."""
        return len(self._ill)

    @property
    def resting(self) -> int:
        """Hosts that are left alone now."""
        now = self._now()
        return sum(1 for ill in self._ill.values() if ill.until > now)

    def rests(self, host: str) -> bool:
        """Whether this host is not to be asked now."""
        ill = self._ill.get(host)
        return ill is not None and ill.until > self._now()

    def asked(self, host: str) -> None:
        """A fetch begins. After a rest it is the trial, and no other is wanted until it has ended."""
        ill = self._ill.get(host)
        if ill is not None and ill.rests:
            ill.trying, ill.until = True, self._now() + self._rules.trial

    def ended(self, host: str, slug: str | None) -> None:
        """How a fetch ended; None: with a file."""
        ill = self._ill.pop(host, None)
        if slug is None or slug not in ILL:
            return
        rules, now = self._rules, self._now()
        self._ill[host] = ill = ill or _Ill()
        ill.failures += 1
        # What was under way when the rest began tells nothing new when it fails too.
        if ill.trying or (ill.failures >= rules.after and ill.until <= now):
            ill.until = now + min(rules.first * 2 ** min(ill.rests, 10), rules.longest)
            ill.rests, ill.trying = ill.rests + 1, False
        if len(self._ill) > rules.hosts:
            del self._ill[next(iter(self._ill))]
