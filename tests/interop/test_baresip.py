"""Two baresips call each other by TLS through ringwarden: the call comes up and ends, and their RTP goes its own way."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import wave
from pathlib import Path

import pytest

from benchmarks.programs import Program, free_port, wait
from benchmarks.sipp import Address
from benchmarks.stage import Stage
from certs.lab import Authority
from tests.interop.patient import Ringwarden
from tests.waiting import SECONDS

pytestmark = pytest.mark.peer("baresip")

CALLER, CALLEE = "127.0.0.2", "127.0.0.3"
CONFIG = """\
sip_listen\t{host}:{port}
sip_certificate\t{folder}/both.pem
sip_cafile\t{folder}/ca.pem
call_local_timeout\t30
audio_source\taufile,{folder}/tone.wav
audio_player\taubridge,nowhere
rtp_stats\tyes
rtp_ports\t{rtp}-{rtp_end}
module_path\t/usr/lib/baresip/modules
module\tg711.so
module\taufile.so
module\taubridge.so
module_tmp\taccount.so
module_app\tctrl_tcp.so
module_app\tmenu.so
ctrl_tcp_listen\t{host}:{control}
"""


class Phone:
    """One baresip. It listens by TLS at the port after `port`."""

    def __init__(self, name: str, host: str, number: str, authority: Authority, folder: Path) -> None:
        self.name, self.host, self.port = name, host, free_port(host) & ~1
        self.control = free_port(host)
        self.folder = folder / name
        self.folder.mkdir()
        issued = authority.tls((host,))
        (self.folder / "both.pem").write_bytes(issued.key_pem() + issued.chain_pem())
        (self.folder / "ca.pem").write_bytes(authority.web_ca_pem)
        tone(self.folder / "tone.wav")
        rtp = free_port(host) & ~1
        (self.folder / "config").write_text(
            CONFIG.format(host=host, port=self.port, folder=self.folder, rtp=rtp, rtp_end=rtp + 20, control=self.control)
        )
        mode = "auto" if host == CALLEE else "manual"
        (self.folder / "accounts").write_text(
            f"<sip:+{number}@{host}:{self.tls};transport=tls>;regint=0;answermode={mode};audio_codecs=pcmu\n"
        )
        (self.folder / "contacts").write_text("")

    @property
    def tls(self) -> int:
        return self.port + 1

    def start(self, *more: str) -> Program:
        command = ["baresip", "-f", str(self.folder), "-n", self.host, "-t", f"{3 * SECONDS:.0f}", *more]
        self.program = Program(self.name, command, self.folder)
        self.program.ready(lambda: self.program.says("baresip is ready"))
        return self.program

    def command(self, word: str) -> None:
        """Give an order as its console would."""
        text = json.dumps({"command": word})
        with socket.create_connection((self.host, self.control), SECONDS) as line:
            line.sendall(b"%d:%s," % (len(text), text.encode()))
            line.settimeout(SECONDS)
            line.recv(4096)

    def packets(self) -> tuple[int, int]:
        """RTP packets sent and received, as its own statistics say."""
        found = re.findall(r"packets:\s+(\d+)\s+(\d+)", self.program.log_path.read_text(errors="replace"))
        assert found, self.program.log()
        return int(found[-1][0]), int(found[-1][1])


def tone(path: Path) -> None:
    """Ten seconds of 440 Hz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        second = b"".join(struct.pack("<h", int(8000 * math.sin(at * 440 * math.tau / 8000))) for at in range(8000))
        file.writeframes(second * 10)


def test_a_call_by_tls_comes_up_and_its_rtp_is_untouched(tmp_path: Path) -> None:
    authority = Authority(seed="baresip")
    (tmp_path / "ca.pem").write_bytes(authority.web_ca_pem)
    authority.tls(("127.0.0.1",)).save(tmp_path, "ours")
    port = free_port("127.0.0.1")
    tables = (
        f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1:{port}"\n'
        f'[tls]\ncertificate = "{tmp_path}/ours.pem"\nkey = "{tmp_path}/ours.key"\nca = "{tmp_path}/ca.pem"\n'
    )
    caller = Phone("one", CALLER, "12025550101", authority, tmp_path)
    callee = Phone("two", CALLEE, "19085550123", authority, tmp_path)
    # baresip connects from whatever address the system chooses: on loopback that is 127.0.0.1.
    with (
        Stage(tmp_path) as stage,
        Ringwarden(
            stage, tmp_path, carrier=Address("127.0.0.1", caller.tls), pbx=Address(CALLEE, callee.tls), transport="tls",
            more=tables,
        ) as ours,
        callee.start(),
        caller.start("-e", f"/dial sip:+19085550123@127.0.0.1:{port};transport=tls"),
    ):  # fmt: skip
        wait(lambda: callee.program.says("Call established") and caller.program.says("Call established"), SECONDS, "the call")
        wait(lambda: callee.program.says("incoming rtp") and caller.program.says("incoming rtp"), SECONDS, "sound")
        wait(lambda: ours.count("ringwarden_active_calls") == 1, 5, "the call is seen")
        callee.command("hangup")
        wait(lambda: callee.program.says("packets:") and caller.program.says("packets:"), SECONDS, "the end")
        for phone in (caller, callee):
            sent, received = phone.packets()
            assert sent > 0 and received > 0
        lost = abs(caller.packets()[0] - callee.packets()[1]) + abs(callee.packets()[0] - caller.packets()[1])
        assert lost <= 10  # those that were under way when it ended
        wait(lambda: ours.count("ringwarden_active_calls") == 0, 5, "the end is seen")
        assert ours.count("ringwarden_udp_oversize_total") == 0
        assert ours.count("ringwarden_connections_begun_total", transport="tls", way="in") >= 1
