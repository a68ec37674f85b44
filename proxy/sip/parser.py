"""From the bytes of one datagram to a message, and whether it may be acted on (RFC 3261 sections 7, 16.3, 18.3).

`parse` finds the lines and their names, and the body; `check` looks at the few headers that a proxy needs. Neither looks
at any other value. Both raise ParseError and nothing else, whatever the bytes are.
"""

from __future__ import annotations

import re

from proxy.sip import address
from proxy.sip.errors import ParseError
from proxy.sip.grammar import IS_TOKEN, IS_VERSION
from proxy.sip.headers import CANON, value_of
from proxy.sip.message import METHODS, Message, Request, Response, method_of

MAX_DATAGRAM = 65_535
"""The longest message that UDP can bring (RFC 3261 section 18.1.1)."""
MAX_HEAD = 48 * 1024
"""Start line and headers together, in octets. The largest honest head, a forwarded call with several PASSporTs, has 8 KiB."""
MAX_LINES = 512
"""Header lines in one message. RFC 4475's longest has about 100."""


def parse(data: bytes) -> Request | Response:
    """One datagram as a message. Octets after Content-Length are cut off (SIP-097). Raises ParseError."""
    end = data.find(b"\r\n\r\n")
    if not 0 < end <= MAX_HEAD:
        return _with_care(data)
    head = data[:end]
    lines = head.split(b"\r\n")
    start = lines.pop(0)
    count = len(lines)
    # A line of another line end than CRLF could be two lines to the next reader. A folded line has no name of its own.
    if count > MAX_LINES or head.count(b"\n") != count or head.count(b"\r") != count:
        return _with_care(data)
    try:
        canon = CANON
        names = [canon[line[: line.index(b":")]] for line in lines]
    except ValueError:  # ParseError is one
        return _with_care(data)
    return _built(start, lines, names, data[end + 4 :])


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
    if "content-length" in names:
        length = _length(message)
        if length is None:
            fault = fault or ParseError("Content-Length is no number or says two things")
        elif length < len(body):
            message.body = body[:length]
        elif length > len(body):
            fault = fault or ParseError("the body is shorter than Content-Length")
    if fault is not None:
        fault.partial = message if isinstance(message, Request) else None
        raise fault
    return message


def _length(message: Message) -> int | None:
    """What Content-Length says; None if it is no number, or says different things (RFC 4475 section 3.3.9)."""
    names = message.names
    value = value_of(message.lines[names.index("content-length")])
    if not value.isdigit() or len(value) > 10:
        return None
    length = int(value)
    if names.count("content-length") > 1:
        for other in message.all("content-length"):
            if not other.isdigit() or len(other) > 10 or int(other) != length:
                return None
    return length


_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*+))?+", re.IGNORECASE | re.DOTALL).fullmatch


def _response(start: bytes, lines: list[bytes], names: list[str], body: bytes) -> Response:
    # Status-Line = SIP-Version SP Status-Code SP Reason-Phrase; the last space may be missing (RFC 4475 section 3.1.1.13).
    found = _STATUS(start)
    if found is None:
        raise ParseError("a status line is malformed")
    return Response(start, lines, names, body, int(found[1]), found[2] or b"")


def _request(start: bytes, lines: list[bytes], names: list[str], body: bytes) -> tuple[Request, ParseError | None]:
    """A request of another method or version, or one whose request line is malformed but can still be answered."""
    # Request-Line = Method SP Request-URI SP SIP-Version
    first, _, rest = start.partition(b" ")
    target, _, version = rest.rstrip(b" \t").rpartition(b" ")
    if IS_TOKEN(first) is None or IS_VERSION(version) is None:
        raise ParseError("this does not begin as a SIP message does")
    request = Request(start, lines, names, body, method_of(first), target)
    if not version.upper() == b"SIP/2.0":
        return request, ParseError("another version of SIP", status=505)
    if not target or len(start.split(b" ")) != 3 or b"\t" in start:
        return request, ParseError("the request line is malformed")
    return request, None


def _with_care(data: bytes) -> Request | Response:
    """The way of whatever is not plain: empty lines in front, folded headers, and all that must be refused."""
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
    lines: list[bytes] = []
    for row in rows:
        if row[:1] not in (b" ", b"\t"):
            lines.append(row)
        elif lines:
            lines[-1] += b"\r\n" + row
        else:
            raise ParseError("the start line is folded")
    if len(lines) > MAX_LINES:
        raise ParseError("too many headers", status=513)
    names: list[str] = []
    fault: ParseError | None = None
    for line in lines:
        name, colon, _ = line.partition(b":")
        try:
            if not colon:
                raise ParseError("a header line has no colon")
            names.append(CANON[name])
        except ParseError as error:
            names.append("")
            fault = fault or error
    try:
        message = _built(start, lines, names, bare[end + 4 :])
    except ParseError as error:
        raise (fault and ParseError(fault.why, 400, error.partial)) or error from None
    if fault is not None:
        fault.partial = message if isinstance(message, Request) else None
        raise fault
    return message


def check(message: Request | Response) -> None:
    """What must hold before anything acts on a message (SIP-016 to SIP-018, SIP-022). Raises ParseError with its status.

    Looked at: Via, Call-ID, CSeq, From, To, how often Max-Forwards is there (a number out of range counts as none), the
    Request-URI, and Contact where somebody registers. What is found here is kept, so that asking for it again is free.
    """
    try:
        answerable(message)
        count = message.names.count
        if count("from") + count("to") + count("call-id") + count("cseq") > 4 or count("max-forwards") > 1:
            raise ParseError("a header that may be there once is there twice")
        _ = message.from_shape, message.to_shape
        if isinstance(message, Request):
            _check_request(message)
    except ParseError as error:
        error.partial = message if isinstance(message, Request) else None
        raise


def answerable(message: Request | Response) -> None:
    """The least without which nothing can be done: Via, CSeq, Call-ID, From and To are there, the first two readable.

    An emergency call is stopped by this and by no other fault of its bytes. Raises ParseError.
    """
    names = message.names
    if "call-id" not in names or "from" not in names or "to" not in names:
        raise ParseError("Call-ID, From or To is missing")
    cseq = message.cseq
    _ = message.via
    if isinstance(message, Request) and cseq.method != message.method:
        # RFC 4475 section 3.1.2.18: 501 is the better answer where we do not know the method.
        known = message.method in METHODS.values()
        raise ParseError("the method in CSeq is another one", status=400 if known else 501)


def _check_request(request: Request) -> None:
    if request.uri.headers and request.uri.scheme in ("sip", "sips"):
        raise ParseError("a Request-URI has no headers")  # RFC 4475 section 3.1.2.11
    if request.method == "REGISTER":
        for value in request.values("contact"):
            address.shape(value)  # RFC 4475 section 3.1.2.13
