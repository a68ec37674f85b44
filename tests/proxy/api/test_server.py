"""The signing and verification interface as its askers see it: over HTTP, case by case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from certs.fetch import Fetched, FetchError
from certs.lab import Authority
from certs.store import Store
from policy.inventory import Grant, Inventory
from proxy.api import server as served
from proxy.api.server import Api
from proxy.api.signing import Signing
from proxy.api.verification import Verification
from shaken import identity, passport
from shaken.credential import Anchors
from shaken.sign import Signer, token
from shaken.verify import Rules
from tests.waiting import SECONDS

IAT = 1_767_225_600
URL, ELSEWHERE, GONE = (f"https://cr.example.net/{name}.pem" for name in ("a", "stranger", "gone"))
CALLER, CALLED = "12025550123", "12025550199"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
AUTHORITY = Authority(float(IAT), seed="api")
LEAF, STRANGER = AUTHORITY.leaf("709J"), AUTHORITY.leaf("709J", bad="stranger")
FILES = {URL: LEAF.chain_pem(), ELSEWHERE: STRANGER.chain_pem()}
CLAIMS: dict[str, Any] = {"attest": "A", "dest": {"tn": [CALLED]}, "iat": IAT, "orig": {"tn": CALLER}, "origid": ORIGID}
HEADER: dict[str, Any] = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
INVENTORY = Inventory([Grant("12025550100", "12025550149", "Ann", "ordered")])
WHOLE: dict[str, Any] = {"from": {"tn": CALLER}, "to": {"tn": [CALLED]}, "time": IAT}
WANTED: dict[str, Any] = {**CLAIMS}


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Any


class Asker:
    """An interface on loopback, and somebody who asks it."""

    def __init__(self, rights: str = "asked", dialect: str = "atis", utc: float = IAT) -> None:
        self.utc, self.rights = utc, rights
        self.hangs = asyncio.Event()
        self.fetched: list[str] = []
        self.counted: list[tuple[str, str]] = []
        self.signer: Callable[[], Signer | None] = lambda: Signer(LEAF.key, URL)
        self.store = Store(self._fetch, Anchors.of([AUTHORITY.anchors_pem]), lambda: self.utc, lambda: 0.0)
        signing = Signing(rights, lambda: self.signer(), lambda: INVENTORY, lambda: self.utc)
        verification = Verification(lambda: self.store, Rules, lambda: 0.2, lambda: self.utc)
        api = Api(signing, verification, dialect, count=lambda *one: self.counted.append(one))  # type: ignore[arg-type]
        self.site = api.site("127.0.0.1", 0)

    async def _fetch(self, url: str) -> Fetched:
        self.fetched.append(url)
        if url.endswith("hangs.pem"):
            await self.hangs.wait()
        if url not in FILES:
            raise FetchError("status", "answered 404")
        return Fetched(FILES[url])

    async def ask(self, path: str, body: Any = None, method: str = "POST", **headers: str) -> Answer:
        assert self.site.address is not None
        octets = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        limit = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=limit) as session:
            where = f"http://127.0.0.1:{self.site.address[1]}{path}"
            async with session.request(method, where, data=octets, headers=sent) as got:
                text = await got.text()
                return Answer(got.status, json.loads(text) if text else None, got.headers)

    async def verify(self, **asked: Any) -> Answer:
        return await self.ask("/stir/v1/verification", {"verificationRequest": {**WHOLE, **asked}})

    async def sign(self, **asked: Any) -> Answer:
        return await self.ask("/stir/v1/signing", {"signingRequest": {**WANTED, **asked}})


@pytest_asyncio.fixture
async def asker() -> AsyncIterator[Asker]:
    async with opened() as one:
        yield one


@asynccontextmanager
async def opened(*args: Any) -> AsyncIterator[Asker]:
    one = Asker(*args)
    await one.site.start()
    yield one
    await one.site.stop()
    await one.store.close()


def made(header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, tail: str | None = None, key: Any = LEAF.key) -> str:
    whole = {name: value for name, value in (HEADER | (header or {})).items() if value is not None}
    body = {name: value for name, value in (CLAIMS | (claims or {})).items() if value is not None}
    end = f";info=<{whole.get('x5u', URL)}>;alg=ES256;ppt=shaken" if tail is None else tail
    return token(key, whole, body).decode() + end


def told(got: Answer) -> tuple[int | None, str]:
    assert got.status == 200
    answer = got.body["verificationResponse"]
    if "reasoncode" in answer:
        assert answer["reasontext"] and answer["reasondesc"]
    return answer.get("reasoncode"), answer["verstat"]


NOT, FAILED = "No-TN-Validation", "TN-Validation-Failed"
# E1 and E2 are errors, below. E16: the table of the standard lets an implementation choose; ours is a spoof (STI-066).
CASES: list[tuple[str, dict[str, Any], int, str]] = [
    ("E3", {"time": IAT - 61}, 403, NOT),
    ("E4", {"identity": f"..{made().partition(';')[0].rpartition('.')[2]};info=<{URL}>;alg=ES256;ppt=shaken"}, 438, NOT),
    ("E5", {"identity": made(tail=f";info=<{URL}>;alg=ES256;ppt=zzz")}, 438, NOT),
    ("E6", {"identity": made(tail=";alg=ES256;ppt=shaken")}, 436, NOT),
    ("E7", {"identity": made({"x5u": "ftp://cr.example.net/a.pem"})}, 436, NOT),
    ("E8", {"identity": made({"x5u": GONE})}, 436, NOT),
    *(("E9", {"identity": made({name: None})}, 436, NOT) for name in ("typ", "alg", "ppt", "x5u")),
    ("E10", {"identity": made(tail=f";info=<{ELSEWHERE}>;alg=ES256;ppt=shaken")}, 436, NOT),
    ("E11", {"identity": made({"typ": "JWT"})}, 437, NOT),
    ("E12", {"identity": made({"alg": "RS256"}, tail=f";info=<{URL}>;ppt=shaken")}, 437, NOT),
    ("E13", {"identity": made({"ppt": "div"})}, 438, NOT),
    *(("E14", {"identity": made(claims={name: None})}, 438, NOT) for name in ("dest", "orig", "attest", "origid", "iat")),
    ("E15", {"identity": made(claims={"iat": IAT - 61})}, 403, NOT),
    ("E16", {"identity": made(claims={"orig": {"tn": "12025550124"}})}, 438, FAILED),
    ("E16", {"identity": made(claims={"dest": {"tn": ["12025550188"]}})}, 438, FAILED),
    ("E17", {"identity": made({"x5u": ELSEWHERE}, key=STRANGER.key)}, 437, FAILED),
    ("E18", {"identity": made(key=STRANGER.key)}, 438, FAILED),
    ("E19", {"identity": made(claims={"attest": "D"})}, 438, NOT),
]


@pytest.mark.req("API-001", "API-006")
@pytest.mark.parametrize(("case", "asked", "code", "verstat"), CASES, ids=[f"{case[0]}-{place}" for place, case in enumerate(CASES)])
async def test_each_outcome_is_an_answer_with_code_and_verstat(asker: Asker, case: str, asked: dict[str, Any], code: int, verstat: str) -> None:
    assert told(await asker.verify(**{"identity": made(), **asked})) == (code, verstat)
    if case not in ("E8", "E17", "E18"):
        assert asker.fetched == []  # what is wrong by itself costs no connection
    assert asker.counted == [("verification", "failed")]


@pytest.mark.req("API-001", "API-006")
async def test_a_good_token_passes_and_is_fetched_once(asker: Asker) -> None:
    for _ in range(2):
        assert told(await asker.verify(identity=made())) == (None, "TN-Validation-Passed")
    assert asker.fetched == [URL] and asker.counted == [("verification", "done")] * 2


async def test_a_certificate_that_does_not_come_is_waited_for_as_long_as_a_call_waits(asker: Asker) -> None:
    url = "https://cr.example.net/hangs.pem"
    assert told(await asker.verify(identity=made({"x5u": url}))) == (436, NOT)
    assert asker.fetched == [url]
    asker.hangs.set()


# --- errors


def error(got: Answer) -> tuple[int, str, list[str]]:
    (kind, said), = got.body["requestError"].items()
    assert kind == ("serviceException" if said["messageId"].startswith("SVC") else "policyException") and said["text"]
    return got.status, said["messageId"], said["variables"]


SIGN, VERIFY = "/stir/v1/signing", "/stir/v1/verification"


@pytest.mark.req("API-002", "API-006")  # E1
@pytest.mark.parametrize("name", ["attest", "dest", "iat", "orig", "origid"])
async def test_a_signing_request_that_lacks_something_is_told_what(asker: Asker, name: str) -> None:
    assert error(await asker.ask(SIGN, {"signingRequest": {k: v for k, v in WANTED.items() if k != name}})) == (400, "SVC4001", [name])


@pytest.mark.req("API-002", "API-006")  # E1
@pytest.mark.parametrize("name", ["from", "to", "time", "identity"])
async def test_a_verification_request_that_lacks_something_is_told_what(asker: Asker, name: str) -> None:
    asked = {**WHOLE, "identity": made()}
    assert error(await asker.ask(VERIFY, {"verificationRequest": {k: v for k, v in asked.items() if k != name}})) == (400, "SVC4001", [name])


@pytest.mark.req("API-002", "API-003", "API-004", "API-005")
@pytest.mark.parametrize(
    ("path", "body", "more", "expected"),
    [
        (SIGN, b"", {}, (400, "SVC4000")),
        (VERIFY, b" ", {}, (400, "SVC4000")),
        (SIGN, {}, {}, (400, "SVC4001")),
        (VERIFY, {"verificationRequest": {**WHOLE, "from": {}}}, {}, (400, "SVC4001")),
        (SIGN, {}, {"Accept": "text/html"}, (406, "SVC4002")),
        ("/stir/v1/nothing", {}, {}, (404, "SVC4003")),
        (SIGN, {}, {"Content_Type": "text/plain"}, (415, "SVC4004")),
        (SIGN, b"{", {}, (400, "SVC4006")),
        (SIGN, b"[" * 60_000, {}, (400, "SVC4006")),
        (SIGN, [], {}, (400, "SVC4006")),
        (SIGN, {"signingRequest": []}, {}, (400, "SVC4005")),
        (SIGN, b"x" * 70_000, {}, (413, "SVC4005")),
        (SIGN, None, {"method": "GET"}, (405, "POL4050")),
        (VERIFY, None, {"method": "DELETE"}, (405, "POL4050")),
        (SIGN, {"signingRequest": WANTED}, {"Origin": "https://evil.example.com"}, (403, "POL4030")),
    ],
)
async def test_wrong_use_is_named(asker: Asker, path: str, body: Any, more: dict[str, str], expected: tuple[int, str]) -> None:
    got = await asker.ask(path, body, **more)
    assert error(got)[:2] == expected and got.headers["Content-Type"].startswith("application/json")
    assert asker.counted[-1][1] == "misused"


@pytest.mark.req("API-004", "API-006")  # E2
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"attest": "D"}, "attest"), ({"attest": 1}, "attest"), ({"iat": "soon"}, "iat"), ({"iat": True}, "iat"), ({"iat": IAT - 61}, "iat"),
        ({"orig": {"tn": "bob"}}, "orig.tn"), ({"orig": "12025550123"}, "orig"), ({"dest": {"tn": []}}, "dest.tn"), ({"dest": {"tn": [1]}}, "dest.tn"),
        ({"dest": {"tn": [CALLED] * 65}}, "dest.tn"), ({"origid": "me"}, "origid"), ({"ppt": "zzz"}, "ppt"),
    ],
)  # fmt: skip
async def test_a_value_that_cannot_be_is_named(asker: Asker, wrong: dict[str, Any], name: str) -> None:
    assert error(await asker.sign(**wrong)) == (400, "SVC4005", [name])


@pytest.mark.req("API-004")
async def test_a_body_without_a_length_is_refused(asker: Asker) -> None:
    assert asker.site.address is not None
    reader, writer = await asyncio.open_connection(*asker.site.address)
    writer.write(b"POST /stir/v1/signing HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 411") and b"SVC4007" in answer


@pytest.mark.req("API-005")
async def test_a_fault_of_ours_is_said_without_telling_which(asker: Asker) -> None:
    def broken() -> Signer | None:
        raise RuntimeError("/etc/keys/secret.pem")

    asker.signer = broken
    got = await asker.sign()
    assert error(got)[:2] == (500, "POL5000") and "secret" not in json.dumps(got.body)
    asker.signer = lambda: None  # no key that counts now
    assert error(await asker.sign())[:2] == (500, "POL5000") and asker.counted == [("signing", "fault")] * 2


async def test_more_at_once_than_can_be_served_are_told_to_come_back(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "MAX_ASKED", 0)
    got = await asker.verify(identity=made())
    assert got.status == 503 and got.headers["Retry-After"] == "1" and asker.counted == [("verification", "busy")]


# --- numbers, headers, dialects


@pytest.mark.req("API-008", "API-009")
@pytest.mark.parametrize("to", [CALLED, [CALLED], "+" + CALLED, ["+1 (202) 555-0199", "12025550188"]])
async def test_numbers_are_read_as_people_write_them(asker: Asker, to: Any) -> None:
    assert told(await asker.verify(identity=made(), to={"tn": to}, **{"from": {"tn": "+" + CALLER}}, time=str(IAT)))[0] is None
    got = await asker.sign(orig={"tn": "+" + CALLER}, dest={"tn": to}, iat=str(IAT))
    claims = passport.parse(identity.parse(got.body["signingResponse"]["identity"].encode()).token).claims
    assert claims["orig"] == {"tn": CALLER} and CALLED in claims["dest"]["tn"] and claims["iat"] == IAT
    assert all(one.isdigit() for one in claims["dest"]["tn"]) and isinstance(claims["dest"]["tn"], list)


@pytest.mark.req("API-010")
async def test_the_names_of_a_request_and_of_an_instance_are_passed_through(asker: Asker) -> None:
    named = {"X_RequestID": "r-1", "X_InstanceID": "i-2"}
    for got in (await asker.ask(SIGN, {"signingRequest": WANTED}, **named), await asker.ask(SIGN, {}, **named)):
        assert (got.headers["X-RequestID"], got.headers["X-InstanceID"]) == ("r-1", "i-2")
    assert "X-RequestID" not in (await asker.sign()).headers
    assert "X-RequestID" not in (await asker.ask(SIGN, {}, X_RequestID="r" * 200)).headers


async def test_what_is_signed_here_is_verified_here(asker: Asker) -> None:
    value = (await asker.sign()).body["signingResponse"]["identity"]
    assert told(await asker.verify(identity=value)) == (None, "TN-Validation-Passed")


@pytest.mark.req("STI-057")
async def test_an_asker_gets_what_the_inventory_allows_and_less_if_it_wants() -> None:
    async with opened("entitled") as asker:
        for orig, wanted, level in ((CALLER, "A", "A"), (CALLER, "C", "C"), ("12125550147", "A", "B")):
            value = (await asker.sign(orig={"tn": orig}, attest=wanted)).body["signingResponse"]["identity"]
            assert passport.parse(identity.parse(value.encode()).token).attest == level
        assert error(await asker.sign(orig={"tn": "2177"})) == (403, "POL4030", ["impossible-number"])
        assert error(await asker.sign(ppt="rph", rph={"auth": ["esnet.0"]}))[:2] == (403, "POL4030")
        assert error(await asker.sign(div={"tn": "12125550147"}))[:2] == (403, "POL4030")
        assert (await asker.sign(div={"tn": CALLER})).status == 200


async def test_who_does_not_sign_has_no_such_resource() -> None:
    async with opened("no") as asker:
        assert error(await asker.sign())[:2] == (404, "SVC4003")
        assert told(await asker.verify(identity=made()))[0] is None


@pytest.mark.req("API-001", "API-008")
async def test_the_newer_dialect_hears_of_each_header() -> None:
    async with opened("asked", "3gpp") as asker:
        signed = (await asker.sign()).body["signingResponse"]["identityHeader"]
        diverted = (await asker.sign(ppt="div", div={"tn": CALLED, "hi": "1.1"}, dest={"tn": ["12025550188"]})).body["signingResponse"]["identityHeader"]
        rph = (await asker.sign(rph={"auth": ["esnet.1"]})).body["signingResponse"]["identityHeader"]
        asked = {"from": {"tn": CALLER}, "to": {"tn": "12025550188"}, "time": IAT}
        got = await asker.verify(**asked, identityHeaders=[signed, diverted], identityHeader=rph, protectedHeaders=["Resource-Priority:esnet.1"])
        answer = got.body["verificationResponse"]
        assert answer["verstatValue"] == "TN-Validation-Passed"
        assert answer["divResult"] == [{"div": {"tn": CALLED}, "verstatValue": "TN-Validation-Passed"}]
        # The rph token is for whom the caller dialled, and the diversion leads back there.
        assert answer["verstatPriority"] == "RPH-Validation-Passed"
        assert [one["verifyResult"]["status"] for one in answer["verifyResults"]] == ["pass"] * 3
        assert answer["verifyResults"][1]["verifyResult"]["validClaims"]["orig"] == {"tn": CALLER}
        bad = (await asker.verify(identityHeader=made(key=STRANGER.key))).body["verificationResponse"]
        assert bad["verstatValue"] == FAILED
        one = bad["verifyResults"][0]["verifyResult"]
        assert (one["ppt"], one["status"], one["reasonCode"], one["reasonText"]) == ("shaken", "fail", 438, "Invalid Identity Header")
        assert made(key=STRANGER.key).startswith(one["passport"]) and one["reasonDescription"]
        stale = (await asker.verify(identityHeader=signed, time=IAT - 61)).body["verificationResponse"]
        assert stale["verstatValue"] == NOT and stale["verifyResults"][0]["verifyResult"]["reasonCode"] == 403


@pytest.mark.req("API-002", "API-004")
async def test_the_newer_dialect_names_its_errors_in_a_sentence() -> None:
    async with opened("asked", "3gpp") as asker:
        got = await asker.verify()
        assert got.status == 400 and got.body == {"error": "Missing mandatory parameter 'identityHeader'"}
        for wrong in (7, ["x" * 50_000], [1]):
            assert (await asker.verify(identityHeaders=wrong)).status == 400
        for wrong in (7, [1], ["a"] * 33):
            assert (await asker.verify(identityHeader=made(), protectedHeaders=wrong)).status == 400
