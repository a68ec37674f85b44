"""From the settings to whom we believe and what we sign with, and from there to the calls: what changes on disk is
taken up beside them.

How a list is verified and what may take the place of what is `certs.trust`'s business; here stands who looks, how
often, and what is said of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from certs.courier import MAX_LIST, SECONDS, Courier
from certs.fetch import Fetcher, Limits
from certs.flights import host_of
from certs.keys import Keyring, Pair
from certs.store import Store
from certs.trust import Errand, Sources, Trust
from proxy.settings import Settings

LOOK_SECONDS = 2.0
"""Between two looks at the files; a look is a `stat` of each."""
FOLDER = "trust"
"""In the state folder: what was fetched, and copies of the last good lists."""


def sources(settings: Settings) -> Sources:
    """Where it all is."""
    told = settings.certificates
    return Sources(
        anchors=settings.identity.anchors,
        trust_list=_path(settings, told.trust_list) if told.trust_list is not None else None,
        trust_list_keys=told.trust_list_keys,
        crls=tuple(_path(settings, crl) for crl in told.crls),
        crl_signers=told.crl_signers,
        crl_required=told.crl_required,
        copies=settings.paths.state / FOLDER if settings.paths.state is not None else None,
        lab=settings.lab.enabled,
    )


def errands(settings: Settings, trust: Trust) -> dict[str, Errand]:
    """What is to be fetched, by URL."""
    told = settings.certificates
    wanted = [*((told.trust_list,) if told.trust_list is not None else ()), *told.crls]
    return {url: trust.errand(_path(settings, url)) for url in wanted if isinstance(url, str)}


def courier(
    settings: Settings, trust: Trust, tls_ca: bytes | None, utc: Callable[[], float], say: Callable[..., object]
) -> tuple[Courier, Fetcher] | None:
    """Who fetches it, and with what; None where there is nothing to fetch."""
    wanted = errands(settings, trust)
    if not wanted:
        return None
    hosts = frozenset(host_of(url).partition(":")[0] for url in wanted)
    # The operator's own URLs may lead to any port, and into a private network; callers have no say in them.
    fetcher = Fetcher(Limits(MAX_LIST, SECONDS, hosts=hosts, lab=True, tls_ca=tls_ca, any_type=True))
    return Courier(wanted, fetcher.get, utc, settings.certificates.refresh_minutes * 60.0, say), fetcher


def pairs(settings: Settings) -> dict[str, Pair]:
    """What calls are signed with, by peer; "" for those that have nothing of their own."""
    told = settings.signing
    if told is None:
        return {}
    return {
        name: Pair(one.key, one.certificate_url, one.certificate, one.quoted)
        for name, one in {"": told, **told.peers}.items()
    }


def _path(settings: Settings, where: Path | str) -> Path:
    """The file itself, or where the courier puts it."""
    if isinstance(where, Path):
        return where
    assert settings.paths.state is not None  # the settings demand it
    return settings.paths.state / FOLDER / (hashlib.sha256(where.encode()).hexdigest()[:16] + ".list")


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts for the calls. The files may be further already: they are read in a thread, and told afterwards."""

    roots: int
    roots_generation: int
    roots_since: float
    """Unix seconds."""
    revoked: int
    lists_generation: int
    keys_generation: int


class Watch:
    """Looks at the files, and tells the store what counts now, and the signing side (`resign`) that other keys do.

    keeps: whether it is us who copies the good lists.
    """

    def __init__(
        self,
        trust: Trust,
        keyring: Keyring,
        store: Callable[[], Store | None],
        resign: Callable[[], None],
        utc: Callable[[], float],
        say: Callable[..., object],
        keeps: bool = True,
    ) -> None:
        self.trust, self.keyring = trust, keyring
        self._store, self._resign = store, resign
        self._utc, self._say, self._keeps = utc, say, keeps
        self._withheld = ""
        # Those of the start are said with its remarks.
        self._complaints = frozenset(trust.complaints(utc())) | frozenset(keyring.complaints(utc()))
        self._serving = frozenset(keyring.serving(utc()))
        self.standing = self._stands()

    async def run(self) -> None:
        """Until it is cancelled."""
        await self.look()  # a worker that was started again was forked from what counted long ago
        await self.kept()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Once. Never raises."""
        trust, utc = self.trust, self._utc()
        roots, lists = trust.roots.generation, trust.lists.generation
        keyring = self.keyring
        await asyncio.to_thread(trust.look, utc)
        other = await asyncio.to_thread(keyring.look)
        if trust is not self.trust or keyring is not self.keyring:
            return  # a reload was quicker, and has read everything itself
        if other or frozenset(keyring.serving(utc)) != self._serving:
            self._serving = frozenset(keyring.serving(utc))
            self._resign()
            self._say("keys-changed", level="warning", generation=keyring.generation, serving=len(self._serving))
        store = self._store()
        if trust.roots.generation != roots:
            if store is not None and trust.anchors is not None:
                store.replace_anchors(trust.anchors)
            count = trust.anchors.count if trust.anchors is not None else 0
            self._say("roots-changed", level="warning", generation=trust.roots.generation, roots=count)
        if trust.lists.generation != lists:
            revoked = trust.revocations.count
            self._say("revocations-changed", level="info", generation=trust.lists.generation, revoked=revoked)
        if trust.lists.generation != lists or trust.withheld(utc) != self._withheld:
            self.apply()
        self.standing = self._stands()
        if (trust.roots.generation, trust.lists.generation) != (roots, lists):
            await self.kept()
        self._complain(utc)

    def apply(self) -> None:
        """Tell the store what is taken back, and whether anything may be proved."""
        store, utc = self._store(), self._utc()
        self._withheld = self.trust.withheld(utc)
        if store is not None:
            store.replace_revocations(self.trust.revocations, self._withheld)
        self.standing = self._stands()
        if self._withheld:
            self._say("nothing-proved", level="error", why=self._withheld)

    async def kept(self) -> None:
        """Copy the good lists for the next start."""
        if self._keeps:
            try:
                await asyncio.to_thread(self.trust.keep)
            except OSError as error:
                self._say("lists-unkept", level="warning", fault=str(error))

    def _stands(self) -> Standing:
        trust = self.trust
        roots = trust.anchors.count if trust.anchors is not None else 0
        return Standing(
            roots, trust.roots.generation, trust.roots.since,
            trust.revocations.count, trust.lists.generation, self.keyring.generation,
        )  # fmt: skip

    @property
    def roots_age(self) -> float:
        """Seconds; 0 where there are none."""
        return self._utc() - self.standing.roots_since if self.standing.roots_generation else 0.0

    @property
    def revoked_age(self) -> float:
        """Seconds; 0 where there is no list."""
        return self.trust.age(self._utc())

    @property
    def left(self) -> float:
        """Seconds until the first of our own certificates ends; 0 where we have none."""
        return self.keyring.left(self._utc()) or 0.0

    @property
    def complaints(self) -> int:
        """How many files could not be taken up."""
        return len(self._complaints)

    def _complain(self, utc: float) -> None:
        found = frozenset(self.trust.complaints(utc)) | frozenset(self.keyring.complaints(utc))
        for text in sorted(found - self._complaints):
            self._say("trust", level="warning", why=text)
        self._complaints = found
