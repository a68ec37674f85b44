"""The PASSporT: a JWS in compact serialisation whose payload says who calls whom (RFC 8225, RFC 8588).

Parsed in full form only, and strictly where two readers could disagree: alphabet, padding and trailing bits of
base64url, duplicate names, depth. Tolerant where signers in the field are sloppy without danger (RFC 8224's own
example has a string `iat`): such defects are kept by name. The signature covers the octets as received; nothing is
serialised anew to check it.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from shaken import number
from shaken.errors import ParseError

MAX_TOKEN = 16 * 1024
"""Octets of a token that is still looked at; a real one has 400 to 2,000 (TRAP-18)."""
MAX_DEPTH = 8
"""Nesting of a claim; the deepest in use, a jCard, has five levels."""
MAX_DESTINATIONS = 64
MAX_IAT = 2**40
"""Seconds; the year 36812. Beyond it a number is no time (TRAP-13)."""
SIGNATURE_SIZE = 64
MAX_KEPT_HEADER = 512
"""Octets of an encoded header that is remembered: a real one has 120 to 250, and 4,096 of them stay small."""

# "-" and "_" become what binascii knows; "+", "/" and "=" become what its strict mode refuses (TRAP-07).
STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_PAD = (b"", None, b"==", b"=")
# The last character of an encoding that is 2 or 3 modulo 4 long carries bits that must be zero (TRAP-08).
LAST = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}

Json = Any


class Passport(NamedTuple):
    """One token, taken apart. What the claims are worth is for `shaken.verify` to say."""

    header: Mapping[str, Json]
    signing_input: bytes
    """Header and payload as received: what the signature covers."""
    signature: bytes
    """r and s, 32 octets each."""
    alg: str | None
    typ: str | None
    ppt: str | None
    x5u: str | None
    iat: int
    orig_tn: str | None
    orig_uri: str | None
    dest_tns: tuple[str, ...]
    dest_uris: tuple[str, ...]
    attest: str | None
    origid: str | None
    defects: tuple[str, ...] = ()
    """What a strict reader would refuse: `iat-string`, `iat-float`, `dest-tn-string`, `tn-not-canonical`,
    `not-canonical` (JSON)."""
    payload: Mapping[str, Json] | None = None
    """The claims, where the reader had to make an object of them."""

    @property
    def claims(self) -> Mapping[str, Json]:
        """All claims by name."""
        return self.payload if self.payload is not None else _object(decode(self.signing_input.partition(b".")[2]))


def canonical_text(value: Json) -> str:
    """The same as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Json) -> bytes:
    """JSON in the form that a token is signed in (RFC 8225 section 9): names sorted, no white space, UTF-8
    unescaped.
    """
    return canonical_text(value).encode()


def encode(octets: bytes) -> bytes:
    """base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_URLSAFE)


def decode(text: bytes) -> bytes:
    """base64url without padding, in the one encoding that the octets have. Raises ParseError."""
    rest = len(text) & 3
    pad = _PAD[rest]
    if pad is None or (rest and text[-1] not in LAST[rest]):
        raise ParseError("a part of the token is not base64url")
    try:
        return binascii.a2b_base64(text.translate(STANDARD) + pad, strict_mode=True)
    except binascii.Error as error:
        raise ParseError("a part of the token is not base64url") from error


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParseError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Json:
    raise ParseError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ParseError("a number is larger than any")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
_QUICK = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _object(octets: bytes) -> dict[str, Json]:
    """An object in which no name stands twice. Raises ParseError."""
    if octets.count(b"{") + octets.count(b"[") > 64:
        raise ParseError("the JSON of the token is nested too much")
    try:
        text = octets.decode("utf-8")
        found = _QUICK.decode(text)
        # Each member has its colon: as many members as colons, and no name stood twice. More colons (in strings,
        # deeper down) are counted by the reader that looks at each name, at twice the price.
        members = len(found)
        if isinstance(found, dict):
            for inner in found.values():
                if type(inner) is dict:
                    members += len(inner)
        if members != octets.count(b":"):
            found = _DECODER.decode(text)
    except ParseError:
        raise
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: a bare number has no length
        raise ParseError("a part of the token is not JSON") from error
    if not isinstance(found, dict):
        raise ParseError("a part of the token is no JSON object")
    return found


def read_object(text: bytes) -> dict[str, Json]:
    """The JSON object of one part of a token. Raises ParseError."""
    return _object(decode(text))


Jose = tuple[Mapping[str, Json], str | None, str | None, str | None, str | None]


def read_header(text: bytes) -> Jose:
    """A JOSE header, and its alg, typ, ppt and x5u. Raises ParseError."""
    header = _object(decode(text))
    alg, typ, ppt, x5u = (_text(header, name) for name in ("alg", "typ", "ppt", "x5u"))
    return MappingProxyType(header), alg, typ, ppt, x5u


_header = lru_cache(maxsize=4096)(read_header)
"""The same for all calls of one signer, so the latest are remembered. Nobody may change it."""


def deep(value: Json, left: int = MAX_DEPTH) -> bool:
    """Whether a value is nested deeper than any real claim."""
    if isinstance(value, dict):
        return left == 0 or any(deep(item, left - 1) for item in value.values())
    if isinstance(value, list):
        return left == 0 or any(deep(item, left - 1) for item in value)
    return False


def parse(token: bytes) -> Passport:
    """A token in full form. Raises ParseError."""
    if len(token) > MAX_TOKEN:
        raise ParseError("the token is too long")
    if token.startswith(b".."):
        raise ParseError("the token is in compact form", "identity-compact")
    parts = token.split(b".")
    if len(parts) != 3:
        raise ParseError("a token has three parts")
    header, alg, typ, ppt, x5u = (_header if len(parts[0]) <= MAX_KEPT_HEADER else read_header)(parts[0])
    payload = decode(parts[1])
    claims = _object(payload)
    if len(token) > 2048 and (deep(header) or deep(claims)):
        raise ParseError("the JSON of the token is nested too much")
    # What is not ES256 is refused for that (E12), and its signature, whatever its form, is never used.
    if alg == "ES256" and not parts[2]:
        raise ParseError("the token is not signed")
    signature = decode(parts[2]) if alg == "ES256" else parts[2]
    if alg == "ES256" and len(signature) != SIGNATURE_SIZE:
        # A DER signature is the usual mistake (STI-012); nothing else of 64 octets is one.
        raise ParseError("the signature is not 64 octets of r and s", "identity-signature-form")
    defects: list[str] = []
    orig_tn, orig_uri = _origin(claims.get("orig"), defects)
    dest = claims.get("dest")
    if not isinstance(dest, dict):
        raise ParseError("dest is no object", "identity-claims")
    tns, uris = _several(dest.get("tn"), defects), _several(dest.get("uri"), defects)
    iat = claims.get("iat")
    if type(iat) is not int or not 0 <= iat < MAX_IAT:
        iat = _time(iat, defects)
    if tns and not all(map(_bare, tns)):
        tns = tuple(_canonical(tn, defects) for tn in tns)
    if canonical_text(claims).encode("utf-8", "replace") != payload:
        defects.append("not-canonical")
    if not tns and not uris:
        raise ParseError("dest names nobody", "identity-claims")
    # By position: by name costs twice as much, and each call comes here. The order is that of the fields.
    return Passport(
        header, token[: len(parts[0]) + 1 + len(parts[1])], signature, alg, typ, ppt, x5u, iat,
        orig_tn, orig_uri, tns, uris, _text(claims, "attest"), _text(claims, "origid"), tuple(defects), claims,
    )  # fmt: skip


def _text(claims: Mapping[str, Json], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


_bare = re.compile(r"[0-9*#]{1,15}").fullmatch


def canonical(tn: str) -> str:
    """A number of a claim in canonical form. What is none stays as it is, and will match nobody (RFC 8224 section
    8.3)."""
    return tn if _bare(tn) is not None else number.stripped(tn) or tn


def _canonical(tn: str, defects: list[str]) -> str:
    if _bare(tn) is None and "tn-not-canonical" not in defects:
        defects.append("tn-not-canonical")
    return canonical(tn)


def _origin(orig: Json, defects: list[str]) -> tuple[str | None, str | None]:
    """Exactly one identity (RFC 8225 section 5.2.1; STI-004)."""
    if not isinstance(orig, dict):
        raise ParseError("orig is no object", "identity-claims")
    tn, uri = orig.get("tn"), orig.get("uri")
    if (tn is None) == (uri is None) or not isinstance(uri if tn is None else tn, str):
        raise ParseError("orig names not exactly one caller", "identity-claims")
    return (None if tn is None else _canonical(tn, defects)), uri


def _several(value: Json, defects: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is list and len(value) == 1 and type(value[0]) is str:
        return (value[0],)  # nearly always
    if isinstance(value, str):
        defects.append("dest-tn-string")
        return (value,)
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= MAX_DESTINATIONS
        or not all(isinstance(item, str) for item in value)
    ):
        raise ParseError("dest is no list of numbers or URIs", "identity-claims")
    return tuple(value)


def _time(value: Json, defects: list[str]) -> int:
    if isinstance(value, str) and 0 < len(value) < 14 and value.isascii() and value.isdigit():
        defects.append("iat-string")
        value = int(value)
    elif isinstance(value, float) and 0 <= value < MAX_IAT:
        defects.append("iat-float")
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_IAT:
        raise ParseError("iat is no time", "identity-claims")
    return value
