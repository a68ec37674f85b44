"""The desk answers for all workers: the peers, orders to them, the lab's clock; and whoever dies learns it again."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.lab.cases import UTILITY
from proxy.lab.phone import Phone
from proxy.lab.world import World
from tests.proxy.test_app import call
from tests.proxy.test_supervisor import children
from tests.waiting import comes, counted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


async def asked(world: World, method: str, path: str, body: object = None) -> Any:
    async with aiohttp.ClientSession() as session, session.request(method, f"{world.admin}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def rows(world: World) -> dict[str, dict[str, Any]]:
    """Target -> its row."""
    return {row["target"]: row for row in (await asked(world, "GET", "/peers"))["peers"]}


async def when(condition: Callable[[], Awaitable[bool]]) -> None:
    async def asked() -> bool:
        try:
            return await condition()
        except (aiohttp.ClientError, OSError, AssertionError):
            return False  # who is asked is being started again

    await comes(asked, "what all workers say")


async def present(world: World, count: int) -> bool:
    return len(await rows(world)) == count


async def places(world: World, phone: Phone, count: int = 6) -> None:
    """Calls, spread over the workers by their branches; all reach this phone."""
    for number in range(count):
        one = call(world, f"1301555{number + 110:04}")
        assert (await world.carrier.call(one, world.proxy, seconds=20)).status == 200
        await phone.hears("INVITE", call_id=one.call_id)


async def test_an_order_reaches_every_worker_and_outlives_each_process(tmp_path: Path) -> None:
    async with Phone(user="first") as first:
        def two(text: str) -> str:
            return text.replace('pbx = ["', f'pbx = ["127.0.0.1:{first.port}", "')

        async with World(tmp_path, workers=2, amend=two) as world:
            assert world.process is not None
            await when(lambda: present(world, 3))
            assert (await rows(world))[f"udp:127.0.0.1:{first.port}"]["peer"] == "pbx-1"
            await places(world, first)
            drained = await asked(world, "POST", "/peers/pbx-1/drain", {})
            assert [row["order"] for row in drained["peers"]] == ["drain"]
            await places(world, world.pbx)
            for _ in range(3):  # the oldest of them: first the desk, then each worker
                os.kill(children(world.process.pid)[0], signal.SIGKILL)
                await when(lambda: present(world, 3))
                await counted(world, 'ringwarden_peer_up{peer="pbx-1"}', 0)
                await places(world, world.pbx, 4)
            await asked(world, "POST", "/peers/pbx-1/enable", {})
            await counted(world, 'ringwarden_peer_up{peer="pbx-1"}', 1)
            await places(world, first)


async def test_one_worker_asks_the_peers_for_all(tmp_path: Path) -> None:
    def pinging(text: str) -> str:
        where = re.search(r'\npbx = \["(.*?)"\]', text)
        assert where is not None
        peer = f'[health]\nping_seconds = 1\n\n[[peer]]\nname = "desk"\nside = "pbx"\nhops = ["{where[1]}"]\n'
        text = re.sub(r'\[\[trunk\]\]\nname = "pbx"\n.*?\n\n', peer + "\n", text, flags=re.DOTALL)
        return text.replace(where[0], "")

    async with World(tmp_path, workers=3, amend=pinging) as world:
        target = f"udp:127.0.0.1:{world.ports['pbx']}"

        async def well() -> bool:
            row = (await rows(world)).get(target)
            return row is not None and row["state"] == "up" and row["round_trip_ms"] is not None

        await when(well)
        while len(world.pbx.requests("OPTIONS")) < 4:
            seen = len(world.pbx.requests("OPTIONS"))
            await world.pbx.hears(lambda heard, seen=seen: len(world.pbx.requests("OPTIONS")) > seen)
        marks = {heard.message.via.branch.removeprefix("z9hG4bK")[0] for heard in world.pbx.requests("OPTIONS")}
        assert len(marks) == 1  # the digit of one worker, though each of them could


async def test_the_clock_of_the_lab_is_set_in_every_worker(tmp_path: Path) -> None:
    async with World(tmp_path, workers=2) as world:
        # A year on, the list is too old to block anybody.
        assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 603
        assert (await asked(world, "PUT", "/lab/clock", {"clock": "+365d"}))["clock"] == "+365d"
        for _ in range(6):
            assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 200
        await counted(world, 'ringwarden_list_entries{list="own"}', 1)
