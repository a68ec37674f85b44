"""Header fields as such: their names, their folds, their comma lists (RFC 3261 section 7.3). What a value means is
told elsewhere (`uri`, `address`, `via`, `message`).
"""

from __future__ import annotations

import re
from sys import intern

from proxy.sip.errors import ParseError
from proxy.sip.grammar import COMMA, CR, IS_TOKEN

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""The compact names of the IANA registry. `n` (Identity-Info) is obsolete since RFC 8224 and not here."""

LIST_FIELDS = frozenset(
    "accept accept-contact accept-encoding accept-language accept-resource-priority alert-info allow "
    "allow-events call-info contact content-encoding content-language diversion error-info feature-caps "
    "geolocation history-info in-reply-to p-asserted-identity p-preferred-identity path privacy proxy-require "
    "reason record-route reject-contact request-disposition require resource-priority route security-client "
    "security-server security-verify service-route supported unsupported via warning".split()
)
"""The fields whose grammar is a comma list. In any other a comma is a comma (RFC 3261 section 7.3.1)."""

# Seeded, so that names of the ordinary kind are in the memo before a stranger can fill it.
COMMON = (
    "Accept Accept-Encoding Accept-Language Allow Allow-Events Authorization Call-ID Call-Info Contact "
    "Content-Disposition Content-Encoding Content-Length Content-Type CSeq Date Diversion Event Expires From "
    "Geolocation History-Info Identity In-Reply-To Max-Breadth Max-Forwards MIME-Version Min-Expires Min-SE "
    "Organization P-Access-Network-Info P-Asserted-Identity P-Attestation-Indicator P-Charging-Vector P-Early-Media "
    "P-Origination-ID P-Preferred-Identity Path Priority Privacy Proxy-Authenticate Proxy-Authorization "
    "Proxy-Require RAck Reason Record-Route Refer-To Referred-By Remote-Party-ID Replaces Reply-To Require "
    "Resource-Priority Retry-After Route RSeq Server Session-Expires Session-ID Subject Subscription-State Supported "
    "Timestamp To Unsupported User-Agent User-to-User Via Warning WWW-Authenticate X-Screen-Campaign X-Screen-Reason "
    "X-Screen-Score X-Screen-Verdict"
).split()

MEMO_NAMES = 2048
"""How many spellings of names are remembered. Strangers choose names: past this theirs are worked out anew each
time.
"""
MEMO_LENGTH = 64
"""The longest spelling that is remembered, in octets; no registered name comes near."""

CANON: dict[bytes, str] = {}
"""Raw name octets, as they stand before the colon -> the long lower-case name. A memo of `canonical`, and bounded."""


def canonical(raw: bytes) -> str:
    """The long lower-case name, always the same object for a remembered spelling.

    Raises ParseError for what is no token: a line that the next reader may take for something else is no header.
    """
    if (known := CANON.get(raw)) is not None:
        return known
    bare = raw.rstrip(b" \t")  # HCOLON = *( SP / HTAB ) ":" SWS
    if IS_TOKEN(bare) is None:
        raise ParseError("a header name is not a token")
    low = bare.decode("ascii").lower()
    name = COMPACT.get(low, low)
    if len(CANON) < MEMO_NAMES and len(raw) <= MEMO_LENGTH:
        CANON[raw] = name = intern(name)
    return name


for _name in (*COMMON, *COMPACT):
    for _spelling in (_name, _name.lower(), _name.upper()):
        canonical(_spelling.encode())

_FOLD = re.compile(rb"(?>(?:[ \t]*+\r\n[ \t]++)+)")


def unfold(value: bytes) -> bytes:
    """The value on one line: each fold becomes one space (RFC 3261 section 7.3.1), the ends are bare."""
    if CR in value:
        value = _FOLD.sub(b" ", value)
    return value.strip(b" \t")


def value_of(line: bytes) -> bytes:
    """What stands after the colon of a header line, unfolded and stripped."""
    value = line.partition(b":")[2]
    if CR in value:
        value = _FOLD.sub(b" ", value)
    return value.strip(b" \t")


# One value of a comma list: commas in quotes and in <> do not separate. A quote that never closes quotes all the
# rest; a "<" that never closes is a letter like others. Both choices keep the scan linear.
_ELEMENT = re.compile(rb'(?>(?:[^,"<]++|"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)|<[^<>]*+>|<)*)', re.DOTALL).match


def first_of(value: bytes) -> int:
    """Where the first value of a comma list ends: the index of its comma, or the length."""
    if COMMA not in value:
        return len(value)
    found = _ELEMENT(value)
    return len(value) if found is None else found.end()


def split_list(value: bytes) -> list[bytes]:
    """The values of one comma list, stripped; empty ones are left out. Any octets are some list."""
    if COMMA not in value:
        value = value.strip(b" \t")
        return [value] if value else []
    parts: list[bytes] = []
    at = 0
    while at <= len(value) and (found := _ELEMENT(value, at)) is not None:
        if part := found.group().strip(b" \t"):
            parts.append(part)
        at = found.end() + 1  # past the comma
    return parts
