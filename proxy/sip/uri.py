"""URIs (RFC 3261 section 19.1): sip and sips taken apart, tel (RFC 3966) too, all others kept opaque.

Whether we serve a scheme is routing's business (416), what a number means is not told here at all.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.sip.errors import ParseError
from proxy.sip.grammar import HOST, PORT
from proxy.sip.params import NONE, Params, plain

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
# The user part may hold ; ? / & = + $ , unescaped; a "%" is always an escape.
_CHARS = r'[^\x00-\x20\x7f"<>@%:]*+(?>(?:%[0-9A-Fa-f]{2}[^\x00-\x20\x7f"<>@%:]*+)*)'
_SIP = re.compile(
    rf"([sS][iI][pP][sS]?):(?:({_CHARS})(?>(?::({_CHARS}))?)@)?({HOST})(?>(?::({PORT}))?)"
    r'((?>(?:;[^\x00-\x20\x7f"<>@;?]++)*))(?>(?:\?([^\x00-\x20\x7f"<>@?]*+))?)'
).fullmatch
# absoluteURI = scheme ":" ...; nothing that could end it early in a start line or in <>.
_OTHER = re.compile(r'([A-Za-z][A-Za-z0-9+\-.]*+):([^\x00-\x20\x7f"<>]++)').fullmatch


class Uri(NamedTuple):
    """One URI. `==` compares the texts; `equal()` compares as RFC 3261 section 19.1.4 says."""

    scheme: str
    """Lower case."""
    user: str | None
    """As received, escapes and all. For tel the number with its visual separators. None where there is none."""
    password: str | None
    host: str
    """As received; IPv6 without its brackets. Empty for any scheme but sip and sips."""
    port: int | None
    params: Params
    headers: str
    """What stands after the `?`, as received, without it."""
    raw: bytes
    opaque: str = ""
    """All that follows the colon, for a scheme that we do not take apart."""

    def __str__(self) -> str:
        return self.raw.decode("utf-8", "surrogateescape")


_new = tuple.__new__

MEMO_URIS = 2048
"""How many URIs are remembered: the contacts of our peers come back in every request of a dialog."""
MEMO_LENGTH = 128
"""Octets of the longest one that is."""
_KNOWN: dict[bytes, Uri] = {}


def known(raw: bytes) -> Uri:
    """As `parse`, for a URI that is likely to come again. Raises ParseError."""
    found = _KNOWN.get(raw)
    if found is None:
        found = parse(raw)
        if len(raw) <= MEMO_LENGTH:
            if len(_KNOWN) >= MEMO_URIS:
                _KNOWN.clear()  # called numbers fill it, and nothing in it is worth a better rule
            _KNOWN[raw] = found
    return found


def parse(raw: bytes) -> Uri:
    """One URI, alone. Raises ParseError."""
    text = raw.decode("utf-8", "surrogateescape")
    found = _SIP(text)
    if found is None:
        return _other(raw, text)
    scheme, user, password, host, port, params, headers = found.groups()
    if host[0] == "[":
        host = host[1:-1]
    number = None
    if port is not None:
        number = int(port)
        if not 0 < number < 65536:
            raise ParseError("a URI has an impossible port")
    # A named tuple makes itself in Python, which takes three times as long.
    return _new(Uri, (
        scheme.lower(), user, password, host, number, plain(params) if params else NONE, headers or "", raw, "",
    ))  # fmt: skip


def opaque(raw: bytes) -> Uri:
    """What stands for one that cannot be read, where a request goes on in spite of it: it has no scheme, and leads
    nowhere.
    """
    return Uri("", None, None, "", None, NONE, "", raw, raw.decode("utf-8", "surrogateescape"))


def _other(raw: bytes, text: str) -> Uri:
    found = _OTHER(text)
    if found is None:
        raise ParseError("a URI is malformed")
    scheme, rest = found[1].lower(), found[2]
    if scheme in ("sip", "sips"):
        raise ParseError("a SIP URI is malformed")
    if scheme == "tel":
        number, semicolon, params = rest.partition(";")
        return Uri(scheme, number, None, "", None, plain(semicolon + params) if params else NONE, "", raw, rest)
    return Uri(scheme, None, None, "", None, NONE, "", raw, rest)


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# reserved = ; / ? : @ & = + $ , : escaped, it is another character than plain. "%" cannot be written plain.
_KEPT = frozenset(";/?:@&=+$,%")
# That one side has one of these and the other has not makes two URIs (section 19.1.4); others are passed over.
_TELLING = ("user", "ttl", "method", "maddr", "transport")


def unescaped(text: str) -> str:
    """Escapes of characters that need none are resolved, once; the others are written in one way."""

    def one(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if "!" <= char <= "~" and char not in _KEPT else f"%{found[1].upper()}"

    return _ESCAPE.sub(one, text) if "%" in text else text


def equal(one: Uri, other: Uri) -> bool:
    """RFC 3261 section 19.1.4. For a scheme that is not SIP's: the same text."""
    if one.scheme != other.scheme:
        return False
    if one.scheme not in ("sip", "sips"):
        return one.raw == other.raw
    if (
        one.port != other.port  # an omitted port is not the same as the default one
        or one.host.lower() != other.host.lower()
        or _plain(one.user) != _plain(other.user)  # user parts are case-sensitive
        or _plain(one.password) != _plain(other.password)
    ):
        return False
    mine, theirs = one.params, other.params
    for name in mine.keys() & theirs.keys():
        if _plain(mine[name], fold=True) != _plain(theirs[name], fold=True):
            return False
    if any((name in mine) != (name in theirs) for name in _TELLING):
        return False
    return _headers(one.headers) == _headers(other.headers)


def _plain(text: str | None, fold: bool = False) -> str | None:
    if text is None:
        return None
    text = unescaped(text)
    return text.lower() if fold else text


def _headers(text: str) -> list[tuple[str, str]]:
    """URI headers in no order, names without case, values compared as text."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return sorted((unescaped(name).lower(), unescaped(value)) for name, _, value in pairs)
