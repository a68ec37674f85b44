"""One HEPv3 packet as bytes: the four letters, its length, then chunks of vendor, type, length and value.

Pure. The generic chunks are those of the HEP3 description of sipcapture.org; the verdict travels in a chunk of ours,
which collectors that do not know it skip.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

GENERIC = 0x0000
VENDOR = 0x5257
"""Ours ("RW"). The register of vendors ends at 8, and nobody gives numbers out of it any more."""
VERDICT = 0x0001
"""Our chunk: what was decided of the call, or done with it where nothing was, a JSON object."""

SIP, LOG = 1, 100
"""Kinds of payload: a SIP message; a line of a log, which Homer shows beside the call of its correlation id."""
MAX_PACKET = 65_507
"""Octets of a UDP datagram over IPv4; what does not fit is not sent."""

_HEAD = struct.Struct("!4sH").pack
_CHUNK = struct.Struct("!HHH").pack
_MOMENT = struct.Struct("!HHHIHHHIHHHBHHHI").pack
_BYTE, _SHORT = struct.Struct("!B").pack, struct.Struct("!H").pack
_INET, _INET6 = 2, 10
_UDP, _TCP = 17, 6


class Captured(NamedTuple):
    """One message that passed. Addresses are text, as sockets name them; `utc` is Unix seconds."""

    data: bytes
    source: str
    source_port: int
    target: str
    target_port: int
    utc: float
    stream: bool = False
    """By TCP or TLS; by UDP otherwise."""
    verdict: bytes = b""
    """JSON, or empty where the message is neither an INVITE that leaves nor an answer that refuses one."""
    kind: int = SIP
    correlation: bytes = b""
    """The Call-ID that a payload which is no SIP belongs to."""


def packet(one: Captured, node: int, password: bytes = b"") -> bytes:
    """The datagram. Raises ValueError for what does not fit into one."""
    data, verdict = one.data, one.verdict
    seconds = int(one.utc)
    micros = min(int((one.utc - seconds) * 1_000_000), 999_999)
    parts = [
        way(one.source, one.source_port, one.target, one.target_port, one.stream),
        # Chunks 9 to 12, of which only the values change.
        _MOMENT(0, 9, 10, seconds & 0xFFFFFFFF, 0, 10, 10, micros, 0, 11, 7, one.kind, 0, 12, 10, node),
    ]
    if password:
        parts.append(chunk(14, password))
    if one.correlation:
        parts.append(chunk(17, one.correlation))
    if verdict:
        parts.append(chunk(VERDICT, verdict, VENDOR))
    parts.append(chunk(15, data))
    body = b"".join(parts)
    if len(body) + 6 > MAX_PACKET:
        raise ValueError("this does not fit into a datagram")
    return _HEAD(b"HEP3", len(body) + 6) + body


@lru_cache(maxsize=4096)
def way(source: str, source_port: int, target: str, target_port: int, stream: bool) -> bytes:
    """Chunks 1 to 8, where a message came from and went to: few ways are in use at a time."""
    came, went = address(source), address(target)
    if came.version != went.version:  # a wildcard of the other family: say nothing about it
        went = IPv4Address(0) if came.version == 4 else IPv6Address(0)
    four = came.version == 4
    return b"".join(
        (
            chunk(1, _BYTE(_INET if four else _INET6)),
            chunk(2, _BYTE(_TCP if stream else _UDP)),
            chunk(3 if four else 5, came.packed),
            chunk(4 if four else 6, went.packed),
            chunk(7, _SHORT(source_port)),
            chunk(8, _SHORT(target_port)),
        )
    )


def chunk(kind: int, value: bytes, vendor: int = GENERIC) -> bytes:
    """Its length counts its own head. Raises ValueError where 16 bits do not hold it."""
    if len(value) > 0xFFFF - 6:
        raise ValueError("this does not fit into a chunk")
    return _CHUNK(vendor, kind, len(value) + 6) + value


def address(text: str) -> IPv4Address | IPv6Address:
    """As sockets write it, without a scope; a name or nonsense is the address of nobody."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return IPv4Address(0)
    return getattr(found, "ipv4_mapped", None) or found
