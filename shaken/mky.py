"""Keys of the media, bound to the caller: `mky` lists the fingerprints that SDP offers (RFC 8225 section 5.2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shaken.passport import Json, Passport

MAX_FINGERPRINTS = 16
_LINE = re.compile(
    rb"^a=fingerprint:([A-Za-z0-9-]{1,20}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7,127})[ \t]*\r?$", re.MULTILINE
)


def fingerprints(sdp: bytes) -> tuple[tuple[str, str], ...]:
    """Algorithm (lower case) and digest (upper-case hexadecimal, no colons) of each key in SDP, sorted by both
    together; each once.
    """
    found = {(one[1].decode().lower(), one[2].decode().upper().replace(":", "")) for one in _LINE.finditer(sdp)}
    return tuple(sorted(found, key="".join))[:MAX_FINGERPRINTS]


def claim(sdp: bytes) -> list[dict[str, str]]:
    """The claim for SDP; empty where it offers no key, and then there is no claim."""
    return [{"alg": alg, "dig": dig} for alg, dig in fingerprints(sdp)]


def fault(token: Passport, offered: Sequence[tuple[str, str]] | None) -> tuple[str, str] | None:
    """What is wrong with the `mky` of a token beside the keys of the request; None where it has none, or nobody
    looked.
    """
    if token.payload is None or "mky" not in token.payload or offered is None:
        return None
    named = _named(token.payload["mky"])
    if named is None:
        return "identity-claims", "mky is no list of fingerprints"
    return None if named == set(offered) else ("identity-mky-mismatch", "the token was signed for other media keys")


def _named(value: Json) -> set[tuple[str, str]] | None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_FINGERPRINTS:
        return None
    found = set()
    for one in value:
        if not isinstance(one, dict) or not isinstance(one.get("alg"), str) or not isinstance(one.get("dig"), str):
            return None
        found.add((one["alg"].lower(), one["dig"].upper().replace(":", "")))
    return found
