"""From the bytes of one datagram to a message, and whether it may be acted on (RFC 3261 sections 7, 16.3, 18.3).

`parse` finds the lines, their names and the body; `check` looks at the few headers that a proxy needs. Neither looks
at any other value. Both raise ParseError and nothing else, whatever the bytes are.
"""

from __future__ import annotations

import re

from proxy.sip import address
from proxy.sip.errors import ParseError
from proxy.sip.grammar import IS_TOKEN, IS_VERSION
from proxy.sip.headers import CANON, canonical
from proxy.sip.message import METHODS, Message, Request, Response, method_of

MAX_DATAGRAM = 65_535
"""The longest message that UDP can bring (RFC 3261 section 18.1.1)."""
MAX_HEAD = 48 * 1024
"""Start line and headers together, in octets. The largest honest head, with several PASSporTs, has 8 KiB."""
MAX_LINES = 512
"""Header lines in one message. RFC 4475's longest has about 100."""
MAX_LENGTH_DIGITS = 10
"""Digits of a Content-Length, leading zeros too: more than any message needs."""

_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards")


def parse(data: bytes) -> Request | Response:
    """One datagram as a message. Octets after Content-Length are cut off (SIP-097). Raises ParseError."""
    head, gap, body = data.partition(b"\r\n\r\n")
    lines = head.splitlines()
    # Joined again they are the head: so no line ends otherwise than by CRLF, which the next reader may see elsewhere.
    if not (gap and lines and len(head) <= MAX_HEAD) or b"\r\n".join(lines) != head:
        return _with_care(data)
    start = lines.pop(0)
    try:
        # A spelling that was never seen, or the rest of a folded header, is not in the memo; a line without a colon has
        # no second part.
        canon = CANON
        names = [canon[name] for line in lines for name, _ in [line.split(b":", 1)]]
    except (KeyError, ValueError):
        return _with_care(data)
    if len(lines) > MAX_LINES:
        return _with_care(data)
    return _built(start, lines, names, body)


def _built(start: bytes, lines: list[bytes], names: list[str], body: bytes) -> Request | Response:
    message: Request | Response
    fault: ParseError | None = None
    parts = start.split(b" ")
    if len(parts) == 3 and parts[2] == b"SIP/2.0" and (method := METHODS.get(parts[0])) and parts[1]:
        message = Request(start, lines, names, body, method, parts[1])
    elif start[:4].upper() == b"SIP/":
        message = _response(start, lines, names, body)
    else:
        message, fault = _request(start, lines, names, body)
    line = message.line("content-length")
    # As nearly all write it; any other way is looked at closely.
    if line is not None and not (message.once and line == b"Content-Length: %d" % len(body)):
        value = line.partition(b":")[2].strip(b" \t")
        if not value.isdigit() or len(value) > MAX_LENGTH_DIGITS or not message.once:
            value = _length(message)
        if not value:
            fault = fault or ParseError("Content-Length is no number, or says two things")
        elif (length := int(value)) != len(body):
            if length > len(body):
                fault = fault or ParseError("the body is shorter than Content-Length")
            else:
                message.body = body[:length]
    if fault is not None:
        fault.partial = message if isinstance(message, Request) else None
        raise fault
    return message


def _length(message: Message) -> bytes:
    """The digits of Content-Length; empty if it is no number, or says different things (RFC 4475 3.3.9)."""
    digits = b""
    for value in message.all("content-length"):
        if not value.isdigit() or len(value) > MAX_LENGTH_DIGITS or (digits and int(digits) != int(value)):
            return b""
        digits = value
    return digits


# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase; the last space may be missing (RFC 4475 3.1.1.13).
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?>(?: (.*+))?)", re.IGNORECASE | re.DOTALL).fullmatch


def _response(start: bytes, lines: list[bytes], names: list[str], body: bytes) -> Response:
    found = _STATUS(start)
    if found is None:
        raise ParseError("a status line is malformed")
    return Response(start, lines, names, body, int(found[1]), found[2] or b"")


def _request(start: bytes, lines: list[bytes], names: list[str], body: bytes) -> tuple[Request, ParseError | None]:
    """A request of another method or version, or one with a malformed request line that can still be answered."""
    # Request-Line = Method SP Request-URI SP SIP-Version
    first, _, rest = start.partition(b" ")
    target, _, version = rest.rstrip(b" \t").rpartition(b" ")
    if IS_TOKEN(first) is None or IS_VERSION(version) is None:
        raise ParseError("this does not begin as a SIP message does")
    request = Request(start, lines, names, body, method_of(first), target)
    if version.upper() != b"SIP/2.0":
        return request, ParseError("another version of SIP", status=505)
    if not target or start.count(b" ") != 2 or b"\t" in start:
        return request, ParseError("the request line is malformed")
    return request, None


def _with_care(data: bytes) -> Request | Response:
    """The way of whatever is not plain: empty lines in front, folds, new names, and all that must be refused."""
    bare = data.lstrip(b"\r\n")  # SIP-100
    end = bare.find(b"\r\n\r\n")
    if end < 0:
        raise ParseError("the headers have no end")
    if end > MAX_HEAD:
        raise ParseError("the headers are too long", status=513)
    head = bare[:end]
    rows = head.split(b"\r\n")
    if head.count(b"\n") != len(rows) - 1 or head.count(b"\r") != len(rows) - 1:
        raise ParseError("a bare CR or LF in the headers")
    start, *rows = rows
    lines: list[list[bytes]] = []
    for row in rows:
        if row[:1] not in (b" ", b"\t"):
            lines.append([row])
        elif lines:
            lines[-1].append(row)
        else:
            raise ParseError("the start line is folded")
    if len(lines) > MAX_LINES:
        raise ParseError("too many headers", status=513)
    names: list[str] = []
    fault: ParseError | None = None
    for line in lines:
        name, colon, _ = line[0].partition(b":")
        try:
            if not colon:
                raise ParseError("a header line without a colon")
            names.append(canonical(name))
        except ParseError as error:
            names.append("")  # no name: nobody finds it
            fault = fault or error
    try:
        message = _built(start, [b"\r\n".join(line) for line in lines], names, bare[end + 4 :])
    except ParseError as error:
        raise error if fault is None else ParseError(fault.why, fault.status, error.partial) from None
    if fault is not None:
        fault.partial = message if isinstance(message, Request) else None
        raise fault
    return message


def check(message: Request | Response) -> None:
    """What must hold before anything acts on a message (SIP-016 to SIP-018, SIP-022). Raises ParseError, with status.

    Looked at: Via, Call-ID, CSeq, From, To, how often Max-Forwards is there (a number out of range counts as none),
    the Request-URI, and Contact where somebody registers. What is found is kept: to ask for it again is free.
    """
    try:
        answerable(message)
        if not message.once:
            count = message.names.count
            for name in _SINGLE:
                if count(name) > 1:
                    raise ParseError(f"{name} may be there once and is there twice")
        _ = message.from_shape, message.to_shape
        if isinstance(message, Request):
            if message.uri.headers:
                raise ParseError("a Request-URI has no headers")  # RFC 4475 section 3.1.2.11
            if message.method == "REGISTER":
                for value in message.values("contact"):
                    address.shape(value)  # RFC 4475 section 3.1.2.13
    except ParseError as error:
        error.partial = message if isinstance(message, Request) else None
        raise


def answerable(message: Request | Response) -> None:
    """The least without which nothing can be done: Via, CSeq, Call-ID, From and To are there, the first two readable.

    An emergency call is stopped by this and by no other fault of its bytes. Raises ParseError.
    """
    if message.line("call-id") is None or message.line("from") is None or message.line("to") is None:
        raise ParseError("Call-ID, From or To is missing")
    _ = message.via
    method = message.cseq.method
    if isinstance(message, Request) and method != message.method:
        # RFC 4475 section 3.1.2.18: 501 is the better answer where we do not know the method.
        known = message.method.encode() in METHODS
        raise ParseError("the method in CSeq is another one", status=400 if known else 501)


def framed(request: Request) -> Request:
    """The same request where every reader sees its end where we do: it has one length at most, that of its body. Else
    one that has: on a stream what another reader takes for the next request, nobody has looked at.
    """
    if request.line("content-length") is None:
        return request
    length = _length(request)
    if length and int(length) == len(request.body):
        return request
    kept = [(line, name) for line, name in zip(request.lines, request.names, strict=True) if name != "content-length"]
    kept.append((b"Content-Length: %d" % len(request.body), "content-length"))
    lines, names = [line for line, _ in kept], [name for _, name in kept]
    return Request(request.start, lines, names, request.body, request.method, request.target)
