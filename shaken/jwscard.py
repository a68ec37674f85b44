"""Who refused a call, signed: the card that a 608 points at (RFC 8688).

A JWS whose payload is a jCard with a way to complain, and the moment when it was made. It is fetched by whoever got the
608, long after the call; here it is only made and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from shaken import passport
from shaken.errors import ParseError, SigningError
from shaken.passport import canonical_json, encode
from shaken.sign import sign_octets

TYPE = "vcard+json"
CONTACTS = frozenset(("url", "email", "tel", "adr"))
"""Properties of which a card has one at least: a name alone helps nobody (RFC 8688 section 3.2.2)."""
FRESH = 60.0
"""Seconds that a card may be old (RFC 8688 section 3.3): a copied one must not speak for another refusal."""
MAX_SIZE = 16 * 1024


class Card(NamedTuple):
    """A card, taken apart. Its signature is for the caller of `read` to check."""

    jcard: list[Any]
    iat: int
    x5u: str
    signing_input: bytes
    signature: bytes


def contacts(jcard: object) -> bool:
    """Whether this is a jCard that says how to reach somebody."""
    if not isinstance(jcard, list) or len(jcard) != 2 or jcard[0] != "vcard" or not isinstance(jcard[1], list):
        return False
    return any(isinstance(one, list) and len(one) > 3 and one[0] in CONTACTS for one in jcard[1])


def make(key: ec.EllipticCurvePrivateKey, x5u: str, jcard: Sequence[Any], iat: int) -> bytes:
    """The signed card. Raises SigningError for one that nobody could be reached by."""
    if not contacts(list(jcard)):
        raise SigningError("a card needs a URL, an address, a number or an e-mail")
    header = {"alg": "ES256", "typ": TYPE, "x5u": x5u}
    octets = encode(canonical_json(header)) + b"." + encode(canonical_json({"iat": iat, "jcard": list(jcard)}))
    return octets + b"." + encode(sign_octets(key, octets))


def read(token: bytes, utc: float) -> Card:
    """A card that is fresh and says how to reach somebody. Raises ParseError."""
    parts = token.split(b".")
    if len(token) > MAX_SIZE or len(parts) != 3:
        raise ParseError("a card has three parts")
    header, claims = (passport.json_object(passport.decode(part)) for part in parts[:2])
    x5u, iat, jcard = header.get("x5u"), claims.get("iat"), claims.get("jcard")
    if header.get("typ") != TYPE or header.get("alg") != "ES256" or not isinstance(x5u, str) or "crit" in header:
        raise ParseError("this is no signed card")
    if type(iat) is not int or not -FRESH <= utc - iat <= FRESH:
        raise ParseError("the card is stale", "identity-stale-iat")
    if not isinstance(jcard, list) or not contacts(jcard):
        raise ParseError("the card says nothing of how to reach anybody")
    signature = passport.decode(parts[2])
    if len(signature) != passport.SIGNATURE_SIZE:
        raise ParseError("the signature is not 64 octets of r and s", "identity-signature-form")
    return Card(jcard, iat, x5u, parts[0] + b"." + parts[1], signature)


def call_info(url: str) -> bytes:
    """The Call-Info line of a 608 (RFC 8688 section 3.1). Raises SigningError for a URL that is no https one."""
    if not url.startswith("https://") or not url.isascii() or any(c in url for c in '<>" \r\n'):
        raise SigningError("the card lies at an https URL")
    return f"Call-Info: <{url}>;purpose=jwscard".encode()
