"""A capture file as datagrams and messages: pcap (libpcap) and pcapng (as Wireshark writes), UDP and TCP over IPv4 and
IPv6.

Fragments are put together: an INVITE with a signature seldom fits one packet; segments of TCP are joined in
`segments`. What is neither is passed over, and so is a packet that was cut short. Only the file's own frame can be
wrong: then there is CaptureError.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from mmap import mmap
from typing import NamedTuple

from proxy.segments import Streams

MAX_FILE = 256 * 1024 * 1024
"""Octets of a file that is read."""
MAX_PACKET = 256 * 1024
"""Octets of one packet; more than any network carries."""

CLASSIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}  # fmt: skip
"""First octets of a pcap -> order of octets, and the unit of the times' second half."""
SECTION = b"\x0a\x0d\x0d\x0a"
IPV4, IPV6, TCP, UDP, FRAGMENT = 0x0800, 0x86DD, 6, 17, 44
MAX_UNFINISHED = 1024
"""Datagrams whose fragments are being collected; beyond it the oldest is given up."""
MAX_PAYLOAD = 65_535
TAGS = (0x8100, 0x88A8)
"""VLAN."""


class CaptureError(Exception):
    """A file that is no capture; the text is a sentence."""


class Datagram(NamedTuple):
    """One UDP datagram, or one message out of a TCP stream."""

    utc: float
    source: str
    destination: str
    payload: bytes


Octets = bytes | mmap


def is_capture(head: bytes) -> bool:
    """Whether a file that begins so is a capture."""
    return head[:4] in CLASSIC or head[:4] == SECTION


def messages(
    octets: Octets, streams: Streams | None = None, progress: Callable[[int], None] = lambda at: None
) -> Iterator[Datagram]:
    """Every UDP datagram of a capture, in its order, and every SIP message out of TCP, each when its last octet was
    there. `streams` knows afterwards what could not be read; `progress` is told how many octets are. Raises
    CaptureError.
    """
    streams = streams if streams is not None else Streams()
    for protocol, utc, source, destination, payload in _payloads(octets, progress):
        if protocol == UDP:
            if (found := _datagram(utc, source, destination, payload)) is not None:
                yield found
        elif len(payload) >= 20 and 20 <= (head := (payload[12] >> 4) * 4) <= len(payload):
            from_port, to_port, sequence = struct.unpack_from(">HHI", payload)
            ends = _named(source, from_port), _named(destination, to_port)
            for when, message in streams.take(utc, *ends, sequence, payload[13], payload[head:]):
                yield Datagram(when, *ends, message)
    for ends, (when, message) in streams.end():
        yield Datagram(when, *ends, message)


def _payloads(octets: Octets, progress: Callable[[int], None]) -> Iterator[tuple[int, float, bytes, bytes, bytes]]:
    """Each UDP or TCP packet: protocol, time, addresses, and what IP carries."""
    if octets[:4] in CLASSIC:
        packets = _classic(octets)
    elif octets[:4] == SECTION:
        packets = _blocks(octets)
    else:
        raise CaptureError("this is neither pcap nor pcapng")
    parts = _Fragments()
    for utc, link, packet, at in packets:
        progress(at)
        if (found := _carried(link, packet, parts)) is not None:
            yield found[0], utc, *found[1:]


def _classic(octets: Octets) -> Iterator[tuple[float, int, bytes, int]]:
    order, unit = CLASSIC[octets[:4]]
    if len(octets) < 24:
        raise CaptureError("the capture ends in its head")
    link = struct.unpack_from(order + "I", octets, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(octets):
        seconds, part, size, _ = struct.unpack_from(order + "IIII", octets, at)
        at += 16
        if size > MAX_PACKET:
            raise CaptureError(f"a packet of {size} octets: the capture is damaged")
        yield seconds + part * unit, link, octets[at : at + size], at + size
        at += size


def _blocks(octets: Octets) -> Iterator[tuple[float, int, bytes, int]]:
    order, at = "<", 0
    links: list[tuple[int, float]] = []
    while at + 12 <= len(octets):
        if octets[at : at + 4] == SECTION:
            order = "<" if octets[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack_from(order + "II", octets, at)
        if size < 12 or size % 4 or size > MAX_PACKET + 4096:
            raise CaptureError(f"a block of {size} octets: the capture is damaged")
        block = octets[at + 8 : at + size - 4]
        at += size
        if kind == 1 and len(block) >= 8:
            links.append((struct.unpack_from(order + "H", block)[0], _unit(order, block[8:])))
        elif kind == 6 and len(block) >= 20:
            place, high, low, length = struct.unpack_from(order + "IIII", block)
            if place < len(links):
                link, unit = links[place]
                yield ((high << 32) + low) * unit, link, block[20 : 20 + length], at
        elif kind == 3 and len(block) >= 4 and links:
            yield 0.0, links[0][0], block[4 : 4 + struct.unpack_from(order + "I", block)[0]], at


def _unit(order: str, options: bytes) -> float:
    """The unit of an interface's times: option if_tsresol, else microseconds."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 0:
            break
        if code == 9 and length == 1 and at + 4 < len(options):
            power = options[at + 4]
            return 2.0 ** -(power & 127) if power & 128 else 10.0**-power
        at += 4 + (length + 3) // 4 * 4
    return 1e-6


class _Fragments:
    """Datagrams that came in parts, until they are whole."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[bytes, bytes, int], tuple[dict[int, bytes], list[int]]] = OrderedDict()

    def whole(self, key: tuple[bytes, bytes, int], offset: int, last: bool, part: bytes) -> bytes | None:
        """The payload, once all of it is there."""
        parts, ends = self._found.setdefault(key, ({}, []))
        parts[offset] = part
        if last:
            ends.append(offset + len(part))
        if len(self._found) > MAX_UNFINISHED:
            self._found.popitem(last=False)
        if sum(map(len, parts.values())) > MAX_PAYLOAD:
            self._found.pop(key, None)
            return None
        if not ends:
            return None
        at, pieces = 0, []
        while at < ends[0]:
            if not (piece := parts.get(at)):
                return None
            pieces.append(piece)
            at += len(piece)
        self._found.pop(key, None)
        return b"".join(pieces)


def _carried(link: int, packet: bytes, parts: _Fragments) -> tuple[int, bytes, bytes, bytes] | None:
    """Protocol, addresses and payload, once it is whole."""
    kind, at = _network(link, packet)
    if kind == IPV4 and len(packet) >= at + 20:
        head = (packet[at] & 15) * 4
        total, mark, place = struct.unpack_from(">HHH", packet, at + 2)
        follows = packet[at + 9]
        if packet[at] >> 4 != 4 or head < 20 or total < head or len(packet) < at + total:
            return None
        source, destination = packet[at + 12 : at + 16], packet[at + 16 : at + 20]
        offset, more = (place & 0x1FFF) * 8, bool(place & 0x2000)
        payload: bytes | None = packet[at + head : at + total]
    elif kind == IPV6 and len(packet) >= at + 40:
        length, follows = struct.unpack_from(">HB", packet, at + 4)
        if packet[at] >> 4 != 6 or len(packet) < at + 40 + length:
            return None
        source, destination = packet[at + 8 : at + 24], packet[at + 24 : at + 40]
        payload, offset, more, mark = packet[at + 40 : at + 40 + length], 0, False, 0
        if follows == FRAGMENT and length >= 8:
            follows, _, place, mark = struct.unpack_from(">BBHI", packet, at + 40)
            offset, more, payload = place & 0xFFF8, bool(place & 1), packet[at + 48 : at + 40 + length]
    else:
        return None
    if follows not in (TCP, UDP):
        return None
    if offset or more:
        payload = parts.whole((source, destination, mark << 8 | follows), offset, not more, payload or b"")
    return (follows, source, destination, payload) if payload is not None else None


def _datagram(utc: float, source: bytes, destination: bytes, payload: bytes) -> Datagram | None:
    if len(payload) < 8:
        return None
    from_port, to_port, length, _ = struct.unpack_from(">HHHH", payload)
    if length < 8 or len(payload) < length:
        return None
    return Datagram(utc, _named(source, from_port), _named(destination, to_port), payload[8:length])


def _network(link: int, packet: bytes) -> tuple[int, int]:
    """Which protocol lies above the link, and where it begins; (0, 0) where nobody knows."""
    if link == 1 and len(packet) >= 14:  # Ethernet
        kind, at = int.from_bytes(packet[12:14], "big"), 14
        while kind in TAGS and len(packet) >= at + 4:
            kind, at = int.from_bytes(packet[at + 2 : at + 4], "big"), at + 4
        return kind, at
    if link == 113 and len(packet) >= 16:  # Linux, "any" interface
        return int.from_bytes(packet[14:16], "big"), 16
    if link == 276 and len(packet) >= 20:  # the same, newer
        return int.from_bytes(packet[:2], "big"), 20
    if link in (12, 14, 101, 228, 229) and packet:  # bare IP
        return (IPV4 if packet[0] >> 4 == 4 else IPV6), 0
    if link in (0, 108) and len(packet) > 4:  # loopback of the BSDs
        return (IPV4 if packet[4] >> 4 == 4 else IPV6), 4
    return 0, 0


def _named(address: bytes, port: int) -> str:
    host = ip_address(address)
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
