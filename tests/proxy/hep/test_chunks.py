"""HEPv3 packets: what is written can be read by a reader that knows nothing of us."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.hep.chunks import LOG, MAX_PACKET, VENDOR, VERDICT, Captured, address, chunk, packet


def read(data: bytes) -> dict[tuple[int, int], bytes]:
    """A packet by the letter of its description: any order, any chunk once."""
    assert data[:4] == b"HEP3" and struct.unpack("!H", data[4:6])[0] == len(data)
    found: dict[tuple[int, int], bytes] = {}
    at = 6
    while at < len(data):
        vendor, kind, length = struct.unpack_from("!HHH", data, at)
        assert length >= 6 and at + length <= len(data) and (vendor, kind) not in found
        found[vendor, kind] = data[at + 6 : at + length]
        at += length
    return found


def test_a_message_by_udp_over_ipv4_to_the_octet() -> None:
    one = Captured(b"OPTIONS", "192.0.2.1", 5060, "198.51.100.7", 5062, 1_767_225_600.25)
    assert packet(one, 2001, b"pw").hex(" ", 2) == (
        "4845 5033 0072"
        " 0000 0001 0007 0200 0000 0200 0711 0000 0003 000a c000 0201 0000 0004 000a c633 6407 0000 0007 0008 13c4"
        " 0000 0008 0008 13c6 0000 0009 000a 6955 b900 0000 000a 000a 0003 d090 0000 000b 0007 0100 0000 0c00 0a00"
        " 0007 d100 0000 0e00 0870 7700 0000 0f00 0d4f 5054 494f 4e53"
    )


addresses = st.ip_addresses().map(str)
ports = st.integers(0, 65_535)


@given(
    st.binary(max_size=3000), addresses, ports, addresses, ports, st.floats(0, 4e9), st.booleans(), st.binary(max_size=500),
    st.binary(max_size=80), st.integers(0, 2**32 - 1), st.binary(max_size=40),
)  # fmt: skip
def test_what_is_written_can_be_read(
    data: bytes, source: str, source_port: int, target: str, target_port: int, utc: float, stream: bool, verdict: bytes,
    call_id: bytes, node: int, password: bytes,
) -> None:  # fmt: skip
    found = read(packet(Captured(data, source, source_port, target, target_port, utc, stream, verdict, LOG, call_id), node, password))
    came = address(source)
    four = came.version == 4
    assert found[0, 1] == (b"\x02" if four else b"\x0a") and found[0, 2] == (b"\x06" if stream else b"\x11")
    assert found[0, 3 if four else 5] == came.packed
    assert len(found[0, 4 if four else 6]) == len(came.packed)
    assert found[0, 7] == struct.pack("!H", source_port) and found[0, 8] == struct.pack("!H", target_port)
    seconds, micros = struct.unpack("!I", found[0, 9])[0], struct.unpack("!I", found[0, 10])[0]
    assert micros < 1_000_000 and abs(seconds + micros / 1e6 - utc) < 1e-5 * max(1, utc / 1e6)
    assert found[0, 11] == bytes([LOG]) and found[0, 12] == struct.pack("!I", node) and found[0, 15] == data
    assert found.get((0, 14), b"") == password and found.get((0, 17), b"") == call_id
    assert found.get((VENDOR, VERDICT), b"") == verdict


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("sip.example.com", "0.0.0.0"),
        ("", "0.0.0.0"),
    ],
)
def test_addresses_as_sockets_write_them(text: str, meant: str) -> None:
    assert address(text) == ip_address(meant)


def test_two_families_in_one_packet_leave_ours_out() -> None:
    found = read(packet(Captured(b"x", "2001:db8::1", 5060, "192.0.2.1", 5060, 0.0), 1))
    assert found[0, 6] == bytes(16) and (0, 4) not in found
    found = read(packet(Captured(b"x", "192.0.2.1", 5060, "2001:db8::1", 5060, 0.0), 1))
    assert found[0, 4] == bytes(4) and (0, 6) not in found


def test_what_fits_into_no_datagram_is_said() -> None:
    with pytest.raises(ValueError, match="datagram"):
        packet(Captured(bytes(MAX_PACKET - 50), "192.0.2.1", 1, "192.0.2.2", 2, 0.0), 1)
    with pytest.raises(ValueError, match="chunk"):
        chunk(15, bytes(65_530))
