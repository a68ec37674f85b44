"""What caller and callee say, as bytes: templates filled by one formatting, answers cut out of what was heard.

Headers are looked for as all known proxies write them; where one is not found so, the slow look of `value` finds it
in any case and compact form. Folding is not understood: our own two ends do not fold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from proxy.lab.load.plan import Address

SDP = (
    b"v=0\r\no=lab 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
COMPACT = {b"Via": b"v", b"From": b"f", b"To": b"t", b"Call-ID": b"i", b"Contact": b"m", b"Content-Length": b"l"}
NAMES = (b"Via", b"Record-Route", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Content-Length")
_LOOKS: dict[bytes, Callable[[bytes], list[bytes]]] = {
    name: re.compile(
        rb"\r\n(?:%s)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)"
        % b"|".join(filter(None, (re.escape(name), COMPACT.get(name)))),
        re.IGNORECASE,
    ).findall
    for name in NAMES
}
_PLACE = re.compile(rb"sips?:(?:[^@>]*@)?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?(?=[;?>]|\Z)").match
_ROUTES = re.compile(rb"<[^>]*>[^,]*").findall


def values(message: bytes, name: bytes) -> list[bytes]:
    """The values of the header lines of that name, one of NAMES, in any case and form."""
    return _LOOKS[name](message[: message.find(b"\r\n\r\n") + 2])


def value(message: bytes, name: bytes) -> bytes:
    """The first of them; empty for none."""
    plain = message.find(b"\r\n" + name + b": ")
    if plain >= 0:
        return message[plain + len(name) + 4 : message.find(b"\r\n", plain + 2)]
    found = values(message, name)
    return found[0] if found else b""


def call_id(message: bytes) -> bytes:
    """Its Call-ID; empty for none."""
    at = message.find(b"\r\nCall-ID: ")
    return message[at + 11 : message.find(b"\r\n", at + 11)] if at >= 0 else value(message, b"Call-ID")


def is_bye(response: bytes) -> bool:
    """Whether it answers a BYE."""
    return response.find(b" BYE\r\n") >= 0


class Caller:
    """What a caller says in a run."""

    def __init__(
        self, me: Address, target: Address, transport: str, domain: str, callee: str = "", before: str = ""
    ) -> None:
        """callee: the number of all calls, where there is one; before: header lines that stand before Via."""
        sent_by = f"SIP/2.0/{transport.upper()} {me}".encode()
        more = b"" if transport == "udp" else b";transport=" + transport.encode()
        to = target.host if ":" not in target.host else f"[{target.host}]"
        self._uri = b"sip:+%%b@%b:%d;user=phone" % (to.encode(), target.port)
        self._invite = (
            b"INVITE " + self._uri + b" SIP/2.0\r\n" + before.encode() + b"Via: " + sent_by + b";branch=z9hG4bK%b-i\r\n"
            b"Max-Forwards: 70\r\n"
            b"From: <sip:+%b@carrier.example;user=phone>;tag=%b\r\n"
            b"To: <sip:+%b@" + domain.encode() + b";user=phone>\r\n"
            b"Call-ID: %b\r\n"
            b"CSeq: 1 INVITE\r\n"
            b"Contact: <sip:carrier@" + str(me).encode() + more + b">\r\n"
            b"P-Asserted-Identity: <sip:+%b@carrier.example;user=phone>\r\n"
            b"%b"
            b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE\r\n"
            b"Supported: timer, 100rel\r\n"
            b"Content-Type: application/sdp\r\n"
            b"Content-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP
        )
        self._inside = (
            b"%b %b SIP/2.0\r\n" + before.encode() + b"Via: " + sent_by + b";branch=z9hG4bK%b-%b\r\n"
            b"%b"
            b"Max-Forwards: 70\r\n"
            b"From: <sip:+%b@carrier.example;user=phone>;tag=%b\r\n"
            b"To: %b\r\n"
            b"Call-ID: %b\r\n"
            b"CSeq: %b %b\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        self._callee = callee.encode()

    def invite(self, mark: bytes, call_id: bytes, caller: bytes, callee: bytes, identity: bytes) -> bytes:
        """identity: the header line with its end, or nothing. mark: unique, the branch and the tag are made of it."""
        callee = self._callee or callee
        return self._invite % (callee, mark, caller, mark, callee, call_id, caller, identity)

    def dialog(
        self, mark: bytes, call_id: bytes, caller: bytes, response: bytes
    ) -> tuple[bytes, bytes, tuple[str, int] | None]:
        """ACK and BYE of a call that was answered (RFC 3261 12.2.1.1: its routes backwards, its Contact), and where
        they go: to that Contact, where nobody on the way wanted to see them; None: where the INVITE went.
        """
        target = value(response, b"Contact")
        less = target.find(b"<")
        if less >= 0:
            target = target[less + 1 : target.find(b">", less)]
        routes = b""
        if response.find(b"\r\nRecord-Route:") >= 0 or values(response, b"Record-Route"):
            for line in values(response, b"Record-Route"):
                for one in (line,) if b"," not in line else _ROUTES(line):
                    routes = b"Route: %b\r\n" % one + routes
        to = value(response, b"To")
        inside = self._inside
        return (
            inside % (b"ACK", target, mark, b"a", routes, caller, mark, to, call_id, b"1", b"ACK"),
            inside % (b"BYE", target, mark, b"b", routes, caller, mark, to, call_id, b"2", b"BYE"),
            None if routes else peer(target),
        )

    def refused(self, mark: bytes, call_id: bytes, caller: bytes, callee: bytes, response: bytes) -> bytes:
        """The ACK of a call that was refused: the INVITE's own Request-URI and branch (RFC 3261 17.1.1.3)."""
        target = self._uri % (self._callee or callee)
        to = value(response, b"To")
        return self._inside % (b"ACK", target, mark, b"i", b"", caller, mark, to, call_id, b"1", b"ACK")


@lru_cache(256)
def peer(uri: bytes) -> tuple[str, int] | None:
    """IP address and port of a SIP URI; None where it has none that can be sent to at once."""
    found = _PLACE(uri)
    if found is None:
        return None
    host = (found[1] or found[2]).decode("ascii")
    try:
        ip_address(host)
        return host, int(found[3] or 5060)
    except ValueError:
        return None


class Callee:
    """What a callee says in a run; `contact` is where it wants the rest of a call."""

    def __init__(self, contact: Address, transport: str) -> None:
        more = b"" if transport == "udp" else b";transport=" + transport.encode()
        me = b"\r\nContact: <sip:pbx@" + str(contact).encode() + more + b">"
        self._ringing = me + b"\r\nContent-Length: 0\r\n\r\n"
        self._answered = (
            me + b"\r\nContent-Type: application/sdp\r\nContent-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP
        )

    def pick_up(self, invite: bytes, tag: bytes) -> tuple[bytes, bytes]:
        """180 and 200 of an INVITE."""
        lines = echo(invite, tag)
        return b"SIP/2.0 180 Ringing" + lines + self._ringing, b"SIP/2.0 200 OK" + lines + self._answered

    def well(self, request: bytes) -> bytes:
        """200 of any other request."""
        return b"SIP/2.0 200 OK" + echo(request, b"") + b"\r\nContent-Length: 0\r\n\r\n"

    def ended(self, invite: bytes, tag: bytes) -> bytes:
        """487 of an INVITE that was cancelled."""
        return b"SIP/2.0 487 Request Terminated" + echo(invite, tag) + b"\r\nContent-Length: 0\r\n\r\n"


def echo(request: bytes, tag: bytes) -> bytes:
    """What every response repeats (RFC 3261 8.2.6.2): from the end of the start line to the end of CSeq's, without
    that last CRLF. tag: put into To where it has none.
    """
    start = request.find(b"\r\n")
    hops = request.find(b"\r\nMax-Forwards:", start)
    to = request.find(b"\r\nTo:", hops)
    sequence = request.find(b"\r\nCSeq:", to)
    # Vias first, then Max-Forwards, From, To, Call-ID, CSeq, as our caller wrote them; a proxy adds its own on top.
    if 0 < hops < to < sequence and request.find(b"\r\nCont", start, sequence) < 0:
        rest, to_end = request.find(b"\r\n", hops + 2), request.find(b"\r\n", to + 2)
        mark = b";tag=" + tag if tag and request.find(b";tag=", to, to_end) < 0 else b""
        return request[start:hops] + request[rest:to_end] + mark + request[to_end : request.find(b"\r\n", sequence + 2)]
    lines = b""
    for name in (b"Via", b"Record-Route", b"From", b"To", b"Call-ID", b"CSeq"):
        for one in values(request, name):
            if name == b"To" and tag and b";tag=" not in one:
                one += b";tag=" + tag
            lines += b"\r\n" + name + b": " + one
    return lines
