"""Our own signing keys: from a file that nobody else can read to a Signer (RFC 8225 section 8.1: ES256, so P-256).

One key with one certificate URL today; keys per trunk, chains beside them and rotation will live here too.
"""

from __future__ import annotations

from pathlib import Path

from certs.files import FileError, read
from shaken.errors import ShakenError
from shaken.sign import Signer, load_key

MAX_KEY_FILE = 64 * 1024
"""Octets; a P-256 key has 250."""


def load(path: Path, x5u: str, *, lab: bool = False) -> Signer:
    """The signer whose key is in this PEM file and whose certificate is at `x5u`.

    Raises FileError: unreadable, open to others than its owner (a lab does not mind), not a P-256 private
    key.
    """
    body = read(path, private=not lab, limit=MAX_KEY_FILE)
    try:
        return Signer(load_key(body), x5u)
    except ShakenError as error:
        cure = "make one with `openssl ecparam -name prime256v1 -genkey -noout`"
        raise FileError(path, f"is no key to sign with: {error}", cure) from error
