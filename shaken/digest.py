"""Digests inside tokens: `sha256-` and the like, then base64 (RFC 9795 section 6, RFC 9475 section 3)."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256, sha384, sha512

_KINDS = {"sha256": sha256, "sha384": sha384, "sha512": sha512}
"""The three that everybody must know; names in lower case, without a hyphen inside."""
_DIGEST = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/]{43,86})={0,2}").fullmatch


def digest(octets: bytes, kind: str = "sha256") -> str:
    """The digest as a token has it: the standard alphabet of base64, no padding. Raises KeyError for another kind."""
    return f"{kind}-{b64encode(_KINDS[kind](octets).digest()).decode().rstrip('=')}"


def well_formed(text: object) -> bool:
    """Whether this is a digest that can be checked."""
    return isinstance(text, str) and _DIGEST(text) is not None


def matches(text: object, octets: bytes) -> bool:
    """Whether a digest is that of these octets."""
    if not isinstance(text, str) or (found := _DIGEST(text)) is None:
        return False
    return digest(octets, found[1]) == f"{found[1]}-{found[2]}"
