"""Tokens of every kind for one call, and the hearing of them: what the tests of hearings are about."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shaken.credential import Credential, CredentialFailure
from shaken.hearing import Circumstances, Conclusion, conclude, open_hearing
from shaken.passport import encode
from shaken.sign import token
from shaken.tnauthlist import TNAuthList
from shaken.verify import Claim, Rules

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "passport" / "vectors.toml").read_text(encoding="utf-8")
)
KEY = ec.derive_private_key(int(VECTORS["key"], 16), ec.SECP256R1())
OTHER = ec.derive_private_key(7, ec.SECP256R1())
IAT = 1_767_225_600
URL = "https://cr.example.net/sp818h.pem"
ELSEWHERE = "https://cr.example.org/other.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
CALLER, DIALLED, NEXT, LAST = "12025550123", "12025550199", "12025550177", "12025550188"
CREDENTIAL = Credential(URL, KEY.public_key(), "818H", "SHAKEN 818H", None, IAT - 20_000.0, IAT + 20_000.0, TNAuthList(spcs=("818H",)), "")
ORIGINAL = {"attest": "A", "dest": {"tn": [DIALLED]}, "iat": IAT, "orig": {"tn": CALLER}, "origid": ORIGID}
CALLED = Claim(CALLER, None, (DIALLED,))
FORWARDED = Claim(CALLER, None, (NEXT,))


def vector(name: str) -> bytes:
    one = next(one for one in VECTORS["token"] if one["name"].startswith(name))
    kind = ";ppt=" + one["header"].partition('"ppt":"')[2].partition('"')[0] if '"ppt"' in one["header"] else ""
    made = encode(one["header"].encode()) + b"." + encode(one["payload"].encode()) + b"." + one["signature"].encode()
    return made + f";info=<{URL}>;alg=ES256{kind}".encode()


def made(ppt: str | None, claims: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY, url: str = URL) -> bytes:
    header = {"alg": "ES256", "typ": "passport", "x5u": url} | ({"ppt": ppt} if ppt else {})
    return token(key, header, claims) + f";info=<{url}>".encode() + (f";ppt={ppt}".encode() if ppt else b"")


def bare(value: bytes) -> str:
    return value.partition(b";")[0].decode()


def diverted(was: str, became: str, iat: int = IAT + 2, orig: str = CALLER, **more: Any) -> bytes:
    return made("div", {"dest": {"tn": [became]}, "div": {"tn": was}, "iat": iat, "orig": {"tn": orig}}, **more)


def heard(
    *values: bytes, claim: Claim = CALLED, rules: Rules = Rules(), utc: float = IAT + 3, said: Circumstances = Circumstances(),  # noqa: B008
    credential: Credential | CredentialFailure = CREDENTIAL,
) -> Conclusion:  # fmt: skip
    hearing = open_hearing(values, claim, rules, utc, said)
    return conclude(hearing, {URL: credential}, utc)


def slugs(found: Conclusion) -> list[str | None]:
    return [one.slug for one in found.results]


STIR = Rules(compact=True, kinds=frozenset(("shaken", "")))
PAIR = Claim(CALLER, None, (DIALLED,), float(IAT), ("sip:help@example.net",))


def nested(opt: Any, became: str = NEXT, was: str = DIALLED, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return made("div-o", {"dest": {"tn": [became]}, "div": {"tn": was}, "iat": IAT + 2, "opt": opt, "orig": {"tn": CALLER}}, key)


PRIORITY = {"dest": {"tn": [DIALLED]}, "iat": IAT, "orig": {"tn": CALLER}}


def rph(auth: Any, **more: Any) -> bytes:
    return made("rph", {**PRIORITY, "rph": {"auth": auth}, **more})
