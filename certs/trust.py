"""Whom we believe, at every moment: the roots, and what has been taken back, from files that may change.

The roots are a folder of PEM files or the administrator's signed list; what was taken back is its revocation lists. A
file that changed is read, verified as a whole and only then put in the place of its predecessor; whatever is wrong with
it (a bad signature, an end that has passed, an older number than before) leaves the present one as it is, is said, and
is seen as `complaints`. Of signed lists a copy of the last good one is kept, so that a start on a bad day has one too
(TRAP-86). Nothing here waits for a network; `certs.courier` brings what is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar
from zlib import crc32

from cryptography import x509

from certs import anchors
from certs.files import FileError, read
from shaken import revocation, trustlist
from shaken.credential import Anchors
from shaken.errors import CredentialError
from shaken.revocation import RevocationList, Revocations
from shaken.trustlist import TrustList

T = TypeVar("T")
GOOD = ".good"
"""The end of the name of a copy."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it all is."""

    anchors: Path | None = None
    trust_list: Path | None = None
    """The signed list, in the place of `anchors`."""
    trust_list_keys: Path | None = None
    """PEM: who may sign it."""
    crls: tuple[Path, ...] = ()
    crl_signers: Path | None = None
    """PEM certificates: who may sign revocation lists."""
    crl_required: bool = False
    """Without a current list nothing counts as proved; else the last one serves on."""
    copies: Path | None = None
    """The folder of the last good ones."""
    lab: bool = False


@dataclass(slots=True)
class _Signed(Generic[T]):
    """One signed list: its file, its copy, and what holds of them."""

    path: Path
    copy: Path | None
    parse: Callable[[bytes, float], T]
    older: Callable[[T, T], bool]
    over: Callable[[T, float], bool]
    value: T | None = None
    octets: bytes = b""
    complaint: str = ""

    def begin(self, utc: float) -> None:
        """With the copy, if there is a good one."""
        if self.copy is not None:
            try:
                self.octets = read(self.copy)
                self.value = self.parse(self.octets, utc)
            except (FileError, CredentialError):
                self.value, self.octets = None, b""

    def look(self, utc: float) -> bool:
        """Read the file again; whether it took the place of what was held."""
        self.complaint = ""
        try:
            octets = read(self.path)
            if octets == self.octets and self.value is not None:
                return False
            new = self.parse(octets, utc)
        except FileError as error:
            self.complaint = str(error)
            return False
        except CredentialError as error:
            self.complaint = f"{self.path}: {error}"
            return False
        if self.value is not None and self.older(new, self.value):
            self.complaint = f"{self.path}: it is older than the one that is held, which serves on"
            return False
        if self.value is not None and self.over(new, utc) and not self.over(self.value, utc):
            self.complaint = f"{self.path}: its time is over, the one that is held serves on"
            return False
        self.value, self.octets = new, octets
        return True

    def inherit(self, former: _Signed[T]) -> None:
        """What the other one held, unless this one is as new."""
        if former.value is not None and (self.value is None or self.older(self.value, former.value)):
            self.value, self.octets = former.value, former.octets

    def keep(self) -> None:
        """Copy what holds. Raises OSError."""
        if self.copy is None or self.value is None or (self.copy.exists() and self.copy.read_bytes() == self.octets):
            return
        self.copy.parent.mkdir(parents=True, exist_ok=True)
        draft = self.copy.with_name(f".{self.copy.name}.{os.getpid()}")
        draft.write_bytes(self.octets)
        draft.replace(self.copy)


@dataclass(frozen=True, slots=True)
class Errand:
    """A file that is brought from elsewhere, and how it is checked before it is put down (raises CredentialError)."""

    path: Path
    check: Callable[[bytes, float], object]


@dataclass(slots=True)
class Part:
    """Roots, or revocations: how often they changed, and when last."""

    generation: int = 0
    since: float = 0.0
    """Unix seconds."""

    def changed(self, utc: float) -> None:
        self.generation, self.since = self.generation + 1, utc


@dataclass
class Trust:
    """Read once when it is made, and again by `look`. Raises FileError when made: what the operator must correct."""

    sources: Sources = Sources()
    utc: float = 0.0
    """Of the making, Unix seconds."""
    anchors: Anchors | None = None
    """None: nobody vouches, and nothing can be proved."""
    revocations: Revocations = Revocations()
    roots: Part = field(default_factory=Part)
    lists: Part = field(default_factory=Part)

    def __post_init__(self) -> None:
        sources, utc = self.sources, self.utc
        self._list: _Signed[TrustList] | None = None
        self._crls: list[_Signed[RevocationList]] = []
        self._folder_complaint = ""
        if sources.trust_list is not None:
            self._list = self._of(
                sources.trust_list, self._roots_of, lambda new, old: new.sequence < old.sequence, TrustList.expired
            )
            self._keys(utc)
        elif sources.anchors is not None:
            self.anchors = anchors.load(sources.anchors, lab=sources.lab)
            self.roots.changed(utc)
        self._stamps: tuple[object, ...] = ()
        for path in sources.crls:
            self._crls.append(self._of(path, self._crl_of, RevocationList.older_than, RevocationList.stale))
            self._signers()
        for one in self._signed():
            one.begin(utc)
        self.look(utc)

    def look(self, utc: float) -> bool:
        """Whether something else counts now. Reads files: not in the event loop. Never raises."""
        stamps = tuple(_stamps(self.sources))
        if stamps == self._stamps:
            return self._gather(utc)
        self._stamps = stamps
        changed = self._look_into_folder(utc)
        for one in self._signed():
            one.look(utc)
        return self._gather(utc) or changed

    def keep(self) -> None:
        """Copy the good lists for the next start. Raises OSError."""
        for one in self._signed():
            one.keep()

    def follow(self, former: Trust) -> None:
        """Take the place of another one: keep what it had where nothing better came, and count on where it was."""
        before_by_path = {one.path: one for one in former._signed()}
        for one in self._signed():
            before_one = before_by_path.get(one.path)
            if before_one is not None:
                one.inherit(before_one)  # type: ignore[arg-type]  # one path, one kind of list
        self._gather(self.utc)
        for mine, before, same in (
            (self.roots, former.roots, self.anchors == former.anchors),
            (self.lists, former.lists, self.revocations == former.revocations),
        ):
            mine.generation = before.generation + (not same)
            if same:
                mine.since = before.since

    def withheld(self, utc: float) -> str:
        """Why nothing may count as proved now; empty where it may."""
        if self._list is not None and self._list.value is None:
            return "there is no list of authorities that holds"
        if self.sources.crl_required and any(one.value is None or one.value.stale(utc) for one in self._crls):
            return "a revocation list is missing or out of date, and one is required"
        return ""

    def complaints(self, utc: float) -> list[str]:
        """What is wrong with a file now; the calls go on with what was good."""
        found = [one.complaint for one in self._signed()] + [self._folder_complaint]
        if self._list is not None and self._list.value is not None and self._list.value.expired(utc):
            found.append(f"{self._list.path}: its time is over and no newer list is there; it serves on")
        found += [
            f"{one.path}: a newer list was due at {moment(one.value.ends)}"
            for one in self._crls
            if one.value is not None and one.value.ends is not None and one.value.stale(utc)
        ]
        return [text for text in found if text]

    def report(self, utc: float) -> list[str]:
        """A line for each source, for a person."""
        lines = []
        if self.anchors is not None:
            signed = self._list.value if self._list is not None else None
            where = self.sources.trust_list if signed is not None else self.sources.anchors
            more = f", sequence {signed.sequence}" if signed is not None else ""
            if signed is not None and signed.expires is not None:
                more += f", until {moment(signed.expires)}"
            lines.append(f"roots: {self.anchors.count} from {where}{more}")
        for one in self._crls:
            if (value := one.value) is not None:
                number = f", number {value.number}" if value.number >= 0 else ""
                after = f", the next is due at {moment(value.ends)}" if value.ends is not None else ""
                made = f"made {moment(value.issued)}{after}"
                lines.append(f"revoked: {len(value.entries)} certificates, {one.path}{number}, {made}")
        return lines

    def age(self, utc: float) -> float:
        """Seconds since the oldest revocation list was made; 0 where there is none."""
        return max((utc - one.issued for one in self.revocations.lists), default=0.0)

    def errand(self, path: Path) -> Errand:
        """How a file of ours is checked that somebody brings."""
        check = self._roots_of if path == self.sources.trust_list else self._crl_of
        return Errand(path, check)

    def _look_into_folder(self, utc: float) -> bool:
        """Read the plain roots again; whether they are others now."""
        if self._list is not None or self.sources.anchors is None:
            return False
        self._folder_complaint = ""
        try:
            found = anchors.load(self.sources.anchors, lab=self.sources.lab)
        except FileError as error:
            self._folder_complaint = str(error)
            return False
        if found == self.anchors:
            return False
        self.anchors = found
        self.roots.changed(utc)
        return True

    def _of(
        self,
        path: Path,
        parse: Callable[[bytes, float], T],
        older: Callable[[T, T], bool],
        over: Callable[[T, float], bool],
    ) -> _Signed[T]:
        copies = self.sources.copies
        # Two lists may have one name in two folders.
        name = f"{path.name}-{crc32(bytes(path.absolute())):08x}{GOOD}"
        return _Signed(path, copies / name if copies is not None else None, parse, older, over)

    def _signed(self) -> list[_Signed[TrustList] | _Signed[RevocationList]]:
        return [*([self._list] if self._list is not None else []), *self._crls]

    def _gather(self, utc: float) -> bool:
        """Put together what holds; whether it is something else than before."""
        changed = False
        if self._list is not None and self._list.value is not None:
            found = Anchors(self._list.value.roots)
            if found != self.anchors:
                self.anchors, changed = found, True
                self.roots.changed(utc)
        revocations = Revocations(tuple(one.value for one in self._crls if one.value is not None))
        if revocations != self.revocations:
            self.revocations, changed = revocations, True
            self.lists.changed(utc)
        if self._list is not None and self.anchors is None:
            self.anchors = Anchors()  # there is to be one: verification is on, and proves nothing yet
        return changed

    def _roots_of(self, octets: bytes, utc: float) -> TrustList:
        assert self.sources.trust_list is not None
        found = trustlist.read(octets, self._keys(utc))
        for root in found.roots:
            try:
                anchors.belongs(self.sources.trust_list, root, self.sources.lab)
            except FileError as error:
                raise CredentialError(error.why) from error
        return found

    def _crl_of(self, octets: bytes, utc: float) -> RevocationList:
        return revocation.read(octets, self._signers(), utc)

    def _keys(self, utc: float) -> trustlist.Keys:
        path = self.sources.trust_list_keys
        assert path is not None  # the settings demand it
        try:
            return trustlist.keys(read(path), utc)
        except CredentialError as error:
            raise FileError(path, str(error), "put the certificate there that the list is signed with") from error

    def _signers(self) -> tuple[x509.Certificate, ...]:
        path = self.sources.crl_signers
        assert path is not None  # the settings demand it
        return tuple(anchors.certificates(path, read(path)))


def moment(utc: float | None) -> str:
    """A time as a person reads it."""
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="minutes").replace("+00:00", "Z") if utc else "?"


def _stamps(sources: Sources) -> Iterator[object]:
    """What tells that a file is another one now."""
    files = [sources.anchors, sources.trust_list, sources.trust_list_keys, *sources.crls, sources.crl_signers]
    for path in files:
        if path is None:
            continue
        try:
            inside = sorted(path.iterdir())[: anchors.MAX_FILES] if path.is_dir() else []
            for one in (path, *inside):
                status = one.stat()
                yield (str(one), status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError as error:
            yield (str(path), error.errno)
