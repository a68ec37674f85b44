"""Messages of our own: the answers of a proxy that acts as a server, and the ACK and CANCEL of a branch.

They are made of the lines of the message that they belong to, so that spelling and order stay the sender's.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.sip.edit import Edits, stamp_via
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.via import Via

DEFAULT_PORT = 5060


def answer(request: Request, flow: Flow, status: int, phrase: str, tag: str, lines: Sequence[bytes] = ()) -> bytes:
    """A response to a request (RFC 3261 section 8.2.6). `tag` is our To tag; a 100 has none. Raises ParseError."""
    edits = Edits()
    stamp_via(request, flow.host, flow.port, edits)
    out = [b"SIP/2.0 %d %s" % (status, phrase.encode("utf-8", "replace"))]
    for place, name in enumerate(request.names):
        if name in ("via", "from", "call-id", "cseq") or (name == "timestamp" and status == 100):
            out.append(edits.line(request, place))
        elif name == "to":
            line = request.lines[place]
            out.append(line if status == 100 or request.to_tag is not None else line + b";tag=" + tag.encode())
    out.extend(lines)
    out.append(b"Content-Length: 0")
    return b"\r\n".join(out) + b"\r\n\r\n"


def way_back(via: Via, flow: Flow) -> Flow:
    """Where the responses to a request go over UDP (section 18.2.2, RFC 3581 section 4): to the address that it came
    from, at its port where rport asked for that, else at the port of sent-by. What Via itself claims to have been
    received from is never believed.
    """
    if via.wants_rport:
        return flow
    return Flow(flow.listener, flow.host, via.port or DEFAULT_PORT, flow.connection)


def acknowledgement(sent: Request, response: Response) -> bytes:
    """The ACK for a non-2xx final of a branch (section 17.1.1.3)."""
    return _follow_up(sent, b"ACK", response.line("to"), ())


def cancellation(sent: Request, reasons: Sequence[bytes]) -> bytes:
    """The CANCEL of a branch (section 9.1), with the Reason lines of the CANCEL that caused it (RFC 3326 section 2)."""
    return _follow_up(sent, b"CANCEL", None, reasons)


def _follow_up(sent: Request, method: bytes, to: bytes | None, more: Sequence[bytes]) -> bytes:
    names, lines = sent.names, sent.lines
    out = [b"%s %s SIP/2.0" % (method, sent.target), lines[names.index("via")]]
    for place, name in enumerate(names):
        if name in ("route", "from", "call-id"):
            out.append(lines[place])
        elif name == "to":
            out.append(lines[place] if to is None else to)
    out.append(b"CSeq: %d %s" % (sent.cseq.number, method))
    out.append(b"Max-Forwards: 70")
    out.extend(more)
    out.append(b"Content-Length: 0")
    return b"\r\n".join(out) + b"\r\n\r\n"
