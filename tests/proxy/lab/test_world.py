"""The world on loopback: it comes up whole or says why not, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from policy.letter import parse
from proxy import lists
from proxy.lab.cases import FCC, UTILITY
from proxy.lab.ports import free_port, is_free
from proxy.lab.world import DEMO_PORTS, World, WorldError, ports, recent_campaigns


async def test_everything_that_was_started_is_stopped(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        assert world.process.returncode is None
        assert any(line.startswith("ringwarden ready") for line in world.said)
        async with aiohttp.ClientSession() as client, client.get(f"{world.admin}/healthz") as response:
            assert response.status == 200
    assert world.process.returncode == 0
    for name, port in world.ports.items():
        kind = socket.SOCK_STREAM if name in ("repository", "admin") else socket.SOCK_DGRAM
        assert is_free(port, kind), name


async def test_a_failure_inside_stops_everything_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with World(tmp_path) as world:
            raise ZeroDivisionError
    assert world.process.returncode == 0


async def test_a_ringwarden_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    world = World(tmp_path, amend=lambda text: text.replace("[paths]", "[pathes]"))
    with pytest.raises(WorldError, match="pathes"):
        async with world:
            raise AssertionError("it came up")
    assert world.process.returncode == 2
    assert is_free(world.ports["carrier"], socket.SOCK_DGRAM)


async def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    async with World(tmp_path):
        pass
    modes = {name: os.stat(tmp_path / name).st_mode for name in os.listdir(tmp_path) if name.endswith(".key")}
    assert set(modes) == {"pbx.key", "repository.key"}
    assert all(mode & 0o077 == 0 for mode in modes.values())


def test_wanted_ports_are_taken_if_all_are_free_and_else_none_is() -> None:
    assert len(set(ports(None).values())) == len(DEMO_PORTS)
    wanted = ports(None)
    assert ports(wanted) == wanted
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", wanted["pbx"]))
        assert not set(ports(wanted).values()) & {wanted["pbx"]}
    assert all(port > 1024 for port in (*DEMO_PORTS.values(), free_port()))


def test_the_worlds_list_is_the_letter_and_fresh() -> None:
    now = time.time()
    table = parse(recent_campaigns(now), 125)
    assert (len(table.rows), table.quarantined) == (125, ())
    assert [row.caller for row in table.rows] == [row.caller for row in lists.bundled().rows]
    for caller in (UTILITY, FCC):
        hit = table.campaigns().match(caller, now)
        assert hit is not None and hit.weight_factor == 1.0
