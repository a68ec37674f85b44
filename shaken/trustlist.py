"""The policy administrator's list of authorities: a JWT that it has signed (ATIS-1000084).

Pure: octets, keys and a time come in. Whether a list may take the place of another one (its sequence must not go back),
and what to do when it may not, is its keeper's business.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shaken.errors import CredentialError

MAX_LIST = 4 * 1024 * 1024
"""Octets; the US list has some hundred kilobytes."""
MAX_ROOTS = 1_000
MAX_NUMBER = 2**63
SLUG = "trust-list"

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_SIGNED = jwt.PyJWS()


@dataclass(frozen=True, slots=True)
class TrustList:
    """Who may issue certificates for telephone numbers, as of one moment."""

    roots: tuple[x509.Certificate, ...]
    sequence: int
    expires: float | None = None
    """Unix seconds; None: it does not say."""

    def expired(self, utc: float) -> bool:
        return self.expires is not None and utc >= self.expires


Keys = Sequence[ec.EllipticCurvePublicKey]


def keys(pem: bytes, utc: float) -> tuple[ec.EllipticCurvePublicKey, ...]:
    """P-256 keys of a PEM file with certificates or a public key: whoever may sign the list. Several, so that the
    administrator may change them. Certificates that are not valid now do not count. Raises CredentialError.
    """
    found: list[object] = []
    try:
        if b"-----BEGIN PUBLIC KEY-----" in pem:
            found.append(serialization.load_pem_public_key(pem))
        else:
            for certificate in x509.load_pem_x509_certificates(pem):
                begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
                if begins.timestamp() <= utc <= ends.timestamp():
                    found.append(certificate.public_key())
    except Exception as error:  # broken and unknown keys raise many things
        raise CredentialError("no key or certificate can be read", SLUG) from error
    usable = tuple(
        key for key in found if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    )
    if not usable:
        raise CredentialError("there is no P-256 key that is valid now", SLUG)
    return usable


def read(octets: bytes, signers: Keys) -> TrustList:
    """The list, once its signature holds under one of these keys. Raises CredentialError and nothing else.

    Takes the token alone, or the JSON answer of an interface that has it as one of its members.
    """
    token = _token(octets)
    payload = None
    for key in signers:
        try:
            signed = _SIGNED.decode_complete(token, key, algorithms=["ES256"])
            payload, header = signed["payload"], signed["header"]
            if "crit" in header:
                raise CredentialError("it demands an extension that is not known here", SLUG)
            break
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise CredentialError(f"it is no signed list: {error}"[:300], SLUG) from error
    if payload is None:
        raise CredentialError("its signature does not hold under any key of the administrator", SLUG)
    claims = _json(payload)
    entries = claims.get("trustList")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ROOTS:
        raise CredentialError("it names no authority, or too many", SLUG)
    roots: dict[x509.Certificate, None] = {}
    for place, entry in enumerate(entries, 1):
        for root in _certificates(entry, place):
            roots[root] = None
    sequence = _number(claims.get("sequence"), "sequence")
    if sequence is None:
        raise CredentialError("it has no sequence, so nobody can tell whether it is older", SLUG)
    expires = _number(claims.get("exp"), "exp")
    return TrustList(tuple(roots), sequence, float(expires) if expires is not None else None)


def _token(octets: bytes) -> str:
    if len(octets) > MAX_LIST:
        raise CredentialError("it is too long", SLUG)
    try:
        text = octets.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise CredentialError("it is no token", SLUG) from error
    if text.startswith("{"):
        text = next((v for v in _json(text.encode()).values() if isinstance(v, str) and _COMPACT.fullmatch(v)), "")
    if not _COMPACT.fullmatch(text):
        raise CredentialError("it is no token of three parts", SLUG)
    return text


def _json(octets: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    try:
        found = json.loads(octets, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise CredentialError("it is no JSON", SLUG) from error
    if not isinstance(found, dict):
        raise CredentialError("it is no JSON object", SLUG)
    return found


def _number(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_NUMBER:
        raise CredentialError(f"{name} is no number", SLUG)
    return value


def _certificates(entry: object, place: int) -> list[x509.Certificate]:
    """An entry is a PEM text, or DER in base64 with or without its line ends."""
    try:
        if not isinstance(entry, str):
            raise ValueError("no text")
        if "-----BEGIN" in entry:
            return x509.load_pem_x509_certificates(entry.encode("ascii"))
        plain = "".join(entry.split()).replace("-", "+").replace("_", "/")
        return [x509.load_der_x509_certificate(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))]
    except (ValueError, TypeError, binascii.Error, x509.InvalidVersion) as error:
        raise CredentialError(f"its entry {place} is no certificate", SLUG) from error
