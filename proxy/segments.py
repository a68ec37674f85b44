"""TCP segments of a capture, joined to streams and cut into SIP messages: what came twice, in another order or
overlapping is put right, each direction of a connection by itself.

What the capture does not hold leaves a gap. Whatever stood in it is lost; reading goes on with the next line that
begins a SIP message, and `Streams.remarks` says how often that was. A connection that carries something else (HTTP,
TLS) gives nothing; TLS is told, because there may be calls in it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator

from proxy.sip.framing import Framer, FramingError

MAX_STREAMS = 2048
"""Directions of connections that are followed at one time; beyond it the one that was silent longest is given up."""
MAX_AHEAD = 128 * 1024
"""Octets of one direction that wait for what lies before them: more than a window on most networks."""
MAX_PIECES = 512
"""Segments of one direction that wait so."""
PATIENCE = 10.0
"""Seconds that are waited for what is missing: a repetition comes sooner, if it was captured at all."""

SYN = 2
_ROUND = 1 << 32
_METHODS = b"INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE NOTIFY SUBSCRIBE PUBLISH INFO UPDATE PRACK REFER"
_START = re.compile(
    rb"(?:\A|\n)((?:%b) [^ \r\n]{3,1024} SIP/2\.0\r\n|SIP/2\.0 [1-6][0-9]{2} )" % _METHODS.replace(b" ", b"|")
).search
"""The first line of a message. Only methods that are known: after a gap a segment may begin within a word."""
_TLS = b"\x16\x03"

Message = tuple[float, bytes]
"""When its last octet came (Unix seconds), and the whole message."""


class _Stream:
    """One direction of a connection."""

    __slots__ = ("begin", "next", "gaps", "lost", "broken", "sip", "tls", "_framer", "_waiting", "_held", "_since")

    def __init__(self, begin: int, known: bool) -> None:
        """begin: the number of its first octet; known: nothing was before that."""
        self.begin = self.next = begin
        self.gaps = self.lost = self.broken = 0
        """Gaps, octets in them, and messages whose end nobody can know."""
        self.sip = self.tls = False
        self._framer = Framer() if known else None
        """None: in the middle of something, until a message begins."""
        self._waiting: dict[int, Message] = {}
        self._held, self._since = 0, 0.0

    def _ahead(self, sequence: int) -> int:
        """How far a number lies before us; below 0 what we have already."""
        return (sequence - self.next + _ROUND // 2) % _ROUND - _ROUND // 2

    def take(self, sequence: int, payload: bytes, utc: float) -> Iterator[Message]:
        """Octets from this number on."""
        if self._ahead(sequence) <= 0:
            yield from self._fed(payload[-self._ahead(sequence) :], utc)
        else:
            if not self._waiting:
                self._since = utc
            known = self._waiting.get(sequence)
            if known is None or len(known[1]) < len(payload):
                self._held += len(payload) - (len(known[1]) if known is not None else 0)
                self._waiting[sequence] = utc, payload
        yield from self._joined(utc)
        while self._waiting and (
            self._held > MAX_AHEAD or len(self._waiting) > MAX_PIECES or utc - self._since > PATIENCE
        ):
            yield from self._skipped(utc)

    def end(self) -> Iterator[Message]:
        """Nothing more comes."""
        while self._waiting:
            yield from self._skipped(self._since)
        if self._framer is not None and len(self._framer) and self.sip:
            self.broken += 1

    def _skipped(self, utc: float) -> Iterator[Message]:
        first = min(self._waiting, key=self._ahead)
        self.gaps, self.lost = self.gaps + 1, self.lost + self._ahead(first)
        self.next, self._framer, self._since = first, None, utc
        yield from self._joined(utc)

    def _joined(self, utc: float) -> Iterator[Message]:
        for sequence in sorted(self._waiting, key=self._ahead):
            if self._ahead(sequence) > 0:
                return
            came, payload = self._waiting.pop(sequence)
            self._held -= len(payload)
            self._since = utc
            yield from self._fed(payload[-self._ahead(sequence) :], max(came, utc))

    def _fed(self, octets: bytes, utc: float) -> Iterator[Message]:
        if not octets:
            return
        if self.next == self.begin and octets.startswith(_TLS):
            self.tls = True
        self.next = (self.next + len(octets)) % _ROUND
        if self._framer is None:
            if (found := _START(octets)) is None:
                return
            self._framer, octets = Framer(), octets[found.start(1) :]
        self._framer.feed(octets)
        try:
            while (message := self._framer.next()) is not None:
                self.sip = self.sip or _START(message) is not None
                yield utc, message
        except FramingError as error:
            self._framer = None
            if self.sip or _START(error.octets) is not None:
                self.sip = True
                self.broken += 1


class Streams:
    """All connections of one capture."""

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()
        self._gaps = self._lost = self._broken = self._tls = self._given_up = 0
        self._first = ""

    def take(
        self, utc: float, source: str, destination: str, sequence: int, flags: int, payload: bytes
    ) -> Iterator[Message]:
        """The messages that a segment makes whole."""
        key = source, destination
        one = self._streams.get(key)
        if flags & SYN:
            sequence = (sequence + 1) % _ROUND
            if one is None or one.begin != sequence:
                # The same ports again: another connection.
                yield from self._ended(key)
                one = self._streams[key] = _Stream(sequence, True)
        elif one is None:
            if not payload:
                return
            one = self._streams[key] = _Stream(sequence, False)
        self._streams.move_to_end(key)
        if len(self._streams) > MAX_STREAMS:
            oldest = next(iter(self._streams))
            self._given_up += self._streams[oldest].sip
            yield from self._ended(oldest)
        if payload:
            yield from one.take(sequence, payload, utc)

    def end(self) -> Iterator[tuple[tuple[str, str], Message]]:
        """What is left at the end of the capture, and between whom."""
        for key in tuple(self._streams):
            for message in self._ended(key):
                yield key, message

    def _ended(self, key: tuple[str, str]) -> Iterator[Message]:
        one = self._streams.pop(key, None)
        if one is None:
            return
        yield from one.end()
        self._tls += one.tls
        if one.sip:
            self._gaps += one.gaps
            self._lost += one.lost
            self._broken += one.broken
            if (one.gaps or one.broken) and not self._first:
                self._first = " -> ".join(key)

    def remarks(self) -> list[str]:
        """What could not be read, in sentences; complete once `end` was called."""
        where = f" (first: {self._first})"
        found = []
        if self._gaps:
            found.append(f"TCP: {self._gaps} gaps of {self._lost} octets in all{where}: messages in them are lost")
        if self._broken:
            found.append(f"TCP: {self._broken} messages have no end that can be known{where}")
        if self._given_up:
            found.append(f"TCP: more than {MAX_STREAMS} streams at one time: {self._given_up} were given up")
        if self._tls:
            found.append(f"TCP: {self._tls} streams are TLS, and nothing in them can be read")
        return found
