"""Calls through loss, doubling and overtaking on both sides of us: every one ends as it should, and is judged once.

The phones are the lab's: sipp gives a call up when its ACK was lost and the BYE is there, or when a ringing comes late.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.lab.calling import Answer, Outcome
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation, Peer
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port
from proxy.lab.relay import Relay, Weather
from proxy.lab.world import World
from proxy.sip.message import Request

WEATHER = Weather(loss=0.1, double=0.05, late=0.15, seconds=0.2)
CALLS = 120
PATIENCE = 40.0
"""Seconds: 64*T1 and the pauses around it."""
BUSY = "12025550186"


class Behind(Phone):
    """A telephone whose every datagram goes through a relay, and that is reached through it."""

    def __init__(self, relayed: Peer, through: Peer, **more: Any) -> None:
        super().__init__(**more)
        self.relayed, self.through = relayed, through

    @property
    def contact(self) -> str:
        return f"sip:{self.user}@{self.relayed[0]}:{self.relayed[1]}"

    async def send(self, data: bytes, to: Peer) -> None:
        await super().send(data, self.through)


def meeting(carrier: Peer, pbx: Peer) -> Callable[[str], str]:
    """ringwarden's neighbours are the relays."""

    def amend(text: str) -> str:
        for side, (host, port) in (("carrier", carrier), ("pbx", pbx)):
            text = re.sub(rf'(side = "{side}"\nsources = )\[.*?\]', rf'\1["{host}:{port}"]', text)
            text = re.sub(rf'\n{side} = \[".*?"\]', f'\n{side} = ["{host}:{port}"]', text)
        return text

    return amend


def answering(request: Request) -> Answer:
    return Answer(486, "Busy Here") if BUSY.encode() in request.target else Answer()


async def decided(world: World) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{world.admin}/metrics") as answer:
        found = re.findall(r"^ringwarden_decisions_total\{[^}]*\} (\S+)$", await answer.text(), re.MULTILINE)
        return sum(map(float, found))


@pytest.mark.req("SIP-072", "SIP-073", "SIP-077", "SIP-078", "SIP-079", "SIP-082")
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_call_is_lost_in_bad_weather_on_both_sides(seed: int, tmp_path: Path) -> None:
    ours: Peer = ("127.0.0.1", free_port())
    caller_at: Peer = ("127.0.0.2", free_port())
    callee_at: Peer = ("127.0.0.3", free_port())
    before = Relay(caller_at, ours, WEATHER, seed, ("127.0.0.5", "127.0.0.6"))
    behind = Relay(ours, callee_at, WEATHER, seed + 100, ("127.0.0.7", "127.0.0.8"))

    world = World(tmp_path, amend=meeting(before.for_one, behind.for_other))
    world.ports["proxy"] = ours[1]
    caller = Behind(before.for_one, before.for_other, host=caller_at[0], port=caller_at[1])
    callee = Behind(behind.for_other, behind.for_one, host=callee_at[0], port=callee_at[1], answers=answering)
    async with before, behind, world, caller, callee:

        async def place(number: int) -> tuple[int, Outcome, Outcome | None]:
            """A call that is answered (and ended by either side), refused by us, or refused by the PBX."""
            await asyncio.sleep(number * 0.02)
            who, whom, status = f"1301555{number % 100 + 100:04}", CALLEE, 200
            if number % 6 == 4:
                who, status = UTILITY, 603
            elif number % 6 == 5:
                whom, status = BUSY, 486
            call = Invitation(f"sip:+{whom}@127.0.0.1:{ours[1]}", f"<sip:+{who}@carrier.example.net>")
            outcome = await caller.call(call, ours, hang_up=False, seconds=PATIENCE)
            ended = None
            if outcome.dialog is not None:
                if number % 2:
                    await callee.hears("ACK", call_id=call.call_id, seconds=PATIENCE)
                    ended = await callee.within(callee.dialogs[call.call_id], "BYE", seconds=PATIENCE)
                else:
                    ended = await caller.within(outcome.dialog, "BYE", seconds=PATIENCE)
            return status, outcome, ended

        results = await asyncio.gather(*(place(number) for number in range(CALLS)))
        assert [outcome.status for _, outcome, _ in results] == [status for status, _, _ in results]
        assert {ended.status for _, _, ended in results if ended is not None} == {200}
        invites = {(heard.message.call_id, heard.message.via.branch) for heard in callee.requests("INVITE")}
        assert len(invites) == len({call_id for call_id, _ in invites}) == CALLS - CALLS // 6
        assert await decided(world) == CALLS
        for relay in (before, behind):
            toll = relay.toll
            assert min(toll.lost, toll.doubled, toll.late) >= 10, toll
        assert not any("fault" in line for line in world.said)
