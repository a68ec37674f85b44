"""The end of a call in the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.calls import Calls
from proxy.lab.world import World
from proxy.ongoing import Ongoing
from proxy.record import Story
from proxy.seal import Seal
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.storage.rows import End, Item, Row
from tests.proxy.test_calls import call
from tests.waiting import counted, recorded


def test_a_call_that_ends_in_the_turn_in_which_it_was_answered_has_its_row_first() -> None:
    request = parse(b"INVITE sip:+12025550123@pbx.example.com SIP/2.0\r\nCall-ID: c\r\n\r\n")
    assert isinstance(request, Request)
    kept: list[Item] = []
    calls = Calls.__new__(Calls)
    calls.world = SimpleNamespace(journal=SimpleNamespace(put=kept.append), worker=0, ended_elsewhere=None, following=None)  # type: ignore[assignment]
    calls.ongoing = Ongoing(calls.world)
    calls._elsewhere = []
    calls._done = deque([Story(request=request, flow=Flow(0, "192.0.2.20", 5060), side="carrier", lane=None, arrived=0.0, utc=1000.0, action="allow", status=200)])
    calls._end(b"c", 1000.5, Seal(worker=0, started=1000.0, action="allow"))
    calls.afterwards()
    assert [type(one) for one in kept] == [Row, End]


def test_ends_of_calls_that_others_wrote_down_are_told_together_after_the_turn() -> None:
    told: list[list[tuple[int, bytes, float]]] = []
    world: Any = SimpleNamespace(journal=None, worker=0, ended_elsewhere=told.append, following=None)
    calls = Calls.__new__(Calls)
    calls.world, calls.ongoing, calls._elsewhere, calls._done = world, Ongoing(world), [], deque()
    for number, worker in enumerate((1, 0, 2)):
        calls._end(b"%d" % number, 1000.0 + number, Seal(worker=worker, started=999.0, action="allow"))
    assert not told
    calls.afterwards()
    calls.afterwards()
    assert told == [[(1, b"0", 1000.0), (2, b"2", 1002.0)]]


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_call_whose_caller_keeps_no_route_set_ends_in_whatever_worker_its_bye_arrives(workers: int, tmp_path: Path) -> None:
    """As sipp's own scenario has it: the BYE bears no token that says which worker wrote the call down."""
    async with World(tmp_path, workers=workers) as world:
        calls = [call(world, f"1301555{number:04}") for number in range(100, 116)]
        opened = await asyncio.gather(*(world.carrier.call(one, world.proxy, hang_up=False) for one in calls))
        await counted(world, "ringwarden_active_calls", len(calls))
        for one in opened:
            assert one.dialog is not None
            dialog = replace(one.dialog, routes=(), target=calls[0].target)
            assert (await world.carrier.within(dialog, "BYE")).status == 200
        await counted(world, "ringwarden_active_calls", 0)
        for one in calls:
            record = await recorded(world.journal, one.call_id, lambda record: record.ended is not None)
            assert record.cause == "caller"
