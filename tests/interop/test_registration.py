"""A trunk that registers: baresip, through ringwarden, at a Kamailio that asks for a digest; and the calls that come back."""

from __future__ import annotations

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
from certs.lab import Authority
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone as Caller
from tests.interop.patient import Ringwarden
from tests.interop.test_baresip import Phone
from tests.waiting import SECONDS

HERE = Path(__file__).parent
NUMBER = "12025550123"
PATIENCE = SECONDS


class Pbx(Phone):
    """A baresip that registers at `carrier` through the outbound proxy `via`."""

    def __init__(self, folder: Path, carrier: Address, via: Address, transport: str = "udp") -> None:
        super().__init__("pbx", "127.0.0.3", NUMBER, Authority(seed="registration"), folder)
        (self.folder / "accounts").write_text(
            f'<sip:{NUMBER}@{carrier}>;auth_user={NUMBER};auth_pass=secret;outbound="sip:{via};transport={transport}";regint=60;'
            "answermode=auto;audio_codecs=pcmu\n"
        )


@contextmanager
def registrar(me: Address, folder: Path) -> Iterator[Program]:
    run = folder / "registrar"
    run.mkdir()
    text = (HERE / "kamailio-registrar.cfg").read_text()
    for word, value in {"HOST": me.host, "PORT": str(me.port)}.items():
        text = text.replace(f"@{word}@", value)
    (run / "kamailio.cfg").write_text(text)
    command = ["kamailio", "-f", str(run / "kamailio.cfg"), "-DD", "-E", "-m", "64", "-Y", str(run), "-w", str(run)]
    with Program("registrar", command, run) as program:
        program.ready(lambda: alive(me))
        yield program


@contextmanager
def captured(folder: Path, ports: tuple[int, ...]) -> Iterator[Path]:
    """What went over loopback meanwhile, as tshark writes it."""
    path = folder / "wire.pcap"
    words = " or ".join(f"udp port {port}" for port in ports)
    with Program("tshark", ["tshark", "-i", "lo", "-f", words, "-w", str(path), "-q"], folder) as program:
        program.ready(lambda: path.exists() and path.stat().st_size > 0)
        yield path


def may_listen() -> bool:
    dumpcap = shutil.which("dumpcap")
    return dumpcap is not None and not subprocess.run([dumpcap, "-D"], capture_output=True, timeout=SECONDS, check=False).returncode


def seen(path: Path, ports: tuple[int, ...]) -> list[tuple[str, str, bytes]]:
    """The SIP messages of a capture: from, to, octets."""
    ways = [word for port in ports for word in ("-d", f"udp.port=={port},sip")]
    text = subprocess.run(
        [
            "tshark", "-r", str(path), *ways, "-T", "fields", "-e", "ip.src", "-e", "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport",
            "-e", "udp.payload",
        ],
        capture_output=True, text=True, check=False, timeout=SECONDS,
    ).stdout  # fmt: skip
    rows = [line.split("\t") for line in text.splitlines()]
    return [(f"{row[0]}:{row[1]}", f"{row[2]}:{row[3]}", bytes.fromhex(row[4])) for row in rows if len(row) == 5 and row[4]]


async def called(carrier: Address) -> int:
    """A call to the registered number, by way of the registrar: its final answer. It is hung up."""
    async with Caller("127.0.0.5") as caller:
        invitation = Invitation(f"sip:{NUMBER}@{carrier}", f"<sip:+13015550101@{carrier.host}>")
        return (await caller.call(invitation, (carrier.host, carrier.port), seconds=PATIENCE)).status


@pytest.mark.peer("baresip", "kamailio", "tshark")
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_trunk_registers_with_a_digest_is_called_also_after_a_restart_and_unregisters(workers: int, tmp_path: Path) -> None:
    if not may_listen():
        pytest.skip("tshark may not listen on this machine")
    with Stage(tmp_path) as stage:
        carrier, ours = stage.carrier, Address("127.0.0.1", free_port("127.0.0.1"))
        pbx = Pbx(tmp_path, carrier, ours)
        ports = (carrier.port, ours.port, pbx.port)

        def ringwarden(name: str) -> Ringwarden:
            there = Address(pbx.host, pbx.port)
            return Ringwarden(stage, tmp_path, me=ours, carrier=carrier, pbx=there, mode="enforce", workers=workers, name=name)

        with registrar(carrier, tmp_path) as kamailio, captured(tmp_path, ports) as wire:
            with ringwarden("before") as before, pbx.start() as phone:
                wait(lambda: phone.says("200 OK"), PATIENCE, "the registration")
                assert kamailio.says("registered <sip:rwc-")
                assert await called(carrier) == 200
                assert before.count("ringwarden_requests_total", method="REGISTER") >= 2
                before.program.stop()
                with ringwarden("after"):
                    assert await called(carrier) == 200, phone.log()
                    phone.stop()  # baresip takes its registration back when it ends
                    assert await called(carrier) == 404
            # The capture is behind the wire by what its reader still holds.
            wait(lambda: any(b" 404 Nobody" in data for _, _, data in seen(wire, ports)), PATIENCE, "the capture")
            messages = seen(wire, ports)
    check(messages, str(carrier), str(ours), f"{pbx.host}:{pbx.port}")


@pytest.mark.peer("baresip", "kamailio")
async def test_a_registration_over_tcp_is_called_whichever_worker_the_call_comes_to(tmp_path: Path) -> None:
    """baresip is reached by the connection that it has opened, and by no other: its contact names that one's port."""
    with Stage(tmp_path) as stage:
        carrier, ours = stage.carrier, Address("127.0.0.1", free_port("127.0.0.1"))
        pbx = Pbx(tmp_path, carrier, ours, "tcp")
        # It connects from whatever address the system chooses: on loopback that is 127.0.0.1.
        there = Address("127.0.0.1", free_port("127.0.0.1"))
        with (
            registrar(carrier, tmp_path) as kamailio,
            Ringwarden(stage, tmp_path, me=ours, carrier=carrier, pbx=there, mode="enforce", workers=2) as ringwarden,
            pbx.start() as phone,
        ):
            wait(lambda: phone.says("200 OK"), PATIENCE, "the registration")
            assert kamailio.says("registered <sip:rwc-")
            assert [await called(carrier) for _ in range(12)] == [200] * 12, phone.log()
            # Some came to the worker that has the connection, and some to the other one.
            assert ringwarden.count("ringwarden_handed_over_total") > 0


UNTOUCHED = (b"from", b"to", b"call-id", b"cseq", b"authorization", b"expires", b"user-agent", b"allow", b"supported")


def check(messages: list[tuple[str, str, bytes]], carrier: str, ours: str, pbx: str) -> None:
    """On the wire: what a digest covers, and all else that must not change, is the same on both sides of us."""

    def lines(data: bytes) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            found.setdefault(line.partition(b":")[0].strip().lower(), []).append(line)
        return found

    def of(source: str, target: str, start: bytes) -> list[bytes]:
        return [data for one, other, data in messages if one == source and other == target and data.startswith(start)]

    sent, passed = of(pbx, ours, b"REGISTER"), of(ours, carrier, b"REGISTER")
    assert len(sent) >= 3 and len(sent) == len(passed)
    for before, after in zip(sent, passed, strict=True):
        assert before.split(b"\r\n")[0] == after.split(b"\r\n")[0]
        assert before.partition(b"\r\n\r\n")[2] == after.partition(b"\r\n\r\n")[2]
        one, other = lines(before), lines(after)
        for name in UNTOUCHED:
            assert one.get(name) == other.get(name), name
        assert one[b"contact"] != other[b"contact"] and b"rwc-" in other[b"contact"][0]
    challenges, brought = of(carrier, ours, b"SIP/2.0 401"), of(ours, pbx, b"SIP/2.0 401")
    assert challenges and len(challenges) == len(brought)
    for before, after in zip(challenges, brought, strict=True):
        assert lines(before)[b"www-authenticate"] == lines(after)[b"www-authenticate"]
    own = lines(sent[-1])[b"contact"][0].partition(b"<")[2].partition(b">")[0]
    calls = of(ours, pbx, b"INVITE")
    assert len({lines(data)[b"call-id"][0] for data in calls}) == 2
    assert all(data.split(b" ")[1] == own for data in calls)
    there = of(carrier, ours, b"INVITE")
    bodies = {data.partition(b"\r\n\r\n")[2] for data in there}
    assert {data.partition(b"\r\n\r\n")[2] for data in calls} <= bodies
