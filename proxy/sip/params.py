"""`;name=value` lists, as URIs and header fields carry them (RFC 3261 section 25.1, generic-param).

Names are compared without case and are given in lower case; values stay as received. Of a name that comes twice the
first counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.sip.errors import ParseError
from proxy.sip.grammar import TOKEN, VALUE, WSP

Params = Mapping[str, str | None]
"""Parameters by lower-case name; a flag, which has no value, has None."""

NONE: Params = {}

_PARAM = re.compile(rf";{WSP}({TOKEN})(?>(?:{WSP}={WSP}({VALUE}))?)", re.DOTALL).finditer
_PAIR = re.compile(r"\\(.)", re.DOTALL)


def plain(text: str) -> Params:
    """`;name=value;flag` without quotes and blanks. Raises ParseError where a name is empty; a value may be."""
    params: dict[str, str | None] = {}
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        if not name:
            raise ParseError("a parameter is empty")
        if not name.islower():
            name = name.lower()
        if name not in params:
            params[name] = value if equals else None
    return params


def quoted(text: str) -> Params:
    """The same for text which may hold blanks and quoted strings, and which the caller has matched already.

    A quoted value is given without its quotes, its quoted pairs resolved.
    """
    params: dict[str, str | None] = {}
    for found in _PARAM(text):
        name, value = found.groups()
        params.setdefault(name.lower(), None if value is None else unquoted(value))
    return params


def unquoted(text: str) -> str:
    """The text of a token or of a quoted string."""
    text = text.strip(" \t")
    if text[:1] == '"':
        text = text[1:-1]
        return _PAIR.sub(r"\1", text) if "\\" in text else text
    return text
