"""What a collector reads of every INVITE through a whole ringwarden, whatever is done with it: judged, or not."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy import judging
from proxy.app import App
from proxy.hep.chunks import LOG, VENDOR, VERDICT
from proxy.parts import prepare
from proxy.settings import load
from proxy.sip.flow import Flow
from tests.proxy.hep.test_chunks import read
from tests.waiting import SECONDS

CARRIER, SLOW, PBX, NOBODY = (Flow(0, f"127.0.0.{last}", 25060) for last in (2, 4, 3, 9))
LINE, CENTRE = "12025550101", "12015550100"
SETTINGS = """
secret = "{secret}"
[[listen]]
address = "127.0.0.1:0"
[[trunk]]
name = "carrier"
side = "carrier"
sources = ["127.0.0.2"]
mode = "enforce"
[[trunk]]
name = "slow"
side = "carrier"
sources = ["127.0.0.4"]
calls_per_second = 1
[[trunk]]
name = "pbx"
side = "pbx"
sources = ["127.0.0.3"]
[next_hop]
pbx = ["127.0.0.3:25060"]
carrier = ["127.0.0.2:25060"]
[hep]
address = "127.0.0.1:{port}"
[paths]
state = "{folder}"
[lab]
enabled = true
[log]
level = "error"
"""
INVITE = """INVITE {target} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:25060;branch=z9hG4bK{call_id}{turn}
{route}Max-Forwards: {hops}
From: <sip:+{caller}@carrier.example>;tag=caller
To: <sip:+12025550101@pbx.example>{tag}
Call-ID: {call_id}
CSeq: {turn} INVITE
Contact: <sip:carrier@127.0.0.2:25060>
Content-Length: 0

""".replace("\n", "\r\n")


class Ground:
    """A ringwarden that reads what it is handed, and whoever collects its copies."""

    def __init__(self, app: App, collector: socket.socket) -> None:
        self.app, self.collector = app, collector

    def hears(self, call_id: str, source: Flow = CARRIER, **fields: Any) -> None:
        self.app.server._serve(invite(call_id, **fields), source, self.app.clock.now())

    async def told(self, call_id: str) -> tuple[dict[str, Any], bytes]:
        """The chunk of the next message of a call that has one, and the message. Each has its log line behind it."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            while True:
                one = read(await loop.sock_recv(self.collector, 65_535))
                if (VENDOR, VERDICT) in one and f"Call-ID: {call_id}\r\n".encode() in one[0, 15]:
                    break
            while (log := read(await loop.sock_recv(self.collector, 65_535)))[0, 11] != bytes([LOG]):
                pass
        assert (log[0, 15], log[0, 17]) == (one[VENDOR, VERDICT], call_id.encode())
        return json.loads(one[VENDOR, VERDICT]), one[0, 15]


def invite(
    call_id: str, target: str = f"sip:+{LINE}@pbx.example", caller: str = CENTRE, hops: object = 70, turn: int = 1, route: str = "",
    tag: str = "",
) -> bytes:  # fmt: skip
    return INVITE.format(**locals()).encode()


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.setblocking(False)
        text = SETTINGS.format(secret="4c" * 32, folder=tmp_path, port=collector.getsockname()[1])
        (tmp_path / "ringwarden.toml").write_text(text)
        chosen = load(tmp_path / "ringwarden.toml")
        app = App(chosen, prepare(chosen))
        await app.start()
        try:
            yield Ground(app, collector)
        finally:
            await app.stop()


async def test_an_invite_that_is_judged_carries_its_verdict_in_full(ground: Ground) -> None:
    ground.hears("judged")
    verdict, data = await ground.told("judged")
    assert (verdict["action"], verdict["verify"], verdict["trunk"]) == ("allow", "unsigned", "carrier") and data.startswith(b"INVITE ")


@pytest.mark.parametrize(
    ("name", "source", "fields", "action", "trunk", "start"),
    [
        ("emergency", PBX, {"target": "sip:911@pbx.example"}, "emergency", "pbx", b"INVITE "),
        ("of a stranger", NOBODY, {"target": "sip:911@pbx.example"}, "emergency", "", b"INVITE "),
        ("stranger", NOBODY, {}, "refused", "", b"SIP/2.0 403 "),
        ("hops", CARRIER, {"hops": 0}, "refused", "carrier", b"SIP/2.0 483 "),
        ("torn", CARRIER, {"turn": "nothing"}, "refused", "carrier", b"SIP/2.0 400 "),
    ],
)
async def test_an_invite_that_nobody_judges_carries_what_was_done(
    ground: Ground, name: str, source: Flow, fields: dict[str, Any], action: str, trunk: str, start: bytes
) -> None:
    ground.hears("this-call", source, **fields)
    verdict, data = await ground.told("this-call")
    assert (verdict["action"], verdict["trunk"], verdict["findings"]) == (action, trunk, []), name
    assert data.startswith(start), name


async def test_neither_a_call_back_nor_a_re_invite_goes_without(ground: Ground) -> None:
    ground.hears("emergency", PBX, target="sip:911@pbx.example", caller=LINE)
    await ground.told("emergency")
    ground.hears("back")
    verdict, data = await ground.told("back")
    assert (verdict["action"], verdict["side"]) == ("callback", "carrier") and data.startswith(b"INVITE ")
    found = re.search(rb"\r\nRecord-Route: ([^\r]*)\r\n", data)
    assert found is not None
    ground.hears(
        "back", target="sip:pbx@127.0.0.3:25060", turn=2, route=f"Route: {found[1].decode()}\r\n", tag=";tag=callee"
    )  # fmt: skip
    verdict, _ = await ground.told("back")
    assert (verdict["action"], verdict["findings"]) == ("in-dialog", [])


@pytest.mark.parametrize("action", ["bypass", "unscreened", "fail-open", "refused", "shed"])
async def test_neither_does_one_that_there_was_no_time_or_no_wish_to_judge(
    ground: Ground, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, start = CARRIER, b"INVITE "
    if action == "bypass":
        ground.app.calls.world.bypass = True
    elif action == "unscreened":
        ground.app.calls.hurried = True
    elif action == "fail-open":
        monkeypatch.setattr(judging, "judge", lambda *given: 1 / 0)
    elif action == "refused":
        source, start = SLOW, b"SIP/2.0 503 "
        ground.hears("before", source)
    if action == "shed":
        start = b"SIP/2.0 503 "
        ground.app.server._refuse(invite("this-call"), source)
        ground.app.server._send(ground.app.clock.now())
    else:
        ground.hears("this-call", source)
    verdict, data = await ground.told("this-call")
    assert (verdict["action"], verdict["findings"]) == (action, []) and data.startswith(start)
