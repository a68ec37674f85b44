"""The life of one ringwarden: start, reload, stop. With `wiring` the only room that constructs things, settings
in, a running ringwarden out; there is no global.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from functools import partial

from certs.chains import Kept
from policy import emergency
from policy.decide import reason_slugs
from policy.rulebook import Rulebook
from policy.tally import Tally
from proxy.admin import card, peers
from proxy.admin.health import Vitals
from proxy.admin.server import Admin
from proxy.api.server import Api
from proxy.api.signing import Signing
from proxy.api.verification import Verification
from proxy.calls import Calls
from proxy.clock import LabClock
from proxy.consulted import Consulted
from proxy.figures import declare, shown
from proxy.generations import elder_of, released, running_version
from proxy.guests import Guests
from proxy.handover import Handover
from proxy.log import Log
from proxy.metrics import Cells, Metrics
from proxy.names import Names, Servers, written_hosts
from proxy.neighbours import Desk, Hearsay, Moved, configured
from proxy.parts import STRICTNESS, Parts, lanes, prepare, rules
from proxy.rates import Rates
from proxy.registration import Bindings
from proxy.resolver import Resolver
from proxy.seal import Sealer
from proxy.server import Server
from proxy.settings import Settings, SettingsError, load
from proxy.sip.endpoint import Endpoint, Options
from proxy.sip.flow import Flow
from proxy.sip.routing import Me
from proxy.storage.journal import Journal
from proxy.tending import streams
from proxy.tokens import RandomTokens
from proxy.transports import Streams, Tls
from proxy.triage import Triage
from proxy.trusting import errands
from proxy.workers.clerk import Clerk
from proxy.workers.links import (
    ASKED,
    BEGUN,
    CLOCK,
    KEEP,
    MOVED,
    OPEN,
    ORDER,
    RETIRE,
    WAYS,
    WELCOME,
    RemoteFetch,
    RemoteJournal,
)  # fmt: skip
from proxy.workers.seat import Seat
from proxy.workers.steering import DIGITS
from proxy.world import World
from shaken.verdict import FAILURES

WELCOME_SECONDS = 0.1
"""How long a worker that begins waits to hear what the others know: orders, and who is out of use."""
PROVED_SECONDS = 0.1
"""How long a start, which reads already, waits to hear which hops have TCP: whoever is slower is found out later."""
TURN_SECONDS = 0.0002
"""How long a thread keeps the interpreter that the calls wait for, each time that one sends or receives something."""
FINISH_SECONDS = 2.0
"""How long a stop waits for notices of emergency calls that are being sent."""


class App(Handover):
    """One ringwarden: built here, started and stopped from outside."""

    async def start(self) -> None:
        """Bind, connect everything, read. Raises OSError when an address cannot be had."""
        settings, parts, clock = self.settings, self.parts, self.clock
        sys.setswitchinterval(TURN_SECONDS)
        self.log = Log(settings.log.level)
        self.log.capture()
        self._closing.append(self.log.close)
        if settings.tls is not None:
            self.tls = Tls(settings.tls)
        seat = self.seat
        number = self.number
        mine: Cells = self.memory.metrics[number]  # type: ignore[assignment]
        self.metrics = Metrics(reason_slugs(), tuple(FAILURES), mine)
        self.consulted = Consulted(clock.now, self.metrics, self.spawn, self._closing)
        self.guests = Guests(self.log, self.metrics, self.spawn, self._closing)
        self._bind()
        if self.legacy is not None:
            self.elder = elder_of(self.legacy, [(one.transport.lower(), one.host, one.port) for one in self.listeners])
        journal: Journal | Clerk | RemoteJournal | None = None
        if settings.paths.journal is not None:
            journal = self._journal(settings.paths.journal) if seat is None else seat.journal()
            self._closing.insert(0, journal.close)
        self.store = self._store()
        self._believe()
        names = Names(Servers(), clock.now, self.metrics.looked_up, written_hosts())
        self._closing.insert(0, names.close)
        resolver = Resolver(self.listeners, clock.now, names)
        tokens = RandomTokens(mark=DIGITS[number] + DIGITS[self.generation])
        self.tap = self._tap()
        self._look_after(resolver, tokens)
        options = Options(
            self.listeners,
            large=self.routes.large,
            preloaded=self.routes.preloaded,
            silence=settings.health.silence_ms / 1000,
            vital=lambda uri: emergency.is_emergency_uri(uri, self.parts.book.emergency),
            belongs=lambda request: self.calls.belongs(request),
        )
        self.endpoint = Endpoint(options, tokens)
        me = Me(
            address
            for one in self.listeners
            for address in ((one.host, one.port), (one.advertised_host, one.advertised_port))
        )
        self.aftermath = self._aftermath()
        tallies, rates = self.memory.tally, self.memory.rates
        world = World(
            settings=settings,
            trunks=settings.trunk_table,
            book=parts.book,
            lanes=lanes(settings, parts.book),
            routes=self.routes,
            inventory=parts.inventory,
            signers=self._signers(),
            store=self.store,
            tally=Tally(tallies[number], tallies, window=parts.book.velocity.seconds, salt=parts.secret),
            sealer=Sealer(parts.secret, number),
            bindings=Bindings(parts.secret, self.listeners),
            resolver=resolver,
            metrics=self.metrics,
            journal=journal,
            utc=clock.utc,
            now=clock.now,
            spawn=self.spawn,
            say=self.log.say,
            emergency=parts.book.emergency,
            aftermath=self.aftermath,
            following=self._following(),
            tap=self.tap,
            hook=self.consulted.hook(settings),
            services=self.consulted.signers(settings),
            verifier=self.consulted.verifier(settings),
            naming=self.consulted.names(settings),
            shows=self.guests.shows(settings),
            ended_elsewhere=seat.ended if seat is not None else None,
            fleet=self.guests.fleet(settings, parts, None if isinstance(journal, RemoteJournal) else journal),
            quality=self.guests.quality(settings, journal),
            rates=Rates(rates[number], rates, salt=parts.secret),
            worker=number,
            heard=self.pinger.heard,
        )
        self.promises = world.promises = self._promises()
        self.promises.take_over(parts.book)
        self.calls = Calls(self.endpoint, me, world)
        vital = options.vital or bool
        elsewhere = seat.elsewhere if seat is not None and seat.workers > 1 else None
        seek = seat.seek if seat is not None and seat.workers > 1 else None
        hurry = settings.load.unscreened_ms / 1000 or float("inf")
        triage = Triage(world)
        self.server = Server(
            self.endpoint, self.calls, self.sockets, clock.now, elsewhere, vital, self.tap, hurry,
            triage.ours, triage.awaited, triage.known, seek,
        )  # fmt: skip
        self._closing.insert(0, self.server.stop)
        self._closing.insert(0, self.tending.stop)
        await self.tending.start()  # the hops are known before the first message is read
        if seat is not None and self.hearsay is not None:
            await self._join(seat, self.hearsay)
        elif not isinstance(journal, RemoteJournal):
            declare(self, journal)
            await self._take_over()
            await self.server.start()
            if self.elder is not None:
                desk = self.elder.legacy.desk
                asyncio.get_running_loop().add_reader(desk.outlet, desk.read, partial(self._left_over, journal))
                await released(self.elder)
            await self._admin(journal)
        known = asyncio.Event()
        self.spawn(streams(self.routes, self._reach, known.set), "streams")
        with suppress(TimeoutError):  # so that the first call need not be told from the others
            await asyncio.wait_for(known.wait(), PROVED_SECONDS)
        if not self.retired:
            await self._api()
        for remark in parts.remarks:
            self.log.say("remark", level="warning", text=remark)

    async def _join(self, seat: Seat, hearsay: Hearsay) -> None:
        """Begin to read as one of several, once it is known what the others know."""
        fetch = self.fetch if isinstance(self.fetch, RemoteFetch) else None
        more = {
            MOVED: hearsay.heard,
            ORDER: lambda value: hearsay.ordered(*value),
            WELCOME: lambda value: self._welcomed(*value),
            CLOCK: self._set_clock,
            ASKED: lambda worker: seat.answer(worker, self._ways()),
            WAYS: lambda value: self._learned(seat, *value),
            RETIRE: lambda _: self.retire(),
            KEEP: lambda _: self.write_down(),
            OPEN: self.calls.ongoing.take_over,
        }
        early: list[tuple[bytes, Flow]] = []
        seat.listen(fetch, lambda data, flow: early.append((data, flow)), self.calls.over, more)
        self._closing.insert(0, seat.quiet)
        seat.report(BEGUN, seat.number)
        with suppress(TimeoutError):  # calls are worth more than what the desk may have to say
            await asyncio.wait_for(self._welcome.wait(), WELCOME_SECONDS)
        await self._take_over()
        await self.server.start()
        seat.open_door(self._given)
        seat.listen(fetch, self.server.handed, self.calls.over, more, self._carried, self.endpoint.knows)
        seat.ask()
        for data, flow in early:
            self.server.handed(data, flow)
        self.spawn(shown(self, seat), "figures")

    async def _reach(self, flow: Flow) -> bool:
        stream = self.sockets[flow.listener]
        return isinstance(stream, Streams) and await stream.reach(flow)

    def _ways(self) -> list[Flow]:
        return [flow for one in self.sockets if isinstance(one, Streams) for flow in one.ways]

    def _learned(self, seat: Seat, worker: int, there: bool, flows: list[tuple[int, str, int, int]]) -> None:
        """Another worker says who has connected to it, or is gone: what was on the way to him is tried elsewhere."""
        for flow in seat.learn(worker, there, flows):
            self.server.unreachable(flow)

    def _carried(self, data: bytes, flow: Flow) -> bool:
        """A message that another worker has for somebody who has connected to us."""
        stream = self.sockets[flow.listener]
        return isinstance(stream, Streams) and stream.carried(data, flow)

    def _given(self, listener: int, taken: socket.socket) -> None:
        """A connection that came to another worker."""
        stream = self.sockets[listener]
        try:
            address = taken.getpeername()
        except OSError:
            address = None  # it is gone already
        if address is None or not isinstance(stream, Streams):
            taken.close()
        else:
            stream.adopt(taken, address[0], address[1])

    def _welcomed(self, orders: dict[str, str], states: list[Moved], clock: str) -> None:
        """What the desk tells a worker that begins."""
        if self.hearsay is not None:
            self.hearsay.welcomed(orders, states)
        self._set_clock(clock)
        self._welcome.set()

    def _set_clock(self, spec: str) -> None:
        if spec and isinstance(self.clock, LabClock):
            self.clock.set(spec)

    async def stop(self) -> None:
        """Let everything go, in the reverse order of need."""
        if self.sending is not None:
            await self.sending.finish(FINISH_SECONDS)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in self._closing:
            done = close()
            if asyncio.iscoroutine(done):
                await done
        self._closing.clear()

    async def reload(self) -> bool:
        """Read the configuration and all that it names again, and put it in the place of the present one, whole.

        Calls under way keep what they began with, and no socket is touched: listeners, journal, admin address and
        secret stay as they are until a restart. Whatever cannot serve leaves everything as it was. Says so either way.
        """
        old = self.settings
        try:
            settings, parts, tls, shelved = await asyncio.to_thread(self._read_again)
        except (SettingsError, OSError, ValueError) as error:
            self.metrics.reloaded("refused")
            self.log.say("reload-refused", level="error", why=str(error))
            return False
        # The names of new peers are found first: from here on nothing waits.
        await self.tending.take(configured(settings, self.calls.world.resolver.outlet))
        self.routes.renew()
        was, self.settings, self.parts = self.parts, settings, parts
        if self.tls is not None and tls is not None:
            self.tls.take(tls)
        if self.store is None:
            self.store = self._store()
        elif parts.anchors is not None and parts.anchors != was.anchors:
            self.store.replace_anchors(parts.anchors)
        parts.trust.follow(was.trust)
        self.watch.trust, self.watch.keyring = parts.trust, parts.keyring
        self.watch.apply()
        if self.store is not None and self.scribe is not None and shelved is not None:
            self._stock(self.store, self.scribe, shelved)
        world = self.calls.world
        world.settings, world.trunks, world.inventory = settings, settings.trunk_table, parts.inventory
        world.signers, world.store = self._signers(), self.store
        world.services = self.consulted.signers(settings)
        world.verifier = self.consulted.verifier(settings)
        world.quality = self.guests.quality(settings, world.journal)
        world.naming, world.shows = self.consulted.names(settings), self.guests.shows(settings)
        world.emergency = parts.book.emergency
        self.aftermath.locations = parts.locations
        if self.sending is not None:
            self.sending.swap(parts.ways)
        self.swap(parts.book)
        kept = [
            name
            for name in ("listeners", "paths", "admin", "api", "secret", "health", "hep", "lab", "load", "fleet")
            if getattr(old, name) != getattr(settings, name)
        ]
        if errands(old, was.trust).keys() != errands(settings, parts.trust).keys():
            kept.append("certificates")
        self.metrics.reloaded("ok")
        self.log.say("reloaded", level="warning", **({"until_restart": ", ".join(kept)} if kept else {}))
        for remark in parts.remarks:
            self.log.say("remark", level="warning", text=remark)
        return True

    def _read_again(self) -> tuple[Settings, Parts, Tls | None, dict[str, Kept] | None]:
        """The work of `reload` that takes time. Raises SettingsError, OSError, ValueError, and nothing has changed."""
        settings = load(self.settings.file, reason_slugs())
        parts = prepare(settings, secret=self.parts.secret)
        configured(settings, self.calls.world.resolver.outlet)
        shelved = self.scribe.shelf.load() if self.scribe is not None else None
        return settings, parts, Tls(settings.tls) if settings.tls is not None else None, shelved

    def swap(self, book: Rulebook) -> None:
        """Put another rulebook in the place of the present one, whole; calls under way keep theirs."""
        self.promises.take_over(book)
        self.calls.world.book = book
        self.calls.world.lanes = lanes(self.settings, book)

    async def _api(self) -> None:
        """Sign and verify for others. Each worker does: keys and certificates are at hand in all of them."""
        wanted = self.settings.api
        if wanted is None:
            return
        utc, world = self.clock.utc, self.calls.world
        signing = Signing(
            wanted.sign, lambda: self.parts.keyring.serving(utc()).get(""), lambda: world.inventory, utc
        )
        verification = Verification(
            lambda: world.store, lambda: rules(self.settings), lambda: self.settings.identity.deadline_ms / 1000, utc
        )
        api = Api(
            signing, verification, wanted.dialect, say=self.log.say, count=self.metrics.asked  # type: ignore[arg-type]  # settings allow these two
        )
        self.api = api.site(wanted.host, wanted.port, shared=self.seat is not None and self.seat.workers > 1)
        await self.api.start()
        self._closing.insert(0, self.api.stop)

    async def _admin(self, journal: Journal | Clerk | None) -> None:
        where, lab = self.settings.admin, self.settings.lab.enabled
        if where is None:
            return
        running = running_version()
        mode = max((trunk.mode for trunk in self.settings.trunks), key=STRICTNESS.index, default="observe")
        self.admin = Admin(
            where.host,
            where.port,
            metrics=lambda: self.metrics.exported(running, lab, self.slices()),
            vitals=Vitals(
                running, mode, lab, self.addresses, journal.health if journal is not None else lambda: None,
                lambda: self.calls.world.bypass,
            ),
            say=self.log.say,
            restarted=self.metrics.admin_restarted,
            clock=self.clock if isinstance(self.clock, LabClock) else None,
            hooks=self._hooks,
            more=[
                *peers.routes(Desk(self.directory, self.clock.now)),
                *card.routes(lambda: self.parts.keyring, lambda: self.calls.world.book.redress, self.clock.utc),
            ],
        )
        await self.admin.start()
        self._closing.insert(0, self.admin.stop)
