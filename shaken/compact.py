"""The compact form: two dots and a signature; header and claims are what the request itself says (RFC 8224 section
4.1.1, RFC 8225 section 7).

Only for tokens without a kind. Which of several numbers was the destination is not said, so there may be several
readings; the signature holds for one of them at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from shaken import passport
from shaken.errors import ParseError
from shaken.passport import Passport, canonical_json, encode

MAX_READINGS = 4


def is_compact(token: bytes) -> bool:
    """Whether a token is in compact form."""
    return token.startswith(b"..")


def readings(
    token: bytes,
    info: str,
    orig: str | None,
    orig_uri: str | None,
    callees: Sequence[str],
    uris: Sequence[str],
    date: int,
) -> tuple[Passport, ...]:
    """The tokens that a compact one may stand for: caller and callees in canonical form, date in Unix seconds.

    Raises ParseError, also where the request does not say enough.
    """
    if not is_compact(token) or b"." in token[2:] or (orig is None) == (orig_uri is None):
        raise ParseError("the token is in compact form", "identity-compact")
    if not (info.isascii() and all(text.isascii() for text in (orig_uri or "", *callees, *uris))):
        raise ParseError("a URI holds octets that no URI has", "identity-bad-url")
    head = encode(canonical_json({"alg": "ES256", "typ": "passport", "x5u": info}))
    dests: list[dict[str, list[str]]] = [{"tn": [tn]} for tn in dict.fromkeys(callees)]
    if uris:
        dests += [{"tn": [tn], "uri": sorted(set(uris))} for tn in dict.fromkeys(callees)]
        dests.append({"uri": sorted(set(uris))})
    if not dests:
        raise ParseError("the request names nobody who was called", "identity-claims")
    origin = {"tn": orig} if orig is not None else {"uri": orig_uri}
    claims = ({"dest": dest, "iat": date, "orig": origin} for dest in dests[:MAX_READINGS])
    return tuple(passport.parse(b".".join((head, encode(canonical_json(one)), token[2:]))) for one in claims)
