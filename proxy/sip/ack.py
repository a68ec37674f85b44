"""The ACK of a 2xx as nearly all come, read by its bytes alone (RFC 3261 sections 13.2.2.4 and 16.11).

It opens nothing, nobody answers it, and a proxy keeps nothing of it: there is one for each call, and all that must be
known is where it goes. Whatever is not plain in every point is left to the parser, and goes on as the same octets.
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
    rb"ACK (sip:[^ \r\n]++) SIP/2\.0\r\n((Via: SIP/2\.0/[A-Z]{2,8}+ [^ ;,\"\r\n]++);branch=(z9hG4bK%b)(;rport)?+)"
    rb"((?:\r\n[A-Za-z0-9\-]{2,64}+:[^\r\n]*+){5,64}+\r\n)\r\n" % TOKEN.encode()
).match
_ONCE = (b"\r\nfrom:", b"\r\nto:", b"\r\ncall-id:", b"\r\ncseq:", b"\r\nmax-forwards:", b"\r\ncontent-length:")


class Ack(NamedTuple):
    """What must be known of it."""

    target: bytes
    uri: Uri
    via: bytes
    """Our neighbour's Via line."""
    hop: Via
    """What that line begins with, read."""
    key: str
    """Its branch in lower case."""
    rport: bool
    head: bytes
    """The other header lines, each between CRLFs."""
    low: bytes
    """The same in lower case."""
    cseq: bytes
    fewer: tuple[bytes, bytes]
    """Max-Forwards as it is, and as it goes on."""
    body: bytes

    def line(self, name: bytes) -> bytes:
        """The line of this name, spelled just so; empty where there is none."""
        return _line(self.head, b"\r\n%b: " % name)


def read(data: bytes) -> Ack | None:
    """None where it is not plain, or may end a transaction of ours that left no trace. Never raises."""
    found = _PLAIN(data)
    if found is None:
        return None
    target, via, start, branch, rport, head = found.groups()
    low = head.lower()
    for name in _ONCE:
        if low.count(name) != 1:
            return None
    hop, body = known_hop(start), data[found.end() :]
    cseq, hops = _line(head, b"\r\nCSeq: "), _line(head, b"\r\nMax-Forwards: ")
    known = known_cseq(cseq)
    less = COUNTED.get(hops)
    if hop is None or known is None or known.method != "ACK" or less is None:
        return None
    if head.find(b"\r\nContent-Length: %d\r\n" % len(body)) < 0:
        return None
    try:
        uri = known_uri(target)
        shape_of_line(_line(head, b"\r\nFrom: "))
        tag = tag_of(shape_of_line(_line(head, b"\r\nTo: "))[2])
    except ParseError:
        return None
    if tag is None or tag.startswith(reply.STATELESS) or uri.headers:
        return None
    key = branch.decode("ascii").lower()
    return Ack(target, uri, via, hop, key, rport is not None, head, low, cseq, (hops, less), body)


def _line(head: bytes, name: bytes) -> bytes:
    """The line of this name, spelled just so; empty where there is none."""
    at = head.find(name)
    return head[at + 2 : head.index(b"\r\n", at + 2)] if at >= 0 else b""


def passed_on(ack: Ack, flow: Flow, ours: bytes, route: bytes) -> bytes | None:
    """The octets that go on: stamped, counted down, `route` taken off; `ours` is our Via line up to the branch. None
    where its Via wants more than a plain stamp.
    """
    via, hop = ack.via, ack.hop
    if ack.rport:
        stamped = b"%b=%d;received=%b" % (via, flow.port, flow.host.encode("ascii"))
    elif hop.host == flow.host:
        stamped = via
    else:
        return None
    # As Endpoint.relay has it: the same request gets the same branch, however often it comes.
    branch = blake2b(via + ack.target + ack.cseq, digest_size=8).hexdigest().encode()
    head = ack.head.replace(b"\r\n%b\r\n" % ack.fewer[0], b"\r\n%b\r\n" % ack.fewer[1], 1)
    if route:
        head = head.replace(b"\r\n%b\r\n" % route, b"\r\n", 1)
    return b"ACK %b SIP/2.0\r\n%b-%b\r\n%b%b\r\n%b" % (ack.target, ours, branch, stamped, head, ack.body)
