"""Verification for others: what a call says and its Identity headers come in by HTTP, a verstat goes out.

Each outcome is an answer, also the worst (API-001). The cases E3 to E19 of ATIS-1000082 are the failures of
`shaken.verdict`; TS 24.229 Annex V asks about all headers at once and hears of each of them. A certificate that is
not in memory is waited for as a call waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certs.store import Store
from proxy.api.asking import Dialect, Misuse, moment, one, opened, several, text, texts
from shaken import div
from shaken.credential import Credential, CredentialFailure
from shaken.hearing import Circumstances, Conclusion, conclude, open_hearing
from shaken.verdict import FAILURES, NOT_DONE, Fact, Failure, Judgement
from shaken.verify import Claim, Rules, examine, judge

STALE = FAILURES["identity-stale-iat"]
BAD_SIGNATURE = "identity-bad-signature"
KIND_FAILURE = FAILURES["identity-unsupported-ppt"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What verification needs; what may change at a reload is asked for each time."""

    store: Callable[[], Store | None]
    rules: Callable[[], Rules]
    seconds: Callable[[], float]
    """How long a certificate is waited for."""
    utc: Callable[[], float]

    async def answer(self, octets: bytes, dialect: Dialect) -> dict[str, Any]:
        """The answer to a verification request. Raises Misuse."""
        asked = opened(octets, "verificationRequest")
        newer = "identityHeader" in asked or "identityHeaders" in asked or (
            dialect == "3gpp" and "identity" not in asked
        )
        caller, caller_uri = one(asked, "from")
        numbers, uris = several(asked, "to")
        time = moment(asked, "time")
        values = _values(asked, newer)
        claim = Claim(caller, caller_uri, numbers, float(time), uris)
        fresh = abs(time - self.utc()) <= self.rules().freshness
        if newer:
            return {"verificationResponse": await self._each(asked, values, claim, fresh)}
        if not fresh:
            told = _told(STALE, "the time of the request is not fresh")  # E3
        elif len(values) == 1:
            judgement = await self.judged(values[0], claim)
            told = _told(judgement.failure, judgement.detail, judgement.verstat)
        else:
            heard = await self.heard(values, claim, Circumstances())
            judgement = heard.judgement or Judgement(Fact.FAIL, failure=KIND_FAILURE)
            told = _told(judgement.failure, judgement.detail, judgement.verstat)
        return {"verificationResponse": told}

    async def judged(self, value: bytes, claim: Claim) -> Judgement:
        """What one header is worth, as SHAKEN has it."""
        exam = examine(value, claim, self.rules(), self.utc())
        if exam.url is None:
            return judge(exam, None, self.utc())
        known = await self.credentials((exam.url,))
        judgement = judge(exam, known[exam.url], self.utc(), None, self.rules().numbered)
        if fresh := await self._renewed((judgement,)):
            again = fresh.get(exam.url, known[exam.url])
            judgement = judge(exam, again, self.utc(), None, self.rules().numbered)
        return judgement

    async def heard(self, values: Sequence[bytes], claim: Claim, circumstances: Circumstances) -> Conclusion:
        """What several headers say together."""
        hearing = open_hearing(values, claim, self.rules(), self.utc(), circumstances)
        known = await self.credentials(hearing.urls)
        heard = conclude(hearing, known, self.utc())
        if fresh := await self._renewed(heard.results):
            heard = conclude(hearing, {**known, **fresh}, self.utc())
        return heard

    async def credentials(self, urls: Sequence[str]) -> dict[str, Credential | CredentialFailure]:
        """What is in memory, and what comes in time."""
        store = self.store()
        if store is None:
            return {
                url: CredentialFailure("identity-unreachable", "unreachable", "no trust anchors", url) for url in urls
            }
        return await store.get_all(urls, self.seconds())

    async def _renewed(self, judgements: Sequence[Judgement]) -> dict[str, Credential]:
        """Certificates that took the place of those under which a signature did not hold (TRAP-82)."""
        store, found = self.store(), {}
        bad = {one.credential.url: one.credential for one in judgements if one.slug == BAD_SIGNATURE and one.credential}
        for url, credential in bad.items():
            if store is not None and store.suspect(url, credential):
                if (fresh := await store.successor(url, credential, self.seconds())) is not None:
                    found[url] = fresh
        return found

    async def _each(
        self, asked: Mapping[str, Any], values: Sequence[bytes], claim: Claim, fresh: bool
    ) -> dict[str, Any]:
        """The answer of Annex V: the whole, and each header."""
        heard = await self.heard(values, claim, _circumstances(asked))
        results: list[Any] = []
        diversions: list[Any] = []
        for kind, result in zip(heard.kinds, heard.results, strict=True):
            failure, why = (result.failure, result.detail) if fresh else (STALE, "the time of the request is not fresh")
            results.append({"verifyResult": _result(kind, result, failure, why)})
            if kind in div.KINDS and result.passport is not None:
                was = div.diverted(result.passport)
                diversions.append({"div": {"tn": was}, "verstatValue": result.verstat if fresh else NOT_DONE})
        whole = heard.judgement.verstat if heard.judgement is not None and fresh else NOT_DONE
        told: dict[str, Any] = {"verstatValue": whole, "verifyResults": results}
        if diversions:
            told["divResult"] = diversions
        if "rph" in heard.kinds:
            told["verstatPriority"] = f"RPH-Validation-{'Passed' if heard.priorities and fresh else 'Failed'}"
        return told


def _values(asked: Mapping[str, Any], newer: bool) -> list[bytes]:
    if newer:
        found = (*texts(asked, "identityHeader"), *texts(asked, "identityHeaders"))
        if not found:
            raise Misuse("SVC4001", "identityHeader")
    else:
        found = texts(asked, "identity") if isinstance(asked.get("identity"), list) else (text(asked, "identity"),)
    return [one.encode("utf-8", "replace") for one in dict.fromkeys(found)]


def _told(failure: Failure | None, why: str, verstat: str | None = None) -> dict[str, Any]:
    """The outcome as ATIS-1000082 writes it."""
    if failure is None:
        return {"verstat": verstat}
    return {
        "reasoncode": failure.code,
        "reasontext": failure.phrase,
        "reasondesc": why or failure.slug,
        "verstat": verstat or failure.verstat,
    }


def _result(kind: str, result: Judgement, failure: Failure | None, why: str) -> dict[str, Any]:
    """One header as Annex V writes it."""
    token = result.passport
    if failure is None and token is not None:
        return {"ppt": kind, "status": "pass", "validClaims": dict(token.claims)}
    told: dict[str, Any] = {"ppt": kind, "status": "fail"}
    if failure is not None:
        told |= {"reasonCode": failure.code, "reasonText": failure.phrase, "reasonDescription": why or failure.slug}
    if token is not None:
        told["passport"] = token.signing_input.decode("ascii", "replace")
    return told


def _circumstances(asked: Mapping[str, Any]) -> Circumstances:
    """What other headers the asker vouches for: `["Resource-Priority:esnet.1"]`, or an object of the same."""
    found = asked.get("protectedHeaders")
    if found is None:
        return Circumstances()
    if isinstance(found, dict):
        found = [f"{name}:{value}" for name, value in found.items()]
    if not isinstance(found, list) or len(found) > 32 or not all(isinstance(one, str) for one in found):
        raise Misuse("SVC4005", "protectedHeaders")
    priorities: list[str] = []
    priority = ""
    for line in found:
        name, _, value = line.partition(":")
        if name.strip().lower() == "resource-priority":
            priorities += [one.strip().lower() for one in value.split(",") if one.strip()]
        elif name.strip().lower() == "priority":
            priority = value.strip().lower()
    return Circumstances(tuple(priorities[:32]), priority)
