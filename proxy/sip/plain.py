"""The ACK of a 2xx and the BYE as nearly all come, read by their bytes alone (RFC 3261 sections 12.2, 13.2.2.4, 16.11).

There is one of each for every call, and all that a proxy must know of them is whose call it is and where it goes.
Whatever is not plain in every point is left to the parser, and goes on as the same octets.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

from proxy.sip import reply
from proxy.sip.address import shape_of_line, tag_of
from proxy.sip.edit import COUNTED
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.grammar import TOKEN
from proxy.sip.message import known_cseq
from proxy.sip.uri import Uri
from proxy.sip.uri import known as known_uri
from proxy.sip.via import Via, known_hop

# Our neighbour's Via first and alone on its line; no fold, no compact name, no blank before a colon.
_PLAIN = re.compile(
    rb"(ACK|BYE) (sip:[^ \r\n]++) SIP/2\.0\r\n"
    rb"((Via: SIP/2\.0/[A-Z]{2,8}+ [^ ;,\"\r\n]++);branch=(z9hG4bK%b)(?>(;rport)?))"
    rb"((?>(?:\r\n[A-Za-z0-9\-]{2,64}+:[^\r\n]*+){5,64})\r\n)\r\n" % TOKEN.encode()
).match
_ONCE = (b"\r\nfrom:", b"\r\nto:", b"\r\ncall-id:", b"\r\ncseq:", b"\r\nmax-forwards:", b"\r\ncontent-length:")


class Plain(NamedTuple):
    """What must be known of one."""

    method: bytes
    target: bytes
    uri: Uri
    via: bytes
    """Our neighbour's Via line."""
    hop: Via
    """What that line begins with, read."""
    key: tuple[str, str, int | None, str]
    """That of its server transaction; of an ACK: of the INVITE's."""
    rport: bool
    head: bytes
    """The other header lines, each between CRLFs."""
    low: bytes
    """The same in lower case."""
    cseq: bytes
    fewer: tuple[bytes, bytes]
    """Max-Forwards as it is, and as it goes on."""
    from_tag: str | None
    to_tag: str
    body: bytes

    @property
    def asks(self) -> bool:
        """Whether more is asked of a proxy than to send it on."""
        return self.low.find(b"\r\nproxy-require:") >= 0 or self.low.find(b"\r\nmax-breadth:") >= 0

    def line(self, name: bytes) -> bytes:
        """The line of this name, spelled just so; empty where there is none."""
        return _line(self.head, b"\r\n%b: " % name)


def read(data: bytes) -> Plain | None:
    """None where it is not plain, belongs to no dialog, or may end a transaction of ours that left no trace. Never
    raises.
    """
    found = _PLAIN(data)
    if found is None:
        return None
    method, target, via, start, branch, rport, head = found.groups()
    low = head.lower()
    for name in _ONCE:
        if low.count(name) != 1:
            return None
    hop, body = known_hop(start), data[found.end() :]
    cseq, hops = _line(head, b"\r\nCSeq: "), _line(head, b"\r\nMax-Forwards: ")
    known, less = known_cseq(cseq), COUNTED.get(hops)
    if hop is None or known is None or less is None or known.method.encode() != method:
        return None
    if head.find(b"\r\nContent-Length: %d\r\n" % len(body)) < 0:
        return None
    try:
        uri = known_uri(target)
        mine = tag_of(shape_of_line(_line(head, b"\r\nFrom: "))[2])
        tag = tag_of(shape_of_line(_line(head, b"\r\nTo: "))[2])
    except ParseError:
        return None
    if tag is None or tag.startswith(reply.STATELESS) or uri.headers:
        return None
    key = (branch.decode("ascii").lower(), hop.host.lower(), hop.port, "INVITE" if method == b"ACK" else known.method)
    return _new(Plain, (
        method, target, uri, via, hop, key, rport is not None, head, low, cseq, (hops, less), mine, tag, body,
    ))  # fmt: skip


def _line(head: bytes, name: bytes) -> bytes:
    """The line that begins so; empty where there is none."""
    at = head.find(name)
    return head[at + 2 : head.index(b"\r\n", at + 2)] if at >= 0 else b""


def stateless_branch(plain: Plain) -> bytes:
    """As Endpoint.relay has it: the same request gets the same branch, however often it comes."""
    return b"-" + blake2b(plain.via + plain.target + plain.cseq, digest_size=8).hexdigest().encode()


def stamped(plain: Plain, flow: Flow) -> bytes | None:
    """Its Via with where it came from (RFC 3581 section 4); None where that wants a closer look."""
    if plain.rport:
        return b"%b=%d;received=%b" % (plain.via, flow.port, flow.host.encode("ascii"))
    return plain.via if plain.hop.host == flow.host else None


def rebuilt(plain: Plain, via: bytes, stamp: bytes, route: bytes, more: bytes = b"") -> bytes:
    """The octets that go on: `via` (ours) in front, stamped, counted down, `route` taken off, `more` added."""
    head = plain.head.replace(b"\r\n%b\r\n" % plain.fewer[0], b"\r\n%b\r\n" % plain.fewer[1], 1)
    if route:
        head = head.replace(b"\r\n%b\r\n" % route, b"\r\n", 1)
    start = b"%b %b SIP/2.0\r\n" % (plain.method, plain.target)
    return b"%b%b\r\n%b%b%b\r\n%b" % (start, via, stamp, head, more, plain.body)


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
