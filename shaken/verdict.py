"""What was found out about one Identity header: independent facts, and one table from the first failure to its answer.

Nothing is called proved unless every step held (RFC 8224 section 6.2). An attestation is only ever given for a proved
token (TRAP-31); whether the caller means well is another question, and not asked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shaken.credential import Credential
    from shaken.passport import Passport

PASSED = "TN-Validation-Passed"
FAILED = "TN-Validation-Failed"
NOT_DONE = "No-TN-Validation"


class Fact(Enum):
    """One step of the verification."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Not reached: an earlier step left nothing to look at."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail, and what follows from it."""

    slug: str
    code: int
    """What a verifier may answer where its policy rejects (RFC 8224 section 6.2.2)."""
    phrase: str
    verstat: str


_STALE = (403, "Stale Date")
_REQUIRED = (428, "Use Identity Header")
_INFO = (436, "Bad Identity Info")
_CREDENTIAL = (437, "Unsupported Credential")
_INVALID = (438, "Invalid Identity Header")

# The cases E3 to E19 of ATIS-1000082 give code and verstat. A good token over other numbers is the classic cut and
# paste: it counts as failed, whatever the label (E16).
FAILURES = MappingProxyType(
    {
        slug: Failure(slug, *answer, verstat)
        for slug, answer, verstat in (
            ("identity-missing", _REQUIRED, NOT_DONE),
            ("identity-too-large", _INVALID, NOT_DONE),
            ("identity-syntax", _INVALID, NOT_DONE),
            ("identity-compact", _INVALID, NOT_DONE),  # E4
            ("identity-signature-form", _INVALID, NOT_DONE),
            # A call of which no header is of a kind that is known here. RFC 8224 section 6.2.2 answers the call so, and
            # ATIS-1000082 the single header with 438 (E5).
            ("identity-no-known-ppt", (428, "Use Supported PASSporT Format"), NOT_DONE),
            ("identity-legacy", _REQUIRED, NOT_DONE),  # RFC 4474: no PASSporT, as good as unsigned
            ("identity-unsupported-ppt", _INVALID, NOT_DONE),  # E5, and E13 where the header names no kind
            ("identity-ppt-mismatch", _INVALID, NOT_DONE),  # E13
            ("identity-no-info", _INFO, NOT_DONE),  # E6
            ("identity-bad-url", _INFO, NOT_DONE),  # E7
            ("identity-header-claims", _INFO, NOT_DONE),  # E9
            ("identity-info-mismatch", _INFO, NOT_DONE),  # E10
            ("identity-bad-typ", _CREDENTIAL, NOT_DONE),  # E11
            ("identity-unsupported-alg", _CREDENTIAL, NOT_DONE),  # E12
            ("identity-alg-mismatch", _INVALID, NOT_DONE),
            ("identity-unsupported-crit", _INVALID, NOT_DONE),
            ("identity-claims", _INVALID, NOT_DONE),  # E14
            ("identity-bad-attest", _INVALID, NOT_DONE),  # E19
            ("identity-stale-iat", _STALE, NOT_DONE),  # E15
            ("identity-no-caller", _INVALID, NOT_DONE),  # RFC 8224 section 11: nobody to compare with
            ("identity-orig-mismatch", _INVALID, FAILED),  # E16
            ("identity-dest-mismatch", _INVALID, FAILED),  # E16
            ("identity-div-incomplete", _INVALID, NOT_DONE),  # RFC 8946 section 4.2
            ("identity-rph-mismatch", _INVALID, NOT_DONE),  # RFC 8443 section 4.2
            ("identity-rcdi-mismatch", _INVALID, NOT_DONE),  # RFC 9795 section 6
            ("identity-msgi-mismatch", _INVALID, FAILED),  # RFC 9475 section 3
            ("identity-mky-mismatch", _INVALID, FAILED),  # RFC 8225 section 5.2.2
            ("identity-unreachable", _INFO, NOT_DONE),  # E8
            ("identity-bad-certificate", _CREDENTIAL, FAILED),
            ("identity-untrusted-chain", _CREDENTIAL, FAILED),  # E17
            ("identity-expired", _CREDENTIAL, FAILED),
            ("identity-revoked", _CREDENTIAL, FAILED),
            ("identity-no-authority", _CREDENTIAL, FAILED),
            ("identity-constraints", _INVALID, FAILED),  # RFC 8226 section 8, RFC 9118: the token, not the certificate
            ("identity-bad-signature", _INVALID, FAILED),  # E18
        )
    }
)


_HELD = (*[Fact.PASS] * 7, None)
"""All facts, and no failure."""


class Judgement(NamedTuple):
    """The result for one header. The facts are independent; `failure` is the first in the order of the checks."""

    parsed: Fact = Fact.UNKNOWN
    fresh: Fact = Fact.UNKNOWN
    orig: Fact = Fact.UNKNOWN
    dest: Fact = Fact.UNKNOWN
    chain: Fact = Fact.UNKNOWN
    authority: Fact = Fact.UNKNOWN
    signature: Fact = Fact.UNKNOWN
    failure: Failure | None = None
    passport: Passport | None = None
    credential: Credential | None = None
    detail: str = ""

    @property
    def proved(self) -> bool:
        """Every step held."""
        return self[:8] == _HELD

    @property
    def attestation(self) -> str | None:
        """A, B or C, of a proved token only."""
        return self.passport.attest if self.passport is not None and self.proved else None

    @property
    def verstat(self) -> str:
        """The word for the called side (3GPP TS 24.229 section 7.2A.20)."""
        if self.failure is not None:
            return self.failure.verstat
        return PASSED if self.proved else NOT_DONE

    @property
    def code(self) -> int | None:
        """The SIP code of the failure; None where there is none."""
        return self.failure.code if self.failure is not None else None

    @property
    def slug(self) -> str | None:
        """The stable reason of the failure; None where there is none."""
        return self.failure.slug if self.failure is not None else None


_ORDER = {slug: place for place, slug in enumerate(FAILURES)}


def best(judgements: Sequence[Judgement]) -> Judgement | None:
    """The one that speaks for the call: a proved one (RFC 8224 section 6.2.1), else the failure that came furthest.

    A token that failed late, at its signature or its numbers, tells more than one that could not be read. Among several
    proved ones the first counts, which is the oldest in the message.
    """
    for judgement in judgements:
        if judgement.proved:
            return judgement
    return max(judgements, key=lambda one: _ORDER[one.slug] if one.slug is not None else -1, default=None)
