"""A running ringwarden is told to read again, and to stand aside, without losing a call."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from proxy import cli
from proxy.app import App
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port
from proxy.lab.world import World
from proxy.parts import prepare
from proxy.settings import load
from tests.waiting import SECONDS, counted

CONFIG = "ringwarden.toml"


def call(world: World, caller: str = UTILITY) -> Invitation:
    return Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{caller}@carrier.example.net>")


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


@pytest.mark.req("SIP-040")
async def test_a_reload_brings_the_route_set_of_a_peer(tmp_path: Path) -> None:
    def amend(text: str) -> str:
        text = re.sub(r"\[next_hop\]\n(carrier = .*\n)pbx = .*\n", r"[next_hop]\n\1", text)
        return re.sub(r'name = "pbx"\n.*\nsources = (.*)\n', r'\g<0>hops = \1\nroute = ["sip:old.example;lr"]\n', text)

    async with World(tmp_path, amend=amend) as world:

        async def route() -> str | None:
            """What stands in the Route of a call that the PBX gets."""
            one = call(world, "13015550101")
            assert (await world.carrier.call(one, world.proxy)).status == 200
            return (await world.pbx.hears("INVITE", call_id=one.call_id)).header("route")

        assert await route() == "<sip:old.example;lr>"
        path = tmp_path / CONFIG
        path.write_text(path.read_text().replace("sip:old.example", "sip:new.example"))
        assert cli.main(["reload", "--config", str(path)]) == 0
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 1)
        assert await route() == "<sip:new.example;lr>"


async def test_a_bad_configuration_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        path = tmp_path / CONFIG
        path.write_text(path.read_text().replace('"campaigns.csv"', '"nowhere.csv"'))
        # The command would refuse to read it; a bare signal is what an operator's script sends.
        assert world.process is not None
        world.process.send_signal(1)
        await counted(world, 'ringwarden_reloads_total{result="refused"}', 1)
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


async def test_a_reload_keeps_the_secret_that_calls_in_progress_are_sealed_with(tmp_path: Path) -> None:
    path = tmp_path / CONFIG
    path.write_text(
        '[[listen]]\naddress = "127.0.0.1:0"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["127.0.0.2"]\n'
        '[next_hop]\npbx = ["127.0.0.3"]\n[lab]\nenabled = true\n[log]\nlevel = "error"\n'
    )
    settings = load(path)
    app = App(settings, prepare(settings))
    await app.start()
    try:
        old = app.parts
        path.write_text('secret = "one of sixteen octets"\n' + path.read_text())
        assert await app.reload() and app.parts is not old
        assert (app.parts.secret, app.calls.world.book.key) == (old.secret, old.book.key)
    finally:
        await app.stop()


@pytest.mark.req("EMG-001", "EMG-005")
async def test_a_reload_brings_all_that_the_file_names(tmp_path: Path) -> None:
    """Trunks, next hops, keys, emergency strings, where lines are and how people are told; and no socket is touched."""
    secure = free_port()
    first = f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1:{secure}"\n\n[tls]\ncertificate = "repository.pem"\nkey = "repository.key"\n\n'
    desk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    async with World(tmp_path, amend=lambda text: first + text) as world, Phone(user="new") as pbx, contextlib.AsyncExitStack() as last:
        last.callback(desk.close)
        desk.bind(("127.0.0.1", 0))
        desk.setblocking(False)
        shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", secure))
        world.authority.tls(["renewed.example.com"]).save(tmp_path, "repository")
        leaf = world.authority.leaf("810K")
        leaf.save(tmp_path, "other")
        url = world.repository.put("other.pem", leaf.chain_pem())
        (tmp_path / "lines.csv").write_text("match,location,callback\n12025550100,Room 7,\n")
        path = tmp_path / CONFIG
        text = path.read_text()
        for old, new in (
            ('profile = "demo"\nmode = "enforce"', 'mode = "observe"'),  # the carrier's trunk
            (f'sources = ["127.0.0.1:{world.ports["pbx"]}"]', f'sources = ["127.0.0.1:{pbx.port}"]'),
            (f'pbx = ["127.0.0.1:{world.ports["pbx"]}"]', f'pbx = ["127.0.0.1:{pbx.port}"]'),
            ('key = "pbx.key"', 'key = "other.key"'),
            (re.findall(r"certificate_url = .*", text)[0], f'certificate_url = "{url}"'),
            ("[numbers]\n", '[numbers]\nemergency = ["120"]\n'),
            ("[admin]\n", f'[notice]\nlocations = "lines.csv"\n[notice.syslog]\naddress = "127.0.0.1:{desk.getsockname()[1]}"\n[admin]\n'),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text)
        assert cli.main(["reload", "--config", str(path)]) == 0
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 1)
        listed = call(world)
        assert (await world.carrier.call(listed, world.proxy)).status == 200
        await pbx.hears("INVITE", call_id=listed.call_id)
        signed = Invitation(f"sip:+13015550101@127.0.0.1:{world.ports['proxy']}", "<sip:+12025550100@pbx.example.com>")
        assert (await pbx.call(signed, world.proxy)).status == 200
        assert url in ((await world.carrier.hears("INVITE", call_id=signed.call_id)).header("identity") or "")
        urgent = Invitation(f"sip:120@127.0.0.1:{world.ports['proxy']}", "<sip:+12025550100@pbx.example.com>")
        assert (await pbx.call(urgent, world.proxy)).status == 200
        assert (await world.carrier.hears("INVITE", call_id=urgent.call_id)).header("identity") is None
        async with asyncio.timeout(SECONDS):
            notice = await asyncio.get_running_loop().sock_recv(desk, 65_536)
        assert b"Room 7" in notice
        assert await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", secure)) != shown


def listed(text: str) -> str:
    """A configuration in which messages are screened as calls are."""
    return text.replace("[lists]\n", '[policy]\nmethods = ["INVITE", "MESSAGE"]\n\n[lists]\n')


async def healthz(world: World) -> dict[str, object]:
    async with aiohttp.ClientSession() as session, session.get(f"{world.admin}/healthz") as answer:
        return dict(await answer.json())


@pytest.mark.parametrize("workers", [1, 2])
async def test_in_a_bypass_no_method_and_no_limit_refuses_anybody_and_healthz_says_so(workers: int, tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return listed(text.replace('name = "carrier"\n', 'name = "carrier"\ncalls_per_second = 1\n'))

    async with World(tmp_path, amend=amend, workers=workers) as world:

        async def sent(method: str) -> tuple[int | None, str | None]:
            """Its answer, and the verdict that the PBX saw."""
            one = replace(call(world), method=method, lines=("Refer-To: <sip:x@example.com>", "X-Screen-Verdict: forged"))
            outcome = await world.carrier.call(one, world.proxy)
            if outcome.status != 200:
                return outcome.status, None
            heard = await world.pbx.hears(method, call_id=one.call_id)
            assert (method in ("INVITE", "REFER", "SUBSCRIBE")) == (heard.header("record-route") is not None)
            return 200, heard.header("x-screen-verdict")

        methods = ("INVITE", "MESSAGE", "REFER", "SUBSCRIBE")
        assert (await healthz(world))["bypass"] is False
        assert [await sent(one) for one in methods] == [(603, None), (603, None), (403, None), (200, None)]
        assert cli.main(["bypass", "on", "--config", str(world.config)]) == 0
        await counted(world, "ringwarden_bypass", workers)
        assert (await healthz(world))["bypass"] is True
        for one in ("INVITE", "INVITE", "INVITE", *methods):
            assert (one, await sent(one)) == (one, (200, "forged"))
        line = 'ringwarden_decisions_total{action="bypass",attest="none",direction="inbound",reason="none"}'
        await counted(world, line, 5)
        await counted(world, "ringwarden_over_rate_total", 0)


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
