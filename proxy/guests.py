"""What a ringwarden may have besides its calls, each only where the settings ask for it: a service of names, marks on
the names that are shown, reports of how calls sounded, and other machines.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from proxy.clock import Clock
from proxy.cnam import NameService
from proxy.fleet.counts import Counts
from proxy.fleet.records import Records
from proxy.log import Log
from proxy.metrics import Metrics
from proxy.parts import Parts, fleet_key
from proxy.quality import Quality
from proxy.screening.shown import Shows
from proxy.settings import Settings
from proxy.settings.values import NameSettings
from proxy.storage.journal import Journal
from proxy.world import Keeper


class Guests:
    """How each of them is made; `proxy.wiring` has what they are made of."""

    settings: Settings
    parts: Parts
    clock: Clock
    log: Log
    metrics: Metrics
    _closing: list[Callable[[], Any]]
    _named: NameSettings | None = None
    _names: NameService | None = None

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the calls."""
        raise NotImplementedError

    def _naming(self) -> NameService | None:
        """Who is asked for names. A reload keeps what is known where the service is the same."""
        wanted = self.settings.policy.names
        if wanted != self._named:
            self._named, former = wanted, self._names
            self._names = None
            if former is not None:
                self.spawn(former.close(), "names")
            if wanted is not None:
                self._names = NameService(
                    wanted.url, self.clock.now, seconds=wanted.milliseconds / 1000, keep=wanted.cache_hours * 3600.0,
                    authorization=wanted.authorization, count=self.metrics.named,
                )  # fmt: skip
                self._closing.insert(0, self._names.close)
        return self._names

    def _fleet(self, journal: Journal | None) -> Counts | None:
        """What is shared with other machines. Of several workers none has the journal: the desk copies it."""
        wanted = self.settings.fleet
        if wanted is None:
            return None
        if wanted.postgres and journal is not None:
            records = Records(
                wanted.postgres, journal.path, wanted.machine, partial(self.metrics.shared, "postgres"), self.log.say
            )
            self.spawn(records.run(), "records")
            self._closing.insert(0, records.close)
        if not wanted.redis:
            return None
        counts = Counts(
            wanted.redis, fleet_key(self.parts.secret), wanted.machine, self.parts.book.velocity.seconds,
            partial(self.metrics.shared, "redis"),
        )  # fmt: skip
        self.spawn(counts.run(), "fleet")
        self._closing.insert(0, counts.close)
        return counts

    def _quality(self, journal: Keeper | None) -> Quality | None:
        """Who reads reports of how calls sounded."""
        if journal is None or not self.settings.journal.quality:
            return None
        return Quality(journal, self.metrics.reported)

    def _shows(self) -> Shows | None:
        """How the names that are shown change."""
        marking, names = self.settings.marking, self.settings.policy.names
        header = marking.prefix.encode() + b"-Trunk" if marking.trunk else b""
        found = Shows(marking.name_tagged, marking.name_proved, header, names.show if names is not None else "never")
        return found or None
