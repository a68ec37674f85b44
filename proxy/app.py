"""The only room that constructs things: settings in, a running ringwarden out. There is no global."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from uvloop import new_event_loop

from certs.aside import Aside
from certs.chains import Kept
from certs.fetch import Limits
from certs.files import FileError, read
from certs.keys import Keyring
from certs.shelf import Scribe, Shelf
from certs.store import Store
from certs.trust import Trust
from policy import emergency
from policy.attest import Customer, Terms
from policy.behaviour import Behaviour
from policy.decide import reason_slugs
from policy.dnc import Registry
from policy.dno import parse as parse_dno
from policy.inventory import Inventory
from policy.learned import Learned
from policy.lint import cautions, lint
from policy.lists import NumberSet, parse_numbers
from policy.protected import CELLS as PROTECTED_CELLS
from policy.protected import Protected
from policy.reputation import Memory, Reputation
from policy.rulebook import CHECKS, WEIGHTS, Profile, Redress, Rulebook, Thresholds, Velocity
from policy.sources import Sources
from policy.tally import CELLS, Tally
from policy.verdict import Class
from proxy import lists, zoning
from proxy.admin import card, peers
from proxy.admin.health import Vitals
from proxy.admin.server import Admin, Hook
from proxy.aftermath import Aftermath
from proxy.api.server import Api
from proxy.api.signing import Signing
from proxy.api.verification import Verification
from proxy.callback import Callback
from proxy.calls import Calls
from proxy.clock import Clock, LabClock
from proxy.clock import errors as clock_errors
from proxy.following import Following, keep, kept
from proxy.health import Pinger
from proxy.hep import Tap
from proxy.hook import DecisionHook
from proxy.lists import copies, force
from proxy.lists.copies import Copies
from proxy.lists.files import Parse
from proxy.lists.pardons import forgiven, spared
from proxy.lists.promises import Promises
from proxy.lists.upkeep import Upkeep
from proxy.log import Log
from proxy.metrics import Cells, Metrics
from proxy.names import Names, Servers, written_hosts
from proxy.neighbours import Desk, Hearsay, Moved, configured
from proxy.notice import locations
from proxy.notice.locations import Locations
from proxy.notice.sending import Sending, Way
from proxy.notice.ways import ways
from proxy.peers import Directory, Target
from proxy.peers import Rules as HealthRules
from proxy.registration import Bindings
from proxy.resolver import Resolver
from proxy.routes import Routes
from proxy.screening.case import Lane
from proxy.seal import Sealer
from proxy.server import Server
from proxy.settings import Settings, SettingsError, load, shared_secret
from proxy.settings.values import ServiceSettings
from proxy.signer import SigningService
from proxy.sip.endpoint import Endpoint, Listener, Options
from proxy.sip.flow import Flow
from proxy.sip.routing import Me
from proxy.storage.care import Care, journal_key
from proxy.storage.journal import Journal
from proxy.tending import Tending
from proxy.tokens import RandomTokens
from proxy.transports import Bounds, Room, Streams, Tls, Udp, descriptors
from proxy.trusting import Watch, courier, errands, pairs, sources
from proxy.workers.links import BEGUN, CLOCK, MOVED, ORDER, SHOWN, WELCOME, RemoteFetch, RemoteJournal
from proxy.workers.seat import Seat
from proxy.workers.steering import DIGITS
from proxy.world import World
from shaken.credential import Anchors
from shaken.number import Plan
from shaken.replay import CELLS as REPLAY_CELLS
from shaken.replay import Replays
from shaken.sign import Signer
from shaken.verdict import FAILURES
from shaken.verify import Rules

WELCOME_SECONDS = 0.1
"""How long a worker that begins waits to hear what the others know: orders, and who is out of use."""
TURN_SECONDS, USUAL_TURN_SECONDS = 0.0002, sys.getswitchinterval()
"""How long a thread keeps the interpreter that another one waits for: while a configuration is read, and else."""
PINGS = 0
"""The worker that asks the peers how they are, for all."""
STRICTNESS = ("observe", "tag", "enforce")
KEEP_SECONDS = 3600.0
"""How often the reputations are written down: an hour of them may be lost with the machine."""
FINISH_SECONDS = 2.0
"""How long a stop waits for notices of emergency calls that are being sent."""


SHOWN_SECONDS = 0.25
"""How old the figures of a worker may be."""


CLOCK_ERROR = "What the system says of its own clock."
PEER_UP = "Hops of a peer that calls try; 0: down, or taken out."


@dataclass(frozen=True, slots=True)
class Parts:
    """What is read from files before anything starts."""

    book: Rulebook
    trust: Trust
    inventory: Inventory
    tls_ca: bytes | None
    keyring: Keyring
    secret: bytes
    locations: Locations
    ways: tuple[Way, ...]
    """On which the notice of an emergency call leaves."""
    remarks: tuple[str, ...]
    """What the operator should know and that stops nothing."""

    @property
    def anchors(self) -> Anchors | None:
        """Who vouches for certificates now; None: nobody is to."""
        return self.trust.anchors


def prepare(settings: Settings) -> Parts:
    """Read keys, anchors and lists. Raises SettingsError with everything that cannot serve."""
    wrong: list[str] = []
    remarks: list[str] = []
    lab, identity = settings.lab.enabled, settings.identity
    trust = Trust()
    tls_ca: bytes | None = None
    keyring = Keyring()
    try:
        utc = (LabClock(settings.lab.clock or "+0s") if lab else Clock()).utc()
        trust = Trust(sources(settings), utc)
        remarks += trust.complaints(utc)
        if trust.anchors is None:
            remarks.append("no trust anchors are set: no signature can be proved")
        if identity.tls_ca is not None:
            tls_ca = read(identity.tls_ca)
    except FileError as error:
        wrong.append(str(error))
    try:
        keyring = Keyring(pairs(settings), lab=lab)
        remarks += keyring.complaints(Clock().utc())
    except FileError as error:
        wrong.append(str(error))
    places = Locations()
    told: tuple[Way, ...] = ()
    try:
        if settings.notice.locations is not None:
            places = locations.load(settings.notice.locations)
            remarks += places.remarks
        told = ways(settings.notice)
    except (FileError, OSError) as error:
        wrong.append(str(error) if isinstance(error, FileError) else f"{settings.file}: notice: authorities: {error}")
    if settings.policy.redress.card and settings.signing is None:
        remarks.append("policy.redress.card is set and there is no [signing]: somebody else must serve that card")
    secret, kept = shared_secret(settings)
    if not kept:
        remarks.append("no secret is set or kept: calls that are up at a restart are screened as new ones afterwards")
    book, inventory = Rulebook(), Inventory()
    try:
        book, said = rulebook(settings, secret)
        remarks += said
        wrong += [f"{settings.file}: {fault}" for fault in lint(book)]
        remarks += cautions(book)
        inventory, said = lists.inventory(settings.numbers.inventory, book.own)
        remarks += said
    except (lists.ListError, ValueError) as error:
        wrong.append(f"{settings.file}: {error}")
    if wrong:
        raise SettingsError(wrong)
    if lab:
        remarks.append("THE LAB IS ON: loopback repositories and test roots are trusted. Never face a network with it.")
    return Parts(book, trust, inventory, tls_ca, keyring, secret, places, told, tuple(remarks))



def care(settings: Settings, secret: bytes) -> Care:
    """How long the journal keeps what, and what it hides numbers with."""
    kept = settings.journal
    return Care(kept.keep_days, kept.mask_days, kept.mask == "hash", journal_key(secret))


def terms(settings: Settings) -> dict[str, Terms]:
    """What the calls of each trunk may get when they are signed."""
    customers = MappingProxyType(
        {one.name: Customer(one.kyc == "pending", one.cap, one.origid) for one in settings.customers}  # type: ignore[arg-type]  # settings allow B and C
    )
    signing, service = settings.signing, settings.service
    usual = service.origid if service is not None else ""
    return {
        trunk.name: Terms(
            origid=trunk.origid or (signing.peers.get(trunk.name, signing).origid if signing is not None else usual),
            customer=trunk.customer or None,
            transit=trunk.transit,
            most=trunk.attest,  # type: ignore[arg-type]  # settings allow these three
            other=None if trunk.attest_other == "none" else trunk.attest_other,  # type: ignore[arg-type]
            customers=customers,
        )
        for trunk in settings.trunks
    }


def rulebook(settings: Settings, secret: bytes, utc: float | None = None) -> tuple[Rulebook, list[str]]:
    """Lists, thresholds and codes as one frozen value, and remarks on what could not be read. Raises ListError,
    ValueError.
    """
    files, policy = settings.lists, settings.policy
    utc = Clock().utc() if utc is None else utc
    remarks: list[str] = []
    kept_copies = Copies(settings.paths.state)

    def numbers(paths: Sequence[Path], parse: Parse = parse_numbers) -> NumberSet:
        found, told = copies.numbers(paths, kept_copies, parse)
        remarks.extend(told)
        return found

    campaigns, said = copies.campaigns(files.campaigns, files.bundled, kept_copies)
    brought = force.in_force(settings.paths.state, utc)
    blocks, told = lists.blocks(settings.trunks, files.rmd)
    remarks += told
    senders, told = lists.senders(files.messages)
    remarks += told
    book = Rulebook(
        allow=numbers(files.allow) | brought.allow,
        psap=NumberSet.of(*settings.numbers.psap),
        own=NumberSet.of(*settings.numbers.own),
        dno=spared(numbers(files.dno, parse_dno), brought.pardons) | brought.dno,
        deny=spared(numbers(files.deny), brought.pardons) | brought.deny,
        areas=brought.areas,
        casebook=brought.casebook,
        campaigns=forgiven(campaigns, brought.pardons) | brought.campaigns,
        dnc=Registry(numbers(files.dnc)) if files.dnc else None,
        national=brought.national,
        agreements=brought.agreements,
        learned=Learned(policy.learned_days) if policy.learned_days else None,
        profiles=MappingProxyType(
            {
                name: Profile(
                    name, one.tag_at, one.reject_at, one.divert_at, one.divert_to,
                    one.divert_by,  # type: ignore[arg-type]  # settings allow these two
                    frozenset(one.tags),
                )
                for name, one in policy.profiles.items()
            }
        ),
        codes=MappingProxyType(dict(policy.codes)),  # type: ignore[arg-type]  # settings allow codes and "603+"
        refusals=MappingProxyType({Class(kind): code for kind, code in policy.refusals.items()}),  # type: ignore[misc]
        weights=MappingProxyType({**WEIGHTS, **policy.weights}),
        role=settings.role,  # type: ignore[arg-type]  # settings allow the roles of policy and no others
        redress=Redress(**asdict(policy.redress)),
        identity_required=settings.identity.required,
        velocity=Velocity(policy.velocity.limit, float(policy.velocity.seconds)),
        checks=MappingProxyType({**CHECKS, **policy.checks}),  # type: ignore[dict-item]  # settings allow these three
        messages=senders,
        upstreams=blocks,
        telemarketing=policy.telemarketing,
        limits=Thresholds(unknown_zone_is_open=policy.unknown_zone_is_open),
        hours=zoning.load(utc),
        emergency=emergency.strings(settings.numbers.emergency),
        key=hashlib.blake2b(secret, digest_size=32, person=b"rulebook").digest(),
    )
    return book, [*remarks, *said, *brought.remarks]


class App:
    """One ringwarden: built here, started and stopped from outside."""

    def __init__(
        self, settings: Settings, parts: Parts, hooks: Mapping[str, Hook] | None = None, seat: Seat | None = None
    ) -> None:
        """seat: the place of one worker among several; None: we are alone."""
        self.settings, self.parts, self.seat = settings, parts, seat
        self.clock: Clock = LabClock(settings.lab.clock or "+0s") if settings.lab.enabled else Clock()
        self._hooks = hooks
        self.sockets: list[Udp | Streams] = []
        self.log: Log
        self.endpoint: Endpoint
        self.calls: Calls
        self.promises: Promises
        self.tls: Tls | None = None
        self.fetch: Aside | RemoteFetch | None = None
        self.scribe: Scribe | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: list[Callable[[], Any]] = []
        self.sending: Sending | None = None
        self.hearsay: Hearsay | None = None
        self._welcome = asyncio.Event()

    server: Server
    _served: ServiceSettings | None = None
    _service: SigningService

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as `udp:127.0.0.1:5060`."""
        return [f"{one.transport.lower()}:{one.host}:{one.port}" for one in self.listeners]

    async def start(self) -> None:
        """Bind, connect everything, read. Raises OSError when an address cannot be had."""
        settings, parts, clock = self.settings, self.parts, self.clock
        self.log = Log(settings.log.level)
        self.log.capture()
        self._closing.append(self.log.close)
        if settings.tls is not None:
            self.tls = Tls(settings.tls)
        seat = self.seat
        number = seat.number if seat is not None else 0
        mine: Cells | None = seat.shared.metrics[number] if seat is not None else None  # type: ignore[assignment]
        self.metrics = Metrics(reason_slugs(), tuple(FAILURES), mine)
        self._bind()
        journal: Journal | RemoteJournal | None = None
        if settings.paths.journal is not None:
            journal = self._journal(settings.paths.journal) if seat is None else seat.journal()
            self._closing.insert(0, journal.close)
        self.store = self._store()
        self._believe()
        names = Names(Servers(), clock.now, self.metrics.looked_up, written_hosts())
        self._closing.insert(0, names.close)
        resolver = Resolver(self.listeners, clock.now, names)
        tokens = RandomTokens(mark=DIGITS[number] if seat is not None else "")
        self.tap = self._tap()
        self._look_after(resolver, tokens)
        options = Options(
            self.listeners,
            large=self.routes.large,
            preloaded=self.routes.preloaded,
            silence=settings.health.silence_ms / 1000,
            vital=lambda uri: emergency.is_emergency_uri(uri, self.parts.book.emergency),
        )
        self.endpoint = Endpoint(options, tokens)
        me = Me(
            address
            for one in self.listeners
            for address in ((one.host, one.port), (one.advertised_host, one.advertised_port))
        )
        self.aftermath = self._aftermath()
        tallies = seat.shared.tally if seat is not None else [memoryview(bytearray(CELLS * 8)).cast("Q")]
        world = World(
            settings=settings,
            trunks=settings.trunk_table,
            book=parts.book,
            lanes=self._lanes(parts.book),
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
            hook=self._hook(),
            services=self._services(),
            ended_elsewhere=seat.ended if seat is not None else None,
            worker=number,
            heard=self.pinger.heard,
        )
        self.promises = world.promises = self._promises()
        self.promises.take_over(parts.book)
        self.calls = Calls(self.endpoint, me, world)
        vital = options.vital or bool
        elsewhere = seat.elsewhere if seat is not None and seat.workers > 1 else None
        hurry = settings.load.unscreened_ms / 1000 or float("inf")
        self.server = Server(self.endpoint, self.calls, self.sockets, clock.now, elsewhere, vital, self.tap, hurry)
        self._closing.insert(0, self.server.stop)
        self._closing.insert(0, self.tending.stop)
        await self.tending.start()  # the hops are known before the first message is read
        if seat is not None and self.hearsay is not None:
            await self._join(seat, self.hearsay)
        elif isinstance(journal, Journal | None):
            await self.server.start()
            self._declare(journal)
            await self._admin(journal)
        await self._api()
        for remark in parts.remarks:
            self.log.say("remark", level="warning", text=remark)

    def _journal(self, path: Path) -> Journal:
        return Journal(path, self.log.say, care=care(self.settings, self.parts.secret), utc=self.clock.utc)

    async def _join(self, seat: Seat, hearsay: Hearsay) -> None:
        """Begin to read as one of several, once it is known what the others know."""
        fetch = self.fetch if isinstance(self.fetch, RemoteFetch) else None
        more = {
            MOVED: hearsay.heard,
            ORDER: lambda value: hearsay.ordered(*value),
            WELCOME: lambda value: self._welcomed(*value),
            CLOCK: self._set_clock,
        }
        early: list[tuple[bytes, Flow]] = []
        seat.listen(fetch, lambda data, flow: early.append((data, flow)), self.calls.over, more)
        self._closing.insert(0, seat.quiet)
        seat.report(BEGUN, seat.number)
        with suppress(TimeoutError):  # calls are worth more than what the desk may have to say
            await asyncio.wait_for(self._welcome.wait(), WELCOME_SECONDS)
        await self.server.start()
        seat.open_door(self._given)
        seat.listen(fetch, self.server.handed, self.calls.over, more)
        for data, flow in early:
            self.server.handed(data, flow)
        self.spawn(self._shown(seat), "figures")

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
            # The thread that reads has the interpreter for a turn each time that a call sends or receives something.
            sys.setswitchinterval(TURN_SECONDS)
            try:
                settings, parts, tls, shelved = await asyncio.to_thread(self._read_again)
            finally:
                sys.setswitchinterval(USUAL_TURN_SECONDS)
        except (SettingsError, OSError, ValueError) as error:
            self.metrics.reloaded("refused")
            self.log.say("reload-refused", level="error", why=str(error))
            return False
        # The names of new peers are found first: from here on nothing waits.
        await self.tending.take(configured(settings, self.calls.world.resolver.outlet))
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
        world.services = self._services()
        world.emergency = parts.book.emergency
        self.aftermath.locations = parts.locations
        if self.sending is not None:
            self.sending.swap(parts.ways)
        self.swap(parts.book)
        kept = [
            name
            for name in ("listeners", "paths", "admin", "api", "secret", "health", "hep", "lab", "load")
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
        parts = prepare(settings)
        configured(settings, self.calls.world.resolver.outlet)
        shelved = self.scribe.shelf.load() if self.scribe is not None else None
        return settings, parts, Tls(settings.tls) if settings.tls is not None else None, shelved

    def swap(self, book: Rulebook) -> None:
        """Put another rulebook in the place of the present one, whole; calls under way keep theirs."""
        self.promises.take_over(book)
        self.calls.world.book = book
        self.calls.world.lanes = self._lanes(book)

    def bypass(self, on: bool) -> None:
        """Stop screening at once, or go on with it."""
        if self.calls.world.bypass != on:
            self.calls.world.bypass = on
            self.log.say("bypass", level="warning", on=on)

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

    # Building

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
            )
        )  # fmt: skip
        for one in self.settings.listeners:
            listener = Listener(one.transport.upper(), one.host, one.port, one.advertised_host, one.advertised_port)
            bound = self._bound(listener, len(self.listeners))
            self.sockets.append(bound)
            if listener.port == 0:
                # The kernel chose: what we advertise is what we have.
                listener = replace(listener, port=bound.port, advertised_port=listener.advertised_port or bound.port)
            self.listeners = (*self.listeners, listener)

    def _bound(self, listener: Listener, index: int) -> Udp | Streams:
        bound = self.seat.sockets[index] if self.seat is not None else None
        if listener.transport == "UDP":
            return Udp(listener, bound)
        secure = listener.transport == "TLS"
        assert self.tls is not None or not secure  # the settings demand it
        return Streams(
            listener, index, tls=self.tls if secure else None, bound=bound, room=self.room,
            domain=lambda flow: self.routes.domain(flow),
            count=partial(self.metrics.connection, listener.transport.lower()),
            **({"deal": partial(self.seat.deal, index)} if self.seat is not None else {}),
        )  # fmt: skip

    def _store(self) -> Store | None:
        identity, lab = self.settings.identity, self.settings.lab.enabled
        if self.parts.anchors is None:
            return None
        hosts = frozenset(host.lower() for host in identity.hosts) or None
        fetcher: Aside | RemoteFetch
        if self.seat is None:
            limits = Limits(ports=identity.ports, hosts=hosts, lab=lab, tls_ca=self.parts.tls_ca)
            fetcher = Aside(limits, new_event_loop)
        else:
            fetcher = self.seat.fetch()
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
        seat = self.seat
        slices = seat.shared.protected if seat is not None else [memoryview(bytearray(PROTECTED_CELLS * 8)).cast("Q")]
        number, workers = (seat.number, seat.workers) if seat is not None else (0, 1)
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

    def _rules(self) -> Rules:
        identity = self.settings.identity
        return Rules(
            freshness=float(identity.freshness_seconds),
            ports=identity.ports,
            hosts=frozenset(host.lower() for host in identity.hosts) or None,
            lab=self.settings.lab.enabled,
        )

    def _lanes(self, book: Rulebook) -> dict[str, Lane]:
        lab, rules = self.settings.lab.enabled, self._rules()
        return {
            trunk.name: Lane(
                trunk=trunk,
                side=trunk.side,  # type: ignore[arg-type]  # settings allow these two
                plan=Plan(trunk.country, trunk.area),
                profile=book.profiles.get(trunk.profile, Profile()),
                mode=trunk.mode,  # type: ignore[arg-type]  # settings allow these three
                percent=trunk.enforce_percent,
                rules=rules,
                lab=lab,
            )
            for trunk in self.settings.trunks
        }

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
        """What is remembered of callers; months of it come from the state folder, and go there."""
        folder = self.settings.paths.state
        seat = self.seat
        mark = f"-{seat.number}" if seat is not None else ""  # each worker keeps its own
        path = folder / f"reputation{mark}.json" if folder is not None else None
        rows: list[Memory] = []
        if path is not None:
            try:
                rows = kept(path)
            except (OSError, ValueError, TypeError) as error:
                self.log.say("reputation-unread", level="warning", path=str(path), fault=repr(error))
        slices = seat.shared.behaviour if seat is not None else []
        mine = slices[seat.number] if seat is not None else None
        tokens = seat.shared.replays if seat is not None else [memoryview(bytearray(REPLAY_CELLS * 8)).cast("Q")]
        following = Following(
            Behaviour(mine, slices, salt=self.parts.secret), Sources(), Reputation(rows),
            Replays(tokens[seat.number if seat is not None else 0], tokens, salt=self.parts.secret),
        )  # fmt: skip

        def write() -> None:
            if path is not None:
                try:
                    keep(path, following.reputation.rows())
                except OSError as error:
                    self.log.say("reputation-unkept", level="warning", path=str(path), fault=repr(error))

        async def hourly() -> None:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                await asyncio.to_thread(write)

        if path is not None:
            self.spawn(hourly(), "reputation")
            self._closing.insert(0, write)
        return following

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

    def _hook(self) -> DecisionHook | None:
        wanted = self.settings.policy.hook
        if wanted is None:
            return None
        hook = DecisionHook(wanted.url, self.clock.now, seconds=wanted.milliseconds / 1000, count=self.metrics.hooked)
        self._closing.insert(0, hook.close)
        return hook

    def _signers(self) -> dict[str, tuple[Signer, Terms]]:
        signing, serving = self.settings.signing, self.parts.keyring.serving(self.clock.utc())
        if signing is None:
            return {}
        rights, found = terms(self.settings), {}
        for trunk in self.settings.trunks:
            signer = serving.get(trunk.name if trunk.name in signing.peers else "")
            if trunk.sign and signer is not None:
                found[trunk.name] = (signer, rights[trunk.name])
        return found

    def _services(self) -> dict[str, tuple[SigningService, Terms]]:
        """Trunks whose calls somebody else signs. A reload keeps the connections where the service is the same."""
        wanted = self.settings.service
        if wanted is None:
            return {}
        if wanted != self._served:
            self._served = wanted
            self._service = SigningService(wanted.url, self.clock.now, seconds=wanted.milliseconds / 1000)
            self._closing.insert(0, self._service.close)
        rights = terms(self.settings)
        return {one.name: (self._service, rights[one.name]) for one in self.settings.trunks if one.sign}

    def _resign(self) -> None:
        """Other keys count now."""
        self.calls.world.signers = self._signers()

    def _declare(self, journal: Journal | None) -> None:
        metrics = self.metrics
        for one in FIGURES:
            if one.total:
                metrics.total(one.name, one.help, lambda one=one: int(one.read(self)))  # type: ignore[misc]
            else:
                metrics.gauge(one.name, one.help, partial(one.read, self))
        metrics.gauge("list_entries", "Entries of the lists.", self._list_sizes, "list")
        force.declare(metrics, self.settings.paths.state, self.clock.utc)
        metrics.gauge("clock_error_seconds", CLOCK_ERROR, clock_errors, "kind")
        metrics.gauge("peer_up", PEER_UP, self.directory.usable, "peer")
        if journal is not None:
            metrics.total("journal_dropped_total", "Rows that the journal dropped.", lambda: journal.dropped)
            metrics.total("journal_written_total", "Rows that the journal kept.", lambda: journal.written)

    async def _shown(self, seat: Seat) -> None:
        """Write down what the desk is asked for, again and again."""
        cells = seat.shared.figures[seat.number]
        while True:
            for place, one in enumerate(FIGURES):
                cells[place] = int(one.read(self) * 1000)
            if seat.number == PINGS and self.hearsay is not None:
                seat.report(SHOWN, (self.hearsay.shown(), self._list_sizes()))
            await asyncio.sleep(SHOWN_SECONDS)

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

    def _list_sizes(self) -> dict[str, float]:
        book = self.calls.world.book
        return {
            "allow": len(book.allow), "deny": len(book.deny), "dno": len(book.dno), "own": len(book.own),
            "campaigns": len(book.campaigns),
        }  # fmt: skip

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
            lambda: world.store, self._rules, lambda: self.settings.identity.deadline_ms / 1000, utc
        )
        api = Api(
            signing, verification, wanted.dialect, say=self.log.say, count=self.metrics.asked  # type: ignore[arg-type]  # settings allow these two
        )
        self.api = api.site(wanted.host, wanted.port, shared=self.seat is not None and self.seat.workers > 1)
        await self.api.start()
        self._closing.insert(0, self.api.stop)

    async def _admin(self, journal: Journal | None) -> None:
        where, lab = self.settings.admin, self.settings.lab.enabled
        if where is None:
            return
        try:
            running = version("ringwarden")
        except PackageNotFoundError:
            running = "0"
        mode = max((trunk.mode for trunk in self.settings.trunks), key=STRICTNESS.index, default="observe")
        self.admin = Admin(
            where.host,
            where.port,
            metrics=lambda: self.metrics.exported(running, lab),
            vitals=Vitals(running, mode, lab, self.addresses, journal.health if journal is not None else lambda: None),
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


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that is read when somebody asks, with its name as a metric."""

    name: str
    help: str
    read: Callable[[App], float]
    total: bool = False
    of_all: Callable[[Iterable[float]], float] = sum
    """What is told of several workers: the sum, the highest, or the lowest, which is what all of them have."""


def _datagrams(app: App) -> float:
    return sum(one.dropped for one in app.sockets if isinstance(one, Udp))


def _streams(read: Callable[[Streams], float]) -> Callable[[App], float]:
    return lambda app: sum(read(one) for one in app.sockets if isinstance(one, Streams))


def _seated(read: Callable[[Seat], float]) -> Callable[[App], float]:
    return lambda app: read(app.seat) if app.seat is not None else 0


FIGURES = (
    Figure("active_calls", "Answered calls whose end was not seen yet.", lambda app: app.calls.active),
    Figure("transactions", "Live SIP transactions.", lambda app: app.endpoint.transactions),
    Figure("waiting_calls", "Calls that wait for a certificate or a name.", lambda app: app.calls.waiting),
    Figure("cert_cache_entries", "Certificates in memory.", lambda app: len(app.store) if app.store else 0),
    Figure("cert_cache_stocked", "Kept files not asked for yet.", lambda app: app.store.stocked if app.store else 0),
    Figure("cert_fetching", "Certificates being fetched.", lambda app: app.store.flying if app.store else 0),
    Figure("cert_hosts_resting", "Hosts left alone a while.", lambda app: app.store.resting if app.store else 0),
    Figure("trust_roots", "Roots that vouch for certificates.", lambda app: app.watch.roots, of_all=min),
    Figure("trust_generation", "Times that they changed.", lambda app: app.watch.trust.roots.generation, of_all=min),
    Figure("trust_age_seconds", "Since they last did.", lambda app: app.watch.roots_age, of_all=max),
    Figure("crl_entries", "Certificates that were taken back.", lambda app: app.watch.revoked, of_all=min),
    Figure("crl_generation", "Times that they changed.", lambda app: app.watch.trust.lists.generation, of_all=min),
    Figure("crl_age_seconds", "Since the oldest list was made.", lambda app: app.watch.revoked_age, of_all=max),
    Figure("trust_complaints", "Lists that could not be taken up.", lambda app: app.watch.complaints, of_all=max),
    Figure("signing_generation", "Times that our keys changed.", lambda app: app.watch.keyring.generation, of_all=min),
    Figure("signing_certificate_seconds_left", "Of ours; 0: not known.", lambda app: app.watch.left, of_all=min),
    Figure("notices_queued", "Notices on their ways.", lambda app: app.sending.waiting if app.sending else 0),
    Figure("bypass", "Processes that screen nothing.", lambda app: app.calls.world.bypass),
    Figure("connections", "Open TCP and TLS connections, ours and theirs.", _streams(len)),
    Figure("half_open_connections", "Of them: without a whole message yet.", lambda app: app.room.half_open),
    Figure("promises_dropped_total", "Lines of opt-outs not written.", lambda app: app.promises.dropped, True),
    Figure("hep_queued", "Copies that wait for the HEP collector.", lambda app: app.tap.waiting if app.tap else 0),
    Figure("hep_sent_total", "Copies sent to the HEP collector.", lambda app: app.tap.copied if app.tap else 0, True),
    Figure("hep_dropped_total", "Copies that were dropped.", lambda app: app.tap.dropped if app.tap else 0, True),
    Figure("hep_failed_total", "Signs of a dead collector.", lambda app: app.tap.failed if app.tap else 0, True),
    Figure("log_dropped_total", "Log lines that were dropped.", lambda app: app.log.dropped, True),
    Figure("udp_dropped_total", "Datagrams that the system did not take.", _datagrams, True),
    Figure("stream_dropped_total", "Messages that no connection could take.", _streams(lambda s: s.dropped), True),
    Figure("shed_total", "New calls let fall: more came than could be served.", lambda app: app.server.shed, True),
    Figure("connections_dealt_total", "Connections given to another worker.", _seated(lambda seat: seat.dealt), True),
    Figure("handed_over_total", "Messages given to their worker.", _seated(lambda seat: seat.handed), True),
    Figure("handover_lost_total", "Records for others that did not fit.", _seated(lambda seat: seat.lost), True),
)
"""In an order that all processes know."""
