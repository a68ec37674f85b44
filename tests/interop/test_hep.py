"""Copies for Homer as others read them: tshark on the wire, and a Kamailio that collects."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.programs import Program
from benchmarks.sipp import Address, bound
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.ports import free_port
from proxy.lab.world import World
from tests.waiting import SECONDS, until

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "deploy" / "homer" / "hep3.lua"
GOOD, OURS = "13015550101", "12025550100"


def call(world: World, caller: str, callee: str = CALLEE, *lines: str) -> Invitation:
    identity = f"<sip:+{caller}@carrier.example.net>"
    return Invitation(
        f"sip:+{callee}@127.0.0.1:{world.ports['proxy']}", identity, lines=(f"P-Asserted-Identity: {identity}", *lines)
    )


def copied_to(port: int) -> Callable[[str], str]:
    return lambda text: f'{text}\n[hep]\naddress = "127.0.0.1:{port}"\ncapture_id = 2077\npassword = "homer"\n'


def metric(world: World, name: str) -> float:
    with urllib.request.urlopen(f"{world.admin}/metrics", timeout=SECONDS) as answer:
        found = re.search(rf"^ringwarden_{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def three_calls(world: World) -> dict[str, Invitation]:
    """One that passes, one that is refused, and one that leaves signed."""
    token = world.sign(GOOD, [CALLEE])
    good = call(world, GOOD, CALLEE, f"Identity: {token}")
    refused, ours = call(world, UTILITY), call(world, OURS, "12125550147")
    assert (await world.carrier.call(good, world.proxy)).status == 200
    assert (await world.carrier.call(refused, world.proxy)).status == 603
    assert (await world.pbx.call(ours, world.proxy)).status == 200
    return {"good": good, "refused": refused, "ours": ours}


@pytest.mark.peer("tshark")
async def test_tshark_decodes_sip_and_verdict_from_the_wire(tmp_path: Path) -> None:
    port = free_port()
    capture = tmp_path / "hep.pcap"
    command = ["tshark", "-i", "lo", "-f", f"udp dst port {port}", "-w", str(capture), "-q"]
    with Program("tshark", command, tmp_path) as shark, Program("collector", collector(port), tmp_path):
        await asyncio.to_thread(shark.ready, lambda: shark.says("Capturing on") and bound(Address("127.0.0.1", port)))
        async with World(tmp_path / "world", amend=copied_to(port)) as world:
            calls = await three_calls(world)
            await until(lambda: metric(world, "hep_queued") == 0, "sent")
            sent = metric(world, "hep_sent_total")
            assert metric(world, "hep_dropped_total") == metric(world, "hep_failed_total") == 0
            await until(lambda: len(fields(capture, "hep3.node")) >= sent, "all of it captured")
    rows = fields(
        capture, "hep3.node", "hep3.password", "hep3.srcport", "hep3.dstport", "sip.Request-Line", "sip.Status-Code", "sip.Call-ID",
        "hep3.verdict", "hep3.log", "hep3.correlation",
    )  # fmt: skip
    assert len(rows) == sent and {(row[0], row[1]) for row in rows} == {("2077", "homer")}
    proxy, pbx, carrier = (str(world.ports[name]) for name in ("proxy", "pbx", "carrier"))
    # Both ways, and each message as it was: the INVITE that came, and the one that went on.
    invites = [row for row in rows if row[4].startswith("INVITE") and row[6] == calls["good"].call_id]
    assert [(row[2], row[3]) for row in invites] == [(carrier, proxy), (proxy, pbx)]
    answers = {row[5] for row in rows if row[6] == calls["good"].call_id}
    assert {"180", "200"} <= answers
    # The verdict is with the INVITE that leaves, with the refusal, and as a log line under the call's id.
    good = json.loads(invites[1][7])
    assert (good["action"], good["attest"], good["verify"]) == ("allow", "A", "passed") and invites[0][7] == ""
    (refusal,) = [row for row in rows if row[5] == "603" and row[6] == calls["refused"].call_id]
    assert json.loads(refusal[7])["reason"] == "campaign-number"
    (signed,) = [row for row in rows if row[4].startswith("INVITE") and row[7] and row[6] == calls["ours"].call_id]
    assert json.loads(signed[7])["attest"] == "A" and json.loads(signed[7])["side"] == "pbx"
    logs = {row[9]: json.loads(bytes.fromhex(row[8].replace(":", "")) if "{" not in row[8] else row[8]) for row in rows if row[8]}
    assert {one.call_id for one in calls.values()} == set(logs)


def fields(capture: Path, *names: str) -> list[list[str]]:
    """What tshark reads of a capture, a row a packet; one that is being written still may end in the middle."""
    command = ["tshark", "-r", str(capture), "-X", f"lua_script:{LUA}", "-Y", "hep3", "-T", "fields", "-E", "separator=\x1f"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return [line.split("\x1f") for line in done.stdout.splitlines()]


def collector(port: int) -> list[str]:
    """Somebody who takes datagrams, so that nothing comes back."""
    code = f"import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', {port}))\nwhile True: s.recv(65535)"
    return [sys.executable, "-c", code]


KAMAILIO = """\
debug=1
log_stderror=yes
fork=no
children=1
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "xlog.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "text://{folder}")
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "capture_node", "test")
modparam("sipcapture", "table_name", "sip_capture")
route {{ xlog("L_ERR", "HEP request $rm $ci $si:$sp\\n"); drop; }}
onreply_route {{ xlog("L_ERR", "HEP reply $rs $ci $si:$sp\\n"); drop; }}
"""


@pytest.mark.peer("kamailio")
async def test_a_kamailio_that_collects_reads_every_message(tmp_path: Path) -> None:
    port = free_port()
    path = tmp_path / "kamailio.cfg"
    path.write_text(KAMAILIO.format(port=port, folder=tmp_path))
    (tmp_path / "version").write_text("table_name(string) table_version(int)\nsip_capture:4\n")
    with Program("kamailio", ["kamailio", "-f", str(path), "-DD", "-E", "-Y", str(tmp_path)], tmp_path) as homer:
        await asyncio.to_thread(homer.ready, lambda: bound(Address("127.0.0.1", port)))
        async with World(tmp_path / "world", amend=copied_to(port)) as world:
            calls = await three_calls(world)
            proxy, carrier = (f"127.0.0.1:{world.ports[name]}" for name in ("proxy", "carrier"))
            wanted = [
                f"HEP request INVITE {calls['good'].call_id} {carrier}",
                f"HEP request INVITE {calls['good'].call_id} {proxy}",
                f"HEP reply 603 {calls['refused'].call_id} {proxy}",
                f"HEP reply 200 {calls['ours'].call_id} {carrier}",
                "receive_logging_json_msg",  # the verdict as a log line; this Kamailio has no table to keep it in
            ]
            await until(lambda: all(homer.says(line) for line in wanted), "collected")


async def test_with_a_dead_collector_nothing_waits(tmp_path: Path) -> None:
    async with World(tmp_path, amend=copied_to(free_port())) as world:
        taken: list[float] = []
        for _ in range(25):
            started = time.monotonic()
            assert (await world.carrier.call(call(world, GOOD), world.proxy, hang_up=False)).status == 200
            taken.append(time.monotonic() - started)
        # On a busy machine one call or the other takes long too, but not so much longer than they all.
        assert max(taken) < 1.0 + 5 * statistics.median(taken), "a pause of the collector's link is a second"
        await until(lambda: metric(world, "hep_failed_total") >= 1, "failures are counted")
        assert metric(world, "hep_queued") > 0 and metric(world, "hep_dropped_total") == 0
        assert any("hep-collector-dead" in line for line in world.said)


async def test_without_the_table_nothing_is_copied(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        assert (await world.carrier.call(call(world, GOOD), world.proxy)).status == 200
        assert metric(world, "hep_sent_total") == metric(world, "hep_queued") == metric(world, "hep_failed_total") == 0
