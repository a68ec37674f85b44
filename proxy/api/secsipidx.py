"""The two calls that `secsipidx -http-srv` answers, for programs that were written for it.

    POST /v1/sign-csv    ORIG,DEST,ATTEST,ORIGID,X5U    the value of an Identity header
    POST /v1/check       the value of one               `OK`, or 500 and `FAILED`

Bodies are plain text of any content type. The certificate URL in the row is passed over: what we sign names ours. An
empty ORIGID gets a new one. A check knows no call: it compares the token with itself, and only time, chain and
signature can fail.
"""

from __future__ import annotations

import json
import uuid

from proxy.api.asking import Misuse
from proxy.api.signing import Signing
from proxy.api.verification import Verification
from shaken import identity, passport
from shaken.errors import ParseError
from shaken.verify import Claim

FIELDS = 5


class Refused(Exception):
    """Why there is no header, and the status that says so."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


def sign(octets: bytes, signing: Signing) -> str:
    """The header value for a row. Raises Refused."""
    fields = [one.strip() for one in octets.decode("utf-8", "replace").strip().split(",")]
    if len(fields) < FIELDS:
        raise Refused(400, "too few tokens")
    orig, dest, attest, origid, _ = fields[:FIELDS]
    asked = {
        "attest": attest,
        "dest": {"tn": [dest]},
        "iat": int(signing.utc()),
        "orig": {"tn": orig},
        "origid": origid or str(uuid.uuid4()),
    }
    try:
        told = signing.answer(json.dumps({"signingRequest": asked}).encode(), "atis")
    except Misuse as error:
        raise Refused(error.status, str(error)) from error
    return str(told["signingResponse"]["identity"])


async def check(octets: bytes, verification: Verification) -> bool:
    """Whether a header value is proved."""
    value = octets.strip().removeprefix(b"Identity:").strip()
    try:
        token = passport.parse(identity.parse(value).token)
    except ParseError:
        return False
    claim = Claim(token.orig_tn, token.orig_uri, token.dest_tns, None, token.dest_uris)
    return (await verification.judged(value, claim)).proved
