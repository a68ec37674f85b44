"""What a ringwarden may have besides its calls, each only where the settings ask for it: marks on the names that are
shown, reports of how calls sounded, and other machines.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from proxy.fleet.counts import Counts
from proxy.fleet.records import Records
from proxy.log import Log
from proxy.metrics import Metrics
from proxy.parts import Parts, fleet_key
from proxy.quality import Quality
from proxy.screening.shown import Shows
from proxy.settings import Settings
from proxy.storage.journal import Journal
from proxy.workers.clerk import Clerk
from proxy.world import Keeper


class Guests:
    """How each of them is made. Whoever makes them decides how something runs beside the calls, and closes them."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        closing: list[Callable[[], Any]],
    ) -> None:
        """spawn: runs something beside the calls; closing: what is called at the end, the first one first."""
        self._log, self._metrics, self._spawn, self._closing = log, metrics, spawn, closing

    def fleet(self, settings: Settings, parts: Parts, journal: Journal | Clerk | None) -> Counts | None:
        """What is shared with other machines. Of several workers none has the journal: the desk copies it."""
        wanted, shared = settings.fleet, self._metrics.shared
        if wanted is None:
            return None
        if wanted.postgres and journal is not None:
            records = Records(
                wanted.postgres, journal.path, wanted.machine, partial(shared, "postgres"), self._log.say
            )
            self._spawn(records.run(), "records")
            self._closing.insert(0, records.close)
        if not wanted.redis:
            return None
        counts = Counts(
            wanted.redis, fleet_key(parts.secret), wanted.machine, parts.book.velocity.seconds, partial(shared, "redis")
        )
        self._spawn(counts.run(), "fleet")
        self._closing.insert(0, counts.close)
        return counts

    def quality(self, settings: Settings, journal: Keeper | None) -> Quality | None:
        """Who reads reports of how calls sounded."""
        if journal is None or not settings.journal.quality:
            return None
        return Quality(journal, self._metrics.reported)

    def shows(self, settings: Settings) -> Shows | None:
        """How the names that are shown change."""
        marking, names = settings.marking, settings.policy.names
        header = marking.prefix.encode() + b"-Trunk" if marking.trunk else b""
        found = Shows(marking.name_tagged, marking.name_proved, header, names.show if names is not None else "never")
        return found or None
