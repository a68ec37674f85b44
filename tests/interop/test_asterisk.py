"""What deploy/ tells an Asterisk, read by an Asterisk: it registers through us at a registrar that asks for a digest, is called,
acts on the verdict, and calls out, which is signed on the way. Debian 12 has no Asterisk: the test waits for one on the path.
"""

from __future__ import annotations

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

DEPLOY = Path(__file__).parents[2] / "deploy" / "asterisk"
SEVERAL = 4
ASTERISK = """\
[directories]
astetcdir => {0}
astvarlibdir => {0}/lib
astdbdir => {0}/lib
astkeydir => {0}/lib
astdatadir => {0}/lib
astagidir => {0}/lib
astspooldir => {0}/spool
astrundir => {0}
astlogdir => {0}
[options]
verbose = 3
"""
TRANSPORT = """
[udp]
type = transport
protocol = udp
bind = {me}
"""
# Where the snippets send a call: the dialplan of a PBX that is there already.
PSTN = """
[from-pstn]
exten => _[+0-9].,1,NoOp(verdict ${CDR(userfield)} for ${EXTEN})
 same => n,Answer()
 same => n,Wait(10)

[out]
exten => _X.,1,Set(CALLERID(all)="" <19085550101>)
 same => n,Dial(PJSIP/+${EXTEN}@carrier)
"""


class Asterisk:
    """One Asterisk with the files of deploy/asterisk, its addresses filled in."""

    def __init__(self, folder: Path, me: Address, ours: Address, carrier: Address) -> None:
        self.me, self.folder = me, folder / "asterisk"
        for name in ("lib", "spool"):
            (self.folder / name).mkdir(parents=True)

        def filled(name: str) -> str:
            text = (DEPLOY / name).read_text()
            for word, value in {
                "192.0.2.10:5060": str(ours), "192.0.2.10": ours.host, "your-user": NUMBER, "your-password": "secret",
                "sip:carrier.example.net": f"sip:{carrier}", "@carrier.example.net": f"@{carrier}", "carrier.example.net": carrier.host,
                "qualify_frequency = 30": "qualify_frequency = 2",
            }.items():  # fmt: skip
                text = text.replace(word, value)
            return text

        files = {
            "asterisk.conf": ASTERISK.format(self.folder),
            "pjsip.conf": TRANSPORT.format(me=me) + filled("pjsip.conf"),
            "extensions.conf": filled("extensions.conf") + PSTN,
            "modules.conf": "[modules]\nautoload = yes\n",
            "logger.conf": "[logfiles]\nconsole = notice,warning,error,verbose\n",
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)

    @contextmanager
    def running(self) -> Iterator[Program]:
        with Program("asterisk-log", ["asterisk", "-f", "-C", str(self.folder / "asterisk.conf"), "-vvv"], self.folder) as program:
            program.ready(lambda: alive(self.me) and "Up" in self.says("core show uptime seconds").replace("System uptime", "Up"), 60)
            yield program

    def log_has(self, text: str) -> bool:
        return text in (self.folder / "asterisk-log.log").read_text(errors="replace")

    def says(self, order: str) -> str:
        """What its console answers."""
        done = subprocess.run(
            ["asterisk", "-C", str(self.folder / "asterisk.conf"), "-rx", order], capture_output=True, text=True, check=False, timeout=SECONDS
        )
        return done.stdout + done.stderr


@pytest.mark.peer("asterisk", "kamailio")
@pytest.mark.parametrize("workers", [1, 2])
async def test_an_asterisk_with_our_snippets_registers_is_called_and_calls(workers: int, tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        carrier, ours = stage.carrier, Address("127.0.0.1", free_port("127.0.0.1"))
        me = Address("127.0.0.3", free_port("127.0.0.3"))
        asterisk = Asterisk(tmp_path, me, ours, carrier)
        with (
            registrar(carrier, tmp_path) as kamailio,
            Ringwarden(stage, tmp_path, me=ours, carrier=carrier, pbx=me, mode="tag", workers=workers) as ringwarden,
            asterisk.running() as program,
        ):
            wait(lambda: "Registered" in asterisk.says("pjsip show registrations"), PATIENCE, "the registration")
            assert kamailio.says("registered <sip:rwc-")
            async with Phone("127.0.0.5") as caller:
                for _ in range(SEVERAL):
                    call = calling(carrier)
                    outcome = await caller.call(call, (carrier.host, carrier.port), seconds=PATIENCE)
                    assert outcome.status == 200, asterisk.says("core show channels") + program.log()
                wait(lambda: asterisk.log_has(f"verdict allow for {NUMBER}"), PATIENCE, "the verdict in the dialplan")
                suspect = suspicious(call, stage)
                assert (await caller.call(suspect, (carrier.host, carrier.port), seconds=PATIENCE)).status == 200
                wait(lambda: asterisk.log_has("CALLERID(name)=SUSPECT") and asterisk.log_has("s@suspect:1"), PATIENCE, "the other way")
            wait(lambda: "Avail" in asterisk.says("pjsip show contacts"), PATIENCE, "our answer to its pings")
            assert ringwarden.count("ringwarden_internal_errors_total") == 0
            asterisk.says(f"channel originate Local/{CALLED}@out application Wait 2")
            wait(lambda: ringwarden.count("ringwarden_sign_total", result="signed", attest="A") == 1, PATIENCE, "the call out")
