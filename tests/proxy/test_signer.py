"""A signing service that is asked, late, wrong or gone: the call goes on, at worst unsigned."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from proxy.lab.cases import ABROAD
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.outside import ANSWER, REST, TRIES
from proxy.screening.signing import Signed, Turned, Wanted
from proxy.signer import PATH, SigningService, question, read, read_turned
from shaken import identity, passport
from shaken.sign import Signer, load_key
from tests.serving import never, served
from tests.shaken.tokens import IAT, KEY, URL
from tests.waiting import counted

OURS = "12025550100"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
WANTED = Wanted("12025550123", ("12025550199",), IAT, "B", ORIGID, (b"Date: now",), "other-number")
SIGNER = Signer(KEY, URL)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def value(signer: Signer = SIGNER, **other: Any) -> str:
    claims = {"orig": WANTED.orig, "dest": WANTED.dest, "iat": IAT, "attest": "B", "origid": ORIGID, **other}
    return signer.identity(**claims).decode()


class Service:
    """A signing service on loopback that answers as it is told."""

    def __init__(self) -> None:
        self.body: Any = {"signingResponse": {"identity": value()}}
        self.status, self.hangs = 200, False
        self.asked: list[Any] = []
        self.signer: Signer | None = None
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, await request.json()))
        if self.hangs:
            await never()
        if self.signer is not None:
            asked = self.asked[-1][1]["signingRequest"]
            claims = {"orig": asked["orig"]["tn"], "dest": asked["dest"]["tn"], "iat": asked["iat"], "attest": asked["attest"], "origid": asked["origid"]}
            return web.json_response({"signingResponse": {"identity": self.signer.identity(**claims).decode()}})
        return web.Response(text=self.body if isinstance(self.body, str) else json.dumps(self.body), status=self.status)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    async with served(one.take) as url:
        one.url = url
        yield one


async def signed(service: Service, url: str = "") -> Signed:
    asker = SigningService(url or service.url, lambda: 0.0, seconds=5.0)
    try:
        return await asker.sign(WANTED)
    finally:
        await asker.close()


async def test_the_answer_goes_on_the_call_with_what_belongs_to_it(service: Service) -> None:
    got = await signed(service)
    assert got == Signed((b"Date: now", b"Identity: " + value().encode()), "B", "signed", "other-number")
    ((path, asked),) = service.asked
    assert path == PATH and asked == {"signingRequest": {"attest": "B", "dest": {"tn": ["12025550199"]}, "iat": IAT, "orig": {"tn": "12025550123"}, "origid": ORIGID}}
    service.body = {"signingResponse": {"identityHeader": value(attest="C")}}  # the newer dialect, and less than was asked
    assert (await signed(service, service.url + "/other/path")).attestation == "C" and service.asked[-1][0] == "/other/path"


@pytest.mark.req("STI-057")
@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "{}", "[" * 20_000, "x" * (ANSWER + 1), {"signingResponse": 7}, {"signingResponse": {"identity": 7}},
        {"signingResponse": {"identity": "what"}},
        {"signingResponse": {"identity": value() + "\r\nX-Other: 1"}},
        {"signingResponse": {"identity": value().replace(f"info=<{URL}>", "info=<https://other.example.net/a.pem>")}},
        {"signingResponse": {"identity": value(orig="12025550124")}},
        {"signingResponse": {"identity": value(dest=["12025550188"])}},
        {"signingResponse": {"identity": value(attest="A")}},
        {"signingResponse": {"identity": value(iat=IAT - 61)}},
        {"signingResponse": {"identity": SIGNER.div(orig={"tn": "12025550123"}, was="12025550177", became="12025550199", iat=IAT).decode()}},
    ],
)  # fmt: skip
async def test_a_wrong_answer_goes_on_no_call(service: Service, body: Any) -> None:
    service.body = body
    assert await signed(service) == Signed((), None, "failed", "other-number")


@pytest.mark.req("REG-033", "STI-055")
async def test_the_level_is_ours_and_a_token_of_somebody_elses_certificate_goes_on_no_call(service: Service) -> None:
    for certificate, result in ((URL, "signed"), ("https://certificates.example.com/ours.pem", "failed")):
        asker = SigningService(service.url, lambda: 0.0, seconds=5.0, certificate=certificate)
        try:
            got = await asker.sign(WANTED)
        finally:
            await asker.close()
        assert got.result == result and bool(got.lines) is (result == "signed")
        # The question says the level that our own policy has found, and asks for no opinion.
        assert service.asked[-1][1]["signingRequest"]["attest"] == WANTED.attest


async def test_an_error_is_no_answer(service: Service) -> None:
    service.status = 500
    assert (await signed(service)).result == "failed"
    assert (await signed(service, "http://127.0.0.1:9")).result == "failed"


@pytest.mark.req("API-007")
async def test_a_service_that_hangs_costs_its_budget_and_then_nothing_for_a_while(service: Service) -> None:
    service.hangs, now = True, [0.0]
    asker = SigningService(service.url, lambda: now[0], seconds=0.02)
    try:
        for _ in range(TRIES):
            assert (await asker.sign(WANTED)).result == "late"
        tried = len(service.asked)
        assert (await asker.sign(WANTED)).result == "resting" and len(service.asked) == tried
        now[0], service.hangs = REST, False
        asker._outside.seconds = 5.0
        assert (await asker.sign(WANTED)).result == "signed"
    finally:
        await asker.close()


@given(st.binary(max_size=100) | st.text(max_size=60).map(lambda one: json.dumps({"signingResponse": {"identity": one}}).encode()))
def test_no_answer_raises_anything_but_value_error(answer: bytes) -> None:
    try:
        read(answer, WANTED)
    except ValueError:
        return
    raise AssertionError("it was taken")


def test_several_destinations_are_a_list() -> None:
    assert json.loads(question(replace(WANTED, dest=("1", "2"))))["signingRequest"]["dest"] == {"tn": ["1", "2"]}


@pytest.mark.req("API-007", "STI-058")
async def test_a_call_leaves_signed_by_the_service_and_unsigned_without_it(tmp_path: Path, service: Service) -> None:
    def elsewhere(text: str) -> str:
        lines = [one for one in text.splitlines() if not one.startswith(("key = ", "certificate_url = "))]
        return "\n".join(lines).replace("[signing]", f'[signing]\nservice = "{service.url}"\nmilliseconds = 150')

    async with World(tmp_path, amend=elsewhere) as world:
        service.signer = Signer(load_key((tmp_path / "pbx.key").read_bytes()), URL)

        def call(target: str) -> Invitation:
            return Invitation(f"sip:{target}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{OURS}@pbx.example.com>")

        assert (await world.pbx.call(call(f"+{ABROAD}"), world.proxy)).status == 200
        await counted(world, 'ringwarden_sign_total{attest="A",result="signed"}', 1)
        service.hangs = True
        assert (await world.pbx.call(call(f"+{ABROAD}"), world.proxy)).status == 200
        await counted(world, 'ringwarden_sign_total{attest="none",result="late"}', 1)
        assert (await world.pbx.call(call("911"), world.proxy)).status == 200
        assert len(service.asked) == 2  # nobody is asked about an emergency call
        signed, late, emergency = world.carrier.requests("INVITE")
        token = passport.parse(identity.parse((signed.header("identity") or "").encode()).token)
        assert (token.orig_tn, token.dest_tns, token.attest) == (OURS, (ABROAD,), "A") and signed.header("date")
        assert late.header("identity") is None and late.header("date") is None and emergency.header("identity") is None


TURNED = Turned({"tn": WANTED.orig}, "12025550199", "12025550177", IAT)


def turned_value(signer: Signer = SIGNER, **other: Any) -> bytes:
    claims: dict[str, Any] = {"orig": TURNED.orig, "was": TURNED.was, "became": TURNED.became, "iat": IAT, **other}
    return signer.div(**claims)


@pytest.mark.req("STI-097", "STI-098")
async def test_a_diversion_is_asked_for_in_the_form_that_knows_it_and_looked_at(service: Service) -> None:
    asker = SigningService(service.url, lambda: 0.0, seconds=5.0, diverts=True)
    good = turned_value()
    bodies = [
        (good, "signed"), (turned_value(orig={"tn": "12025550124"}), "failed"), (turned_value(was="12025550188"), "failed"),
        (turned_value(became="12025550188"), "failed"), (value().encode(), "failed"),
    ]  # fmt: skip
    try:
        for body, result in bodies:
            service.body = {"signingResponse": {"identityHeader": body.decode()}}
            assert await asker.divert(TURNED) == Signed((b"Identity: " + good,) if result == "signed" else (), None, result)
    finally:
        await asker.close()
    assert service.asked[0] == (PATH, {"signingRequest": {
        "dest": {"tn": ["12025550177"]}, "div": {"tn": "12025550199"}, "iat": IAT, "orig": {"tn": "12025550123"}, "ppt": "div",
    }})  # fmt: skip
    with pytest.raises(ValueError, match="another time"):
        read_turned(json.dumps({"signingResponse": {"identityHeader": turned_value(iat=IAT - 61).decode()}}).encode(), TURNED)
    with pytest.raises(ValueError, match="somebody else's"):
        read_turned(json.dumps({"signingResponse": {"identityHeader": good.decode()}}).encode(), TURNED, "https://cr.example.net/other.pem")
