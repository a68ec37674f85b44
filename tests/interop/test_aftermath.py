"""After a 911 call, against a real ringwarden: people are told within a second, and whoever calls back gets through."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from proxy.lab.cases import UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.notice.webhook import SIGNATURE, verified
from tests.serving import served
from tests.waiting import SECONDS, until

LINE, CENTRE = "12025550177", "13015550190"
SECRET = "0123456789abcdef"


class Desk:
    """A front desk behind HTTP: keeps what it got and when; may hang."""

    def __init__(self) -> None:
        self.got: list[tuple[float, dict[str, str], bytes]] = []
        self.hangs = False
        self.arrival = asyncio.Event()
        self.gate = asyncio.Event()

    async def post(self, request: web.Request) -> web.Response:
        self.got.append((time.monotonic(), dict(request.headers), await request.read()))
        self.arrival.set()
        if self.hangs:
            await self.gate.wait()
        return web.Response(status=204)

    async def told(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.got) < count:
                self.arrival.clear()
                await self.arrival.wait()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    one = Desk()
    async with served(one.post) as url:
        one.url = f"{url}/"  # type: ignore[attr-defined]
        yield one
        one.gate.set()


def telling(url: str, more: str = "") -> Callable[[str], str]:
    notice = f'\n[notice.webhook]\nurl = "{url}"\nsecret = "{SECRET}"\n'
    return lambda text: text.replace("\n[admin]\n", f"\n[notice]\n{more}{notice}\n[admin]\n")


def call(world: World, target: str, caller: str, *lines: str, side: str = "pbx.example.com") -> Invitation:
    identity = f"<sip:+{caller}@{side}>"
    target = f"sip:{target}@127.0.0.1:{world.ports['proxy']}"
    return Invitation(target, identity, lines=(f"P-Asserted-Identity: {identity}", *lines))


async def metric(world: World, name: str) -> float:
    async with ClientSession() as session, session.get(f"{world.admin}/metrics") as answer:
        found = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.mark.req("EMG-005", "EMG-006", "EMG-018")
async def test_people_are_told_within_a_second_and_after_the_call_has_left(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "locations.csv").write_text(f"match,location\n+{LINE},Floor 3 room 3127\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.setblocking(False)
        more = f'locations = "locations.csv"\n\n[notice.syslog]\naddress = "127.0.0.1:{syslog.getsockname()[1]}"\n'
        async with World(tmp_path, amend=telling(desk.url, more)) as world:  # type: ignore[attr-defined]
            for target, event in (("911", "911_call"), ("933", "911_test")):
                desk.got.clear()
                start = time.monotonic()
                outcome = await world.pbx.call(call(world, target, LINE), world.proxy)
                assert outcome.status == 200
                await desk.told(1)
                at, headers, body = desk.got[0]
                # A second by the clock of a machine that has nothing else to do: there the call takes milliseconds.
                assert at - start < 1.0 + 2 * outcome.final_us / 1e6
                assert verified(SECRET.encode(), headers[SIGNATURE], body, time.time())
                told = json.loads(body)
                assert (told["event"], told["call_id"], told["callback"]) == (event, outcome.call_id, f"+{LINE}")
                assert told["location"] == {"text": "Floor 3 room 3127", "by": "number"}
                line = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(syslog, 4096), SECONDS)
                assert f" {event} [".encode() in line and b"Floor 3 room 3127" in line
            assert await metric(world, 'ringwarden_notices_total{result="sent",way="webhook"}') == 2
            assert not any("Floor 3" in said for said in world.said)


@pytest.mark.req("EMG-005")
async def test_a_webhook_that_hangs_delays_no_call(tmp_path: Path, desk: Desk) -> None:
    """Medians of calls taken in turns: with the notice hanging, and of a caller whose calls are no emergency."""
    desk.hangs = True
    async with World(tmp_path, amend=telling(desk.url)) as world:  # type: ignore[attr-defined]
        taken: list[int] = []
        floor: list[int] = []
        for _ in range(15):
            outcome = await world.pbx.call(call(world, "911", LINE), world.proxy)
            assert outcome.statuses == (180, 200)
            taken.append(outcome.final_us)
            floor.append((await world.pbx.call(call(world, "+12125550147", LINE), world.proxy)).final_us)
        await desk.told(15)
        assert await metric(world, "ringwarden_notices_queued") == 15
        # A notice that were waited for would cost 5 s; the ordinary call is signed and judged and takes longer.
        assert statistics.median(taken) < 50_000 + 2 * statistics.median(floor)
        desk.gate.set()


@pytest.mark.req("EMG-012")
async def test_after_911_calls_to_the_line_are_not_screened_also_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        def blocked(line: str = LINE) -> Invitation:
            return call(world, f"+{line}", UTILITY, side="carrier.example.net")

        assert (await world.carrier.call(blocked(), world.proxy)).status == 603
        # Neither a test nor a 911 call from outside that shows the number opens the window.
        assert (await world.pbx.call(call(world, "933", LINE), world.proxy)).status == 200
        assert (await world.carrier.call(call(world, "911", LINE), world.proxy)).status == 200
        assert (await world.carrier.call(blocked(), world.proxy)).status == 603
        assert (await world.pbx.call(call(world, "911", LINE), world.proxy)).status == 200
        through = blocked()
        assert (await world.carrier.call(through, world.proxy)).status == 200
        heard = await world.pbx.hears("INVITE", call_id=through.call_id)
        assert heard.header("x-screen-verdict") is None
        assert (await world.carrier.call(blocked("12025550178"), world.proxy)).status == 603
        assert await metric(world, "ringwarden_emergency_callbacks_total") == 1
        await until((world.folder / "state" / "callback-0").exists, "the line is written down")
        world.process.kill()  # not even a word of goodbye
        await world.process.wait()
        await world.run()
        assert (await world.carrier.call(blocked(), world.proxy)).status == 200
        async with ClientSession() as session:
            await session.put(f"{world.admin}/lab/clock", data="+31m")
        assert (await world.carrier.call(blocked(), world.proxy)).status == 603


@pytest.mark.req("EMG-013", "REG-010")
async def test_the_mark_of_a_callback_counts_with_a_centres_number_only(tmp_path: Path) -> None:
    def centres(text: str) -> str:
        return text.replace("[numbers]\n", f'[numbers]\npsap = ["+{CENTRE}"]\n')

    async with World(tmp_path, amend=centres) as world:
        async def arrives(caller: str, *lines: str) -> tuple[int, str | None]:
            sent = call(world, f"+{LINE}", caller, "Priority: psap-callback", *lines, side="carrier.example.net")
            outcome = await world.carrier.call(sent, world.proxy)
            if outcome.status != 200:
                return outcome.status, None
            return 200, (await world.pbx.hears("INVITE", call_id=sent.call_id)).header("priority")

        assert await arrives(CENTRE) == (200, "psap-callback")
        assert await arrives("13015550101") == (200, None)
        assert await arrives(UTILITY) == (603, None)


@pytest.mark.req("EMG-012")
async def test_the_window_is_open_in_every_worker(tmp_path: Path) -> None:
    async with World(tmp_path, workers=2) as world:
        async def tries() -> list[int]:
            """Calls of a listed number to the line; their branches spread them over the workers."""
            calls = [call(world, f"+{LINE}", UTILITY, side="carrier.example.net") for _ in range(12)]
            return [(await world.carrier.call(one, world.proxy)).status for one in calls]

        assert await tries() == [603] * 12
        assert (await world.pbx.call(call(world, "911", LINE), world.proxy)).status == 200
        assert await tries() == [200] * 12
        await until(lambda: list((tmp_path / "state").glob("callback-?")), "the line is written down")
        world.process.terminate()
        await world.process.wait()
        await world.run()
        assert await tries() == [200] * 12
