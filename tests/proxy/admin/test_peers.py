"""/peers: everybody may look, orders are taken from this machine and from no web page; and the command that sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.admin import peers as room
from proxy.admin.health import Vitals
from proxy.admin.peers import routes
from proxy.admin.server import Admin
from proxy.cli import main
from proxy.cli.peer import span
from proxy.neighbours import Desk
from proxy.peers import Directory, Hop, Peer, Place, Target

Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
def directory() -> Directory:
    peers = [Peer("east", "carrier", (Hop("192.0.2.1", 5060, "UDP"),)), Peer("west", "carrier", (Hop("sip.west.example"),), 2, 3)]
    made = Directory(peers, now=100.0)
    made.place(peers[0].hops[0], (Place(Target("UDP", "192.0.2.1", 5060)),), 100.0)
    made.place(peers[1].hops[0], (Place(Target("UDP", "192.0.2.2", 5070), "sip.west.example"),), 100.0)
    return made


@pytest.fixture
async def admin(directory: Directory) -> AsyncIterator[Admin]:
    made = Admin(
        "127.0.0.1", 0, metrics=bytes, vitals=Vitals("1", "observe", False, []),
        more=routes(Desk(directory, lambda: 130.0)),
    )  # fmt: skip
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def ask(admin: Admin) -> Ask:
    async def asked(path: str, method: str = "POST", **more: Any) -> tuple[int, dict[str, Any]]:
        assert admin.address is not None
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, f"http://127.0.0.1:{admin.address[1]}{path}", **more) as answer,
        ):
            return answer.status, json.loads(await answer.text()) if answer.content_type == "application/json" else {}

    return asked


async def test_each_target_is_shown_with_what_is_known_of_it(ask: Ask, directory: Directory) -> None:
    directory.well(Target("UDP", "192.0.2.1", 5060), 110.0, round_trip=0.0034)
    directory.ill(Target("UDP", "192.0.2.2", 5070), "transport", 120.0, 120.0)
    status, told = await ask("/peers", "GET")
    assert status == 200
    assert told["peers"] == [
        {"peer": "east", "side": "carrier", "priority": 1, "weight": 1, "order": "", "target": "udp:192.0.2.1:5060",
         "state": "up", "usable": True, "seconds": 20.0, "why": "", "round_trip_ms": 3.4},
        {"peer": "west", "side": "carrier", "priority": 2, "weight": 3, "order": "", "target": "udp:192.0.2.2:5070",
         "state": "down", "usable": False, "seconds": 10.0, "why": "transport", "round_trip_ms": None},
    ]  # fmt: skip


async def test_orders_are_carried_out_and_answered_with_what_is_now(ask: Ask, directory: Directory) -> None:
    for path, body, order in (
        ("drain", {}, "drain"), ("enable", {}, ""), ("force", {"state": "down"}, "down"), ("force", {"state": "up"}, "up"),
    ):  # fmt: skip
        status, told = await ask(f"/peers/east/{path}", json=body)
        assert status == 200 and [row["order"] for row in told["peers"]] == [order]
        assert directory.rows(0.0)[0].order == order


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/peers/north/drain", {"json": {}}, 404),
        ("/peers/east/dance", {"json": {}}, 404),
        ("/peers/east/force", {"json": {"state": "sideways"}}, 400),
        ("/peers/east/force", {"data": "[" * 5000, "headers": {"Content-Type": "application/json"}}, 400),
        ("/peers/east/drain", {"data": "{}"}, 403),
        ("/peers/east/drain", {"json": {}, "headers": {"Origin": "http://127.0.0.1:9495"}}, 403),
        ("/peers/east/drain", {"json": {}, "headers": {"Host": "rebound.example:9495"}}, 403),
    ],
)
async def test_other_orders_are_refused_with_a_reason(
    path: str, more: dict[str, Any], status: int, ask: Ask, directory: Directory
) -> None:
    found, told = await ask(path, **more)
    assert found == status
    assert "error" in told or "dance" in path
    assert directory.rows(0.0)[0].order == ""


async def test_orders_from_another_machine_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_loopback", lambda host: host == "localhost")
    status, told = await ask("/peers/east/drain", json={})
    assert status == 403 and told["error"] == "orders are taken from this machine only"
    assert (await ask("/peers", "GET"))[0] == 200


async def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = await asyncio.to_thread(main, ["peer", *words])
    said = capsys.readouterr()
    return code, said.out + said.err


async def test_the_command_shows_orders_and_complains(
    admin: Admin, directory: Directory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert admin.address is not None
    at = ("--admin", f"127.0.0.1:{admin.address[1]}")
    code, text = await command(capsys, "list", *at)
    assert code == 0 and "udp:192.0.2.1:5060" in text and "east" in text and "unknown" in text
    code, text = await command(capsys, "drain", "east", *at)
    assert code == 0 and "drained" in text and "west" not in text
    code, text = await command(capsys, "list", "--json", *at)
    assert code == 1 and json.loads(text)["peers"][0]["order"] == "drain"
    assert (await command(capsys, "force", "west", "down", *at))[0] == 0
    assert (await command(capsys, "enable", "east", *at))[0] == 0
    assert [row.order for row in directory.rows(0.0)] == ["", "down"]
    code, text = await command(capsys, "drain", "north", *at)
    assert code == 2 and "there is no such peer; known here: east, west" in text
    code, text = await command(capsys, "list", "--admin", "127.0.0.1:1")
    assert code == 2 and "127.0.0.1:1 does not answer" in text


async def test_the_command_finds_the_address_in_the_configuration(
    admin: Admin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert admin.address is not None
    small = '[[listen]]\naddress = "192.0.2.10"\n'
    path = tmp_path / "ringwarden.toml"
    path.write_text(f'{small}[admin]\naddress = "127.0.0.1:{admin.address[1]}"\n', encoding="utf-8")
    assert (await command(capsys, "list", "--config", str(path)))[0] == 0
    path.write_text(small, encoding="utf-8")
    code, text = await command(capsys, "list", "--config", str(path))
    assert code == 2 and "has no [admin] address" in text
    code, text = await command(capsys, "list", "--config", str(tmp_path / "none.toml"))
    assert code == 2 and text


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (121, "2 min"), (7300, "2 h"), (200_000, "2 d")])
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert span(seconds) == said
