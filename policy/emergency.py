"""What may never be blocked: calls to 911 and its kin (standards: 47 CFR 64.1200(k)(5), RFC 5031, RFC 6881
SP-2).

The Request-URI alone decides, before anything else is asked. Who calls plays no part: a caller who shows
"911" is a spoofer and gets no privilege here. A doubtful form counts as an emergency: the price of that
mistake is one unscreened call.

The calls *from* emergency centres are another matter: they are an allow-list of callers in the rulebook, and
the lines that they call back are `policy.protected`. A mark by which a call says that it is such a call proves
nothing by itself (RFC 7090 section 5.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from policy.lists import NumberSet

# 911 is the emergency number of the NANP, 933 reaches its test line, 112 is what a mobile phone from
# elsewhere dials.
SERVICES = ("911", "933", "112")

# A phone or a PBX puts the country code, or a plus, in front of the short number: +1911, 1911, +911.
# The outside-line prefix: 9911, and 91911 where the long-distance 1 went in between.
STRINGS: frozenset[bytes] = frozenset(
    [(lead + service).encode() for service in SERVICES for lead in ("", "1")] + [b"9911", b"91911"]
)

# RFC 5031: the service and its sub-services. `test.sos` (RFC 6881 section 17) is to them what 933 is to 911.
URN = re.compile(rb"urn:service:(?:test\.)?sos(?:[.;?#]|\Z)")

# By far the most calls: a plain number of seven digits or more. Group 1 is compared with the configured
# strings.
ORDINARY = re.compile(rb"(?:[sS][iI][pP][sS]?|[tT][eE][lL]):\+?([0-9]{7,})(?:[@;]|\Z)").match

SEPARATORS = b"-.() \t"

# What reaches a test of the emergency service, never a person who would help: 933, and RFC 6881 section 17.
TESTS = frozenset((b"933", b"1933"))
TEST_URN = re.compile(rb"urn:service:test\.sos(?:[.;?#]|\Z)")

CALLBACK = "psap-callback"
"""The value of Priority by which a call says that it comes from an emergency centre (RFC 7090 section 4)."""


def is_emergency_uri(uri: bytes, extra: frozenset[str] = frozenset()) -> bool:
    """Does this Request-URI, as received, name an emergency service? Never raises.

    `extra` are further strings in the form that `strings` gives.
    """
    if ordinary := ORDINARY(uri):
        return bool(extra) and ordinary[1].decode() in extra
    scheme, colon, rest = uri.strip().partition(b":")
    scheme = scheme.lower()
    if scheme == b"urn":
        return URN.match(unquote_to_bytes(b"urn:" + rest).lower()) is not None
    if not colon or scheme not in (b"sip", b"sips", b"tel"):
        return False
    return _names_emergency(dialled(rest), extra)


def is_test_uri(uri: bytes) -> bool:
    """Of a Request-URI that is an emergency one: does it reach the test of the service only? Never raises."""
    scheme, _, rest = uri.strip().partition(b":")
    if scheme.lower() == b"urn":
        return TEST_URN.match(unquote_to_bytes(b"urn:" + rest).lower()) is not None
    return _bare(dialled(rest)) in TESTS


def is_callback_mark(priority: str) -> bool:
    """Does a value of Priority claim that an emergency centre calls back? Escapes and parameters hide
    nothing."""
    return unquote_to_bytes(priority).decode("utf-8", "replace").partition(";")[0].strip().lower() == CALLBACK


def callback_proved(caller: str | None, trusted: bool, centres: NumberSet, token: bool = False) -> bool:
    """Is a call that claims to be an emergency centre's one (RFC 7090 section 5.3, RFC 9027 section 4)?

    `caller`: its number in canonical form; `trusted`: the side that names it is believed; `centres`: the
    numbers of the centres that may call; `token`: it has a valid `rph` or `sph` token. An unproved mark comes
    off, and the call is judged as any other.
    """
    return token or (trusted and caller is not None and caller in centres)


def is_emergency(
    scheme: str,
    user: str | None,
    opaque: str = "",
    params: Mapping[str, str | None] | None = None,
    extra: frozenset[str] = frozenset(),
) -> bool:
    """The same for a URI that is already in parts. `opaque` is what follows `urn:`, or the number of a tel
    URI.

    `params` are not looked at: `phone-context` is no prefix, and 911 stays 911 in every context (RFC 3966
    section 5.1.5).
    """
    scheme = scheme.lower()
    if scheme == "urn":
        return URN.match(unquote_to_bytes(f"urn:{opaque}").lower()) is not None
    if scheme not in ("sip", "sips", "tel"):
        return False
    return _names_emergency((user or opaque).encode("utf-8", "replace"), extra)


def strings(configured: Iterable[str]) -> frozenset[str]:
    """The operator's own emergency strings, in the form in which they are compared. Empty ones are left
    out."""
    bare = (_bare(value.encode("utf-8", "replace")).decode("ascii", "replace") for value in configured)
    return frozenset(text for text in bare if text)


def dialled(rest: bytes) -> bytes:
    """What is dialled, of a sip or tel URI without its scheme. `sip:911` without a host is a mistake that phones make;
    the host then holds the number."""
    return rest.partition(b"@")[0] if b"@" in rest else re.split(rb"[;?>]", rest, maxsplit=1)[0]


def _names_emergency(user: bytes, extra: frozenset[str]) -> bool:
    bare = _bare(user)
    return bare in STRINGS or (bool(extra) and bare.decode("ascii", "replace") in extra)


def _bare(user: bytes) -> bytes:
    """The dialled string: no escapes, no password, no parameters, no visual separators, no plus, no closing
    `#`."""
    if b"%" in user:
        user = unquote_to_bytes(user)
    for mark in (b";", b":"):
        user = user.partition(mark)[0]
    return user.translate(None, SEPARATORS).removeprefix(b"+").removesuffix(b"#")
