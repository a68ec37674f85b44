"""Messages: `msgi` is the digest of a MESSAGE's body, in a token of the kind `msg` (RFC 9475)."""

from __future__ import annotations

from shaken.digest import digest, matches, well_formed
from shaken.passport import Passport


def msgi(body: bytes) -> str:
    """The claim for a body, as it goes over the wire."""
    return digest(body)


def fault(token: Passport, body: bytes | None) -> tuple[str, str] | None:
    """What is wrong with a `msg` token beside a request. body: that of a MESSAGE; None: the request is something
    else.
    """
    claim = token.claims.get("msgi")
    if body is None:
        return "identity-unsupported-ppt", "a token for messages stands on another request"
    if claim is None:
        return None
    if not well_formed(claim):
        return "identity-claims", "msgi is no digest"
    return None if matches(claim, body) else ("identity-msgi-mismatch", "the token was signed for another text")
