"""The Identity header: a token and what the header says of it (RFC 8224 section 4).

`info` is found before anything is split at a semicolon, because a URL may hold one (TRAP-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from shaken.errors import ParseError
from shaken.passport import MAX_TOKEN

MAX_VALUE = MAX_TOKEN + 4096
"""Octets of a header value that is still looked at: the token and its parameters."""
MAX_KEPT_TAIL = 512
"""Octets of a tail that is remembered; a real one has 60 to 150."""

# signed-identity-digest SEMI ident-info *( SEMI ident-info-params ). The token's alphabet is that of base64url and the
# dots; RFC 8224's own rule lists "/" and "+" instead of "-" and "_" (STI-021).
# No run of blanks is tried twice: two of them that meet cost hostile octets the square of their number.
_TOKEN = re.compile(rb"[ \t]*+([A-Za-z0-9_.=/+-]*+)[ \t]*+(?=;|\Z)").match
_BLANKS = re.compile(rb"[ \t]+").sub
_BRACKETED = re.compile(r"[ \t]*<([^<>]*)>[ \t]*\Z").match
_PARAM = re.compile(
    rb";[ \t]*+([A-Za-z0-9.!%*_+`'~-]++)"
    rb'(?:[ \t]*+=[ \t]*+(?:<([^<>"\x00-\x20\x7f]*+)>|"((?>(?:[^"\\]|\\.)*))"|([A-Za-z0-9.!%*_+`\'~:/\[\]-]*+)))?'
    rb"[ \t]*+(?=;|\Z)"
).match

# A comma, behind which a token begins: in full form (`eyJ` is the encoding of `{"`) or in compact form.
_JOINT = re.compile(rb",[ \t]*(?:eyJ|\.\.)")
_BEGINS = re.compile(rb"[ \t]*(?:eyJ|\.\.)").match
# What is stepped over as a whole: a quoted string, a URL in brackets, a run of harmless octets; else one octet. (An
# escaped quote in a quoted string is not looked for: it would let hostile octets cost the square of their number.)
_PIECE = re.compile(rb'"[^"]*"|<[^<>]*>|[^"<,]+|.', re.DOTALL).match
# RFC 4474 section 9: base64 in quotes, without a dot; its certificate is named by a header of its own (TRAP-28).
_LEGACY = re.compile(rb'[ \t]*"[A-Za-z0-9+/=\s]*"[ \t]*\Z').match


class Identity(NamedTuple):
    """One header value, taken apart."""

    token: bytes
    info: str | None
    """The URL between the angle brackets; None where there is none, or where it stands without them (STI-022)."""
    alg: str | None
    ppt: str | None
    params: Mapping[str, str | None]
    """All parameters by lower-case name, `info` included; a flag has None."""


def split(value: bytes) -> list[bytes]:
    """The values that a middlebox joined with commas into one line (TRAP-23). The grammar knows no such list, so a
    comma parts two values only where a token begins behind it. Nearly always the one value itself.
    """
    if value.find(b",") < 0 or _JOINT.search(value) is None:
        return [value]
    found, start, at = [], 0, 0
    while (part := _PIECE(value, at)) is not None:
        at = part.end()
        if part[0] == b"," and _BEGINS(value, at):
            found.append(value[start : at - 1].strip(b" \t"))
            start = at
    found.append(value[start:].strip(b" \t"))
    return found


def parse(value: bytes, *, bare: bool = False, folded: bool = False) -> Identity:
    """One header value, unfolded. Raises ParseError.

    bare: `info` counts too where it is quoted or stands without brackets (STI-022). folded: blanks that a neighbour
    folds into a token are taken out of it (STI-029).
    """
    if len(value) > MAX_VALUE:
        raise ParseError("the Identity header is too long")
    if _LEGACY(value) is not None:
        raise ParseError("the header is one of RFC 4474", "identity-legacy")
    found = _TOKEN(value)
    if found is None and folded:
        whole, mark, tail = value.partition(b";")
        value = _BLANKS(b"", whole) + mark + tail
        found = _TOKEN(value)
    if found is None:
        raise ParseError("the Identity header does not begin with a token")
    token, rest = found[1], value[found.end() :]
    if not token:
        raise ParseError("the Identity header holds no token")
    header = Identity(token, *(_tail(rest) if len(rest) <= MAX_KEPT_TAIL else read_tail(rest)))
    if bare and header.info is None and (written := header.params.get("info")):
        inside = _BRACKETED(written)
        return header._replace(info=inside[1] if inside is not None else written)
    return header


Tail = tuple[str | None, str | None, str | None, Mapping[str, str | None]]


def read_tail(rest: bytes) -> Tail:
    """What follows the token: info, alg, ppt and all parameters. Raises ParseError."""
    info: str | None = None
    params: dict[str, str | None] = {}
    at = 0
    while at < len(rest):
        part = _PARAM(rest, at)
        if part is None:
            raise ParseError("a parameter of the Identity header is malformed")
        at = part.end()
        raw, bracketed, quoted, plain = part.groups()
        name = raw.decode("ascii").lower()
        if name in params:
            raise ParseError(f"{name} stands twice in the Identity header")
        if bracketed is not None:
            params[name] = text = bracketed.decode("utf-8", "surrogateescape")
            if name == "info":
                info = text
        elif quoted is not None:
            params[name] = re.sub(rb"\\(.)", rb"\1", quoted).decode("utf-8", "surrogateescape")
        else:
            params[name] = None if plain is None else plain.decode("ascii")
    return info, params.get("alg"), params.get("ppt"), MappingProxyType(params)


_tail = lru_cache(maxsize=4096)(read_tail)
"""The same for all calls of one signer, as its JOSE header is."""
