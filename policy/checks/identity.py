"""What the signature says about the caller (RFC 8224, ATIS-1000074), as a finding.

A proved signature says who signed, not that the caller means well (TRAP-89): it is no merit. A failed or
missing one raises the score a little and never rejects alone (REG-011, STI-070), unless the operator gives
its slug a SIP code. Attestation B and C are normal for calls that crossed the old network (TRAP-90); C is a
note, which a profile may show as a tag.
"""

from __future__ import annotations

from policy.call import FAILED, NOT_DONE, Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding
from policy.verdict import identity as found
from policy.verdict import kept_identity as known
from shaken.verdict import FAILURES

UPSTREAM_FAILED = "verstat-failed"
MISSING = "identity-missing"
REPLAYED = "identity-replayed"
SIDES = ("carrier", "pbx")
DISPUTED = "caller-disputed"
NUMBERED = "certificate-numbers"
SLUGS = (*dict.fromkeys((*FAILURES, MISSING)), REPLAYED, UPSTREAM_FAILED, "attestation-c", DISPUTED, NUMBERED)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Say what is wrong with the proof of the caller's number."""
    judgement = call.judgement
    if judgement is not None and judgement.failure is None and (signer := judgement.credential) is not None:
        # Nearly all that are signed: nothing is to be said of them.
        if not (signer.numbered or call.replayed or call.disputed) and (token := judgement.passport) is not None:
            if token.attest != "C":
                return None
    if (found := _proof(call, book)) is not None:
        return found
    if call.disputed:
        return Finding(DISPUTED, Class.NOTE, 0, "the network asserts two numbers at once")
    if judgement is not None and judgement.credential is not None:
        if judgement.credential.numbered:
            return Finding(NUMBERED, Class.NOTE, 0, "signed with a certificate for numbers that is no delegate's")
    return None


def _proof(call: Call, book: Rulebook) -> Finding | None:
    judgement = call.judgement
    if judgement is None:
        verstat = call.verstat
        if verstat is None or verstat.startswith(NOT_DONE):
            if book.identity_required and call.side == "carrier":
                return known(MISSING, book.weight(MISSING), "the call is not signed")
            return None
        if verstat.startswith(FAILED):
            why = "the carrier says that the signature does not hold"
            return known(UPSTREAM_FAILED, book.weight(UPSTREAM_FAILED), why)
    elif (failure := judgement.failure) is not None:
        slug = failure.slug
        return found(slug, book.weight(slug), judgement.detail or slug)
    elif call.replayed:
        why = "its token was on another call a moment ago: somebody may have copied it"
        return known(REPLAYED, book.weight(REPLAYED), why)
    elif (passport := judgement.passport) is None or passport.attest != "C":
        return None
    if call.attestation == "C":
        return Finding("attestation-c", Class.NOTE, 0, "signed by a gateway that does not know the caller")
    return None
