"""How the pieces of one ringwarden are made and joined: sockets, store, peers, what is remembered, who signs.
Everything is built from settings and parts, and hung up to be closed again; when that happens is `app`'s business.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from uvloop import new_event_loop

from certs.apart import Apart
from certs.aside import Aside
from certs.chains import Kept
from certs.shelf import Scribe, Shelf
from certs.store import Store
from policy.attest import Terms
from policy.behaviour import Behaviour
from policy.learned import Learned
from policy.past import Past
from policy.protected import Protected
from policy.reputation import Reputation
from policy.sources import Sources
from proxy.admin.server import Admin, Hook
from proxy.admin.site import Site
from proxy.aftermath import Aftermath
from proxy.callback import Callback
from proxy.calls import Calls
from proxy.clock import Clock, LabClock
from proxy.consulted import Consulted
from proxy.diverting import USUAL
from proxy.following import Following
from proxy.generations import held, memory
from proxy.guests import Guests
from proxy.health import Pinger
from proxy.hep import Tap
from proxy.lists.promises import Promises
from proxy.lists.upkeep import Upkeep
from proxy.log import Log
from proxy.metrics import Metrics
from proxy.neighbours import Hearsay, configured
from proxy.notice.sending import Sending
from proxy.parts import Parts, care, fetching, terms
from proxy.peers import Directory, Target
from proxy.peers import Rules as HealthRules
from proxy.remembered import Known, found, write
from proxy.resolver import Resolver
from proxy.routes import Routes
from proxy.server import Server
from proxy.settings import Settings
from proxy.sip.endpoint import Endpoint, Listener
from proxy.sip.flow import Flow
from proxy.storage.journal import Journal
from proxy.tending import Tending
from proxy.tokens import RandomTokens
from proxy.transports import Bounds, Room, Streams, Tls, Udp, descriptors
from proxy.trusting import Watch, courier
from proxy.workers.clerk import Clerk
from proxy.workers.legacy import GENERATIONS, Elder, Legacy
from proxy.workers.links import MOVED, Line, RemoteFetch
from proxy.workers.seat import Seat
from shaken.replay import Replays
from shaken.sign import Signer

PINGS = 0
"""The worker that asks the peers how they are, for all."""
KEEP_SECONDS = 900.0
"""How often it is written down what is known of callers: so much of it may be lost with the machine."""


class Wiring:
    """The pieces of one ringwarden, and how each is made of the others."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        hooks: Mapping[str, Hook] | None = None,
        seat: Seat | None = None,
        apart: Apart | None = None,
        clerk: Clerk | None = None,
        legacy: Legacy | None = None,
        begin: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """seat: the place of one worker among several; None: we are alone. apart: who fetches certificates then, and
        clerk: who writes the journal; None: threads of ours. legacy: what an older version hands over. begin: waits,
        once all is built, until the public sockets may be read.
        """
        self.settings, self.parts, self.seat = settings, parts, seat
        self.legacy, self._begin = legacy, begin
        self.generation = (legacy.generation + 1) % GENERATIONS if legacy is not None else 0
        self.number, self.workers = (seat.number, seat.workers) if seat is not None else (0, 1)
        self.memory = seat.shared if seat is not None else memory(1)
        self.elder: Elder | None = None
        self.line: Line | None = None
        """What a successor has for us, where we are alone."""
        self.desk_line: Line | None = None
        """What we have for its journal."""
        self.retired = False
        self.left = asyncio.Event()
        """Set when nothing is left to do for a process that was followed."""
        self.admin: Admin | None = None
        self.api: Site | None = None
        self._keep: Callable[[], None] = lambda: None
        self.clock: Clock = LabClock(settings.lab.clock or "+0s") if settings.lab.enabled else Clock()
        self._hooks = hooks
        self.sockets: list[Udp | Streams] = []
        self.log: Log
        self.metrics: Metrics
        self.store: Store | None
        self.tap: Tap | None
        self.aftermath: Aftermath
        self.endpoint: Endpoint
        self.calls: Calls
        self.promises: Promises
        self.tls: Tls | None = None
        self.fetch: Aside | Apart | RemoteFetch | None = None
        self._apart, self._clerk = apart, clerk
        self.scribe: Scribe | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: list[Callable[[], Any]] = []
        self.sending: Sending | None = None
        self.hearsay: Hearsay | None = None
        self._welcome = asyncio.Event()
        self.server: Server
        self.consulted: Consulted
        self.guests: Guests

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as `udp:127.0.0.1:5060`."""
        return [f"{one.transport.lower()}:{one.host}:{one.port}" for one in self.listeners]

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the calls; a fault of it is said, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.metrics.internal_error()
            self.log.say("task-fault", level="error", task=task.get_name(), fault=repr(fault))

    def _bind(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        most = self.settings.connections
        total = descriptors(most.total)
        if total < most.total:
            self.log.say("few-files", level="warning", text="the open files limit allows fewer", total=total)
        self.room = Room(
            Bounds(
                total, most.per_source, most.half_open, most.connect_ms / 1000, float(most.first_seconds),
                float(most.message_seconds), float(most.idle_seconds), most.unsent_kib * 1024,
            ),
            knows=self._knows,
        )  # fmt: skip
        for one in self.settings.listeners:
            listener = Listener(one.transport.upper(), one.host, one.port, one.advertised_host, one.advertised_port)
            bound = self._bound(listener, len(self.listeners))
            self.sockets.append(bound)
            if listener.port == 0:
                # The kernel chose: what we advertise is what we have.
                listener = replace(listener, port=bound.port, advertised_port=listener.advertised_port or bound.port)
            self.listeners = (*self.listeners, listener)

    def _knows(self, host: str, port: int) -> bool:
        """Whether somebody of the settings sends from there, or is called there."""
        return self.settings.trunk_table.find(host, port) is not None or self.directory.knows(host)

    def _bound(self, listener: Listener, index: int) -> Udp | Streams:
        bound = self.seat.sockets[index] if self.seat is not None else None
        if self.legacy is not None and self.seat is None:
            bound = next(iter(self.legacy.group(listener.transport.lower(), listener.host, listener.port)), None)
        if listener.transport == "UDP":
            return Udp(listener, bound)
        secure = listener.transport == "TLS"
        assert self.tls is not None or not secure  # the settings demand it
        others: dict[str, Any] = {}
        if self.seat is not None:
            others = {"deal": partial(self.seat.deal, index), "carry": self.seat.carry, "share": self.seat.share}
        return Streams(
            listener, index, tls=self.tls if secure else None, bound=bound, room=self.room,
            domain=lambda flow: self.routes.domain(flow),
            count=partial(self.metrics.connection, listener.transport.lower()),
            **others,
        )  # fmt: skip

    def _journal(self, path: Path) -> Journal | Clerk:
        kept, theirs = care(self.settings, self.parts.secret), held(self.elder)
        make = partial(Journal, path, self.log.say, care=kept, utc=self.clock.utc, held=theirs)
        if self._clerk is None:
            return make()
        self._clerk.serve(make, theirs, lambda: self.clock.utc() - time.time())
        return self._clerk

    def _store(self) -> Store | None:
        if self.parts.anchors is None:
            return None
        fetcher: Aside | Apart | RemoteFetch
        if self.seat is not None:
            fetcher = self.seat.fetch()
        else:
            fetcher = self._apart or Aside(fetching(self.settings, self.parts), new_event_loop)
        self.fetch = fetcher
        folder = self.settings.certificate_folder
        scribe = self.scribe = Scribe(Shelf(folder), self.log.say) if folder is not None else None
        keep = scribe.put if scribe is not None else lambda url, kept: None
        store = Store(
            fetcher.fetch, self.parts.anchors, self.clock.utc, self.clock.now, count=self._fetched, keep=keep
        )
        if scribe is not None:
            self._stock(store, scribe, scribe.shelf.load())
            self._closing.insert(0, scribe.close)
        self._closing.insert(0, fetcher.close)
        self._closing.insert(0, store.close)
        return store

    def _believe(self) -> None:
        """What changes of whom we believe reaches the store; lists are fetched by us only if we are alone."""
        trust, utc, say = self.parts.trust, self.clock.utc, self.log.say
        keeps = self.seat is None or self.seat.number == 0
        self.watch = Watch(trust, self.parts.keyring, lambda: self.store, self._resign, utc, say, keeps)
        self.watch.apply()
        self.spawn(self.watch.run(), "trust")
        if self.seat is None and (found := courier(self.settings, trust, self.parts.tls_ca, utc, say)) is not None:
            self.spawn(found[0].run(), "courier")
            self._closing.insert(0, found[1].close)

    def _stock(self, store: Store, scribe: Scribe, files: Mapping[str, Kept]) -> None:
        """Begin with what is on the shelf, and forget what somebody has taken off it."""
        store.forget(scribe.purged(files))
        store.stock(files)

    def _aftermath(self) -> Aftermath:
        """What follows an emergency call: the notice, and the window for calls back."""
        slices, number, workers = self.memory.protected, self.number, self.workers
        protected = Protected(slices[number], slices, salt=self.parts.secret)
        kept = Callback(
            self.settings.paths.state, protected, spawn=self.spawn, say=self.log.say, worker=number, workers=workers
        )
        kept.restore(self.clock.utc())
        self.sending = Sending(self.parts.ways, spawn=self.spawn, count=self.metrics.notice, say=self.log.say)
        self._closing.insert(0, self.sending.close)
        return Aftermath(
            protected,
            soon=asyncio.get_running_loop().call_soon,
            say=self.log.say,
            callback=kept,
            sending=self.sending,
            locations=self.parts.locations,
            key=self.parts.secret,
        )

    def _fetched(self, name: str) -> None:
        results = {"verified": "ok", "busy": "busy", "invalid": "invalid"}
        if name in results:
            self.metrics.fetched(results[name])
        elif name.startswith("failed-"):
            self.metrics.fetched(name.removeprefix("failed-"))

    def _look_after(self, resolver: Resolver, tokens: RandomTokens) -> None:
        """The peers, what is known of them, and who finds it out."""
        health = self.settings.health
        now, outlet = self.clock.now, resolver.outlet
        seat = self.seat
        # One process pings for all; the others hear of it.
        seconds = float(health.ping_seconds) if seat is None or seat.number == PINGS else 0.0
        rules = HealthRules(health.down_after, health.up_after)
        self.directory = Directory(configured(self.settings, outlet), rules, now(), self._peer_changed)
        self.routes = Routes(self.directory, self.listeners, outlet, now, health.silence_ms / 1000)
        self.pinger = Pinger(
            self.directory, self.listeners, outlet, tokens.branch, random.random, seconds
        )
        if seat is not None:
            self.hearsay = Hearsay(self.directory, now, partial(seat.tell, MOVED), partial(seat.report, MOVED))

        def send(data: bytes, flow: Flow) -> bool:
            if self.tap is not None:
                self.tap.sent(data, flow)
            return self.sockets[flow.listener].send(data, flow)

        self.tending = Tending(self.directory, resolver, self.pinger, send, now, self.spawn)

    def _peer_changed(self, target: Target, before: str, after: str, why: str) -> None:
        self.metrics.peer_changed(after)
        level = "warning" if after in ("down", "held") else "info"
        self.log.say("peer", level=level, target=str(target), before=before, after=after, why=why)
        if self.hearsay is not None:
            self.hearsay.changed(target, before, after, why)
        self.tending.changed()

    def _following(self) -> Following:
        """What is remembered of callers; days and months of it come from the state folder, and go there."""
        folder, secret = self.settings.paths.state, self.parts.secret
        number, workers, now = self.number, self.workers, self.clock.now()
        ahead, shared = self.clock.utc() - now, self.memory
        known = found(folder, number, workers, self.log.say) if folder is not None else Known()
        hours, days, groups, tokens = shared.behaviour, shared.past, shared.sources, shared.replays
        several = workers > 1
        past = Past(days[number], days, salt=secret, ahead=ahead) if several else Past(ahead=ahead)
        following = Following(
            Behaviour(hours[number], hours, salt=secret, past=past),
            Sources(groups[number] if several else None, groups, salt=secret, ahead=ahead),
            Reputation(known.reputations),
            Replays(tokens[number], tokens, salt=secret),
        )
        if left := following.sources.left():  # of our number another worker was here before
            following.restore(past.left(now), left, now)
        else:
            following.restore(known.ends, known.sources, now)

        def write_down(gently: bool = False) -> None:
            if folder is not None:
                try:
                    write(folder, following, number, workers, gently=gently)
                except OSError as error:
                    self.log.say("callers-unkept", level="warning", path=str(folder), fault=repr(error))

        async def now_and_then() -> None:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                if not self.retired:
                    await asyncio.to_thread(write_down, True)

        if folder is not None:
            self._keep = write_down
            self.spawn(now_and_then(), "callers")
            self._closing.insert(0, self.write_down)
        return following

    def write_down(self) -> None:
        """Keep what is known of callers, where a successor reads it; the successor keeps its own."""
        if not self.retired:
            self._keep()

    def _promises(self) -> Promises:
        """What people agree to, and whom our own people call, while calls go on."""
        days = self.settings.policy.learned_days
        promises = Promises(self.settings.paths.state, Learned(days) if days else None, self.log.say)
        promises.restore()
        if (state := self.settings.paths.state) is not None:
            self.spawn(promises.keep(), "promises")
            self._closing.insert(0, promises.close)
            if self.seat is None or self.seat.number == 0:
                promises.tidy(self.clock.utc())
                upkeep = Upkeep(state, self.log.say, self.clock.utc)
                self.spawn(upkeep.run(lambda: self.settings.lists.files), "lists")
        return promises

    def _tap(self) -> Tap | None:
        wanted = self.settings.hep
        if wanted is None:
            return None
        tap = Tap(wanted, lambda: self.listeners, utc=self.clock.utc, now=self.clock.now, say=self.log.say)
        self.spawn(tap.run(), "hep")
        return tap

    def _signers(self) -> dict[str, tuple[Signer, Terms]]:
        signing, serving = self.settings.signing, self.parts.keyring.serving(self.clock.utc())
        if signing is None:
            return {}
        rights, found = terms(self.settings), {}
        for trunk in self.settings.trunks:
            signer = serving.get(trunk.name if trunk.name in signing.peers else "")
            if trunk.sign and signer is not None:
                found[trunk.name] = (signer, rights[trunk.name])
        if found and (usual := serving.get(USUAL)) is not None:
            found[USUAL] = (usual, Terms(signing.origid))
        return found

    def _resign(self) -> None:
        """Other keys count now."""
        self.calls.world.signers = self._signers()
