"""A running ringwarden is told to read again, and to stand aside, without losing a call."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest

from proxy import cli
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World

CONFIG = "ringwarden.toml"


def call(world: World, caller: str = UTILITY) -> Invitation:
    return Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{caller}@carrier.example.net>")


async def counted(world: World, line: str, value: float) -> None:
    """Waits until a metric says so."""

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.ports['admin']}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    async with asyncio.timeout(15):
        while True:
            found = re.search(rf"^{re.escape(line)} (\S+)$", await asyncio.to_thread(read), re.MULTILINE)
            if found is not None and float(found[1]) == value:
                return
            await asyncio.sleep(0.02)


async def test_a_reload_swaps_the_lists_and_open_calls_go_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        assert (await world.carrier.call(call(world), world.proxy)).status == 603
        good = call(world, "13015550101")
        open_call = await world.carrier.call(good, world.proxy, hang_up=False)
        assert open_call.status == 200 and open_call.dialog is not None
        path = tmp_path / CONFIG
        text = path.read_text()
        path.write_text(text.replace('campaigns = ["campaigns.csv"]', "campaigns = []"))
        assert cli.main(["reload", "--config", str(path)]) == 0
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 1)
        assert (await world.carrier.call(call(world), world.proxy)).status == 200
        assert (await world.carrier.within(open_call.dialog, "BYE")).status == 200


async def test_a_bad_configuration_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        path = tmp_path / CONFIG
        path.write_text(path.read_text().replace('"campaigns.csv"', '"nowhere.csv"'))
        # The command would refuse to read it; a bare signal is what an operator's script sends.
        assert world.process is not None
        world.process.send_signal(1)
        await counted(world, 'ringwarden_reloads_total{result="refused"}', 1)
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


@pytest.mark.req("SIP-034")
async def test_bypass_lets_every_call_through_untouched_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        path = str(tmp_path / CONFIG)
        assert cli.main(["bypass", "on", "--config", path]) == 0
        await counted(world, "ringwarden_bypass", 1)
        sent = call(world).with_lines("X-Screen-Verdict: forged")
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert heard.header("x-screen-verdict") == "forged" and heard.header("p-attestation-indicator") is None
        assert cli.main(["bypass", "off", "--config", path]) == 0
        await counted(world, "ringwarden_bypass", 0)
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


def test_who_does_not_run_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.toml"
    path.write_text(
        '[[listen]]\naddress = "192.0.2.10"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["198.51.100.7"]\n'
        f'[next_hop]\npbx = ["192.0.2.20"]\n[paths]\nstate = "{tmp_path}"\n'
    )
    assert cli.main(["reload", "--config", str(path)]) == 2
    assert "is it running?" in capsys.readouterr().err
