"""The shortest answer: a new INVITE refused from its octets alone, and the ACK that ends that, known by them.

For the time in which more comes than can be read. It says what `reply.answer` says without a transaction (RFC 3261
section 8.2.7), at a fifth of the cost of parsing. Whatever is written in an unusual way is left to the parser. Nothing
here raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from proxy.sip.flow import Flow
from proxy.sip.reply import DEFAULT_PORT, STATELESS

_LONG = (b"Via: ", b"From: ", b"To: ", b"Call-ID: ", b"CSeq: ")
_FIRST = frozenset(b"VvFfTtIiCc \t")
"""How these lines may begin, and folds."""
_SPELLINGS = frozenset((b"via", b"from", b"to", b"call-id", b"cseq", b"v", b"f", b"t", b"i"))
_VIA = re.compile(
    rb"Via: SIP/2\.0/(?:UDP|TCP|TLS) ([A-Za-z0-9.\-]+)(?::([0-9]{1,5}))?"
    rb"((?:;[A-Za-z0-9\-]+(?:=[A-Za-z0-9.\-_~*+!%]+)?)+)"
).fullmatch
_OURS = b";tag=" + STATELESS.encode()


def refusal(data: bytes, flow: Flow, start: bytes, lines: Sequence[bytes]) -> tuple[bytes, Flow] | None:
    """The answer to an INVITE that begins with `start` and has these lines more, and where it goes; None: only the
    parser can say.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or data[:7] != b"INVITE ":
        return None
    vias: list[bytes] = []
    one: dict[bytes, bytes] = {}
    rows = data[:end].split(b"\r\n")
    for line in rows[1:]:
        if not line or line[0] not in _FIRST:
            continue
        if line.startswith(_LONG):
            name = line[:4]
            if name == b"Via:":
                vias.append(line)
            elif name in one:
                return None
            else:
                one[name] = line
        elif line[:1] in b" \t" or line.partition(b":")[0].rstrip().lower() in _SPELLINGS:
            return None
    if len(one) != 4 or not vias or data.count(b"\n", 0, end) >= len(rows) or data.count(b"\r", 0, end) >= len(rows):
        return None  # something is missing, or a line end stands alone
    sender, to, call_id, cseq = one[b"From"], one[b"To: "], one[b"Call"], one[b"CSeq"]
    if to.lower().find(b"tag") >= 0 or cseq[-7:] != b" INVITE":
        return None
    top = vias[0]
    via = _VIA(top)
    if via is None:
        return None
    host, port, params = via.groups()
    source, wants = flow.host.encode("ascii"), False
    if params.find(b";r") >= 0 or params.find(b";R") >= 0:
        names = params.lower()
        wants = params.endswith(b";rport") or b";rport;" in params
        if b";received" in names or b";rport=" in names or names.count(b";rport") != wants:
            return None
    if wants:
        top = top.replace(b";rport", b";rport=%d;received=%s" % (flow.port, source))
    elif host != source:
        top += b";received=" + source
    out = [start, top, *vias[1:]]
    out += (sender, to + b";tag=" + _tag(sender, call_id, cseq), call_id, cseq, *lines, b"Content-Length: 0\r\n\r\n")
    if not wants or flow.connection:
        flow = Flow(flow.listener, flow.host, int(port or 0) or DEFAULT_PORT, flow.connection)
    return b"\r\n".join(out), flow


def ends(data: bytes) -> bool:
    """Whether this is the ACK of an answer without a transaction, which nobody waits for."""
    if data[:4] != b"ACK " or data.find(_OURS) < 0:
        return False
    at = data.find(b"\r\nTo: ")
    to = data[at : data.find(b"\r\n", at + 2)]
    parts: list[bytes] = []
    for name in (b"\r\nFrom: ", b"\r\nCall-ID: ", b"\r\nCSeq: "):
        place = data.find(name)
        if place < 0 or at < 0:
            return False
        parts.append(data[place + 2 : data.find(b"\r\n", place + 2)])
    return to.endswith(b";tag=" + _tag(*parts))


def _tag(sender: bytes, call_id: bytes, cseq: bytes) -> bytes:
    """The To tag as `reply.stateless_tag` makes it."""
    parts = (sender, call_id, cseq[6:].partition(b" ")[0])
    return STATELESS.encode() + blake2b(b"\n".join(parts), digest_size=8).hexdigest().encode()

