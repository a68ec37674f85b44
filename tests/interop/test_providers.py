"""A ringwarden of a provider: what passes between two providers as it came, what is signed there, and what telemarketing leaves
behind in the counters.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from shaken import identity, passport

CALLER = "13015550101"


def between(text: str) -> str:
    """The PBX's place is taken by another provider, whose calls come through."""
    return 'role = "gateway"\n' + text.replace('trust = "identity"\n', 'trust = "identity"\ntransit = true\n')


async def figure(world: World, name: str) -> float:
    async with ClientSession() as session, session.get(f"{world.admin}/metrics") as answer:
        found = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0


def call(world: World, caller: str, target: str, *lines: str) -> Invitation:
    party = f"<sip:+{caller}@upstream.example.net>"
    return Invitation(f"sip:+{target}@127.0.0.1:{world.ports['proxy']}", party, lines=(f"P-Asserted-Identity: {party}", *lines))


@pytest.mark.req("REG-031", "STI-041")
async def test_identity_headers_pass_between_two_providers_to_the_octet_also_those_that_fail(tmp_path: Path) -> None:
    async with World(tmp_path, amend=lambda text: between(text).replace("identity-bad-signature = 438\n", "")) as world:
        for phone, other, target in ((world.carrier, world.pbx, CALLEE), (world.pbx, world.carrier, "12125550147")):
            good, forged = world.sign(CALLER, [target]), world.sign(CALLER, [target], signer="forger")
            for values in ((good,), (forged,), (world.sign(CALLER, [target], age=50), good)):
                sent = call(world, CALLER, target, *(f"Identity: {one}" for one in values))
                outcome = await phone.call(sent, world.proxy)
                assert outcome.status == 200, outcome.reason
                heard = await other.hears("INVITE", call_id=sent.call_id)
                got = [line.partition(b": ")[2].decode() for line in heard.data.split(b"\r\n") if line.lower().startswith(b"identity:")]
                assert got == list(values)


@pytest.mark.req("REG-032", "REG-030")
async def test_a_gateway_signs_what_came_unsigned_with_c_and_nothing_else(tmp_path: Path) -> None:
    async with World(tmp_path, amend=between) as world:
        sent = call(world, CALLER, "12125550147")
        assert (await world.pbx.call(sent, world.proxy)).status == 200
        value = (await world.carrier.hears("INVITE", call_id=sent.call_id)).header("identity")
        assert value is not None
        token = passport.parse(identity.parse(value.encode()).token)
        assert (token.attest, token.orig_tn, token.dest_tns) == ("C", CALLER, ("12125550147",))
        # Also for a number of our own: whoever brings it is not known here.
        sent = call(world, "12025550150", "12125550147")
        await world.pbx.call(sent, world.proxy)
        value = (await world.carrier.hears("INVITE", call_id=sent.call_id)).header("identity") or ""
        assert passport.parse(identity.parse(value.encode()).token).attest == "C"


@pytest.mark.req("REG-030")
async def test_calls_that_leave_unsigned_are_counted_and_raise_an_alarm(tmp_path: Path) -> None:
    def bare(text: str) -> str:
        return 'role = "originating"\n' + text.replace("sign = true\n", "sign = false\n")

    async with World(tmp_path, amend=bare) as world:
        assert await figure(world, 'ringwarden_duty_open{duty="sign"}') == 1
        sent = call(world, "12025550150", "12125550147")
        assert (await world.pbx.call(sent, world.proxy)).status == 200
        assert (await world.carrier.hears("INVITE", call_id=sent.call_id)).header("identity") is None
        assert await figure(world, 'ringwarden_sign_total{attest="none",result="off"}') == 1
        assert any("duty sign (47 CFR 64.6301(a))" in said for said in world.said)


@pytest.mark.req("REG-053", "REG-054")
async def test_a_recording_without_an_agreement_is_refused_and_calls_that_are_over_at_once_are_counted(tmp_path: Path) -> None:
    def strict(text: str) -> str:
        more = '[policy.checks]\nrecorded = "enforce"\n\n[policy.weights]\nrecorded-unagreed = 80\n\n'
        return text.replace("[policy.redress]", more + "[policy.redress]")

    async with World(tmp_path, amend=strict) as world:
        recording = call(world, "12025550150", "12125550147", "X-Screen-Purpose: prerecorded")
        assert (await world.pbx.call(recording, world.proxy)).status == 603
        for caller, target, phone in (("12025550150", "12125550147", world.pbx), (CALLER, CALLEE, world.carrier)):
            await phone.call(call(world, caller, target), world.proxy)
        answered = await world.pbx.call(call(world, "12025550150", "12125550147"), world.proxy, hang_up=False)
        async with ClientSession() as session:
            await session.put(f"{world.admin}/lab/clock", data="+10s")
        assert answered.dialog is not None
        await world.pbx.within(answered.dialog, "BYE")
        assert await figure(world, 'ringwarden_outbound_ends_total{how="at-once"}') == 1
        assert await figure(world, 'ringwarden_outbound_ends_total{how="later"}') == 1
