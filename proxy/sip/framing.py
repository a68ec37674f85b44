"""Messages out of a stream of bytes, as TCP and TLS bring them (RFC 3261 sections 7.5, 18.3; RFC 5626 3.5.1).

Bytes in, whole messages out, in any chunks. A message ends where its Content-Length says; without one that can be
believed nothing tells where the next begins, so the stream is lost with it. What a message means is the parser's.
"""

from __future__ import annotations

import re

from proxy.sip.errors import ParseError
from proxy.sip.parser import MAX_HEAD

MAX_BODY = 256 * 1024
"""Octets of a body. A multipart with location has tens of thousands; a stream could promise four billion."""
MAX_LENGTH_DIGITS = 10
"""Digits of a Content-Length, leading zeros too."""
MAX_LINE_ENDS = 64
"""Octets of line ends in front of a message: keep-alives. More in one run is no keep-alive any more."""

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:(?:[ \t]|\r\n[ \t])*+([^\r\n]*+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class Framer:
    """Cuts one stream. After a ParseError it is lost: close the connection."""

    __slots__ = ("_buffer", "_searched", "_wanted", "lost", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        """How far the end of the headers was looked for: slow drips must not make it quadratic."""
        self._wanted = 0
        """Octets of the message under way, once its head is known."""
        self.pings = 0
        """Double line ends that came between messages and want one back (RFC 5626 3.5.1); the caller resets it."""
        self.lost: bytes = b""
        """The head that broke the stream, where there is one: enough for an answer."""

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Raises ParseError when the stream cannot be followed any further."""
        buffer = self._buffer
        buffer += data
        whole: list[bytes] = []
        while buffer:
            if not self._wanted:
                if buffer[0] in b"\r\n" and not self._skipped():
                    break
                if not buffer:
                    break
                end = buffer.find(_END, max(self._searched - 3, 0))
                if end < 0:
                    if len(buffer) > MAX_HEAD:
                        raise ParseError("the headers are too long", status=513)
                    self._searched = len(buffer)
                    break
                if end > MAX_HEAD:
                    raise ParseError("the headers are too long", status=513)
                head = bytes(buffer[: end + 4])
                self._wanted = end + 4 + self._length(head)
            if len(buffer) < self._wanted:
                break
            whole.append(bytes(buffer[: self._wanted]))
            del buffer[: self._wanted]
            self._wanted = self._searched = 0
        return whole

    def _skipped(self) -> bool:
        """Take line ends off the front; False where more is needed to know what they are."""
        buffer = self._buffer
        at = 0
        while at < len(buffer) and buffer[at] in b"\r\n":
            at += 1
        if at > MAX_LINE_ENDS:
            raise ParseError("line ends without end")
        if at == len(buffer):
            # The rest of a pair may still come.
            pairs = at // 4
            if buffer[: 4 * pairs] == _END * pairs:
                self.pings += pairs
                del buffer[: 4 * pairs]
            return False
        self.pings += buffer[:at].count(_END)
        del buffer[:at]
        return True

    def _length(self, head: bytes) -> int:
        """Octets of the body. Raises ParseError where that is not said, said twice, or impossible."""
        found = {value.strip(b" \t") for value in _LENGTH.findall(head)}
        why, status = "", 400
        if len(found) != 1:
            why = "Content-Length says two things" if found else "on a stream every message needs a Content-Length"
        else:
            digits = found.pop()
            if not digits.isdigit() or len(digits) > MAX_LENGTH_DIGITS:
                why = "Content-Length is no number"
            elif (length := int(digits)) > MAX_BODY:
                why, status = "the body is too long", 513
            else:
                return length
        self.lost = head
        raise ParseError(why, status)
