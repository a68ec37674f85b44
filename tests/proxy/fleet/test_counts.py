"""Callers that call on several machines."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from proxy.fleet import counts as room
from proxy.fleet.counts import Counts
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.parts import fleet_key, prepare
from proxy.settings import SettingsError, read
from tests.waiting import comes

KEY = b"k" * 32
ONE, TWO = "13015550101", "13015550102"


def counts(url: str, machine: str, key: bytes = KEY, told: list[str] | None = None) -> Counts:
    return Counts(url, key, machine, 60.0, (told if told is not None else []).append)


async def test_what_one_machine_saw_the_other_knows_from_its_second_call_on(redis: str) -> None:
    east, west = counts(redis, "east"), counts(redis, "west")
    for _ in range(7):
        assert east.noted(ONE, 600_000.0) == 0
    assert await east.exchange()
    assert west.noted(ONE, 600_001.0) == 0, "the first call of a caller does not wait to be told"
    assert await west.exchange()
    assert west.noted(ONE, 600_002.0) == 7
    assert west.noted(TWO, 600_002.0) == 0
    assert await west.exchange() and not await west.exchange()
    east.noted(ONE, 600_003.0)
    await east.exchange()
    assert east.noted(ONE, 600_003.0) == 2, "its own calls are not told to it"
    await east.close()
    await west.close()


async def test_the_window_before_counts_for_what_is_left_of_it(redis: str) -> None:
    east, west = counts(redis, "east"), counts(redis, "west")
    at = 1_200_000.0
    for _ in range(10):
        east.noted(ONE, at)
    await east.exchange()
    west.noted(ONE, at)
    await west.exchange()
    assert west.noted(ONE, at + 59) == 10
    assert west.noted(ONE, at + 75) == 7
    assert west.noted(ONE, at + 119.9) == 0
    assert west.noted(ONE, at + 300) == 0
    await east.close()
    await west.close()


async def test_redis_sees_no_number_and_forgets(redis: str) -> None:
    from redis.asyncio import Redis

    east = counts(redis, "east")
    east.noted(ONE, 1_800_000.0)
    await east.exchange()
    link = Redis.from_url(redis)
    keys = [key.decode() async for key in link.scan_iter("ringwarden:calls:30000:*")]
    assert len(keys) == 1 and ONE not in keys[0]
    assert 0 < await link.ttl(keys[0]) <= 130
    other = counts(redis, "west", key=b"another")
    other.noted(ONE, 1_800_000.0)
    await other.exchange()
    assert other.noted(ONE, 1_800_000.0) == 0, "machines with another secret are another fleet"
    for one in (east, other):
        await one.close()
    await link.aclose()


async def test_a_flood_of_callers_costs_no_more_than_its_bound(redis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 3)
    monkeypatch.setattr(room, "REMEMBERED", 2)
    east, west = counts(redis, "east"), counts(redis, "west")
    callers = [f"130155501{n:02}" for n in range(5)]
    for one in (east, west):
        for caller in callers:
            one.noted(caller, 2_400_000.0)
        assert one.dropped == 2
        await one.exchange()
    west.noted(callers[0], 2_400_000.0)
    await west.exchange()
    assert west.noted(callers[1], 2_400_000.0) == 0, "forgotten to make room, and asked for anew"
    await east.close()
    await west.close()


async def test_an_engine_that_is_gone_is_counted_and_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    alone = counts("redis://127.0.0.1:1/0", "east", told=told)
    slept: list[float] = []
    nap = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        alone.noted(ONE, 3_000_000.0)
        if len(slept) > 4:
            raise asyncio.CancelledError
        await nap(0)

    monkeypatch.setattr("proxy.fleet.counts.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await alone.run()
    assert told == ["failed"] * 4
    assert slept == [0.25, 1.0, 2.0, 5.0, 10.0]
    await alone.close()


def fleet(url: str, machine: str) -> str:
    return f'[fleet]\nmachine = "{machine}"\nredis = "{url}"\n\n[log]'


async def test_a_caller_too_often_on_another_machine_is_noticed_here_and_calls_go_on_without_redis(redis: str, tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return 'secret = "sixteen octets and more"\n' + text.replace("[log]", fleet(redis, "here"))

    async with World(tmp_path, amend=amend) as world:
        caller = "13015550155"
        identity = f"<sip:+{caller}@carrier.example.net>"
        target = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"

        async def score() -> int:
            sent = Invitation(target, identity, lines=(f"P-Asserted-Identity: {identity}",))
            assert (await world.carrier.call(sent, world.proxy)).status == 200
            return int((await world.pbx.hears("INVITE", call_id=sent.call_id)).header("x-screen-score") or 0)

        assert await score() == 0
        far = Counts(redis, fleet_key(b"sixteen octets and more"), "far", 60.0)
        for _ in range(100):
            far.noted(caller, time.time())
        await far.exchange()
        await far.close()
        await comes(score, "the next exchange brings it")


async def test_calls_go_on_without_redis(tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return 'secret = "sixteen octets and more"\n' + text.replace("[log]", fleet("redis://127.0.0.1:1/0", "here"))

    pytest.importorskip("redis", reason="the library redis is not installed")
    async with World(tmp_path, amend=amend) as world:
        identity = "<sip:+13015550155@carrier.example.net>"
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", identity)
        assert (await world.carrier.call(sent, world.proxy)).status == 200


def test_a_missing_library_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.parts.find_spec", lambda name: None)
    settings = read(
        {
            "secret": "sixteen octets and more", "listen": [{"address": "192.0.2.10:5060"}],
            "peer": [
                {"name": "west", "side": "carrier", "hops": ["198.51.100.7"]},
                {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20"]},
            ],
            "paths": {"journal": "journal.db"},
            "fleet": {"redis": "redis://127.0.0.1:1/0", "postgres": "postgresql://127.0.0.1:1/x"},
        },
        folder=tmp_path,
    )  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        prepare(settings)
    assert len(caught.value.problems) == 2
    assert all("pip install 'ringwarden[fleet]'" in one for one in caught.value.problems)
