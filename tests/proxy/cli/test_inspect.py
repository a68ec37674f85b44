"""What somebody sees who hands a capture or a pasted INVITE to `inspect`."""

from __future__ import annotations

import io
import json
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.lab import Authority
from proxy.capture import CaptureError, messages
from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.segments import SYN
from shaken.sign import Signer
from tests.proxy.test_segments import tcp

ORIG, DEST, URL = "12025550101", "12025550123", "https://127.0.0.1:8443/signer.pem"
LEAF = Authority(seed="inspect")
SIGNER = Signer(LEAF.leaf("709J").key, URL)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    authority = Authority(seed="inspect")
    authority.leaf("709J").save(tmp_path, "signer")
    (tmp_path / "anchors.pem").write_bytes(authority.anchors_pem)
    return tmp_path


def token(now: int, dest: str = DEST) -> str:
    return SIGNER.identity(orig=ORIG, dest=[dest], iat=now, attest="B", origid="123e4567-e89b-42d3-a456-426655440000").decode()


def invite(*identities: str, call: str = "4a1d7e90", target: str = DEST) -> str:
    return "\r\n".join(
        [
            f"INVITE sip:+{target}@pbx.example.com SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK-7f3a9c11",
            f"From: <sip:+{ORIG}@carrier.example.net>;tag=9f2c",
            f"To: <sip:+{DEST}@pbx.example.com>",
            f"Call-ID: {call}@192.0.2.20",
            "CSeq: 1 INVITE",
            *(f"Identity: {one}" for one in identities),
            "Content-Length: 0",
            "",
            "",
        ]
    )


def udp(payload: bytes, six: bool = False) -> bytes:
    body = struct.pack(">HHHH", 5060, 5062, 8 + len(payload), 0) + payload
    if six:
        return struct.pack(">IHBB", 6 << 28, len(body), 17, 64) + bytes(15) + b"\x01" + bytes(15) + b"\x02" + body
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, bytes([192, 0, 2, 20]), bytes([192, 0, 2, 10])) + body


def pcap(*packets: bytes, utc: int, link: int = 101, order: str = "<") -> bytes:
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(order + "IIII", utc, 500_000, len(one), len(one)) + one for one in packets)


def pcapng(*packets: bytes, utc: int) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    at = utc * 1_000_000_000
    found = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 101, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
    return found + b"".join(block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(one), len(one)) + one) for one in packets)


def run(keys: Path, file: str, *more: str) -> int:
    return main(["inspect", file, "--lab", "--anchors", str(keys / "anchors.pem"), "--cert", str(keys / "signer.pem"), *more])


@pytest.mark.parametrize("form", ["pcap", "big-endian", "pcapng", "ethernet", "ipv6"])
def test_a_captured_call_is_judged_at_the_time_of_the_capture(form: str, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utc = 1_767_225_600
    payload = invite(token(utc - 3)).encode()
    packet = udp(payload, form == "ipv6")
    whole = {
        "pcap": lambda: pcap(packet, packet, udp(b"OPTIONS sip:a SIP/2.0\r\n\r\n"), utc=utc),
        "big-endian": lambda: pcap(packet, utc=utc, order=">"),
        "pcapng": lambda: pcapng(packet, utc=utc),
        "ethernet": lambda: pcap(bytes(12) + b"\x81\x00\x00\x07\x08\x00" + packet, utc=utc, link=1),
        "ipv6": lambda: pcap(packet, utc=utc),
    }[form]()
    path = keys / "calls.pcap"
    path.write_bytes(whole)
    assert run(keys, str(path), "--json") == OK
    (call,) = json.loads(capsys.readouterr().out)  # the retransmission is no second call
    assert (call["proved"], call["attestation"], call["verstat"], call["caller"]) == (True, "B", "TN-Validation-Passed", ORIG)
    (header,) = call["headers"]
    assert set(header["checks"].values()) == {"pass"} and header["chain"]["spc"] == "709J"
    assert header["claims"]["orig"] == {"tn": ORIG} and header["header"]["x5u"] == URL
    assert call["source"].endswith(":5060") and call["destination"].endswith(":5062")


def test_a_pasted_invite_is_read_however_it_was_copied(keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = invite(token(int(time.time()))).replace("\r\n", "\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n" + "".join(f"    {line}\n" for line in text.splitlines())))
    assert run(keys, "-") == OK
    said = capsys.readouterr().out
    assert "signature  pass" in said and "together   proved: TN-Validation-Passed, attestation B" in said and "spc 709J" in said


def test_all_headers_are_judged_together(keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now, further = int(time.time()), "12025550177"
    div = SIGNER.div(orig={"tn": ORIG}, was=DEST, became=further, iat=now).decode()
    monkeypatch.setattr("sys.stdin", io.StringIO(invite(token(now), div, target=further)))
    assert run(keys, "-", "--json") == OK
    (call,) = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in call["headers"]] == ["shaken", "div"] and call["diversions"] == "pass" and call["via"] == [DEST]


def test_what_fails_is_marked_and_named(keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(invite(token(int(time.time()), "12025550188"))))
    assert run(keys, "-") == NEGATIVE
    said = capsys.readouterr().out
    assert "dest       fail" in said and "identity-dest-mismatch -> 438 (TN-Validation-Failed)" in said and "chain    not looked at" in said
    for text in (invite(), invite("garbage\x1b[2J")):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert run(keys, "-") == NEGATIVE
        assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(invite(token(1_767_225_600))))
    assert run(keys, "-", "--time", "iat") == OK


def test_wrong_use_is_said(keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = keys / "calls.pcap"
    for whole in (b"", b"no capture", pcap(udp(b"x"), utc=1), pcap(utc=1) + struct.pack("<IIII", 1, 1, 2**31, 1)):
        path.write_bytes(whole)
        assert run(keys, str(path)) == USAGE
    assert run(keys, str(keys / "nowhere.pcap")) == USAGE
    for text in ("", "hello", "SIP/2.0 200 OK\n\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert run(keys, "-") == USAGE
    monkeypatch.setattr("sys.stdin", io.StringIO(invite()))
    assert run(keys, "-", "--time", "soon") == USAGE


def test_a_call_over_tcp_is_read_too_and_what_is_missing_is_told(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utc = 1_767_225_600
    octets = invite(token(utc)).replace("/UDP", "/TCP").encode()
    parts = [tcp(100 + at, octets[at : at + 300]) for at in range(0, len(octets), 300)]
    path = keys / "calls.pcap"
    path.write_bytes(pcap(tcp(99, flags=SYN), *reversed(parts), parts[0], utc=utc))
    assert run(keys, str(path), "--json") == OK
    told = capsys.readouterr()
    (call,) = json.loads(told.out)
    assert (call["proved"], call["source"], call["utc"], told.err) == (True, "192.0.2.20:33000", utc + 0.5, "")
    later = tcp(100 + len(octets), invite(call="next").encode())
    path.write_bytes(pcap(tcp(99, flags=SYN), *parts[:-1], later, utc=utc))
    assert run(keys, str(path), "--json") == NEGATIVE
    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 1 and "TCP: 1 gaps of" in told.err and "messages in them are lost" in told.err


@pytest.mark.parametrize(("country", "proved"), [("none", True), ("31", True), ("1", False)])
def test_numbers_are_read_by_the_country_that_is_named(country: str, proved: bool, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utc, caller = 1_767_225_600, "3125550147"  # in full; to a NANP network it would be a national number
    value = SIGNER.identity(orig=caller, dest=[DEST], iat=utc, attest="B", origid="123e4567-e89b-42d3-a456-426655440000").decode()
    path = keys / "calls.pcap"
    path.write_bytes(pcap(udp(invite(value).replace(f"+{ORIG}", caller).encode()), utc=utc))
    assert run(keys, str(path), "--country", country, "--json") == (OK if proved else NEGATIVE)
    (call,) = json.loads(capsys.readouterr().out)
    assert call["proved"] is proved and call["caller"] == (caller if proved else f"1{caller}")


def test_seven_digits_get_the_area_that_is_named(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utc = 1_767_225_600
    path = keys / "calls.pcap"
    path.write_bytes(pcap(udp(invite(token(utc)).replace(f"+{ORIG}", ORIG[4:]).encode()), utc=utc))
    assert run(keys, str(path)) == NEGATIVE and run(keys, str(path), "--area", "202") == OK
    capsys.readouterr()
    for wrong in (("--country", "GB"), ("--area", "x"), ("--country", "none", "--area", "202")):
        assert run(keys, str(path), *wrong) == USAGE and "code" in capsys.readouterr().err


HEADS = st.sampled_from([b"", pcap(utc=1), pcap(utc=1, link=1), pcapng(utc=1), pcap(udp(b"x"), utc=1)])


@given(HEADS, st.binary(max_size=300))
def test_no_capture_raises_anything_but_its_own_error(head: bytes, rest: bytes) -> None:
    try:
        assert all(isinstance(one.payload, bytes) for one in messages(head + rest))
    except CaptureError:
        pass
