"""The signed card of a 608: who refused a call, and how to complain (RFC 8688 section 3.2; the card is RFC 7095).

A JWS in compact serialisation whose payload has the moment and a jCard. Made fresh for each asking, because whoever
asks refuses one that is older than about a minute. Whether its
signer may be believed is for `Credential.holds` and the one who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shaken.errors import ParseError, SigningError
from shaken.passport import MAX_IAT, decode, deep, read_header, read_object
from shaken.sign import Signer

TYPE = "vcard+json"
FRESH_SECONDS = 60.0
"""How old a card may be, and how far ahead of our clock."""
MAX_CARD = 16 * 1024
"""Octets; a real one has about 600."""
WAYS = ("url", "tel", "email")


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was read; nothing of it is proved yet."""

    iat: int
    x5u: str
    ways: Mapping[str, str]
    """Property in lower case -> its value: `fn`, `url`, `tel`, `email`, `adr`, the first of each."""
    signing_input: bytes
    signature: bytes

    def fresh(self, utc: float) -> bool:
        """Whether it was made just now (STI-129)."""
        return abs(utc - self.iat) <= FRESH_SECONDS


def card(signer: Signer, utc: float, name: str, url: str = "", tel: str = "", email: str = "") -> bytes:
    """A card of ours. `tel` as +12025550100. Raises SigningError where there is no way to complain (STI-127)."""
    if not (url or tel or email):
        raise SigningError("a card needs at least one of url, tel and email")
    properties: list[list[Any]] = [["version", {}, "text", "4.0"], ["fn", {}, "text", name or "Redress"]]
    if url:
        properties.append(["url", {}, "uri", url])
    if tel:
        properties.append(["tel", {}, "uri", f"tel:{tel}"])
    if email:
        properties.append(["email", {}, "text", email])
    return signer.signed(TYPE, {"iat": int(utc), "jcard": ["vcard", properties]})


def parse(octets: bytes) -> Card:
    """A card as it was fetched. Raises ParseError."""
    parts = octets.strip(b" \t\r\n").split(b".")
    if len(octets) > MAX_CARD or len(parts) != 3:
        raise ParseError("this is no signed card")
    header, alg, typ, _, x5u = read_header(parts[0])
    claims = read_object(parts[1])
    if alg != "ES256" or typ != TYPE or x5u is None:
        raise ParseError("the head of the card is not ES256, vcard+json and x5u")
    if deep(dict(header)) or deep(claims):
        raise ParseError("the card is nested too much")
    iat, jcard = claims.get("iat"), claims.get("jcard")
    if type(iat) is not int or not 0 <= iat < MAX_IAT:
        raise ParseError("iat is no time")
    signature = decode(parts[2])
    if len(signature) != 64:
        raise ParseError("the signature is not 64 octets of r and s", "identity-signature-form")
    return Card(iat, x5u, _ways(jcard), parts[0] + b"." + parts[1], signature)


def _ways(jcard: object) -> dict[str, str]:
    if not (isinstance(jcard, list) and len(jcard) == 2 and jcard[0] == "vcard" and isinstance(jcard[1], list)):
        raise ParseError("the payload has no jCard")
    found: dict[str, str] = {}
    for one in jcard[1]:
        if not (isinstance(one, list) and len(one) >= 4 and isinstance(one[0], str)):
            raise ParseError("a property of the card has not four parts")
        name, value = one[0].lower(), one[3]
        if name == "adr" and isinstance(value, list):  # an address is a list of its parts
            value = " ".join(part for part in value if isinstance(part, str) and part)
        if isinstance(value, str):
            found.setdefault(name, value.removeprefix("tel:"))
    if not any(found.get(way) for way in (*WAYS, "adr")):
        raise ParseError("the card has none of url, tel, email and adr")
    return found

