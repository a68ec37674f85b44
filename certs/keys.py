"""Our own signing keys: from files that nobody else can read to Signers (RFC 8225 section 8.1: ES256, so P-256).

Each trunk may have a pair of its own. A pair is a key, the URL where others fetch its certificate, and, where the
operator has it here too, the certificate itself: then a key that does not belong to it never signs (everybody would
see a bad signature), and one that has ended does not sign either. Files that change are read again; a pair that is not
whole, because one file was exchanged and the other not yet, leaves the former one in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from certs.files import FileError, read
from shaken.credential import load_chain
from shaken.errors import ShakenError
from shaken.sign import Signer, load_key
from shaken.tnauthlist import of

MAX_KEY_FILE = 64 * 1024
"""Octets; a P-256 key has 250."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a signer comes from."""

    key: Path
    x5u: str
    """Where others fetch the certificate."""
    certificate: Path | None = None
    """Our own copy of it, PEM, the leaf first."""
    quoted: bool = False
    """Whether the kind of a token stands in quotes in its header."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A signer, and while its certificate is valid (Unix seconds); None where we do not have it."""

    signer: Signer
    begins: float | None = None
    ends: float | None = None

    def serves(self, utc: float) -> bool:
        """Whether the certificate is valid (STI-047)."""
        return (self.begins is None or self.begins <= utc) and (self.ends is None or utc <= self.ends)


def load(path: Path, x5u: str, *, lab: bool = False) -> Signer:
    """The signer whose key is in this PEM file and whose certificate is at `x5u`. Raises FileError as `pair` does."""
    return pair(Pair(path, x5u), lab=lab).signer


def pair(told: Pair, *, lab: bool = False) -> Loaded:
    """Key and certificate, once they fit.

    Raises FileError: unreadable, open to others than its owner (a lab does not mind), not a P-256 private key, a
    certificate that cannot be read, is of another key or of several providers.
    """
    body = read(told.key, private=not lab, limit=MAX_KEY_FILE)
    try:
        key = load_key(body)
        signer = Signer(key, told.x5u, quoted=told.quoted)
    except ShakenError as error:
        cure = "make one with `openssl ecparam -name prime256v1 -genkey -noout`"
        raise FileError(told.key, f"is no key to sign with: {error}", cure) from error
    if told.certificate is None:
        return Loaded(signer)
    leaf = _leaf(told.certificate)
    if leaf.public_key() != key.public_key():
        raise FileError(told.certificate, f"is not the certificate of {told.key}", "exchange both files")
    return Loaded(signer, leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())


class Keyring:
    """The pairs by name, read again when their files change. Raises FileError when it is made."""

    def __init__(self, pairs: Mapping[str, Pair] | None = None, *, lab: bool = False) -> None:
        self._pairs, self._lab = dict(pairs or {}), lab
        self._loaded = {name: pair(told, lab=lab) for name, told in self._pairs.items()}
        self._stamps = {name: _stamp(told) for name, told in self._pairs.items()}
        self._wrong: dict[str, str] = {}
        self.generation = 1 if self._pairs else 0

    def look(self) -> bool:
        """Whether another pair counts now. Reads files: not in the event loop. Never raises."""
        changed = False
        for name, told in self._pairs.items():
            if (stamp := _stamp(told)) == self._stamps[name]:
                continue
            try:
                self._loaded[name] = pair(told, lab=self._lab)
            except FileError as error:
                # Looked at again each time until it fits: the other file may be on its way.
                self._wrong[name] = f"{error}; the key of before signs on"
                continue
            self._stamps[name] = stamp
            self._wrong.pop(name, None)
            self.generation += 1
            changed = True
        return changed

    def serving(self, utc: float) -> dict[str, Signer]:
        """Those that may sign now."""
        return {name: one.signer for name, one in self._loaded.items() if one.serves(utc)}

    def complaints(self, utc: float) -> list[str]:
        """What is wrong now: a pair that does not fit, or a certificate that is not valid."""
        return [
            *self._wrong.values(),
            *(
                f"{self._pairs[name].certificate}: it is not valid now, so nothing is signed with its key"
                for name, one in self._loaded.items()
                if not one.serves(utc)
            ),
        ]

    def left(self, utc: float) -> float | None:
        """Seconds until the first certificate ends, below 0 after it has; None where we have none."""
        return min((one.ends - utc for one in self._loaded.values() if one.ends is not None), default=None)


def _leaf(path: Path) -> x509.Certificate:
    try:
        leaf = load_chain(read(path))[0]
        authority = of(leaf)
    except ShakenError as error:
        cure = "put the chain there, PEM, yours first"
        raise FileError(path, f"is no certificate to sign with: {error}", cure) from error
    if authority is not None and len(authority.spcs) > 1:
        # One certificate, one provider (STI-082): with a shared one nobody could say who signed.
        raise FileError(path, "is of more than one provider", "sign with a certificate of your own")
    return leaf


def _stamp(told: Pair) -> tuple[object, ...]:
    found: list[object] = []
    for path in (told.key, told.certificate):
        if path is not None:
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode))
            except OSError as error:
                found.append(error.errno)
    return tuple(found)
