"""A verification service of somebody else: asked by HTTP what the Identity headers of a call are worth (ATIS-1000082;
TS 24.229 Annex V), failing open.

For those whose trust list lies elsewhere. Everything that needs no certificate is still checked here, and first: nobody
is asked about a stale or a foreign token. What the service says takes the place of the certificate: it vouches for a
token, or finds fault with its chain or its signature. No answer in time, a wrong one, or a service that is down
(`proxy.outside`): the call goes on without validation (`No-TN-Validation`), and that is counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.outside import Outside, Unanswered
from proxy.screening.case import Case
from proxy.sip.message import Request
from shaken.credential import Credential, CredentialFailure
from shaken.passport import Passport
from shaken.tnauthlist import TNAuthList
from shaken.verify import Exam

LIMIT = 1.0
"""Seconds that a call waits at most where the settings say nothing (API-007)."""
PATH = "/stir/v1/verification"
MOST = 8
"""Headers of one call that are asked about."""
Dialect = Literal["atis", "3gpp"]
VOUCHED = TNAuthList(("(vouched for)",))
"""Whose numbers those are is the service's to know."""


PASSED = frozenset(f"TN-Validation-Passed{level}" for level in ("", "-A", "-B", "-C"))


class Said(NamedTuple):
    """What a service says of one header."""

    worth: Literal["passed", "chain", "signature", "unknown"]
    """chain, signature: what is at fault."""
    detail: str = ""


UNKNOWN = Said("unknown", "the verification service says nothing of it")


class Asked(NamedTuple):
    """A header that only the service can judge."""

    kind: str
    value: bytes
    token: Passport
    url: str


class VerificationService:
    """One service."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        *,
        seconds: float = LIMIT,
        dialect: Dialect = "atis",
        count: Callable[[str], object] = lambda result: None,
    ) -> None:
        """url: of the service; where it has no path, that of the standard is asked. count: told of each question how it
        ended: passed, chain, signature, unknown; resting, full, late, failed.
        """
        self._outside = Outside(url, PATH, now, seconds)
        self._dialect, self._count = dialect, count

    async def credentials(
        self, case: Case, request: Request, utc: float
    ) -> dict[str, Credential | CredentialFailure]:
        """What takes the place of the certificates of a case, by their URLs. Never raises but CancelledError."""
        asked = headers(case, request)[:MOST]
        if self._dialect == "3gpp":
            said = await self._together(asked, utc) if asked else ()
        else:
            # The older form knows one header a question, and no kind but shaken (its case E5).
            said = await asyncio.gather(*(self._alone(one, utc) for one in asked))
        return {url: _worth(url, asked, said, self._outside.url) for url in case.urls}

    async def close(self) -> None:
        """Let the connections go."""
        await self._outside.close()

    async def _alone(self, one: Asked, utc: float) -> Said:
        if one.kind != "shaken":
            return UNKNOWN
        try:
            said = await self._outside.ask(question(one, utc), read)
        except Unanswered as error:
            self._count(error.how)
            return Said("unknown", f"the verification service does not answer ({error.how})")
        self._count(said.worth)
        return said

    async def _together(self, asked: Sequence[Asked], utc: float) -> Sequence[Said]:
        try:
            said = await self._outside.ask(question_of_all(asked, utc), partial(read_all, number=len(asked)))
        except Unanswered as error:
            self._count(error.how)
            return [Said("unknown", f"the verification service does not answer ({error.how})")] * len(asked)
        for one in said:
            self._count(one.worth)
        return said


def headers(case: Case, request: Request) -> list[Asked]:
    """The headers of a case that passed all checks which need no certificate."""
    if case.hearing is None:
        parts: list[tuple[str, bytes, Sequence[Exam | None]]] = [
            ("shaken", value, (exam,)) for value, exam in zip(request.all("identity"), case.exams, strict=False)
        ]
    else:
        own = [part for part in case.hearing.parts if part.inside is None]
        parts = [
            (part.kind, value, (part.excused, part.exam))
            for value, part in zip(case.hearing.values, own, strict=True)
        ]
    found = []
    for kind, value, exams in parts:
        exam = next((one for one in exams if one is not None and one.url is not None), None)
        if exam is not None and exam.url is not None and exam.passport is not None:
            found.append(Asked(kind, value, exam.passport, exam.url))
    return found


def question(one: Asked, utc: float) -> bytes:
    """The request of ATIS-1000082. Caller and destination are those of the token: that they are the call's was seen."""
    token = one.token
    to = {name: list(values) for name, values in (("tn", token.dest_tns), ("uri", token.dest_uris)) if values}
    asked = {"from": _origin(token), "to": to, "time": int(utc), "identity": one.value.decode("utf-8", "replace")}
    return json.dumps({"verificationRequest": asked}).encode()


def question_of_all(asked: Sequence[Asked], utc: float) -> bytes:
    """The request of TS 24.229 Annex V: all headers at once, the number that was called last."""
    last = asked[-1].token
    to = {"tn": last.dest_tns[0]} if last.dest_tns else {"uri": last.dest_uris[0] if last.dest_uris else ""}
    values = [one.value.decode("utf-8", "replace") for one in asked]
    body = {"from": _origin(asked[0].token), "to": to, "time": int(utc), "identityHeaders": values}
    return json.dumps({"verificationRequest": body}).encode()


def _origin(token: Passport) -> dict[str, str]:
    return {"tn": token.orig_tn} if token.orig_tn is not None else {"uri": token.orig_uri or ""}


def read(answer: bytes) -> Said:
    """What an answer of ATIS-1000082 says. Raises ValueError."""
    found = _opened(answer)
    return _said(found.get("verstat"), found.get("reasoncode"), found.get("reasondesc") or found.get("reasontext"))


def read_all(answer: bytes, number: int) -> list[Said]:
    """What an answer of Annex V says of so many headers, in order. Raises ValueError."""
    results = _opened(answer).get("verifyResults")
    if not isinstance(results, list) or len(results) != number:
        raise ValueError("the answer speaks of other headers")
    said = []
    for result in results:
        one = result.get("verifyResult") if isinstance(result, dict) else None
        if not isinstance(one, dict) or one.get("status") not in ("pass", "fail"):
            raise ValueError("the answer says nothing of a header")
        passed = one["status"] == "pass"
        verstat = "TN-Validation-Passed" if passed else "TN-Validation-Failed"
        said.append(_said(verstat, one.get("reasonCode"), one.get("reasonDescription") or one.get("reasonText")))
    return said


def _opened(answer: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(answer)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    found = said.get("verificationResponse") if isinstance(said, dict) else None
    if not isinstance(found, dict):
        raise ValueError("the answer has no result")
    return found


def _said(verstat: object, code: object, why: object) -> Said:
    """The cases E17 and E18 accuse; all others say that nothing was found out."""
    if not isinstance(verstat, str):
        raise ValueError("the answer has no verstat")
    if verstat in PASSED:
        return Said("passed")
    detail = why[:200] if isinstance(why, str) else f"the verification service says {verstat[:40]}"
    if verstat.startswith("TN-Validation-Failed") and code in (437, 438):
        return Said("chain" if code == 437 else "signature", detail)
    return Said("unknown", detail)


class _Word:
    """In the place of a key: these signatures hold, and no others."""

    def __init__(self, held: frozenset[bytes]) -> None:
        self._held = held

    def verify(self, signature: bytes, octets: bytes, algorithm: object) -> None:
        if octets not in self._held:
            raise InvalidSignature


def _worth(url: str, asked: Sequence[Asked], said: Sequence[Said], service: str) -> Credential | CredentialFailure:
    """What is said of the tokens of one certificate. It speaks for them only if something is said of each."""
    mine = [(one, word) for one, word in zip(asked, said, strict=True) if one.url == url]
    open_ = next((word for _, word in mine if word.worth == "unknown"), None if mine else UNKNOWN)
    if open_ is not None:
        return CredentialFailure("identity-unreachable", "unreachable", open_.detail, url)
    if (bad := next((word for _, word in mine if word.worth == "chain"), None)) is not None:
        return CredentialFailure("identity-untrusted-chain", "invalid", bad.detail, url)
    held = frozenset(one.token.signing_input for one, word in mine if word.worth == "passed")
    key = cast(ec.EllipticCurvePublicKey, _Word(held))
    return Credential(url, key, None, f"vouched for by {service}", None, 0.0, float("inf"), VOUCHED, "")
