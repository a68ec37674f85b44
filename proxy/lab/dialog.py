"""What a lab telephone writes: requests, answers and the dialog between them, as bytes (RFC 3261 sections 8, 12, 13).

No socket and no timer here: those are the phone's (`proxy.lab.phone`). Only loose routing is spoken.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from proxy.sip import address
from proxy.sip.message import Request, Response

Peer = tuple[str, int]
"""Host and port of a UDP socket."""

DEFAULT_PORT = 5060

SDP = (
    b"v=0\r\no=lab 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
"""An offer, and an answer to it. No media flows in the lab; a proxy must carry it to the byte."""

_RPORT = re.compile(rb";[ \t]*rport(?=[ \t;,]|$)", re.IGNORECASE)


def token() -> str:
    """Eight random octets, for tags, branches and Call-IDs."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A call to be made. URIs and header values as they are written on the wire, without tags."""

    target: str
    """The Request-URI."""
    caller: str
    """The value of From, as `<sip:+12025550101@example.net>`."""
    callee: str = ""
    """The value of To; empty: the target in angle brackets."""
    lines: tuple[str, ...] = ()
    """Further header lines, in order."""
    body: bytes = SDP
    call_id: str = field(default_factory=lambda: f"{token()}@lab")
    method: str = "INVITE"
    """A request that opens no dialog goes the same way: OPTIONS, MESSAGE."""

    def with_lines(self, *lines: str) -> Invitation:
        """The same call with more headers."""
        return replace(self, lines=(*self.lines, *lines))


@dataclass(frozen=True, slots=True)
class Dialog:
    """One call as one of its ends keeps it (RFC 3261 section 12)."""

    call_id: str
    ours: str
    """Our From or To value, tag and all: the From of our own requests."""
    theirs: str
    target: str
    """The other end's Contact URI."""
    routes: tuple[str, ...]
    sequence: int
    """CSeq number of the last request of ours."""
    fallback: Peer
    """Where to send when the next URI names no numeric host."""

    @property
    def next_hop(self) -> Peer:
        """The first route, else the target (section 12.2.1.1)."""
        raw = self.routes[0] if self.routes else f"<{self.target}>"
        uri = address.parse(raw.encode()).uri
        try:
            ipaddress.ip_address(uri.host)
        except ValueError:  # a name, or no host at all: nobody resolves names in the lab
            return self.fallback
        return (uri.host, uri.port or DEFAULT_PORT)

    def following(self) -> Dialog:
        """The same dialog, one request later."""
        return replace(self, sequence=self.sequence + 1)

    def request(self, method: str, via: str, lines: Sequence[str] = (), body: bytes = b"") -> bytes:
        """A request inside the dialog. ACK carries the number of the INVITE: it is `sequence` as it stands."""
        head = [
            via,
            f"From: {self.ours}",
            f"To: {self.theirs}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.sequence} {method}",
            *(f"Route: {route}" for route in self.routes),
            *lines,
        ]
        return composed(f"{method} {self.target} SIP/2.0", head, body)


def via_line(host: str, port: int, branch: str) -> str:
    """Our Via; `rport` asks for the answer at the port that we sent from (RFC 3581)."""
    return f"Via: SIP/2.0/UDP {bracketed(host)}:{port};rport;branch={branch}"


def bracketed(host: str) -> str:
    """A host as a URI writes it."""
    return f"[{host}]" if ":" in host else host


def branch() -> str:
    """A new branch with the cookie of RFC 3261 section 8.1.1.7."""
    return f"z9hG4bK{token()}"


def composed(start: str, lines: Sequence[str], body: bytes = b"") -> bytes:
    """One message. Max-Forwards, Content-Type and Content-Length are added unless a line says them already."""
    said = {line.partition(":")[0].strip().lower() for line in lines}
    head = [start, *lines]
    if not start.startswith("SIP/") and "max-forwards" not in said:
        head.append("Max-Forwards: 70")
    if body and not said & {"content-type", "c"}:
        head.append("Content-Type: application/sdp")
    if not said & {"content-length", "l"}:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def opening(call: Invitation, via: str, contact: str, tag: str) -> bytes:
    """The request that asks for a call, or stands alone."""
    lines = [
        via,
        f"From: {call.caller};tag={tag}",
        f"To: {call.callee or f'<{call.target}>'}",
        f"Call-ID: {call.call_id}",
        f"CSeq: 1 {call.method}",
        *([f"Contact: <{contact}>"] if call.method == "INVITE" else []),
        *call.lines,
    ]
    return composed(
        f"{call.method} {call.target} SIP/2.0", lines, call.body if call.method in ("INVITE", "PUBLISH") else b""
    )


def companion(request: Request, method: str, to: bytes | None = None) -> bytes:
    """The CANCEL of a request of ours, or the ACK of a final answer that refuses it (sections 9.1 and 17.1.1.3).

    Same target, same topmost Via, same Route; `to` is the answer's, for an ACK.
    """
    lines = [
        _text(request.lines[request.find("via")]),
        "From: " + _text(value(request, "from")),
        "To: " + _text(to if to is not None else value(request, "to")),
        "Call-ID: " + _text(request.call_id),
        f"CSeq: {request.cseq.number} {method}",
        *("Route: " + _text(value) for value in request.all("route")),
    ]
    return composed(f"{method} {_text(request.target)} SIP/2.0", lines)


def answer(
    request: Request,
    source: Peer,
    status: int,
    phrase: str,
    tag: str,
    lines: Sequence[str] = (),
    body: bytes = b"",
) -> bytes:
    """A response (section 8.2.6.2): Via, From, To, Call-ID, CSeq and Record-Route are the request's own lines."""
    head: list[str] = []
    for place in request.where("via"):
        line = request.lines[place]
        if not head:
            line = _RPORT.sub(b";received=%s;rport=%d" % (source[0].encode(), source[1]), line, count=1)
        head.append(_text(line))
    head += [_text(request.lines[place]) for place in request.where("record-route")]
    to = _text(request.lines[request.find("to")])
    if request.to_tag is None and status > 100:
        to += f";tag={tag}"
    head += [_text(request.lines[request.find("from")]), to]
    head += [_text(request.lines[request.find(name)]) for name in ("call-id", "cseq")]
    return composed(f"SIP/2.0 {status} {phrase}", [*head, *lines], body)


def where_to(request: Request, source: Peer) -> Peer:
    """Where the response to a request goes (section 18.2.2, RFC 3581 section 4)."""
    via = request.via
    return source if via.wants_rport else (source[0], via.port or DEFAULT_PORT)


def as_caller(sent: Request, response: Response, fallback: Peer) -> Dialog:
    """The caller's dialog after a 2xx (section 12.1.2): the route set is Record-Route backwards."""
    return Dialog(
        call_id=_text(sent.call_id),
        ours=_text(value(sent, "from")),
        theirs=_text(value(response, "to")),
        target=_contact(response) or _text(sent.target),
        routes=tuple(_text(value) for value in reversed(response.values("record-route"))),
        sequence=sent.cseq.number,
        fallback=fallback,
    )


def renewed(dialog: Dialog, message: Request | Response) -> Dialog:
    """A dialog after an INVITE inside it, or the 2xx to it: a new target, the same routes (section 12.2)."""
    return replace(dialog, target=_contact(message) or dialog.target)


def as_callee(request: Request, tag: str, source: Peer) -> Dialog:
    """The callee's dialog (section 12.1.1): the route set is Record-Route as it stands."""
    theirs = _text(value(request, "from"))
    ours = _text(value(request, "to"))
    return Dialog(
        call_id=_text(request.call_id),
        ours=ours if request.to_tag is not None else f"{ours};tag={tag}",
        theirs=theirs,
        target=_contact(request) or str(address.parse(theirs.encode()).uri),
        routes=tuple(_text(value) for value in request.values("record-route")),
        sequence=0,
        fallback=source,
    )


def _contact(message: Request | Response) -> str | None:
    values = message.values("contact")
    return str(address.parse(values[0]).uri) if values else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def value(message: Request | Response, name: str) -> bytes:
    """The value of a header that has been seen to be there."""
    return message.first(name) or b""
