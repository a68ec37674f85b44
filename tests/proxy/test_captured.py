"""Past calls as a capture shows them: who called, how it ended, and what is seen twice."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from certs.chains import Kept
from certs.lab import Authority
from certs.shelf import Shelf
from proxy import captured as room
from proxy.captured import CapturedCalls, captured
from proxy.cli import OK, main
from proxy.pastcalls import PastCall, PastCalls, PastError
from shaken.sign import Signer
from tests.proxy.test_segments import tcp

CARRIER, PROXY, PBX = ("127.0.0.20", 5060), ("127.0.0.10", 5060), ("127.0.0.30", 5060)
ORIG, DEST = "13015550101", "12025550123"
URL = "https://127.0.0.1:8443/signer.pem"
BEGIN = 1_760_000_000


class Wire:
    """Writes a capture message by message."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def sends(self, at: float, source: tuple[str, int], to: tuple[str, int], text: str) -> None:
        payload = text.replace("\n", "\r\n").encode()
        body = struct.pack(">HHHH", source[1], to[1], 8 + len(payload), 0) + payload
        addresses = (bytes(map(int, one[0].split("."))) for one in (source, to))
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, *addresses)
        packet = head + body
        micros = round((at % 1) * 1e6)
        self.packets.append(struct.pack("<IIII", BEGIN + int(at), micros, len(packet), len(packet)) + packet)

    def invite(self, at: float, call: str, source: tuple[str, int] = CARRIER, to: tuple[str, int] = PROXY, *, caller: str = ORIG, callee: str = DEST, tag: str = "", more: str = "") -> None:
        self.sends(at, source, to, (
            f"INVITE sip:+{callee}@pbx.example.com SIP/2.0\nVia: SIP/2.0/UDP {source[0]};branch=z9hG4bK{call}{at}\n"
            f'From: "Ann" <sip:+{caller}@carrier.example.net>;tag=1\nTo: <sip:+{callee}@pbx.example.com>{tag}\n'
            f"Call-ID: {call}\nCSeq: 1 INVITE\nUser-Agent: dialler/1\n{more}Content-Length: 0\n\n"
        ))  # fmt: skip

    def answer(self, at: float, call: str, status: str, source: tuple[str, int] = PROXY, to: tuple[str, int] = CARRIER, method: str = "INVITE") -> None:
        self.sends(at, source, to, (
            f"SIP/2.0 {status}\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK{call}\nFrom: <sip:a@example.net>;tag=1\n"
            f"To: <sip:b@example.net>;tag=2\nCall-ID: {call}\nCSeq: 1 {method}\nContent-Length: 0\n\n"
        ))  # fmt: skip

    def bye(self, at: float, call: str, source: tuple[str, int] = CARRIER, to: tuple[str, int] = PROXY) -> None:
        self.sends(at, source, to, (
            f"BYE sip:b@pbx.example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKb{call}\n"
            "From: <sip:a@example.net>;tag=1\nTo: <sip:b@example.net>;tag=2\n"
            f"Call-ID: {call}\nCSeq: 2 BYE\nContent-Length: 0\n\n"
        ))  # fmt: skip

    def file(self, folder: Path) -> Path:
        path = folder / "calls.pcap"
        path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(self.packets))
        return path


def calls(wire: Wire, folder: Path) -> list[PastCall]:
    return list(CapturedCalls(wire.file(folder)))


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_call_is_told_with_its_ring_and_its_talk(wire: Wire, tmp_path: Path) -> None:
    wire.invite(0, "a")
    wire.invite(0.5, "a")  # again, as nobody answered at once
    wire.answer(0.6, "a", "100 Trying")
    wire.answer(4, "a", "200 OK")
    wire.invite(20, "a", tag=";tag=2")  # on hold
    wire.bye(64, "a")
    (one,) = calls(wire, tmp_path)
    assert (one.call.caller, one.call.callee, one.call.side, one.call.display_name) == (ORIG, DEST, "carrier", "Ann")
    assert one.call.print.startswith("dialler/1|")
    assert (one.status, one.talked, one.rings) == (200, pytest.approx(60), pytest.approx(4))
    assert one.call.utc == BEGIN


def test_both_legs_at_a_proxy_are_one_call_and_only_what_the_caller_hears_counts(wire: Wire, tmp_path: Path) -> None:
    wire.invite(0, "a")
    wire.invite(0.001, "a", PROXY, PBX)
    wire.answer(1, "a", "503 Service Unavailable", PBX, PROXY)
    wire.answer(2, "a", "200 OK", PBX, PROXY)
    wire.answer(2.001, "a", "200 OK")
    wire.bye(12, "a")
    wire.bye(12.001, "a", PROXY, PBX)
    wire.invite(12.5, "a", PROXY, PBX)  # a repetition that came late
    (one,) = calls(wire, tmp_path)
    assert (one.status, one.talked) == (200, pytest.approx(10, abs=0.01))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("486 Busy Here", 486),
        ("603 Decline", 603),
        ("603 Network Blocked", 0),  # a network's own verdict says nothing of how it would have ended
        ("607 Unwanted", 0),
        ("", 0),
    ],
)
def test_an_unanswered_call_keeps_its_answer(answer: str, status: int, wire: Wire, tmp_path: Path) -> None:
    wire.invite(0, "a")
    if answer:
        wire.answer(1, "a", answer)
    (one,) = calls(wire, tmp_path)
    assert (one.status, one.talked) == (status, None)


def test_a_call_that_asked_for_a_password_goes_on(wire: Wire, tmp_path: Path) -> None:
    wire.invite(0, "a")
    wire.answer(0.1, "a", "407 Proxy Authentication Required")
    wire.invite(0.2, "a")
    wire.answer(3, "a", "200 OK")
    wire.bye(8, "a")
    (one,) = calls(wire, tmp_path)
    assert (one.status, one.talked) == (200, pytest.approx(5))


def test_a_talk_whose_end_was_not_captured_teaches_nothing(wire: Wire, tmp_path: Path) -> None:
    wire.invite(0, "a")
    wire.answer(1, "a", "200 OK")
    (one,) = calls(wire, tmp_path)
    assert (one.status, one.talked) == (0, None)


def test_calls_come_in_the_order_in_which_they_began(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.invite(0, "long")
    wire.invite(1, "short", caller="13015550102")
    wire.answer(2, "short", "404 Not Found")
    wire.answer(3, "long", "200 OK")
    wire.bye(90, "long")
    assert [one.status for one in calls(wire, tmp_path)] == [200, 404]
    monkeypatch.setattr(room, "MOST", 1)
    assert [(one.call.caller, one.status) for one in calls(wire, tmp_path)] == [(ORIG, 0), ("13015550102", 404)]


def test_emergency_calls_are_known_as_such(wire: Wire, tmp_path: Path) -> None:
    wire.sends(0, PBX, PROXY, (
        "INVITE sip:911@carrier.example.net SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.30;branch=z9hG4bKe\n"
        "From: <sip:+12025550123@pbx.example.com>;tag=1\nTo: <sip:911@carrier.example.net>\nCall-ID: e\nCSeq: 1 INVITE\n"
        "Content-Length: 0\n\n"
    ))  # fmt: skip
    (one,) = calls(wire, tmp_path)
    assert one.emergency


def test_what_is_no_call_is_left_out_and_counted(wire: Wire, tmp_path: Path) -> None:
    wire.sends(0, CARRIER, PROXY, "INVITE sip:+12025550123@pbx.example.com SIP/2.0\nFrom: nonsense\n\n")
    wire.sends(1, CARRIER, PROXY, "OPTIONS sip:x SIP/2.0\n\n")
    wire.bye(2, "unknown")
    found = CapturedCalls(wire.file(tmp_path))
    assert not list(found)
    assert (found.unread, found.done) == (1, found.size)


def test_a_damaged_capture_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1")
    assert captured(path) and not captured(tmp_path / "none") and not captured(Path(__file__))
    with pytest.raises(PastError, match="ends in its head"):
        list(CapturedCalls(path))
    with pytest.raises(PastError, match="neither a journal"):
        list(PastCalls(path))


def test_backtest_reads_a_capture_by_the_trunks_and_certificates_of_a_configuration(
    wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(seed="captured", utc=BEGIN)
    leaf = authority.leaf("709J")
    (tmp_path / "anchors.pem").write_bytes(authority.anchors_pem)
    Shelf(tmp_path / "kept").put(URL, Kept(leaf.chain_pem(), float(BEGIN), 3600.0))
    token = Signer(leaf.key, URL).identity(orig=ORIG, dest=[DEST], iat=BEGIN, attest="A", origid="123e4567-e89b-42d3-a456-426655440000").decode()
    wire.invite(1, "signed", more=f"Identity: {token}\n")
    wire.answer(2, "signed", "200 OK")
    wire.bye(90, "signed")
    wire.invite(91, "unsigned", caller="13015550177")
    wire.answer(95, "unsigned", "480 Temporarily Unavailable")
    wire.invite(96, "out", PBX, PROXY, caller=DEST, callee=ORIG)
    wire.answer(99, "out", "486 Busy Here", PROXY, PBX)
    wire.invite(100, "stranger", ("198.51.100.9", 5060))
    path = wire.file(tmp_path)
    config, candidate = tmp_path / "ringwarden.toml", tmp_path / "candidate.toml"
    config.write_text(
        '[[listen]]\naddress = "127.0.0.10:5060"\n[lab]\nenabled = true\n[identity]\nanchors = "anchors.pem"\n[certificates]\ncache = "kept"\n'
        '[[peer]]\nname = "west"\nside = "carrier"\nhops = ["127.0.0.20:5060"]\n'
        '[[peer]]\nname = "pbx"\nside = "pbx"\nhops = ["127.0.0.30:5060"]\n'
    )
    candidate.write_text("[identity]\nrequired = true\n[policy.codes]\nidentity-missing = 428\n")
    assert main(["backtest", "--calls", str(path), "--policy", str(candidate), "--config", str(config), "--json"]) == OK
    found = json.loads(capsys.readouterr().out)
    assert (found["calls"], found["unread"], found["talks"]) == (3, 1, 1)
    assert found["blocked"] == [0, 1], "only the unsigned one: the signature of the other holds at the time of then"
    (change,) = found["changes"]
    assert change["examples"][0]["caller"] == "13015550177"


def test_backtest_reads_numbers_by_the_country_that_is_named(wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wire.sends(0, CARRIER, PROXY, (
        "INVITE sip:12025550123@pbx.example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.30;branch=z9hG4bKe\n"
        "From: <sip:3125550147@carrier.example.net>;tag=1\nTo: <sip:12025550123@pbx.example.com>\nCall-ID: e\nCSeq: 1 INVITE\n"
        "Content-Length: 0\n\n"
    ))  # fmt: skip
    path, candidate = wire.file(tmp_path), tmp_path / "candidate.toml"
    (one,) = calls(wire, tmp_path)
    assert one.call.caller == "13125550147"
    (tmp_path / "deny.txt").write_text("+3125550147\n")
    candidate.write_text('[lists]\ndeny = ["deny.txt"]\n[profile.default]\n')
    for country, blocked in (("1", 0), ("none", 1)):
        assert main(["backtest", "--calls", str(path), "--policy", str(candidate), "--country", country, "--json"]) == OK
        assert json.loads(capsys.readouterr().out)["blocked"] == [0, blocked], country
    assert main(["backtest", "--calls", str(path), "--policy", str(candidate), "--country", "GB"]) == 2


def test_calls_over_tcp_are_read_and_gaps_are_counted(wire: Wire, tmp_path: Path) -> None:
    def segments(texts: list[str], source: tuple[str, int], to: tuple[str, int], left_out: int = -1) -> None:
        ends = [(bytes(map(int, host.split("."))), port) for host, port in (source, to)]
        at = 1
        for number, text in enumerate(texts):
            octets = text.replace("\n", "\r\n").encode()
            packet = tcp(at, octets, source=ends[0], to=ends[1])
            if number != left_out:
                wire.packets.append(struct.pack("<IIII", BEGIN + number, 0, len(packet), len(packet)) + packet)
            at += len(octets)

    head = f"From: <sip:+{ORIG}@carrier.example.net>;tag=1\nTo: <sip:+{DEST}@pbx.example.com>%s\nCall-ID: a\nCSeq: %s\nContent-Length: 0\n\n"
    via = "Via: SIP/2.0/TCP 127.0.0.20;branch=z9hG4bKa\n"
    invite = f"INVITE sip:+{DEST}@pbx.example.com SIP/2.0\n{via}" + head % ("", "1 INVITE")
    segments([invite, invite.replace("INVITE", "OPTIONS"), f"BYE sip:b SIP/2.0\n{via}" + head % (";tag=2", "2 BYE")], CARRIER, PROXY, 1)
    segments([f"SIP/2.0 200 OK\n{via}" + head % (";tag=2", "1 INVITE")], PROXY, CARRIER)
    found = CapturedCalls(wire.file(tmp_path))
    (one,) = found
    assert (one.call.caller, one.call.callee, found.unread) == (ORIG, DEST, 1) and "TCP: 1 gaps" in found.first_fault
