"""A call that we send elsewhere says so, with the certificate of whose number it was for: by a verdict and by a hop's 3xx."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from certs.lab import Issued
from policy.attest import Terms
from policy.inventory import Grant, Inventory
from policy.lists import NumberSet
from policy.verdict import Verdict
from proxy.diverting import AS_IT_CAME, diverted, owner, sent_on
from proxy.lab.calling import Answer
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.record import Story
from proxy.screening.case import Case
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.uri import parse as parse_uri
from shaken import identity, passport
from shaken.credential import Anchors, validate
from shaken.hearing import conclude, open_hearing
from shaken.passport import Passport
from shaken.sign import Signer
from shaken.verify import Claim, Rules
from tests.proxy.screening.test_case import judged, request
from tests.proxy.screening.test_signing import ORIGID
from tests.proxy.test_marking import world
from tests.serving import served
from tests.shaken.tokens import IAT, KEY, vector
from tests.waiting import counted

AWAY = "12025550177"
UTC = float(IAT)
ANN, BOB = (f"https://cr.example.net/{name}.pem" for name in ("ann", "bob"))
HELD = Inventory(
    [
        Grant("12025550100", "12025550149", "Ann"),
        Grant("12025550150", "12025550159", "Bob"),
        Grant("12025550160", "12025550169", "Cal"),
        Grant("12025550170", "12025550170", "Bob", end=UTC),
    ],
    NumberSet.of("12025550170-12025550199"),
)


def story(case: Case, action: str = "allow") -> Story:
    return Story(request(), Flow(0, "192.0.2.1", 5060), "carrier", case.lane, 0.0, UTC, action, case=case)


def token(line: bytes) -> Passport:
    return passport.parse(identity.parse(line.removeprefix(b"Identity: ")).token)


def test_nothing_is_said_where_nothing_is_signed_or_the_target_is_no_number() -> None:
    case = judged(request(vector("VEC-1")))
    assert diverted(world(signing=False), case, Verdict("divert", divert_to="sip:+12025550177@pbx.example.com")) == ()
    for to in ("sip:voicemail@pbx.example.com", "nonsense", "sip:+12025550199@elsewhere.example.com"):
        assert diverted(world(), case, Verdict("divert", divert_to=to)) == ()
    assert case.turned is None


@pytest.mark.req("STI-097", "STI-098")
def test_each_step_goes_on_from_the_one_before() -> None:
    case = judged(request(vector("VEC-1")))
    around = world()
    around.inventory = Inventory([Grant("12025550177", "12025550199", "")])
    (first,) = diverted(around, case, Verdict("divert", divert_to=f"sip:+{AWAY}@pbx.example.com"))
    (second,) = sent_on(around, story(case), parse_uri(b"sip:+12025550178@pbx.example.com"), "pbx")
    assert [token(line).claims["div"] for line in (first, second)] == [{"tn": "12025550199"}, {"tn": AWAY}]
    assert token(second).dest_tns == ("12025550178",) and token(second).orig_tn == token(first).orig_tn
    # Back to where it is already: nothing new is to be said.
    assert sent_on(around, story(case), parse_uri(b"sip:+12025550178@pbx.example.com"), "pbx") == ()


@pytest.mark.req("STI-097")
def test_a_call_that_we_signed_ourselves_is_followed_by_its_diversion() -> None:
    case = judged(request())
    assert sent_on(world(), story(case), parse_uri(b"sip:+12025550177@pbx.example.com"), "pbx") == ()
    case.signed = "A"
    (line,) = sent_on(world(), story(case), parse_uri(b"sip:+12025550177@pbx.example.com"), "pbx")
    assert token(line).orig_tn == case.caller.tn


@pytest.mark.parametrize("action", [*sorted(AS_IT_CAME), "observe", "stranger", "fault"])
def test_what_goes_on_as_it_came_goes_on_so_from_a_redirection_too(action: str) -> None:
    case = judged(request(vector("VEC-1")))
    around = world()
    around.say = lambda event, **fields: around.metrics.seen.append((event,))
    what: object = story(case, action)
    if action == "observe":
        case.lane = dataclasses.replace(case.lane, mode="observe")
    elif action == "stranger":
        what = "pbx"
    elif action == "fault":
        around.inventory = None
    assert sent_on(around, what, parse_uri(b"sip:+12025550177@pbx.example.com"), "pbx") == ()
    assert (("diversion-fault",) in around.metrics.seen) == (action == "fault")


def signing(**customers: str) -> tuple[Any, dict[str, Signer]]:
    """A world in which each trunk signs with its own pair, and beside them there is the usual one."""
    made = {name: Signer(KEY, f"https://cr.example.net/{name or 'usual'}.pem") for name in (*customers, "")}
    around = world()
    around.inventory = HELD
    around.signers = {name: (made[name], Terms(ORIGID, customer=customers.get(name) or None)) for name in made}
    return around, made


@pytest.mark.parametrize(
    ("number", "trunk", "signer"),
    [
        ("12025550100", "", "ann"),
        ("12025550150", "", "bob"),
        ("12025550150", "ann", "bob"),  # sent back by one customer's PBX, but the number is another's
        ("12025550100", "ann2", "ann2"),  # of two of one customer, the one that it is about
        ("12025550160", "", ""),  # nobody's trunk signs for them
        ("12025550160", "ours", ""),
        ("12025550170", "", ""),  # the right of before has ended
        ("12025550199", "ours", "ours"),
        ("12025550199", "ann", ""),
        ("12025550199", "nobody", ""),
    ],
)
def test_who_signs_is_the_owner_of_the_number_and_never_another_customer(number: str, trunk: str, signer: str) -> None:
    around, made = signing(ann="Ann", bob="Bob", ann2="Ann", ours="")
    assert owner(around, number, UTC, trunk) is made[signer]
    del around.signers[""]
    # Without the usual one (its certificate has ended) nobody takes its place.
    assert owner(around, number, UTC, trunk) is (made[signer] if signer else None)


# With a running ringwarden

NEXT = "12025550178"


def named(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".pem")


def proved(here: World, values: list[bytes], dest: str, leaves: dict[str, Issued] | None = None) -> tuple[bool, list[str]]:
    """Whether whoever is called in the end can prove the caller by all the headers, and whose certificate each names."""
    utc = float(token(values[-1]).iat)
    hearing = open_hearing(values, Claim(UTILITY, None, (dest,)), Rules(lab=True), utc)
    known = {"carrier": here.carrier_leaf, "pbx": here.pbx_leaf, **(leaves or {})}
    anchors = Anchors.of([here.authority.anchors_pem])
    chains = {url: validate(url, known[named(url)].chain_pem(), anchors, utc) for url in hearing.urls}
    return conclude(hearing, chains, utc).judgement.proved, [named(token(value).x5u or "") for value in values]


def screened(here: World, callee: str = CALLEE) -> Invitation:
    """A call of a listed number that its carrier has signed, to a number of ours."""
    lines = (f"Identity: {here.sign(UTILITY, [callee], 'B')}",)
    target = f"sip:+{callee}@127.0.0.1:{here.ports['proxy']}"
    return Invitation(target, f"<sip:+{UTILITY}@carrier.example.net>", lines=lines)


def changing(by: str, *, follows: str = "", more: str = "") -> Callable[[str], str]:
    """by: how a verdict diverts; follows: another source of the PBX, whose 3xx are followed then; more: tables."""

    def changed(text: str) -> str:
        extra = f'divert_at = 40\ndivert_to = "sip:+{AWAY}@127.0.0.1"\ndivert_by = "{by}"\nreject_at = 10000'
        text = text.replace('tags = ["attestation-c"]', f'tags = ["attestation-c"]\n{extra}')
        if follows:
            head, name, rest = text.partition('name = "pbx"\n')
            rest = re.sub(r'sources = \["', f'sources = ["{follows}", "', rest, count=1)
            text = f"{head}{name}follow_redirects = true\n{rest}"
        return text + more

    return changed


@pytest.mark.req("STI-097", "STI-098", "STI-099")
async def test_a_call_diverted_by_its_request_uri_is_proved_where_it_arrives(tmp_path: Path) -> None:
    async with World(tmp_path, amend=changing("request-uri")) as here:
        sent = screened(here)
        assert (await here.carrier.call(sent, here.proxy)).status == 200
        heard = await here.pbx.hears("INVITE", call_id=sent.call_id)
        assert isinstance(heard.message, Request) and heard.message.target == f"sip:+{AWAY}@127.0.0.1".encode()
        values = heard.message.all("identity")
        assert proved(here, values, AWAY) == (True, ["carrier", "pbx"])
        assert proved(here, values[:1], AWAY)[0] is False, "without it, it would be the classic cut and paste"
        assert token(values[1]).claims["div"] == {"tn": CALLEE}


@pytest.mark.req("STI-040", "STI-097", "STI-098")
async def test_a_302_of_ours_carries_the_diversion_for_whoever_calls_there(tmp_path: Path) -> None:
    async with World(tmp_path, amend=changing("302")) as here:
        sent = screened(here)
        outcome = await here.carrier.call(sent, here.proxy)
        assert outcome.status == 302 and outcome.final is not None
        said = outcome.final.message.all("identity")
        carried = sent.lines[0].partition(": ")[2].encode()
        assert proved(here, [carried, *said], AWAY) == (True, ["carrier", "pbx"]) and len(said) == 1


@pytest.mark.req("STI-097", "STI-098", "STI-099")
async def test_a_call_sent_on_from_a_302_says_so_after_what_we_said_already(tmp_path: Path) -> None:
    async with Phone(user="other") as other:
        listed = f"{other.host}:{other.port}"
        async with World(tmp_path, amend=changing("request-uri", follows=listed)) as here:
            here.pbx.answers = Answer(302, "Moved Temporarily", rings=False, lines=(f"Contact: <sip:+{NEXT}@{listed}>",))
            sent = screened(here)
            assert (await here.carrier.call(sent, here.proxy)).status == 200
            first = await here.pbx.hears("INVITE", call_id=sent.call_id)
            heard = await other.hears("INVITE", call_id=sent.call_id)
            assert isinstance(heard.message, Request) and heard.message.target.startswith(f"sip:+{NEXT}@".encode())
            values = heard.message.all("identity")
            assert values[:2] == first.message.all("identity")
            assert proved(here, values, NEXT) == (True, ["carrier", "pbx", "pbx"])
            assert [token(value).claims["div"] for value in values[1:]] == [{"tn": CALLEE}, {"tn": AWAY}]


async def test_each_customers_number_is_diverted_with_that_customers_certificate_alone(tmp_path: Path) -> None:
    """Two customers with a pair each, before the peer that has none; what is nobody's goes by the usual one."""
    numbers = {"ann": "12025550101", "bob": "12025550102", "pbx": "12025550103"}
    leaves: dict[str, Issued] = {}

    def changed(text: str) -> str:
        for name in ("ann", "bob"):
            leaves[name] = here.authority.leaf("815X")
            leaves[name].save(tmp_path, name)
            text = (
                f'[[trunk]]\nname = "{name}"\nside = "pbx"\ncustomer = "{name}"\nsources = ["127.0.0.2"]\nsign = true\n'
                f'[signing.peers.{name}]\nkey = "{name}.key"\norigid = "{ORIGID}"\n'
                f'certificate_url = "https://cr.example.net/{name}.pem"\n{text}'
            ).replace("127.0.0.2", f"127.0.0.{len(leaves) + 1}", 1)
        rows = "".join(f"{numbers[name]},{name}\n" for name in leaves)
        (tmp_path / "inventory.csv").write_text(f"number,customer\n{rows}")
        return changing("request-uri")(text.replace("[numbers]\n", '[numbers]\ninventory = ["inventory.csv"]\n'))

    here = World(tmp_path, amend=changed)
    async with here:
        for name, number in numbers.items():
            sent = screened(here, number)
            assert (await here.carrier.call(sent, here.proxy)).status == 200
            values = (await here.pbx.hears("INVITE", call_id=sent.call_id)).message.all("identity")
            assert proved(here, values, AWAY, leaves) == (True, ["carrier", name])


@pytest.mark.req("STI-097", "STI-098")
@pytest.mark.parametrize("dialect", ["atis", "3gpp"])
async def test_a_service_that_knows_diversions_is_asked_and_no_call_fails_without_it(dialect: str, tmp_path: Path) -> None:
    asked: list[Any] = []

    async def signs(request: web.Request) -> web.StreamResponse:
        said = (await request.json())["signingRequest"]
        asked.append(said)
        if len(asked) > 1:
            return web.Response(status=500)
        signer = Signer(here.pbx_leaf.key, here.repository.put("pbx.pem", here.pbx_leaf.chain_pem()))
        made = signer.div(orig=said["orig"], was=said["div"]["tn"], became=said["dest"]["tn"][0], iat=said["iat"])
        return web.json_response({"signingResponse": {"identityHeader": made.decode()}})

    async with served(signs) as url:

        def changed(text: str) -> str:
            lines = [one for one in text.splitlines() if not one.startswith(("key = ", "certificate_url = "))]
            service = f'[signing]\nservice = "{url}"\ndialect = "{dialect}"\nmilliseconds = 5000'
            return changing("request-uri")("\n".join(lines).replace("[signing]", service))

        here = World(tmp_path, amend=changed)
        async with here:
            for number in (1, 2):
                sent = screened(here)
                assert (await here.carrier.call(sent, here.proxy)).status == 200
                heard = await here.pbx.hears("INVITE", call_id=sent.call_id)
                assert isinstance(heard.message, Request) and heard.message.target == f"sip:+{AWAY}@127.0.0.1".encode()
                values = heard.message.all("identity")
                if dialect == "3gpp" and number == 1:
                    assert proved(here, values, AWAY) == (True, ["carrier", "pbx"])
                else:
                    assert len(values) == 1
            if dialect == "3gpp":
                await counted(here, 'ringwarden_sign_total{attest="none",result="failed"}', 1)
            assert len(asked) == (2 if dialect == "3gpp" else 0)
