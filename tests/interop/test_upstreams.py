"""A blocked upstream against a real ringwarden: nothing is taken from it, with the reason and since the day that the
operator wrote, except what must never be blocked; and nobody else notices.
"""

from __future__ import annotations

import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession

from proxy.cli import main
from proxy.lab.calling import Outcome
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from tests.waiting import comes, recorded

LINE, CALLER, CENTRE = "12025550177", "13015550101", "12025550191"
REASON = "FCC notice DA-25-1"
DAY = 86_400.0


def day(apart: float) -> str:
    return f"{datetime.fromtimestamp(time.time() + apart * DAY, UTC):%Y-%m-%d}"


def trunk(name: str, port: int, *lines: str, mode: str = "enforce") -> str:
    return "\n".join(
        ("[[trunk]]", f'name = "{name}"', 'side = "carrier"', f'sources = ["127.0.0.1:{port}"]', f'mode = "{mode}"', *lines, "", "")
    )


def blocked(since: float) -> tuple[str, str]:
    return f'blocked = "{REASON}"', f'blocked_since = "{day(since)}"'


async def placed(phone: Phone, world: World, target: str = f"+{LINE}", caller: str = CALLER, *lines: str) -> Outcome:
    uri = target if target.startswith("urn:") else f"sip:{target}@127.0.0.1:{world.ports['proxy']}"
    identity = f"<sip:+{caller}@upstream.example.net>"
    return await phone.call(Invitation(uri, identity, lines=(f"P-Asserted-Identity: {identity}", *lines)), world.proxy)


@pytest.mark.req("REG-008", "REG-009", "REG-010", "REG-019")
async def test_a_blocked_upstream_is_refused_since_its_day_and_911_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Phone() as bad, Phone() as ahead, Phone() as watched:
        more = trunk("bad", bad.port, *blocked(-2)) + trunk("ahead", ahead.port, *blocked(+2))
        more += trunk("watched", watched.port, *blocked(-2), mode="observe")

        def amend(text: str) -> str:
            text = text.replace("[numbers]\n", f'[numbers]\npsap = ["+{CENTRE}"]\n')
            return text.replace("[next_hop]\n", more + "[next_hop]\n")

        async with World(tmp_path, amend=amend) as world:
            refused = await placed(bad, world)
            assert refused.status == 403
            # A proved signature buys nothing, and no other upstream is touched.
            token = world.sign(CALLER, [LINE])
            assert (await placed(bad, world, f"+{LINE}", CALLER, f"Identity: {token}")).status == 403
            assert (await placed(world.carrier, world)).status == 200
            assert (await placed(ahead, world)).status == 200, "its day has not come"
            assert (await placed(watched, world)).status == 200, "the trunk's mode is the ceiling"
            # What must never be blocked: emergency calls in each form, and emergency centres that call.
            for target in ("911", "9911", "933", "+1911", "112", "urn:service:sos", "urn:service:sos.fire"):
                assert (await placed(bad, world, target)).status == 200, target
            assert (await placed(bad, world, f"+{LINE}", CENTRE)).status == 200

            async with ClientSession() as session, session.get(f"{world.admin}/metrics") as answer:
                counted = re.findall(r"^ringwarden_decisions_total\{(.*)\} (\S+)$", await answer.text(), re.MULTILINE)
            rejected = {labels: float(figure) for labels, figure in counted if 'reason="upstream-blocked"' in labels}
            assert sum(figure for labels, figure in rejected.items() if 'action="reject"' in labels) == 2
            record = await recorded(world.journal, refused.call_id)
            row = record.row
            assert (row.trunk, row.source, row.reason, row.status) == ("bad", f"127.0.0.1:{bad.port}", "upstream-blocked", 403)
            assert (row.caller, row.callee, row.verify) == (CALLER, LINE, "unsigned") and row.refusal and record.utc_offset is not None
            assert main(["explain", refused.call_id, "--journal", str(world.journal)]) == 0
            told = capsys.readouterr().out
            assert f"this upstream is blocked: {REASON}" in told and "47 CFR 64.1200(k)(4)" in told

            # The operator lifts it: no restart, and the next call passes.
            world.config.write_text(world.config.read_text().replace("\n".join(blocked(-2)) + "\n", ""))
            world.process.send_signal(signal.SIGHUP)

            async def passes() -> bool:
                return (await placed(bad, world)).status == 200

            await comes(passes, "a call passes")


@pytest.mark.req("REG-040", "REG-042")
async def test_an_upstream_that_the_database_has_struck_off_is_refused_while_the_copy_is_fresh(tmp_path: Path) -> None:
    copy = tmp_path / "rmd.csv"
    copy.write_text("number,business,status\nRMD0001,Example Carrier,active\nRMD0002,Another,removed\n")
    async with Phone() as good, Phone() as struck, Phone() as absent:
        more = trunk("good", good.port, 'rmd = "RMD0001"') + trunk("struck", struck.port, 'rmd = "RMD0002"')
        more += trunk("absent", absent.port, 'rmd = "RMD0003"')

        def amend(text: str) -> str:
            return text.replace("[next_hop]\n", more + "[next_hop]\n").replace("[lists]\n", '[lists]\nrmd = ["rmd.csv"]\n')

        async with World(tmp_path, amend=amend) as world:
            told = [(await placed(phone, world)).status for phone in (good, struck, absent, world.carrier)]
            assert told == [200, 403, 403, 200]
            assert [(await placed(phone, world, "911")).status for phone in (struck, absent)] == [200, 200]
            async with ClientSession() as session:
                await session.put(f"{world.admin}/lab/clock", data="+8d")
            assert [(await placed(phone, world)).status for phone in (struck, absent)] == [200, 200], "a stale copy refuses nobody"
