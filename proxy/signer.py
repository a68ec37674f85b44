"""A signing service of somebody else: asked by HTTP for the Identity header of a call (ATIS-1000082), failing open.

For those whose key lies elsewhere, in a certified box or with their provider. We decide what may be signed, and look at
what comes back: a token over other numbers, or of a higher level, goes on no call. No answer in time, a wrong
one, or a service that is down (`proxy.outside`): the call leaves unsigned, and that is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from proxy.outside import Outside, Unanswered
from proxy.screening.signing import Signed, Turned, Wanted
from shaken import identity, passport
from shaken.div import destinations, diverted
from shaken.errors import ParseError
from shaken.passport import Passport

LIMIT = 0.4
"""Seconds that a call waits at most where the settings say nothing (API-007)."""
PATH = "/stir/v1/signing"
WINDOW = 60
"""Seconds that the service's clock may be off ours."""


class SigningService:
    """One service."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        *,
        seconds: float = LIMIT,
        certificate: str = "",
        diverts: bool = False,
    ) -> None:
        """url: of the service; where it has no path, that of the standard is asked. certificate: the URL that its
        tokens must name, where it signs with our own (90 FR 40241); empty: any. diverts: it signs `div` too (TS
        24.229 Annex V).
        """
        self.diverts = diverts
        self._outside, self._certificate = Outside(url, PATH, now, seconds), certificate

    async def sign(self, wanted: Wanted) -> Signed:
        """What to add to the call; nothing, and why, where the service does not answer as it should. Never raises but
        CancelledError.
        """
        try:
            looked = partial(read, wanted=wanted, certificate=self._certificate)
            value, level = await self._outside.ask(question(wanted), looked)
        except Unanswered as error:
            return Signed((), None, error.how, wanted.why)
        return Signed((*wanted.lines, b"Identity: " + value), level, "signed", wanted.why)

    async def divert(self, turned: Turned) -> Signed:
        """The same for a call that we send elsewhere."""
        try:
            looked = partial(read_turned, turned=turned, certificate=self._certificate)
            value = await self._outside.ask(question_turned(turned), looked)
        except Unanswered as error:
            return Signed((), None, error.how)
        return Signed((b"Identity: " + value,), None, "signed")

    async def close(self) -> None:
        """Let the connections go."""
        await self._outside.close()


def question(wanted: Wanted) -> bytes:
    """The request of ATIS-1000082; Annex V of TS 24.229 has the same."""
    asked = {
        "attest": wanted.attest,
        "dest": {"tn": list(wanted.dest)},
        "iat": wanted.iat,
        "orig": {"tn": wanted.orig},
        "origid": wanted.origid,
    }
    return json.dumps({"signingRequest": asked}).encode()


def question_turned(turned: Turned) -> bytes:
    """The request of TS 24.229 Annex V for a diversion."""
    asked = {
        "dest": {"tn": [turned.became]},
        "div": {"tn": turned.was},
        "iat": turned.iat,
        "orig": turned.orig,
        "ppt": "div",
    }
    return json.dumps({"signingRequest": asked}).encode()


def read(answer: bytes, wanted: Wanted, certificate: str = "") -> tuple[bytes, str]:
    """The header value of an answer, and its level, if it says what was wanted. Raises ValueError."""
    value, token = _read(answer, "shaken", certificate)
    if token.orig_tn != wanted.orig or set(token.dest_tns) != set(wanted.dest):
        raise ValueError("the token is for another call")
    if abs(token.iat - wanted.iat) > WINDOW or token.attest not in ("A", "B", "C") or token.attest < wanted.attest:
        raise ValueError("the token is of another time, or claims more than was asked")
    return value, token.attest


def read_turned(answer: bytes, turned: Turned, certificate: str = "") -> bytes:
    """The header value of an answer, if it says that diversion and no other. Raises ValueError."""
    value, token = _read(answer, "div", certificate)
    orig = {"tn": token.orig_tn} if token.orig_tn is not None else {"uri": token.orig_uri}
    if orig != turned.orig or diverted(token) != turned.was or destinations(token) != {turned.became}:
        raise ValueError("the token is for another diversion")
    if abs(token.iat - turned.iat) > WINDOW:
        raise ValueError("the token is of another time")
    return value


def _read(answer: bytes, kind: str, certificate: str) -> tuple[bytes, Passport]:
    try:
        said = json.loads(answer)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    found = said.get("signingResponse") if isinstance(said, dict) else None
    text = (found.get("identity") or found.get("identityHeader")) if isinstance(found, dict) else None
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise ValueError("the answer has no header")
    value = text.strip().encode()
    try:
        header = identity.parse(value)
        token = passport.parse(header.token)
    except ParseError as error:
        raise ValueError(str(error)) from error
    if header.info is None or header.info != token.x5u or token.ppt != kind:
        raise ValueError("the header is none that a verifier would take")
    if certificate and header.info != certificate:
        raise ValueError("it is signed with somebody else's certificate")
    return value, token
