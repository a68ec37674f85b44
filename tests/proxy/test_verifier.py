"""A verification service that is asked, late, wrong or gone: the call goes on, at worst without validation."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from policy.rulebook import Profile
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.outside import REST, TRIES
from proxy.screening.case import Case, Lane, hear, open_case
from proxy.settings import Trunk
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.verifier import PATH, Dialect, VerificationService, read, read_all
from shaken.number import Plan
from shaken.sign import Signer
from shaken.verify import Rules
from tests.serving import never, served
from tests.shaken.tokens import IAT, KEY, URL
from tests.waiting import counted

ORIG, DEST, ON = "12025550101", "12025550199", "12025550188"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
OTHER = "https://cr.example.net/other.pem"
PASSED = {"verificationResponse": {"verstat": "TN-Validation-Passed"}}


def failed(code: int, verstat: str = "TN-Validation-Failed") -> dict[str, Any]:
    return {"verificationResponse": {"verstat": verstat, "reasoncode": code, "reasontext": "No", "reasondesc": "because"}}


def shaken(url: str = URL, iat: int = IAT, dest: str = DEST) -> str:
    return Signer(KEY, url).identity(orig=ORIG, dest=[dest], iat=iat, attest="A", origid=ORIGID).decode()


def div(url: str = URL) -> str:
    return Signer(KEY, url).div(orig={"tn": ORIG}, was=DEST, became=ON, iat=IAT).decode()


def case(*values: str, target: str = DEST) -> tuple[Case, Request]:
    lines = "".join(f"Identity: {value}\r\n" for value in values)
    request = parse(
        f"INVITE sip:+{target}@pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        f"From: <sip:+{ORIG}@a.example>;tag=1\r\nTo: <sip:+{target}@b.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n".encode()
    )
    assert isinstance(request, Request)
    lane = Lane(Trunk("carrier", "carrier", ()), "carrier", Plan(), Profile(), "enforce", 100, Rules(), False)
    return open_case(request, lane, float(IAT)), request


class Service:
    """A verification service on loopback that answers as it is told."""

    def __init__(self) -> None:
        self.body: Any = PASSED
        self.by_value: dict[str, Any] = {}
        self.status, self.hangs = 200, False
        self.asked: list[Any] = []
        self.paths: list[str] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.asked.append((await request.json())["verificationRequest"])
        if self.hangs:
            await never()
        body = self.by_value.get(self.asked[-1].get("identity", ""), self.body)
        return web.Response(text=body if isinstance(body, str) else json.dumps(body), status=self.status)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    async with served(one.take) as url:
        one.url = url
        yield one


async def judged(service: Service, *values: str, target: str = DEST, dialect: Dialect = "atis") -> tuple[Case, list[str]]:
    heard: list[str] = []
    one, request = case(*values, target=target)
    asker = VerificationService(service.url, lambda: 0.0, seconds=5.0, dialect=dialect, count=heard.append)
    try:
        hear(one, await asker.credentials(one, request, float(IAT)), float(IAT))
    finally:
        await asker.close()
    return one, heard


@pytest.mark.req("API-006")
@pytest.mark.parametrize(
    ("body", "slug", "verstat", "count"),
    [
        (PASSED, None, "TN-Validation-Passed", "passed"),
        ({"verificationResponse": {"verstat": "TN-Validation-Passed-A"}}, None, "TN-Validation-Passed", "passed"),
        (failed(438), "identity-bad-signature", "TN-Validation-Failed", "signature"),
        (failed(437), "identity-untrusted-chain", "TN-Validation-Failed", "chain"),
        (failed(436, "No-TN-Validation"), "identity-unreachable", "No-TN-Validation", "unknown"),
        (failed(438, "No-TN-Validation"), "identity-unreachable", "No-TN-Validation", "unknown"),
        (failed(403, "No-TN-Validation"), "identity-unreachable", "No-TN-Validation", "unknown"),
        (failed(999), "identity-unreachable", "No-TN-Validation", "unknown"),
        ({"verificationResponse": {"verstat": "Anything"}}, "identity-unreachable", "No-TN-Validation", "unknown"),
    ],
)  # fmt: skip
async def test_what_the_service_says_takes_the_place_of_the_certificate(
    body: Any, slug: str | None, verstat: str, count: str, service: Service
) -> None:
    service.body = body
    one, heard = await judged(service, shaken())
    assert one.judgement is not None and (one.judgement.slug, one.judgement.verstat, heard) == (slug, verstat, [count])
    assert one.judgement.attestation == ("A" if slug is None else None)
    (asked,) = service.asked
    assert service.paths == [PATH] and asked == {
        "from": {"tn": ORIG}, "to": {"tn": [DEST]}, "time": IAT, "identity": shaken(),
    }  # fmt: skip


async def test_nobody_is_asked_about_what_fails_without_a_certificate(service: Service) -> None:
    for value in (shaken(iat=IAT - 61), shaken(dest=ON), shaken().replace("shaken", "nothing"), "nonsense"):
        one, heard = await judged(service, value)
        assert one.judgement is not None and not one.judgement.proved and heard == []
    assert service.asked == []


async def test_of_two_headers_each_has_its_own_answer(service: Service) -> None:
    good, bad = shaken(), shaken(OTHER)
    service.by_value = {bad: failed(437)}
    one, heard = await judged(service, bad, good)
    assert one.judgement is not None and one.judgement.proved and sorted(heard) == ["chain", "passed"]
    assert one.heard is not None and [result.slug for result in one.heard.results] == ["identity-untrusted-chain", None]
    # Two of one certificate, of which one is not its own.
    forged = shaken(iat=IAT - 1)
    service.by_value = {forged: failed(438)}
    one, heard = await judged(service, forged, good)
    assert one.heard is not None and [result.slug for result in one.heard.results] == ["identity-bad-signature", None]


async def test_the_newer_form_knows_of_diversions_and_the_older_one_is_not_asked_about_them(service: Service) -> None:
    values = (shaken(), div())
    results = [{"verifyResult": {"ppt": "shaken", "status": "pass"}}, {"verifyResult": {"ppt": "div", "status": "pass"}}]
    service.body = {"verificationResponse": {"verstatValue": "TN-Validation-Passed", "verifyResults": results}}
    one, heard = await judged(service, *values, target=ON, dialect="3gpp")
    assert one.judgement is not None and one.judgement.proved and heard == ["passed", "passed"]
    assert one.heard is not None and one.heard.via == (DEST,)
    assert service.asked[-1]["identityHeaders"] == list(values) and service.asked[-1]["to"] == {"tn": ON}
    results[1] = {"verifyResult": {"ppt": "div", "status": "fail", "reasonCode": 438, "reasonText": "No"}}
    one, heard = await judged(service, *values, target=ON, dialect="3gpp")
    assert one.judgement is not None and not one.judgement.proved and heard == ["passed", "signature"]
    service.body = PASSED
    one, heard = await judged(service, *values, target=ON)
    # As with a certificate that is not at hand: a diversion that nobody proves excuses nothing.
    assert one.heard is not None and heard == ["passed"] and len(service.asked) == 3
    assert one.judgement is not None and one.judgement.slug == "identity-dest-mismatch"


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", "[" * 20_000, {"verificationResponse": 7}, {"verificationResponse": {}}, {"verificationResponse": {"verstat": 7}}],
)
async def test_a_wrong_answer_validates_nothing(body: Any, service: Service) -> None:
    service.body = body
    for dialect in ("atis", "3gpp"):
        one, heard = await judged(service, shaken(), dialect=dialect)  # type: ignore[arg-type]
        assert one.judgement is not None and one.judgement.verstat == "No-TN-Validation" and heard == ["failed"]


@pytest.mark.req("API-007")
async def test_a_service_that_hangs_costs_its_budget_and_then_nothing_for_a_while(service: Service) -> None:
    service.hangs, now = True, [0.0]
    heard: list[str] = []
    asker = VerificationService(service.url, lambda: now[0], seconds=0.02, count=heard.append)

    async def verstat() -> str:
        one, request = case(shaken())
        hear(one, await asker.credentials(one, request, float(IAT)), float(IAT))
        assert one.judgement is not None
        return one.judgement.verstat

    for _ in range(TRIES + 1):
        assert await verstat() == "No-TN-Validation"
    assert heard == ["late"] * TRIES + ["resting"] and len(service.asked) == TRIES
    now[0], service.hangs, asker._outside.seconds = REST, False, 5.0
    assert await verstat() == "TN-Validation-Passed"
    await asker.close()


@given(st.binary(max_size=100) | st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(("verstat", "verifyResults", "verifyResult", "status", "reasonCode")), one, max_size=3), max_leaves=8).map(lambda one: json.dumps({"verificationResponse": one}).encode()))
def test_no_answer_raises_anything_but_value_error(answer: bytes) -> None:
    for reader in (read, lambda one: read_all(one, 1)):
        try:
            reader(answer)
        except ValueError:
            pass


@pytest.mark.req("API-007")
async def test_a_call_is_validated_by_the_service_and_goes_on_without_it(tmp_path: Path, service: Service) -> None:
    def elsewhere(text: str) -> str:
        return text.replace('anchors = "anchors.pem"\ntls_ca = "web-ca.pem"', f'service = "{service.url}"\nservice_ms = 150')

    async with World(tmp_path, amend=elsewhere) as world:

        async def call(target: str = f"+{CALLEE}") -> str:
            value = world.sign("13015550101", [CALLEE])
            shown = f"<sip:+13015550101@127.0.0.1:{world.ports['carrier']}>"
            sent = Invitation(f"sip:{target}@127.0.0.1:{world.ports['proxy']}", shown, lines=(f"P-Asserted-Identity: {shown}", f"Identity: {value}"))
            began = time.monotonic()
            assert (await world.carrier.call(sent, world.proxy)).status == 200
            assert time.monotonic() - began < 25
            heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
            return heard.header("p-asserted-identity") or ""

        assert "verstat=TN-Validation-Passed" in await call()
        await counted(world, 'ringwarden_verifier_total{result="passed"}', 1)
        service.hangs = True
        assert "verstat=No-TN-Validation" in await call()
        await counted(world, 'ringwarden_verifier_total{result="late"}', 1)
        await call("911")
        assert len(service.asked) == 2  # nobody is asked about an emergency call
