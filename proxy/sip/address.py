"""name-addr and addr-spec with their header parameters: From, To, Contact, Route, P-Asserted-Identity
(RFC 3261 section 20.10).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.sip.errors import ParseError
from proxy.sip.grammar import PARAMS, PLAIN_PARAMS, QUOTE, QUOTED, SEMICOLON, WSP
from proxy.sip.headers import value_of
from proxy.sip.params import NONE, Params, plain, quoted, unquoted
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri

# ( name-addr / addr-spec ) *( SEMI generic-param )
# display-name = *(token LWS) / quoted-string; octets over 0x7f are let through unquoted: many phones send them so.
# An addr-spec without <> ends at the first ";", which is the header's, and holds no "," and no "?" (section 20.10).
_DISPLAY = r"(?>(?:[A-Za-z0-9\-.!%*_+`'~ \t\x80-\xff]++)?)"
_URI = r'[^\x00-\x20\x7f<>"]++'
_BARE = r'[^\x00-\x20\x7f<>",;?]++'
_VALUE = re.compile(
    rf"(?:({QUOTED}{WSP}|{_DISPLAY})<({_URI})>|({_BARE}))({PARAMS}){WSP}".encode("latin-1"), re.DOTALL
).fullmatch
# The line as nearly all of them are; what does not match is looked at with care.
_LINE = re.compile(
    rf'[^:]++:[ \t]*+("[^"\\\r\n]*+"[ \t]*+|{_DISPLAY})<({_URI})>({PLAIN_PARAMS})'.encode("latin-1")
).fullmatch

# The last tag of what is no address: an emergency call goes on with it, and its later requests are known by it.
_TORN_TAG = re.compile(rb".*;[ \t]*tag[ \t]*=[ \t]*([^;,> \t\r\n]++)", re.IGNORECASE | re.DOTALL).match

NAME_ADDR = rf'(?:"[^"\\\r\n]*+"[ \t]*+|{_DISPLAY})<{_URI}>'.encode("latin-1")
"""A name-addr as nearly all of them are."""

Shape = tuple[bytes, bytes, bytes]
"""Display name, URI and parameters, as received."""


class Address(NamedTuple):
    """Somebody's name and URI, with the parameters of the header (not those of the URI)."""

    display: str
    """Without quotes, quoted pairs resolved; empty where there is none. UTF-8, stray octets as surrogates."""
    uri: Uri
    params: Params
    raw: bytes = b""
    """The value as received, unfolded."""

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")


def shape(value: bytes) -> Shape:
    """The three parts of one unfolded value; the URI is not looked into. Raises ParseError."""
    found = _VALUE(value)
    if found is None:
        raise ParseError("an address is malformed")
    display, inner, bare, params = found.groups()
    return (display or b"", inner or bare, params)


def shape_of_line(line: bytes) -> Shape:
    """The same for the value of a header line, as received. Raises ParseError."""
    found = _LINE(line)
    if found is None:
        return shape(value_of(line))
    display, uri, params = parts = found.groups()
    if params and (params.find(b";;") >= 0 or params.find(b";=") >= 0 or params[-1] == SEMICOLON):
        raise ParseError("a parameter is empty")
    return parts  # type: ignore[return-value]  # three groups, none of them optional


def tag_of(params: bytes) -> str | None:
    """The tag among header parameters that have been matched; None where there is none."""
    if params[:5] == b";tag=" and params.find(b";", 5) < 0 and QUOTE not in params:
        return params[5:].decode("utf-8", "surrogateescape") or None
    return params_of(params).get("tag") or None


def torn(value: bytes) -> Shape:
    """What is left of one unfolded value that cannot be read: a tag, where one can be seen. Whoever mends the line has
    the same one.
    """
    found = _TORN_TAG(value)
    return (b"", b"", b";tag=" + found[1] if found is not None else b"")


def params_of(text: bytes) -> Params:
    """Header parameters that have been matched, by lower-case name; quoted values without their quotes."""
    if not text:
        return NONE
    params = text.decode("utf-8", "surrogateescape")
    return quoted(params) if '"' in params or " " in params or "\t" in params else plain(params)


def parse(value: bytes) -> Address:
    """One address value, unfolded, alone (not a list). Raises ParseError."""
    return built(shape(value), value)


def built(parts: Shape, raw: bytes = b"") -> Address:
    """The address whose parts `shape` found. Raises ParseError when the URI is malformed."""
    display, uri, params = parts
    name = unquoted(display.decode("utf-8", "surrogateescape")) if display else ""
    return Address(name, parse_uri(uri), params_of(params), raw)
