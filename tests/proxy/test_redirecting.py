"""The redirect shell: the same decisions as answers. First the answers alone, then by a real ringwarden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

from policy.emergency import is_emergency_uri
from policy.verdict import Rejection
from proxy import redirecting
from proxy.app import App
from proxy.cli import OK, main
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.parts import prepare
from proxy.record import Story
from proxy.settings import load
from proxy.sip.context import Plan
from proxy.sip.edit import Edits
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.sip.routing import Me, route
from shaken import passport
from tests.proxy.test_app import listed
from tests.proxy.test_customers import Ground
from tests.waiting import counted

GOOD, OURS = "13015550101", "12025550100"
ME = Me([("203.0.113.5", 5060)])


def octets(target: str, *lines: str, method: str = "INVITE") -> bytes:
    head = [
        f"{method} {target} SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.30;branch=z9hG4bK1", "Max-Forwards: 70",
        "From: <sip:+13015550101@c.example>;tag=1", "To: <sip:+12025550199@x.example>", "Call-ID: 1", f"CSeq: 1 {method}", *lines,
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode()


def request(target: str, *lines: str) -> Request:
    found = parse(octets(target, *lines))
    assert isinstance(found, Request)
    return found


def asked(target: str, *lines: str, action: str = "tag", host: str = "192.0.2.30", **trunk: Any) -> tuple[Story, Request]:
    settings = {"shell": "redirect", "go_on": 404, "contact": "", "embed": False, **trunk}
    message = request(target, *lines)
    lane: Any = SimpleNamespace(trunk=SimpleNamespace(**settings))
    return Story(message, Flow(0, host, 5062), "carrier", lane, 0.0, 0.0, action=action), message


def plan(message: Request, *add: bytes, divert: bytes = b"") -> Plan:
    edits = Edits()
    edits.add.extend(add)
    routed = route(message, ME)
    return Plan((), routed._replace(target=divert) if divert else routed, edits, None)


@pytest.mark.parametrize(
    ("target", "contact"),
    [
        ("sip:+12025550199@203.0.113.5:5060;user=phone", b"<sip:+12025550199@192.0.2.30:5062>"),
        ("sip:2025550199;npdi;rn=+12025550100@203.0.113.5", b"<sip:2025550199;npdi;rn=+12025550100@192.0.2.30:5062>"),
        ("tel:+12025550199;phone-context=x", b"<sip:+12025550199@192.0.2.30:5062>"),
        ("sip:203.0.113.5", b"<sip:192.0.2.30:5062>"),
        ("sip:a%3Eb@203.0.113.5", b"<sip:a%3Eb@192.0.2.30:5062>"),
    ],
)
def test_the_contact_is_whom_was_dialled_at_the_asker_itself(target: str, contact: bytes) -> None:
    story, message = asked(target)
    told = redirecting.answer(story, plan(message, b"X-Screen-Verdict: tag"))
    assert told == Rejection(302, "Moved Temporarily", (b"Contact: " + contact, b"X-Screen-Verdict: tag"))


def test_or_where_the_settings_say() -> None:
    story, message = asked("sip:+12025550199@203.0.113.5", contact="pbx.example.com:5070", host="2001:db8::1")
    assert redirecting.answer(story, plan(message)).lines[0] == b"Contact: <sip:+12025550199@pbx.example.com:5070>"
    story, message = asked("sip:+12025550199@203.0.113.5", host="2001:db8::1")
    assert redirecting.answer(story, plan(message)).lines[0] == b"Contact: <sip:+12025550199@[2001:db8::1]:5062>"


@pytest.mark.parametrize("go_on", [404, 503, 302])
@pytest.mark.parametrize("action", ["allow", "emergency", "bypass", "callback", "fail-open"])
def test_where_there_is_nothing_to_say_the_asker_goes_on(go_on: int, action: str) -> None:
    story, message = asked("sip:+12025550199@203.0.113.5", action=action, go_on=go_on)
    told = redirecting.answer(story, plan(message)._replace(edits=None))
    assert told.status == go_on
    assert told.lines == ((b"Contact: <sip:+12025550199@192.0.2.30:5062>",) if go_on == 302 else ())


@pytest.mark.req("EMG-001", "EMG-003")
@pytest.mark.parametrize(
    ("target", "contact"),
    [
        ("urn:service:sos", "urn:service:sos"),
        ("URN:service:sos.fire?x=1", "URN:service:sos.fire?x=1"),
        ("urn:service:%73os", "urn:service:%73os"),
        ("sip:911", "sip:911@192.0.2.30:5062"),
        ("SIPS:911;user=phone", "sip:911@192.0.2.30:5062"),
        ("tel:911;phone-context=x", "sip:911@192.0.2.30:5062"),
        ("sip:911@203.0.113.5", "sip:911@192.0.2.30:5062"),
    ],
)
def test_an_emergency_call_keeps_its_service_however_it_is_written(target: str, contact: str) -> None:
    story, message = asked(target, action="emergency", go_on=302)
    told = redirecting.answer(story, plan(message)._replace(edits=None))
    assert told == Rejection(302, "Moved Temporarily", (f"Contact: <{contact}>".encode(),))
    assert is_emergency_uri(contact.encode())


@pytest.mark.req("EMG-001", "EMG-003")
@pytest.mark.parametrize(
    ("target", "contact"),
    [
        (b"sip:911@10.0.0.1:", b"sip:911@192.0.2.30:5062"),
        (b"sip:911@x;;user=phone", b"sip:911@192.0.2.30:5062"),
        (b"sip:9 1 1@x", b"sip:9%201%201@192.0.2.30:5062"),
        (b"sip:911>", b"sip:911@192.0.2.30:5062"),
        (b"urn:service:sos;<x> ,\"y\xff", b"urn:service:sos;%3Cx%3E%20,%22y%FF"),
    ],
)
def test_nor_does_a_target_that_cannot_be_read_lose_it_or_break_the_contact(target: bytes, contact: bytes) -> None:
    story, message = asked("sip:911@203.0.113.5", action="emergency", go_on=302)
    changed = Request(b"", message.lines, message.names, b"", "INVITE", target)
    story.request = changed
    for _ in range(2):
        told = redirecting.answer(story, plan(message)._replace(edits=None))
        assert told.lines == (b"Contact: <" + contact + b">",)
        assert is_emergency_uri(contact) and is_emergency_uri(target)
        changed.forgive()


def test_a_signed_call_is_302_whatever_go_on_says() -> None:
    story, message = asked("sip:+12025550199@203.0.113.5", action="allow")
    told = redirecting.answer(story, plan(message, b"Date: now", b"Identity: a.b.c;info=<https://x>;alg=ES256;ppt=shaken"))
    assert told.status == 302 and told.lines[2].startswith(b"Identity: a.b.c")


def test_oracle_finds_the_headers_inside_the_contact() -> None:
    identity = b"Identity: a.b-c_d;info=<https://cr.example.net/a.pem>;alg=ES256;ppt=shaken"
    story, message = asked("sip:+12025550199@203.0.113.5", embed=True)
    (contact, *beside) = redirecting.answer(story, plan(message, b"X-Screen-Verdict: tag", identity)).lines
    assert beside == [b"X-Screen-Verdict: tag", identity]
    uri, _, embedded = contact.removeprefix(b"Contact: <").removesuffix(b">").decode().partition("?")
    assert uri == "sip:+12025550199@192.0.2.30:5062"
    assert not set(embedded) & set('<>;:/?"@ ,')
    pairs = dict(one.split("=") for one in embedded.split("&"))
    assert {name: unquote(value) for name, value in pairs.items()} == {
        "X-Screen-Verdict": "tag",
        "Identity": identity.decode().partition(": ")[2],
    }


def test_the_verstat_is_told_with_p_asserted_identity() -> None:
    story, message = asked("sip:+12025550199@203.0.113.5", "P-Asserted-Identity: <sip:+13015550101@c.example>", "X-Kept: no")
    changed = plan(message, b"X-Screen-Verdict: tag")
    assert changed.edits is not None
    place = message.find("p-asserted-identity")
    changed.edits.swap[place] = b"P-Asserted-Identity: <sip:+13015550101;verstat=No-TN-Validation@c.example>"
    changed.edits.swap[message.find("from")] = b"From: <sip:changed@c.example>;tag=1"
    assert redirecting.answer(story, changed).lines[1:] == (changed.edits.swap[place], b"X-Screen-Verdict: tag")


def test_a_diverted_call_is_sent_where_it_is_to_go() -> None:
    story, message = asked("sip:+12025550199@203.0.113.5", action="divert")
    told = redirecting.answer(story, plan(message, divert=b"sip:voicemail@192.0.2.20"))
    assert (told.status, told.lines[0]) == (302, b"Contact: <sip:voicemail@192.0.2.20>")


@pytest.mark.parametrize("status", [403, 404, 480, 486, 438, 607, 608])
def test_every_refusal_is_603_so_that_no_asker_takes_its_next_route(status: int) -> None:
    lines = (b'Reason: SIP;cause=480;text="deny-list"',)
    story, _ = asked("sip:+12025550199@203.0.113.5")
    assert redirecting.refusal(story, Rejection(status, "x", lines)) == Rejection(603, "Decline", lines)
    plus = Rejection(603, "Network Blocked", lines)
    assert redirecting.refusal(story, plus) is plus
    story, _ = asked("sip:+12025550199@203.0.113.5", shell="inline")
    assert redirecting.refusal(story, Rejection(status, "x", lines)).status == status


# By a real ringwarden


def call(world: World, caller: str, target: str = f"+{CALLEE}", *lines: str, host: str = "carrier.example.net") -> Invitation:
    identity = f"<sip:+{caller}@{host}>"
    return Invitation(f"sip:{target}@127.0.0.1:{world.ports['proxy']}", identity, lines=(f"P-Asserted-Identity: {identity}", *lines))


def asking(*more: str) -> Callable[[str], str]:
    """Both trunks ask; there is no next hop at all."""

    def amend(text: str) -> str:
        text = text.replace("area = ", "\n".join(('shell = "redirect"', *more, "area = ")))
        head, _, rest = text.partition("[next_hop]")
        return head + rest[rest.index("[identity]") :]

    return amend


async def test_the_same_calls_that_inline_passes_tags_rejects_and_signs(tmp_path: Path) -> None:
    async with World(tmp_path, amend=asking()) as world:
        token = world.sign(GOOD, [CALLEE], "C")
        passes = await world.carrier.call(call(world, GOOD), world.proxy)
        tagged = await world.carrier.call(call(world, GOOD, f"+{CALLEE}", f"Identity: {token}"), world.proxy)
        rejected = await world.carrier.call(call(world, UTILITY), world.proxy)
        signed = await world.pbx.call(call(world, OURS, "+12125550147"), world.proxy)
        assert (passes.status, tagged.status, rejected.status, signed.status) == (404, 302, 603, 302)
        assert rejected.phrase == "Network Blocked"
        assert tagged.final is not None and signed.final is not None
        port = world.ports["carrier"]
        assert tagged.final.header("contact") == f"<sip:+{CALLEE}@127.0.0.1:{port}>"
        assert tagged.final.header("x-screen-verdict") == "tag" and tagged.final.header("p-attestation-indicator") == "C"
        assert ";verstat=TN-Validation-Passed@" in (tagged.final.header("p-asserted-identity") or "")
        assert "ppt=shaken" in (signed.final.header("identity") or "") and signed.final.header("date")
        assert world.pbx.requests("INVITE") == world.carrier.requests("INVITE") == []


QUERIES = {
    # User part and host of the Request-URI, who From and P-Asserted-Identity name, further lines: as each of them asks.
    "oracle": ("12125550147", "sip:12025550100@192.0.2.30:5060", "", ("Supported: 100rel", "Route-Label: clearip")),
    "sansay": ("+12125550147;npdi;rn=+12125550100", "sip:+12025550100@192.0.2.30;user=phone", "tel:+12025550100", ("P-Charge-Info: <tel:+12025550100>",)),
    "freeswitch": ("2125550147", "sip:2025550100@192.0.2.30", "sip:2025550100@192.0.2.30", ("X-FS-Support: update_display,send_info", "Remote-Party-ID: <sip:2025550100@192.0.2.30>;party=calling")),
}  # fmt: skip


async def test_each_of_them_is_answered_the_way_it_asks(tmp_path: Path) -> None:
    async with World(tmp_path, amend=asking("embed = true")) as world:
        for name, (user, source, shown, lines) in QUERIES.items():
            target = f"sip:{user}@127.0.0.1:{world.ports['proxy']}"
            extra = (f"P-Asserted-Identity: <{shown}>", *lines) if shown else lines
            outcome = await world.pbx.call(Invitation(target, f'"EXAMPLE" <{source}>', lines=extra), world.proxy)
            assert outcome.status == 302 and outcome.final is not None, name
            token = passport.parse((outcome.final.header("identity") or "").partition(";")[0].encode())
            assert (token.orig_tn, token.dest_tns, token.attest) == (OURS, ("12125550147",), "A"), name
            uri, _, embedded = (outcome.final.header("contact") or "").removeprefix("<").removesuffix(">").partition("?")
            assert uri == f"sip:{user}@127.0.0.1:{world.ports['pbx']}", name
            inside = dict(one.partition("=")[::2] for one in embedded.split("&"))
            assert unquote(inside["Identity"]) == outcome.final.header("identity"), name
            assert unquote(inside["Date"]) == outcome.final.header("date"), name


@pytest.mark.req("EMG-001", "EMG-003", "REG-009")
@pytest.mark.parametrize("go_on", [503, 302])
async def test_an_emergency_call_is_told_to_go_on_whatever_speaks_against_it(go_on: int, tmp_path: Path) -> None:
    async with World(tmp_path, amend=asking(f"go_on = {go_on}")) as world:
        for phone in (world.carrier, world.pbx):
            for target in ("911", "933"):
                sent = call(world, UTILITY, target, "Identity: nonsense", "Proxy-Require: nothing-we-know")
                outcome = await phone.call(sent, world.proxy)
                assert outcome.status == go_on
                assert outcome.final is not None and outcome.final.header("x-screen-verdict") is None


async def test_in_a_bypass_and_in_observe_everybody_goes_on(tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return asking()(text).replace('mode = "enforce"', 'mode = "observe"')

    async with World(tmp_path / "observe", amend=amend) as world:
        assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 404
    bounded = asking("calls_per_second = 1", "go_on = 503")
    async with World(tmp_path / "bypass", amend=lambda text: listed(bounded(text))) as world:
        assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 603
        assert main(["bypass", "on", "--config", str(world.config)]) == OK
        await counted(world, "ringwarden_bypass", 1)
        for method in ("INVITE", "INVITE", "MESSAGE", "REFER", "SUBSCRIBE"):
            asked = replace(call(world, UTILITY), method=method)
            outcome = await world.carrier.call(asked, world.proxy)
            assert (method, outcome.status) == (method, 503)
            assert outcome.final is not None and outcome.final.header("retry-after") is None  # not for a limit of ours
        async with Phone() as stranger:
            assert (await stranger.call(call(world, GOOD), world.proxy)).status == 403
        ping = Invitation(f"sip:127.0.0.1:{world.ports['proxy']}", "<sip:probe@pbx.example.com>", method="OPTIONS")
        assert (await world.carrier.call(ping, world.proxy)).status == 200


def test_a_trunk_that_asks_needs_no_way_out(tmp_path: Path) -> None:
    path = tmp_path / "ringwarden.toml"
    text = '[[listen]]\naddress = "127.0.0.1:5060"\n[[peer]]\nname = "sbc"\nside = "carrier"\nsources = ["192.0.2.30"]\n'
    path.write_text(text)
    assert main(["check-config", str(path)]) != OK
    path.write_text(text + 'shell = "redirect"\ngo_on = 503\ncontact = "[2001:db8::1]:5070"\nembed = true\n')
    assert main(["check-config", str(path)]) == OK
    trunk = load(path).trunks[0]
    assert (trunk.shell, trunk.go_on, trunk.contact, trunk.embed) == ("redirect", 503, "[2001:db8::1]:5070", True)
    path.write_text(text + 'shell = "redirect"\ngo_on = 480\n')
    assert main(["check-config", str(path)]) != OK


async def test_a_registration_that_leads_nowhere_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "ringwarden.toml"
    path.write_text(
        'secret = "sixteen octets and more"\n[[listen]]\naddress = "127.0.0.1:0"\n[lab]\nenabled = true\n'
        '[log]\nlevel = "error"\n[registration]\nthrough = "contact"\n'
        '[[trunk]]\nname = "sbc"\nside = "pbx"\nsources = ["127.0.0.3"]\nshell = "redirect"\n'
    )
    settings = load(path)
    app = App(settings, prepare(settings))
    await app.start()
    try:
        ground = Ground(app)
        ((data, to),) = ground.hears(octets("sip:203.0.113.5", method="REGISTER"), Flow(0, "127.0.0.3", 5062))
        assert data.startswith(b"SIP/2.0 480 ") and to.host == "127.0.0.3"
    finally:
        await app.stop()
