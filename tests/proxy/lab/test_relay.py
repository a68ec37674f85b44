"""The relay loses, doubles and delays as its seed has it, changes no octet, and answers come back through it."""

from __future__ import annotations

import asyncio
import socket
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.lab.relay import Relay, Weather
from tests.waiting import SECONDS

HOSTS = ("127.0.0.91", "127.0.0.92")


@pytest.mark.parametrize(
    ("draws", "delays"),
    [
        ((0.05, 0.0, 0.0, 0.5), ()),
        ((0.5, 0.5, 0.5, 0.5), (0.0,)),
        ((0.5, 0.5, 0.25, 0.5), (0.1,)),
        ((0.5, 0.15, 0.5, 0.5), (0.0, 0.1)),
        ((0.5, 0.15, 0.25, 0.5), (0.1, 0.2)),
    ],
)
def test_a_fate_follows_from_four_numbers(draws: tuple[float, ...], delays: tuple[float, ...]) -> None:
    assert Weather(0.1, 0.2, 0.3, 0.2).fate(iter(draws).__next__) == delays


@given(st.integers(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_same_seed_brings_the_same_weather(seed: int, loss: float, double: float, late: float) -> None:
    weather = Weather(loss, double, late)
    one, other = Random(seed), Random(seed)
    assert [weather.fate(one.random) for _ in range(20)] == [weather.fate(other.random) for _ in range(20)]


def test_chances_come_out_as_they_were_asked_for() -> None:
    random = Random(1)
    fates = [Weather(0.1, 0.05, 0.2).fate(random.random) for _ in range(20_000)]
    assert 0.09 < sum(not fate for fate in fates) / 20_000 < 0.11
    assert 0.04 < sum(len(fate) == 2 for fate in fates) / 20_000 < 0.05
    assert 0.17 < sum(bool(fate) and fate[0] > 0 for fate in fates) / 20_000 < 0.19


def bound(host: str) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((host, 0))
    one.setblocking(False)
    return one


async def test_each_side_meets_the_other_at_its_port_and_octets_stay() -> None:
    loop = asyncio.get_running_loop()
    with bound("127.0.0.93") as one, bound("127.0.0.94") as other:
        async with Relay(one.getsockname(), other.getsockname(), Weather(), 1, HOSTS) as relay:
            one.sendto(bytes(range(256)), relay.for_other)
            data, source = await asyncio.wait_for(loop.sock_recvfrom(other, 4096), SECONDS)
            assert data == bytes(range(256)) and source == relay.for_one == ("127.0.0.92", one.getsockname()[1])
            other.sendto(b"back", source)
            data, source = await asyncio.wait_for(loop.sock_recvfrom(one, 4096), SECONDS)
            assert data == b"back" and source == relay.for_other == ("127.0.0.91", other.getsockname()[1])
            assert (relay.toll.carried, relay.toll.lost) == (2, 0)


async def test_what_is_held_back_is_overtaken() -> None:
    loop = asyncio.get_running_loop()
    with bound("127.0.0.93") as one, bound("127.0.0.94") as other:
        async with Relay(one.getsockname(), other.getsockname(), Weather(0.1, 0.2, 0.5, 0.05), 4, HOSTS) as relay:
            for number in range(60):
                one.sendto(b"%d" % number, relay.for_other)
            got: list[int] = []
            while len(got) < 60 - relay.toll.lost + relay.toll.doubled or not got:
                got.append(int((await asyncio.wait_for(loop.sock_recvfrom(other, 4096), SECONDS))[0]))
            assert relay.toll.lost and relay.toll.doubled and relay.toll.late
            assert got != sorted(got) and len(set(got)) == 60 - relay.toll.lost


async def test_it_runs_as_a_program_and_tells_its_toll() -> None:
    with bound("127.0.0.93") as one, bound("127.0.0.94") as other:
        ends = ["{}:{}".format(*end.getsockname()) for end in (one, other)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proxy.lab.relay", "--between", *ends, "--hosts", *HOSTS, "--loss", "1",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            assert await asyncio.wait_for(process.stdout.readline(), SECONDS) == b"relay ready\n"
            one.sendto(b"gone", ("127.0.0.91", other.getsockname()[1]))
        finally:
            process.terminate()
        said = await asyncio.wait_for(process.stdout.read(), SECONDS)
        assert await process.wait() == 0 and said.startswith(b'{"carried": 0, "lost": ')
