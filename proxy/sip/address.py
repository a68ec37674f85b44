"""name-addr and addr-spec with their header parameters: From, To, Contact, Route, P-Asserted-Identity (RFC 3261 20.10)."""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.sip.errors import ParseError
from proxy.sip.grammar import PARAMS, QUOTED, TOKEN, VALUE, WSP
from proxy.sip.uri import NONE, Params, Uri
from proxy.sip.uri import parse as parse_uri

# ( name-addr / addr-spec ) *( SEMI generic-param ); without <> a URI ends at ; and may hold no , ; ? (section 20.10)
# display-name = *(token LWS) / quoted-string; octets over 0x7f are let through unquoted: many phones send them so.
_DISPLAY = r"(?:[A-Za-z0-9\-.!%*_+`'~ \t\x80-\xff]++)?+"
_SHAPE = re.compile(
    rf'(?:({QUOTED}{WSP}|{_DISPLAY})<([^\x00-\x20\x7f<>"]++)>|([^\x00-\x20\x7f<>",;?]++))({PARAMS}){WSP}'.encode("latin-1"),
    re.DOTALL,
).fullmatch
_PARAM = re.compile(rf";{WSP}({TOKEN})(?:{WSP}={WSP}({VALUE}))?+".encode())
_TAG = re.compile(rb";[ \t]*+tag[ \t]*+=[ \t]*+([^ \t;]++)", re.IGNORECASE).search
_PAIR = re.compile(r"\\(.)", re.DOTALL)

Shape = tuple[bytes, bytes, bytes]
"""Display name, URI and parameters, as received."""


class Address(NamedTuple):
    """Somebody's name and URI, with the parameters of the header (not those of the URI)."""

    display: str
    """Without quotes, quoted pairs resolved; empty where there is none. UTF-8, broken octets as surrogates."""
    uri: Uri
    params: Params
    raw: bytes = b""

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")


def shape(value: bytes) -> Shape:
    """The three parts of one unfolded value; the URI is not looked into. Raises ParseError."""
    found = _SHAPE(value)
    if found is None:
        raise ParseError("an address is malformed")
    display, inner, bare, params = found.groups()
    return (display or b"", inner or bare, params)


def tag_of(params: bytes) -> str | None:
    """The tag among header parameters, without building the others; None where there is none."""
    if b'"' in params:
        return params_of(params).get("tag")
    found = _TAG(params)
    return found[1].decode("utf-8", "surrogateescape") if found else None


def params_of(text: bytes) -> Params:
    """Header parameters by lower-case name; quoted values without their quotes; of two of one name the first counts."""
    if not text:
        return NONE
    params: dict[str, str | None] = {}
    for found in _PARAM.finditer(text):
        name, value = found.groups()
        params.setdefault(name.decode("ascii").lower(), None if value is None else unquoted(value))
    return params


def unquoted(value: bytes) -> str:
    """The text of a token or of a quoted string."""
    text = value.strip(b" \t").decode("utf-8", "surrogateescape")
    if text[:1] == '"':
        text = text[1:-1]
        return _PAIR.sub(r"\1", text) if "\\" in text else text
    return text


def parse(value: bytes) -> Address:
    """One address value, unfolded, alone (not a list). Raises ParseError."""
    return built(shape(value), value)


def built(parts: Shape, raw: bytes = b"") -> Address:
    """The address of which `shape` found the parts. Raises ParseError when the URI is malformed."""
    display, uri, params = parts
    return Address(unquoted(display) if display else "", parse_uri(uri), params_of(params), raw)
