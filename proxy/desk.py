"""The process beside the workers: it writes the journal, fetches certificates once for all of them, and answers the
operator. Calls never wait for it but for a certificate, and then no longer than their deadline.
"""

from __future__ import annotations

import asyncio
import marshal
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from certs.fetch import Fetched, Fetcher, FetchError
from certs.flights import Bounds, Flights
from policy.decide import reason_slugs
from proxy import duties
from proxy.admin import card, peers
from proxy.admin.health import Vitals
from proxy.admin.server import Admin
from proxy.clock import Clock, LabClock
from proxy.clock import errors as clock_errors
from proxy.figures import BYPASS, CLOCK_ERROR, FIGURES, PEER_UP, Figure, journalled
from proxy.fleet.records import Records
from proxy.generations import elder_of, fold, held, released, running_version, slices
from proxy.lists import force
from proxy.log import Log
from proxy.metrics import Metrics
from proxy.neighbours import Board
from proxy.parts import STRICTNESS, Parts, care, fetching
from proxy.settings import Settings
from proxy.storage.journal import Journal
from proxy.trusting import courier
from proxy.workers.clerk import Clerk
from proxy.workers.legacy import Elder, Legacy, until
from proxy.workers.links import (
    BEGUN,
    CLOCK,
    ENDED,
    FETCHED,
    LEGACY,
    MOVED,
    OPEN,
    ORDER,
    ROWS,
    SHOWN,
    WANTED,
    WELCOME,
    Line,
    rows_of,
)
from proxy.workers.shared import Shared
from shaken.verdict import FAILURES

KEPT = 1024
"""Files that are kept for the other workers."""
KEPT_SECONDS = 10.0
"""How long: the workers want one within moments of each other; longer, and one that suspects its file could not have
the new one.
"""


class Desk:
    """Built after the fork, stopped with the loop."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        shared: Shared,
        lines: list[Line],
        mine: Line,
        legacy: Legacy | None = None,
        clerk: Clerk | None = None,
    ) -> None:
        """legacy: what an older version hands over; its workers are served too. clerk: who writes the journal; else a
        thread does.
        """
        self._clerk = clerk
        self.settings, self.parts = settings, parts
        self._shared, self._lines, self._mine = shared, lines, mine
        self._elder: Elder | None = elder_of(legacy, ()) if legacy is not None else None
        self._wanted: dict[str, list[tuple[int, Line]]] = {}
        self._after: asyncio.Task[None] | None = None
        self._kept: OrderedDict[str, tuple[float, Fetched]] = OrderedDict()

    async def start(self, listening: list[str]) -> None:
        """Begin to serve. Whatever fails here is said and costs no call."""
        settings = self.settings
        self.log = Log(settings.log.level)
        self.log.capture()
        cells: Any = self._shared.metrics[self._shared.workers]
        self.metrics = Metrics(reason_slugs(), tuple(FAILURES), cells)
        path = settings.paths.journal
        lab = settings.lab.enabled
        self.clock: Clock = LabClock(settings.lab.clock or "+0s") if lab else Clock()
        self.journal = self._journal(path) if path is not None else None
        self.fetcher = Fetcher(fetching(settings, self.parts))
        # However many workers want something: so many at once, and so few of one host.
        self._flights: Flights[None] = Flights(self._fetch, asyncio.get_running_loop().time, Bounds())
        asyncio.get_running_loop().add_reader(self._mine.outlet, self._mine.read, self._take)
        self.board = Board(self.clock.now, lambda name, order: self._tell(ORDER, (name, order)))
        self._list_sizes: dict[str, float] = {}
        self._bringing: asyncio.Task[None] | None = None
        self._bringer: Fetcher | None = None
        if (found := courier(settings, self.parts.trust, self.parts.tls_ca, time.time, self.log.say)) is not None:
            self._bringing = asyncio.get_running_loop().create_task(found[0].run(), name="courier")
            self._bringer = found[1]
        self._records = self._copying(path)
        self._declare()
        self.admin: Admin | None = None
        if settings.admin is not None:
            running = running_version()
            mode = max((trunk.mode for trunk in settings.trunks), key=STRICTNESS.index, default="observe")
            journal = self.journal
            clock = self.clock
            self.admin = Admin(
                settings.admin.host,
                settings.admin.port,
                metrics=lambda: self.metrics.exported(running, lab, slices(self._shared, self._elder)),
                vitals=Vitals(
                    running, mode, lab, listening, journal.health if journal is not None else lambda: None,
                    lambda: any(part[BYPASS] for part in self._shared.figures),
                ),
                say=self.log.say,
                restarted=self.metrics.admin_restarted,
                clock=_Told(clock, partial(self._tell, CLOCK)) if isinstance(clock, LabClock) else None,
                more=[
                    *peers.routes(self.board),
                    *card.routes(lambda: self.parts.keyring, lambda: self.parts.book.redress, clock.utc),
                ],
            )
            if self._elder is None:
                await self.admin.start()
        if self._elder is not None:
            self._after = asyncio.get_running_loop().create_task(self._follow(self._elder), name="elder")
        for remark in self.parts.remarks:
            self.log.say("remark", level="warning", text=remark)

    async def stop(self) -> None:
        """Write what waits, and end."""
        self._mine.read(self._take, 100_000)
        asyncio.get_running_loop().remove_reader(self._mine.outlet)
        self._mine.send(LEGACY, marshal.dumps(self.board.welcome()))  # for a desk that follows this one
        if self._after is not None:
            self._after.cancel()
        await self._flights.close()
        if self.admin is not None:
            await self.admin.stop()
        await self.fetcher.close()
        if self._bringing is not None:
            self._bringing.cancel()
        if self._bringer is not None:
            await self._bringer.close()
        if self._records is not None:
            self._records[0].cancel()
            await self._records[1].close()
        if isinstance(self.journal, Clerk):
            await self.journal.close()
        elif self.journal is not None:
            await asyncio.to_thread(self.journal.close)
        self.log.close()

    def _journal(self, path: Path) -> Journal | Clerk:
        theirs, utc = held(self._elder), self.clock.utc
        make = partial(Journal, path, self.log.say, care=care(self.settings, self.parts.secret), utc=utc, held=theirs)
        if self._clerk is None:
            return make()
        self._clerk.serve(make, theirs, lambda: utc() - time.time())
        return self._clerk

    def _copying(self, journal: Path | None) -> tuple[asyncio.Task[None], Records] | None:
        """The copy of the journal in PostgreSQL."""
        wanted = self.settings.fleet
        if wanted is None or not wanted.postgres or journal is None:
            return None
        records = Records(
            wanted.postgres, journal, wanted.machine, partial(self.metrics.shared, "postgres"), self.log.say
        )
        return asyncio.get_running_loop().create_task(records.run(), name="records"), records

    async def _follow(self, elder: Elder) -> None:
        """Do the old desk's work for the old workers, until they have ended."""
        line, loop = elder.legacy.desk, asyncio.get_running_loop()
        await released(elder)
        loop.add_reader(line.outlet, line.read, partial(self._take, lines=elder.legacy.lines))
        if self.admin is not None:
            await self.admin.start()
        await until(elder.ended, 0.25)
        loop.remove_reader(line.outlet)
        line.read(partial(self._take, lines=elder.legacy.lines), 100_000)
        fold(elder, self._shared)
        self._elder = None

    def _declare(self) -> None:
        figures = self._shared.figures
        for place, one in enumerate(FIGURES):

            def read(place: int = place, one: Figure = one) -> float:
                return one.of_all(part[place] for part in figures) / 1000

            if one.total:
                self.metrics.total(one.name, one.help, lambda read=read: int(read()))  # type: ignore[misc]
            else:
                self.metrics.gauge(one.name, one.help, read)
        journal = self.journal
        if journal is not None:
            journalled(self.metrics, journal)
        self.metrics.gauge("peer_up", PEER_UP, self.board.usable, "peer")
        self.metrics.gauge("list_entries", "Entries of the lists.", lambda: self._list_sizes, "list")
        self.metrics.gauge("clock_error_seconds", CLOCK_ERROR, clock_errors, "kind")
        force.declare(self.metrics, self.settings.paths.state, self.clock.utc)
        duties.declare(self.metrics, lambda: self.settings, self.clock.utc)
        self.metrics.gauge("workers", "Worker processes.", lambda: float(self._shared.workers))
        hung = self._shared.hung
        self.metrics.total("processes_hung_total", "Workers (or the desk) that hung and were killed.", lambda: hung[0])

    def _take(self, kind: bytes, record: bytes, lines: list[Line] | None = None) -> None:
        """lines: to the workers that this comes from, where they are not ours."""
        if kind == ROWS:
            if isinstance(self.journal, Clerk):
                self.journal.pass_on(record)
            elif self.journal is not None:
                for row in rows_of(record):
                    self.journal.put(row)
        elif kind == SHOWN and lines is None:
            rows, self._list_sizes = marshal.loads(record)
            self.board.take(rows)
        elif kind == MOVED:
            self.board.moved(marshal.loads(record))
        elif kind == BEGUN:
            spec = self.clock.spec if isinstance(self.clock, LabClock) else ""
            (lines or self._lines)[marshal.loads(record)].send(WELCOME, (*self.board.welcome(), spec))
        elif kind in (OPEN, ENDED):
            worker, rows = marshal.loads(record)
            if lines is not None and worker < len(self._lines):
                self._lines[worker].send(kind, rows)
        elif kind == LEGACY and lines is not None:
            orders, states = marshal.loads(record)
            self.board.inherit(orders, states)
            self._tell(WELCOME, (orders, states, ""))
        elif kind == WANTED:
            number, worker, url = marshal.loads(record)
            self._wanted.setdefault(url, []).append((number, (lines or self._lines)[worker]))
            kept = self._kept.get(url)
            if kept is not None and asyncio.get_running_loop().time() < kept[0]:
                self._give(url, kept[1])
            elif self._flights.under_way(url) is None:
                landing = self._flights.begin(url)
                if landing is None:
                    self._refuse(url, "busy", "too many certificates are fetched at once")
                else:
                    # Whoever waited too long in line has not been answered by `_fetch`.
                    landing.add_done_callback(lambda _: self._refuse(url, "busy", "it waited too long in line"))

    def _tell(self, kind: bytes, value: Any) -> None:
        """Tell every worker something."""
        for line in self._lines:
            if not line.send(kind, marshal.dumps(value)):
                self.log.say("worker-deaf", level="error", text="an order did not fit; give it again")

    async def _fetch(self, url: str) -> None:
        try:
            found = await self.fetcher.fetch(url)
        except FetchError as error:
            self._refuse(url, error.slug, str(error))
        except Exception as error:  # a fault of ours: the workers must not wait for it
            self.log.say("fetch-fault", level="error", fault=repr(error))
            self._refuse(url, "broken", "the fetch failed")
        else:
            self._kept[url] = (asyncio.get_running_loop().time() + KEPT_SECONDS, found)
            self._kept.move_to_end(url)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            self._give(url, found)

    def _give(self, url: str, found: Fetched) -> None:
        for number, line in self._wanted.pop(url, ()):
            line.send(FETCHED, marshal.dumps((number, tuple(found), "", "")))

    def _refuse(self, url: str, slug: str, why: str) -> None:
        for number, line in self._wanted.pop(url, ()):
            line.send(FETCHED, marshal.dumps((number, (), slug, why)))


class _Told:
    """The lab's clock of the desk, and with it those of all workers."""

    def __init__(self, clock: LabClock, tell: Callable[[str], None]) -> None:
        self._clock, self._tell = clock, tell

    @property
    def spec(self) -> str:
        return self._clock.spec

    def set(self, spec: str) -> None:
        """Raises ValueError with a sentence."""
        self._clock.set(spec)
        self._tell(spec)

    def utc(self) -> float:
        return self._clock.utc()
