"""The ACK of a 2xx and the BYE as nearly all come, read by their bytes alone (RFC 3261 sections 12.2, 13.2.2.4, 16.11).

There is one of each for every call, and all that a proxy must know of them is whose call it is and where it goes.
Whatever is not plain in every point is left to the parser, and goes on as the same octets.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

from proxy.sip import reply
from proxy.sip.address import NAME_ADDR, shape_of_line, tag_of
from proxy.sip.edit import COUNTED
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.grammar import TOKEN
from proxy.sip.message import known_cseq
from proxy.sip.parser import MAX_HEAD
from proxy.sip.shapes import Shape, Shapes
from proxy.sip.uri import Uri
from proxy.sip.uri import known as known_uri
from proxy.sip.via import Via, known_hop

# Our neighbour's Via first and alone on its line; no fold, no compact name, no blank before a colon.
_START = re.compile(
    rb"(ACK|BYE) (sip:[^ \r\n]++) SIP/2\.0\r\n"
    rb"((Via: SIP/2\.0/[A-Z]{2,8}+ [^ ;,\"\r\n]++);branch=(z9hG4bK%b)(?>(;rport)?))(?=\r\n)" % TOKEN.encode()
).match
_SHAPES = Shapes(b"From", b"To", b"Call-ID", b"CSeq", b"Max-Forwards", b"Content-Length")
# From or To with a tag and no other parameter.
_TAGGED = re.compile(rb'[^:]++:[ \t]*+%b;tag=([^\x00-\x20,;"<>\x7f]++)' % NAME_ADDR).fullmatch
_EMPTY = b"Content-Length: 0"
_SEEN = MAX_HEAD + 4
"""Octets in which the end of the head must stand: the parser refuses a longer one (513)."""


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
    rows: list[bytes]
    """The other header lines, after an empty one."""
    shape: Shape
    low: bytes
    """The same in lower case, each after a CRLF."""
    call_id: bytes
    cseq: bytes
    """Their lines."""
    fewer: bytes
    """Max-Forwards as it goes on."""
    from_tag: str | None
    to_tag: str
    body: bytes

    @property
    def asks(self) -> bool:
        """Whether more is asked of a proxy than to send it on."""
        return b"proxy-require" in self.shape.places or b"max-breadth" in self.shape.places


def read(data: bytes) -> Plain | None:
    """None where it is not plain, belongs to no dialog, or may end a transaction of ours that left no trace. What is
    plain is what `parse` and `check` take. Never raises.
    """
    found = _START(data)
    if found is None:
        return None
    at = found.end()
    end = data.find(b"\r\n\r\n", at, _SEEN)
    head, body = data[at:end], data[end + 4 :]
    if end < 0 or (made := _SHAPES.rows(head)) is None:
        return None
    rows, shape = made
    method, target, via, start, branch, rport = found.groups()
    sender, to, call_id, cseq, hops, length = shape.pick(rows)
    hop, known, less = known_hop(start), known_cseq(cseq), COUNTED.get(hops)
    if hop is None or known is None or less is None or known.method.encode() != method:
        return None
    if length != (b"Content-Length: %d" % len(body) if body else _EMPTY):
        return None
    try:
        uri = known_uri(target)
        mine, tag = _tag(sender), _tag(to)
    except ParseError:
        return None
    if tag is None or tag.startswith(reply.STATELESS) or uri.headers:
        return None
    key = (branch.decode("ascii").lower(), hop.host.lower(), hop.port, "INVITE" if method == b"ACK" else known.method)
    return _new(Plain, (
        method, target, uri, via, hop, key, rport is not None, rows, shape, head.lower(), call_id, cseq, less, mine,
        tag, body,
    ))  # fmt: skip


def _tag(line: bytes) -> str | None:
    """The tag of a From or To line. Raises ParseError."""
    if (found := _TAGGED(line)) is not None:
        return found[1].decode("utf-8", "surrogateescape")
    return tag_of(shape_of_line(line)[2])


def stateless_branch(plain: Plain) -> bytes:
    """As Endpoint.relay has it: the same request gets the same branch, however often it comes."""
    return b"-" + blake2b(plain.via + plain.target + plain.cseq, digest_size=8).hexdigest().encode()


def stamped(plain: Plain, flow: Flow) -> bytes | None:
    """Its Via with where it came from (RFC 3581 section 4); None where that wants a closer look."""
    if plain.rport:
        return b"%b=%d;received=%b" % (plain.via, flow.port, flow.host.encode("ascii"))
    return plain.via if plain.hop.host == flow.host else None


def rebuilt(plain: Plain, via: bytes, stamp: bytes, more: bytes = b"") -> bytes:
    """The octets that go on: `via` (ours) in front, stamped, counted down, the Route taken off, `more` added. Once: the
    rows are changed.
    """
    rows, shape = plain.rows, plain.shape
    rows[0] = b"%b %b SIP/2.0\r\n%b\r\n%b" % (plain.method, plain.target, via, stamp)
    rows[shape.places[b"max-forwards"][0]] = plain.fewer
    if found := shape.places.get(b"route"):
        del rows[found[0]]
    rows.append(more + b"\r\n" + plain.body)
    return b"\r\n".join(rows)


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
