"""What deploy/ tells a FreeSWITCH, read by a FreeSWITCH: it registers through us at a registrar that asks for a digest, is called,
asks a suspicious caller for a key, and calls out, which is signed on the way. Debian 12 has no FreeSWITCH: the test waits for one
on the path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.programs import Program, free_port, wait
from benchmarks.sender import alive
from benchmarks.sipp import Address
from benchmarks.stage import Stage
from proxy.lab.phone import Phone
from tests.interop.patient import Ringwarden
from tests.interop.switches import CALLED, calling, suspicious
from tests.interop.test_registration import NUMBER, PATIENCE, registrar
from tests.waiting import SECONDS

DEPLOY = Path(__file__).parents[2] / "deploy" / "freeswitch"
MODULES = ("commands", "console", "dialplan_xml", "dptools", "event_socket", "sofia", "tone_stream")
CONFIG = """\
<document type="freeswitch/xml">
 <section name="configuration">
  <configuration name="modules.conf"><modules>{modules}</modules></configuration>
  <configuration name="switch.conf"><settings>
   <param name="loglevel" value="debug"/><param name="core-db-name" value="/dev/null"/><param name="rtp-start-port" value="42000"/>
   <param name="rtp-end-port" value="42400"/>
  </settings></configuration>
  <configuration name="console.conf"><mappings><map name="all" value="debug,info,notice,warning,err"/></mappings>
   <settings><param name="colorize" value="false"/><param name="loglevel" value="debug"/></settings></configuration>
  <configuration name="event_socket.conf"><settings>
   <param name="listen-ip" value="127.0.0.1"/><param name="listen-port" value="{control}"/><param name="password" value="lab"/>
  </settings></configuration>
  <configuration name="acl.conf"><network-lists>
   <list name="ringwarden" default="deny"><node type="allow" cidr="{ours.host}/32"/></list>
  </network-lists></configuration>
  <configuration name="sofia.conf"><profiles><profile name="external">
   <gateways>{gateway}</gateways>
   <settings>
    <param name="sip-ip" value="{me.host}"/><param name="rtp-ip" value="{me.host}"/><param name="sip-port" value="{me.port}"/>
    <param name="context" value="public"/><param name="dialplan" value="XML"/><param name="auth-calls" value="false"/>
    <param name="apply-inbound-acl" value="ringwarden"/><param name="inbound-codec-prefs" value="PCMU,PCMA"/>
    <param name="outbound-codec-prefs" value="PCMU"/>
   </settings>
  </profile></profiles></configuration>
 </section>
 <section name="dialplan">
  <context name="public">{dialplan}
   <extension name="in"><condition field="destination_number" expression="^(.*)$"><action application="transfer" data="$1 XML default"/></condition></extension>
  </context>
  <context name="default">
   <extension name="answered"><condition field="destination_number" expression="^.*$">
    <action application="log" data="NOTICE reached ${{destination_number}} verdict ${{sip_h_X-Screen-Verdict}}"/>
    <action application="answer"/><action application="sleep" data="10000"/>
   </condition></extension>
  </context>
 </section>
</document>
"""


class FreeSwitch:
    """One FreeSWITCH with the files of deploy/freeswitch, its addresses filled in."""

    def __init__(self, folder: Path, me: Address, ours: Address, carrier: Address) -> None:
        self.me, self.folder, self.control = me, folder / "freeswitch", free_port("127.0.0.1")
        for name in ("conf", "log", "db", "run", "storage"):
            (self.folder / name).mkdir(parents=True)

        def included(name: str) -> str:
            text = (DEPLOY / name).read_text()
            for word, value in {
                "192.0.2.10:5060": str(ours), "your-user": NUMBER, "your-password": "secret", "carrier.example.net": str(carrier),
                'name="realm" value="' + str(carrier): 'name="realm" value="' + carrier.host,
            }.items():  # fmt: skip
                text = text.replace(word, value)
            return re.sub(r"</?include>", "", text)

        (self.folder / "conf" / "freeswitch.xml").write_text(
            CONFIG.format(
                modules="".join(f'<load module="mod_{name}"/>' for name in MODULES), control=self.control, ours=ours, me=me,
                gateway=included("gateway.xml"), dialplan=included("dialplan.xml"),
            )
        )  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[Program]:
        places = [word for name in ("conf", "log", "db", "run", "storage") for word in (f"-{name}", str(self.folder / name))]
        command = ["freeswitch", "-nf", "-nonat", "-c", "-nort", *places]
        with Program("freeswitch-log", command, self.folder) as program:
            program.ready(lambda: alive(self.me), 60)
            yield program

    def says(self, order: str) -> str:
        done = subprocess.run(
            ["fs_cli", "-H", "127.0.0.1", "-P", str(self.control), "-p", "lab", "-x", order],
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        return done.stdout + done.stderr


@pytest.mark.peer("freeswitch", "kamailio")
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_freeswitch_with_our_snippets_registers_is_called_and_calls(workers: int, tmp_path: Path) -> None:
    assert shutil.which("fs_cli")
    with Stage(tmp_path) as stage:
        carrier, ours = stage.carrier, Address("127.0.0.1", free_port("127.0.0.1"))
        me = Address("127.0.0.3", free_port("127.0.0.3"))
        switch = FreeSwitch(tmp_path, me, ours, carrier)
        with (
            registrar(carrier, tmp_path) as kamailio,
            Ringwarden(stage, tmp_path, me=ours, carrier=carrier, pbx=me, mode="tag", workers=workers) as ringwarden,
            switch.running() as program,
        ):
            wait(lambda: "REGED" in switch.says("sofia status gateway carrier"), PATIENCE, "the registration")
            assert kamailio.says("registered <sip:rwc-")
            async with Phone("127.0.0.5") as caller:
                call = calling(carrier)
                for _ in range(4):
                    assert (await caller.call(call, (carrier.host, carrier.port), seconds=PATIENCE)).status == 200
                wait(lambda: program.says(f"reached {NUMBER} verdict allow"), PATIENCE, "the verdict in the dialplan")
                suspect = suspicious(call, stage)
                assert (await caller.call(suspect, (carrier.host, carrier.port), seconds=PATIENCE)).status == 200
                wait(lambda: program.says("play_and_get_digits(1 1 1 5000"), PATIENCE, "the question")
            switch.says(f"originate {{origination_caller_id_number=19085550101}}sofia/gateway/carrier/+{CALLED} &park")
            wait(lambda: ringwarden.count("ringwarden_sign_total", result="signed", attest="A") == 1, PATIENCE, "the call out")
            assert ringwarden.count("ringwarden_internal_errors_total") == 0
