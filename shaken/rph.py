"""Priority that is proved: `rph` for Resource-Priority, `sph` for an emergency centre that calls back (RFC 8443,
RFC 9027).

A header that asks for priority proves nothing: anybody can write it. What a token names and the request asks for is
proved once the token is; what no token names should not survive the boundary (RFC 8443 section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence

from shaken.passport import Passport

CALLBACK = "psap-callback"
MAX_VALUES = 32


def asserted(token: Passport) -> tuple[str, ...] | None:
    """The priorities that a token names, lower-case; None where it names none properly."""
    rph = token.claims.get("rph")
    auth = rph.get("auth") if isinstance(rph, dict) else None
    if not isinstance(auth, list) or not 0 < len(auth) <= MAX_VALUES or not all(isinstance(one, str) for one in auth):
        return None
    return tuple(one.lower() for one in auth)


def fault(token: Passport, priorities: Sequence[str], priority: str) -> tuple[str, str] | None:
    """What is wrong with an `rph` token beside the request: its Resource-Priority values and its Priority,
    lower-case.
    """
    named = asserted(token)
    if named is None:
        return "identity-claims", "rph names no priorities"
    sph, has_sph = token.claims.get("sph"), "sph" in token.claims
    emergency = [one for one in named if one.startswith("esnet.")]
    if has_sph and (sph != CALLBACK or not emergency):
        # RFC 9027 section 4: only beside esnet, and only this one value.
        return "identity-claims", "sph is no call-back of an emergency centre"
    if has_sph and priority != CALLBACK:
        return "identity-rph-mismatch", "the token is for a call-back of an emergency centre, the call is none"
    wanted = {one for one in priorities if one.startswith("esnet.")}
    if not set(named) & set(priorities) or wanted - set(named):
        return "identity-rph-mismatch", "the token was signed for other priorities"
    return None
