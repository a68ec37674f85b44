"""The usual Identity header read in one pass: full form, `shaken`, one caller, one destination, canonical JSON.

Nearly every signed call looks so, and its header segment and parameters are the same octets in all calls of one signer:
what they say is worked out once and remembered. The claims are then five strings at known places. Whatever looks
different in any octet is not refused here, only left to the general readers (`identity`, `passport`), which would say
the same of what this one takes.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from shaken import identity, passport
from shaken.errors import ParseError
from shaken.passport import Passport

MAX_KEPT = 4096
"""Signers remembered, by the octets of header segment and parameters: at most 1 KiB each."""
MAX_PART = 512
"""Octets of a header segment and of the parameters that are remembered."""
LONGEST = MAX_PART + 1 + 195 + 1 + 86 + MAX_PART
"""Octets of a usual header value: with the longest numbers, its claims have 195. Most have 400 to 600."""

# The canonical form of RFC 8225 section 9 leaves no choice: names sorted, no space, nothing in these values to escape.
_CLAIMS = re.compile(
    r'\{"attest":"([ABC])","dest":\{"tn":\["([0-9]{3,15})"\]\},"iat":([1-9][0-9]{8,10}),"orig":\{"tn":"([0-9]{3,15})"\},'
    r'"origid":"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"\}'
).fullmatch
# 64 octets are 86 characters of base64url, the last of which has four bits to spare, all zero.
_SIGNATURE, _ENDS = 86, frozenset(b"AQgw")
_STANDARD, _LAST, _PAD = passport.STANDARD, passport.LAST, (b"", b"", b"==", b"=")
_make = tuple.__new__


class Signer(NamedTuple):
    """What one signer's tokens have in common."""

    header: Mapping[str, Any]
    x5u: str


@lru_cache(maxsize=MAX_KEPT)
def signer(head: bytes, tail: bytes) -> Signer | None:
    """The facts of a header segment and of what follows the token, from its first semicolon on; None where they are
    not the usual ones.
    """
    if len(head) > MAX_PART or len(tail) > MAX_PART:
        return None
    try:
        header, alg, typ, ppt, x5u = passport.read_header(head)
        info, named_alg, named_ppt, _ = identity.read_tail(tail)
    except ParseError:
        return None
    if (alg, typ, ppt) != ("ES256", "passport", "shaken") or x5u is None or info != x5u or "crit" in header:
        return None
    return Signer(header, x5u) if named_alg in (None, alg) and named_ppt in (None, ppt) else None


def read(value: bytes) -> Passport | None:
    """The token of a usual header value; None for any other. Never raises."""
    at = value.find(b";")
    parts = value[:at].split(b".")
    if len(parts) != 3 or len(value) > LONGEST:
        return None
    head, body, last = parts
    known = signer(head, value[at:])
    rest = len(body) & 3
    if (
        known is None
        or len(last) != _SIGNATURE
        or last[85] not in _ENDS
        or rest == 1
        or (rest and body[-1] not in _LAST[rest])
    ):
        return None
    try:
        found = _CLAIMS(a2b_base64(body.translate(_STANDARD) + _PAD[rest], strict_mode=True).decode("latin-1"))
        if found is None:
            return None
        signature = a2b_base64(last.translate(_STANDARD) + b"==", strict_mode=True)
    except Error:
        return None
    attest, dest, iat, orig, origid = found.groups()
    return _make(
        Passport,
        (
            known.header, value[: len(head) + 1 + len(body)], signature, "ES256", "passport", "shaken", known.x5u,
            int(iat), orig, None, (dest,), (), attest, origid, (), None,
        ),
    )  # fmt: skip
