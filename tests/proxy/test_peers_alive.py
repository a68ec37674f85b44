"""A real ringwarden and its peers: it asks them how they are, leaves the dead one alone, and comes back to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.lab.calling import Answer
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from tests.waiting import comes


def two(second: int) -> Callable[[str], str]:
    """The PBX of the world, and another phone behind it, as peers."""

    def amended(text: str) -> str:
        text = re.sub(r"\[next_hop\]\ncarrier = (.*)\npbx = .*\n", "", text)
        text = re.sub(r'name = "(carrier|pbx)"\nside = .*\nsources = (.*)\n', r"\g<0>hops = \2\n", text)
        return text + (
            f'\n[[peer]]\nname = "spare"\nside = "pbx"\nhops = ["127.0.0.1:{second}"]\nsources = ["127.0.0.1:{second}"]\npriority = 2\n'
            "[health]\nsilence_ms = 300\nup_after = 1\n"
        )

    return amended


def call(world: World) -> Invitation:
    return Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", "<sip:+13015550101@carrier.example.net>")


async def peers(world: World) -> dict[str, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{world.admin}/peers") as answer:
        return {row["peer"]: row for row in json.loads(await answer.text())["peers"]}


async def until(world: World, name: str, state: str) -> None:
    async def stands() -> bool:
        return bool((await peers(world))[name]["state"] == state)

    await comes(stands, f"{name} is {state}")


@pytest.mark.req("SIP-114")
async def test_a_dead_peer_is_left_alone_until_it_answers_again(tmp_path: Path) -> None:
    async with Phone(user="spare") as spare, World(tmp_path, amend=two(spare.port)) as world:
        await until(world, "pbx", "up")
        await until(world, "spare", "up")
        answered = (await world.pbx.hears("OPTIONS")).message
        assert answered.start.startswith(b"OPTIONS sip:127.0.0.1:")
        # It says nothing to three calls, and 200 to every ping.
        world.pbx.answers = Answer(status=0)
        waited = [await world.carrier.call(call(world), world.proxy) for _ in range(3)]
        assert [one.status for one in waited] == [200] * 3
        last = call(world)
        outcome = await world.carrier.call(last, world.proxy)
        assert outcome.status == 200 and outcome.final_us < max(300_000, *(one.final_us for one in waited))
        assert not world.pbx.requests("INVITE", last.call_id)
        world.pbx.answers = Answer()
        await until(world, "pbx", "up")
        again = call(world)
        assert (await world.carrier.call(again, world.proxy)).status == 200
        assert world.pbx.requests("INVITE", again.call_id)


async def test_an_emergency_call_tries_even_a_peer_that_was_taken_out(tmp_path: Path) -> None:
    async with Phone(user="spare") as spare, World(tmp_path, amend=two(spare.port)) as world:
        spare.answers = world.pbx.answers = Answer(status=503, phrase="Service Unavailable", rings=False)
        async with aiohttp.ClientSession() as session, session.post(f"{world.admin}/peers/spare/drain", json={}) as answer:
            assert answer.status == 200
        plain, help_me = call(world), Invitation(f"sip:911@127.0.0.1:{world.ports['proxy']}", "<sip:+13015550101@carrier.example.net>")
        await world.carrier.call(plain, world.proxy)
        assert not spare.requests("INVITE", plain.call_id)
        await world.carrier.call(help_me, world.proxy)
        assert spare.requests("INVITE", help_me.call_id) and world.pbx.requests("INVITE", help_me.call_id)
