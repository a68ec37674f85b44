"""Messages of our own: the answers of a proxy that acts as a server, and the ACK and CANCEL of a branch.

They are made of the lines of the message that they belong to, so that spelling and order stay the sender's.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from proxy.sip.edit import Edits, stamp_via
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.via import Via

DEFAULT_PORT = 5060

PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    416: "Unsupported URI Scheme",
    480: "Temporarily Unavailable",
    482: "Loop Detected",
    487: "Request Terminated",
    500: "Server Internal Error",
    501: "Not Implemented",
    505: "Version Not Supported",
    513: "Message Too Large",
}
"""The words of RFC 3261 section 21 for the answers that we give without being told."""

STATELESS = "z9s"
"""How the tags of answers without a transaction begin: their ACKs end here."""


def answer(request: Request, flow: Flow, status: int, phrase: str, tag: str, lines: Sequence[bytes] = ()) -> bytes:
    """A response to a request (RFC 3261 section 8.2.6). `tag` is our To tag; a 100 has none. Never raises.

    A request that is answered because it is malformed may have a Via or To that cannot be read: it goes back as it
    came.
    """
    edits = Edits()
    try:
        stamp_via(request, flow.host, flow.port, edits)
    except (ParseError, ValueError):
        edits = Edits()
    start = f"SIP/2.0 {status} {phrase}".replace("\r", " ").replace("\n", " ")
    out = [start.encode("utf-8", "replace")]
    swap = edits.swap
    for place, name in enumerate(request.names):
        if name in ("via", "from", "call-id", "cseq"):
            out.append(swap.get(place) or request.lines[place])
        elif name == "to":
            line = request.lines[place]
            out.append(line if status == 100 or _tagged(request) else line + b";tag=" + tag.encode())
        elif name == "timestamp" and status == 100:
            out.append(request.lines[place])
    out.extend(lines)
    out.append(b"Content-Length: 0\r\n\r\n")
    return b"\r\n".join(out)


def _tagged(request: Request) -> bool:
    try:
        return request.to_tag is not None
    except ParseError:
        return b"tag=" in (request.line("to") or b"").lower()


def stateless_tag(request: Request) -> str:
    """The To tag of an answer without a transaction: the same each time that the request comes (section 8.2.7), and for
    the ACK that ends it.
    """
    number = (request.first("cseq") or b"").split(None, 1)[:1]
    parts = (request.line("from") or b"", request.line("call-id") or b"", *number)
    return STATELESS + blake2b(b"\n".join(parts), digest_size=8).hexdigest()


def way_back(via: Via, flow: Flow) -> Flow:
    """Where the responses to a request go (section 18.2.2, RFC 3581 section 4).

    To the address that it came from: at its port where rport asked for that, else at the port of sent-by. What the
    sender wrote of addresses himself (`received`, a filled-in `rport`, `maddr`) is not followed: it could aim our
    answers at somebody else.
    """
    if not flow.connection and via.wants_rport:
        return flow
    return sent_by(via, flow)


def sent_by(via: Via, flow: Flow) -> Flow:
    """The address that a request came from, at the port of its sent-by."""
    port = via.port or DEFAULT_PORT
    # Over a stream by the connection that the request came by; this is where a new one leads if that is gone.
    return flow if port == flow.port else flow._replace(port=port)


def acknowledgement(sent: Request, response: Response) -> bytes:
    """The ACK for a non-2xx final of a branch (section 17.1.1.3)."""
    return _follow_up(sent, b"ACK", response.line("to"), ())


def cancellation(sent: Request, reasons: Sequence[bytes]) -> bytes:
    """The CANCEL of a branch (section 9.1), with the Reason lines of the CANCEL that caused it (RFC 3326 section 2)."""
    return _follow_up(sent, b"CANCEL", None, reasons)


def _follow_up(sent: Request, method: bytes, to: bytes | None, more: Sequence[bytes]) -> bytes:
    names, lines = sent.names, sent.lines
    out = [b"%s %s SIP/2.0" % (method, sent.target), lines[names.index("via")], b"Max-Forwards: 70"]
    for place, name in enumerate(names):
        if name in ("route", "from", "call-id"):
            out.append(lines[place])
        elif name == "to":
            out.append(lines[place] if to is None else to)
        elif name == "cseq":
            out.append(b"CSeq: %d %s" % (sent.cseq.number, method))
    out.extend(more)
    out.append(b"Content-Length: 0\r\n\r\n")
    return b"\r\n".join(out)
