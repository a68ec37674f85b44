"""Where a message ends in a stream of octets (RFC 3261 sections 7.5 and 18.3), and what may stand between two of them:
line ends, of which a pair is a ping (RFC 5626 section 3.5.1).

Only Content-Length is looked at; everything else is the parser's. Where the length is missing, no number, said twice
or beyond our bounds, nobody can know where the next message begins: FramingError, and the stream has ended for us.
"""

from __future__ import annotations

import re
from typing import NoReturn

from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.parser import MAX_HEAD, MAX_LENGTH_DIGITS, parse

MAX_BODY = 64 * 1024
"""Octets of one body. What is longer could leave by no datagram, and no honest SIP body comes near."""
PONG = b"\r\n"
"""What answers a ping."""

_END = b"\r\n\r\n"
_LINE_ENDS = re.compile(rb"(?>(?:\r\n)*)").match
# HCOLON allows blanks before the colon; a fold continues the value (section 7.3.1). As `headers.canonical` reads names.
_LENGTHS = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:((?>(?:[^\r\n]++|\r\n[ \t]++)*))(?=\r\n)", re.IGNORECASE
).findall
_TOKEN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class FramingError(ParseError):
    """Nobody can say where the message ends that begins here. `octets` is what there is of it, and all after it."""

    octets: bytes = b""


class Framer:
    """The messages of one stream. Octets in with `feed`, messages out with `next`, however the octets were cut.

    It keeps one unfinished message at most, and remembers how far it has looked: a sender of single octets costs no
    more than one of large pieces.
    """

    __slots__ = ("_buffer", "_ended", "_need", "_paired", "_searched", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        """So many octets hold no end of the headers."""
        self._need = 0
        """Octets of the message at the front of the buffer; 0 until its length is known."""
        self._paired = False
        """A line end came last that is the first half of a ping, or an answer to one of ours."""
        self._ended = False
        self.pings = 0
        """Pings seen; each is owed a PONG, though several may share one."""

    def __len__(self) -> int:
        """Octets of the message that is not complete yet."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        """Take what has arrived. Take the messages out before feeding more: that is what bounds the memory."""
        if not self._ended:
            self._buffer += octets

    def next(self) -> bytes | None:
        """The next whole message, without the line ends in front of it; None until more has come.

        Raises FramingError; after it there are no more messages.
        """
        buffer = self._buffer
        need = self._need
        if not need:
            if buffer[:1] == b"\r":
                self._line_ends()
            if not buffer or buffer == b"\r":
                return None
            if buffer[0] not in _TOKEN:
                self._fail("this does not begin as a SIP message does")
            need = self._length()
            if not need:
                return None
        if len(buffer) < need:
            return None
        with memoryview(buffer) as view:
            message = bytes(view[:need])
        del buffer[:need]
        self._need = self._searched = 0
        return message

    def late(self) -> FramingError:
        """The fault of a message that did not come to its end in time; after it there are no more messages."""
        try:
            self._fail("the message did not come to its end", 408)
        except FramingError as error:
            return error

    def _line_ends(self) -> None:
        buffer = self._buffer
        found = _LINE_ENDS(buffer)
        size = found.end() if found is not None else 0
        del found  # a match holds the buffer, which then could not shrink
        count = size // 2 + self._paired
        self.pings += count // 2
        del buffer[:size]
        self._paired = count % 2 == 1

    def _length(self) -> int:
        """Octets of the message in front, 0 while its headers have no end."""
        buffer = self._buffer
        end = buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - len(_END) + 1)
            if len(buffer) > MAX_HEAD:
                self._fail("the headers are too long", 513)
            return 0
        if end > MAX_HEAD:
            self._fail("the headers are too long", 513)
        with memoryview(buffer) as view:
            head = bytes(view[: end + 2])
        self._paired = False
        self._need = end + len(_END) + self._body(head)
        return self._need

    def _body(self, head: bytes) -> int:
        """What Content-Length says; several that say the same are one (RFC 4475 section 3.3.9)."""
        said = -1
        for value in _LENGTHS(head):
            digits = value.strip(b" \t\r\n")
            if not digits.isdigit() or len(digits) > MAX_LENGTH_DIGITS:
                self._fail("Content-Length is no number")
            if said not in (-1, int(digits)):
                self._fail("Content-Length says two things")
            said = int(digits)
        if said < 0:
            self._fail("a stream needs Content-Length")
        if said > MAX_BODY:
            self._fail("the body is too long", 413)
        return said

    def _fail(self, why: str, status: int = 400) -> NoReturn:
        octets = bytes(self._buffer)
        self._buffer.clear()
        self._need = self._searched = 0
        self._ended = True
        error = FramingError(why, status)
        error.octets = octets
        end = octets.find(_END)
        if 0 <= end <= MAX_HEAD:
            # As much of a request as can be answered; that its body is not here is known.
            try:
                message = parse(octets[: end + len(_END)])
                error.partial = message if isinstance(message, Request) else None
            except ParseError as other:
                error.partial = other.partial
        raise error
