"""What is prepared before anything starts, off the loop: keys, anchors, lists and the rulebook are read from files, all
that cannot serve is told at once, and nothing is bound or changed. A reload comes through here as a start does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from certs.fetch import DEFAULT, Limits
from certs.files import FileError, read
from certs.keys import Keyring
from certs.trust import Trust
from policy import emergency
from policy.attest import Customer, Terms
from policy.countries import Rule
from policy.dnc import Registry
from policy.dno import parse as parse_dno
from policy.inventory import Inventory
from policy.learned import Learned
from policy.lint import cautions, lint
from policy.lists import NumberSet, parse_numbers
from policy.profiles import Choice
from policy.rulebook import BRANDS, CHECKS, Profile, Redress, Rulebook, Thresholds, Velocity
from policy.verdict import Class
from policy.weights import WEIGHTS
from proxy import duties, lists, numbering, zoning
from proxy.clock import Clock, LabClock
from proxy.lists import copies, force
from proxy.lists.copies import Copies
from proxy.lists.files import Parse
from proxy.lists.pardons import forgiven, spared
from proxy.notice import locations
from proxy.notice.locations import Locations
from proxy.notice.sending import Way
from proxy.notice.ways import ways
from proxy.screening.case import Lane
from proxy.settings import Settings, SettingsError, shared_secret
from proxy.settings.network import plan_of
from proxy.storage.care import Care, journal_key
from proxy.trusting import pairs, sources
from proxy.workers.clerk import Clerk
from shaken.credential import Anchors
from shaken.verify import Rules

STRICTNESS = ("observe", "tag", "enforce")
"""The modes of a trunk, from what changes nothing to what blocks."""


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


def prepare(settings: Settings, *, make: bool = True, secret: bytes | None = None) -> Parts:
    """Read keys, anchors and lists. Raises SettingsError with everything that cannot serve. Not `make`: nothing is
    written, not even the secret that a start would keep. secret: the one that calls in progress are sealed with, which
    stays in use whatever the settings say by now.
    """
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
    if settings.service is not None and (senders := _sending_on(settings)):
        remarks.append(
            f"signing.service signs no div (RFC 8946) of {', '.join(senders)}: calls sent elsewhere than they were for "
            "say nothing of it, and their signature will be doubted there; a key of our own makes one"
        )
    if settings.policy.redress.card and settings.signing is None:
        remarks.append("policy.redress.card is set and there is no [signing]: somebody else must serve that card")
    for key, library in (("redis", "redis"), ("postgres", "asyncpg")):
        if settings.fleet is not None and getattr(settings.fleet, key) and find_spec(library) is None:
            wrong.append(f"{settings.file}: fleet.{key}: {library} is not installed; pip install 'ringwarden[fleet]'")
    found, kept = shared_secret(settings, make=make)
    secret = found if secret is None else secret
    if not kept:
        remarks.append("no secret is set or kept: calls that are up at a restart are screened as new ones afterwards")
    elif found != secret:
        remarks.append("another secret is set or kept than the one in use: it counts from the next start on")
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
    remarks += duties.remarks(settings, Clock().utc())
    if wrong:
        raise SettingsError(wrong)
    if lab:
        remarks.append("THE LAB IS ON: loopback repositories and test roots are trusted. Never face a network with it.")
    return Parts(book, trust, inventory, tls_ca, keyring, secret, places, told, tuple(remarks))


def _sending_on(settings: Settings) -> tuple[str, ...]:
    """What in the settings sends calls elsewhere than they were for, and no service is asked to sign that."""
    asked = settings.service is not None and settings.service.dialect == "3gpp"
    diverting = settings.policy.profiles.items() if not asked else ()
    profiles = (f"profile.{name}" for name, one in diverting if one.divert_to)
    return (*profiles, *(f"follow_redirects of {one.name}" for one in settings.trunks if one.follow_redirects))


def fetching(settings: Settings, parts: Parts) -> Limits:
    """What a fetch of a certificate may do. A call that waits long is not left by its fetch before."""
    hosts = frozenset(host.lower() for host in settings.identity.hosts) or None
    return Limits(
        seconds=max(DEFAULT.seconds, settings.identity.deadline_ms / 1000),
        ports=settings.identity.ports, hosts=hosts, lab=settings.lab.enabled, tls_ca=parts.tls_ca,
    )  # fmt: skip


def care(settings: Settings, secret: bytes) -> Care:
    """How long the journal keeps what, and what it hides numbers with."""
    kept = settings.journal
    return Care(kept.keep_days, kept.mask_days, kept.mask == "hash", journal_key(secret))


def writer(settings: Settings, secret: bytes) -> Clerk | None:
    """The process that writes the journal; None where there is none to write, or no further process: then a thread
    serves as well. Forks: see `Clerk.started`.
    """
    if settings.paths.journal is None:
        return None
    try:
        return Clerk.started(settings.paths.journal, care(settings, secret), settings.log.level)
    except OSError:
        return None


def fleet_key(secret: bytes) -> bytes:
    """What machines seal with that they share: made from the secret that all of them have."""
    return hashlib.blake2b(secret, digest_size=32, person=b"fleet").digest()


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
    if senders is not None and "MESSAGE" not in policy.methods:
        remarks.append("lists.messages is set and policy.methods has no MESSAGE: no message is asked about")
    if files.rmd and not any(trunk.rmd for trunk in settings.trunks):
        remarks.append("lists.rmd is set and no [[peer]] has an rmd: nobody is looked up in it")
    profiles = {
        name: Profile(
            name, one.tag_at, one.reject_at, one.divert_at, one.divert_to,
            one.divert_by,  # type: ignore[arg-type]  # settings allow these two
            frozenset(one.tags),
        )
        for name, one in policy.profiles.items()
    }  # fmt: skip
    book = Rulebook(
        allow=numbers(files.allow) | brought.allow,
        psap=NumberSet.of(*settings.numbers.psap),
        own=NumberSet.of(*settings.numbers.own),
        dno=spared(numbers(files.dno, parse_dno), brought.pardons) | brought.dno,
        deny=spared(numbers(files.deny), brought.pardons) | brought.deny,
        areas=brought.areas,
        casebook=brought.casebook,
        complaints=brought.complaints,
        campaigns=forgiven(campaigns, brought.pardons) | brought.campaigns,
        dnc=Registry(numbers(files.dnc)) if files.dnc else None,
        national=brought.national,
        agreements=brought.agreements,
        reassigned=brought.reassigned,
        learned=Learned(policy.learned_days) if policy.learned_days else None,
        profiles=MappingProxyType(profiles),
        codes=MappingProxyType(dict(policy.codes)),  # type: ignore[arg-type]  # settings allow codes and "603+"
        refusals=MappingProxyType({Class(kind): code for kind, code in policy.refusals.items()}),  # type: ignore[misc]
        weights=MappingProxyType({**WEIGHTS, **policy.weights}),
        opted_out=NumberSet.of(*settings.numbers.opted_out),
        network_level=frozenset(policy.network_level),
        role=settings.role,  # type: ignore[arg-type]  # settings allow the roles of policy and no others
        redress=Redress(**asdict(policy.redress)),
        identity_required=settings.identity.required,
        velocity=Velocity(policy.velocity.limit, float(policy.velocity.seconds)),
        checks=MappingProxyType({**CHECKS, **policy.checks}),  # type: ignore[dict-item]  # settings allow these three
        messages=senders,
        upstreams=blocks,
        countries=numbering.load(
            [
                Rule(
                    one.action,  # type: ignore[arg-type]  # settings allow these words and no others
                    frozenset(one.countries),
                    one.of,  # type: ignore[arg-type]
                    one.side,  # type: ignore[arg-type]
                    frozenset(one.peers),
                    one.kind,  # type: ignore[arg-type]
                )
                for one in policy.countries
            ],
            files.countries,
        ),
        names=policy.names is not None,
        choice=choice(settings, profiles),
        telemarketing=policy.telemarketing,
        limits=Thresholds(unknown_zone_is_open=policy.unknown_zone_is_open, **policy.limits),  # type: ignore[arg-type]
        brands=BRANDS.union(policy.brands),
        hours=zoning.load(utc, files=files.hours),
        emergency=emergency.strings(settings.numbers.emergency),
        key=hashlib.blake2b(secret, digest_size=32, person=b"rulebook").digest(),
    )
    return book, [*remarks, *said, *brought.remarks]


def choice(settings: Settings, profiles: Mapping[str, Profile]) -> Choice | None:
    """The profiles of lines and customers; None where no one has one. Raises ListError, ValueError."""
    told = settings.policy.profiles.items()
    lines = [(NumberSet.of(*one.numbers), profiles[name]) for name, one in told if one.numbers]
    customers = {one.name: profiles[one.profile] for one in settings.customers if one.profile}
    if not lines and not customers:
        return None
    rights = lists.inventory(settings.numbers.inventory, NumberSet.of(*settings.numbers.own))[0]

    def customer_of(number: str, utc: float) -> str:
        grant = rights.find(number, utc)
        return grant.customer if grant is not None else ""

    trunks = {one.name: one.customer for one in settings.trunks if one.customer}
    return Choice(lines, customers, trunks, customer_of)


def rules(settings: Settings) -> Rules:
    """What a signature is held against."""
    identity = settings.identity
    return Rules(
        freshness=float(identity.freshness_seconds),
        ports=identity.ports,
        hosts=frozenset(host.lower() for host in identity.hosts) or None,
        lab=settings.lab.enabled,
        compact=identity.compact,
        media_keys=identity.media_keys,
        bare_info=identity.bare_info,
        numbered=identity.number_certificates,
        kinds=frozenset(("shaken", "") if identity.plain or identity.compact else ("shaken",)),
    )


def lanes(settings: Settings, book: Rulebook) -> dict[str, Lane]:
    """How the calls of each trunk are read and judged."""
    lab, ours = settings.lab.enabled, rules(settings)
    folding = replace(ours, folded=True)
    return {
        trunk.name: Lane(
            trunk=trunk,
            side=trunk.side,  # type: ignore[arg-type]  # settings allow these two
            plan=plan_of(trunk.country, trunk.area),
            profile=book.profiles.get(trunk.profile, Profile()),
            mode=trunk.mode,  # type: ignore[arg-type]  # settings allow these three
            percent=trunk.enforce_percent,
            rules=folding if trunk.folds_tokens else ours,
            lab=lab,
        )
        for trunk in settings.trunks
    }
