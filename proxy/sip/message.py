"""One SIP message as an index of its header lines (RFC 3261 section 7). Nothing is parsed before somebody asks for it,
and then once; a header that nobody asks for is never looked at. Lines are never changed: `edit` writes what goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from proxy.sip import address, via
from proxy.sip.address import Address, Shape
from proxy.sip.errors import ParseError
from proxy.sip.grammar import CR, TOKEN
from proxy.sip.headers import LIST_FIELDS, split_list, unfold, value_of
from proxy.sip.uri import Uri, opaque
from proxy.sip.uri import known as known_uri
from proxy.sip.via import Via

MAX_CSEQ = 2**31
"""A sequence number is below this (RFC 3261 section 8.1.1.5)."""
MAX_FORWARDS = 255
"""RFC 3261 section 20.22."""

METHODS = {
    name.encode(): name
    for name in (
        "INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO MESSAGE SUBSCRIBE NOTIFY REFER PUBLISH"
    ).split()
}
"""The methods that an RFC names; any other token is a method too (SIP-001)."""

# CSeq = 1*DIGIT LWS Method; 32 digits are enough to see that a number is out of range.
_CSEQ = re.compile(rf"[^:]*+:[ \t]*+([0-9]{{1,32}}+)[ \t]++({TOKEN})[ \t]*+".encode()).fullmatch
_DIGITS = re.compile(rb"[^:]*+:[ \t]*+([0-9]{1,32}+)[ \t]*+").fullmatch


class CSeq(NamedTuple):
    """Which request of a dialog this is (RFC 3261 section 20.16)."""

    number: int
    method: str


_CSEQS = {
    b"CSeq: %d %s" % (number, method): CSeq(number, name) for number in range(200) for method, name in METHODS.items()
}
"""The line as nearly all write it, and what it says."""


def known_cseq(line: bytes) -> CSeq | None:
    """What a CSeq line says that is written as nearly all are; None for any other."""
    return _CSEQS.get(line)


class _Lines(dict[str, bytes]):
    """The first line of each name. One that is asked for and is not there is a fault of the message."""

    def __missing__(self, name: str) -> bytes:
        raise ParseError(f"there is no {name}")


class Message:
    """What requests and responses share. `lines` and `names` are parallel and are never changed."""

    __slots__ = (
        "_call_id",
        "_cseq",
        "_first",
        "_from",
        "_from_shape",
        "_to",
        "_to_shape",
        "_via",
        "body",
        "line",
        "lines",
        "names",
        "once",
        "start",
    )

    start: bytes
    """The start line, as received, without its CRLF."""
    lines: list[bytes]
    """Header lines as received, without the last CRLF; a folded header is one element, its folds in it."""
    names: list[str]
    """The names of the lines: long, lower case, always the same object for one name."""
    body: bytes
    line: Callable[[str], bytes | None]
    """The first line of a name (long, lower case), as received; None where there is none."""
    once: bool
    """Whether no name stands on two lines."""

    _first: _Lines
    _via: Via | None
    _call_id: bytes | None
    _cseq: CSeq | None
    _from: Address | None
    _to: Address | None
    _from_shape: Shape | None
    _to_shape: Shape | None

    def _index(self, lines: list[bytes], names: list[str]) -> None:
        first = _Lines(zip(names, lines, strict=True))
        self.once = len(first) == len(names)
        if not self.once:
            # From the last line to the first, so that the first line of each name stays.
            first = _Lines(zip(reversed(names), reversed(lines), strict=True))
        self._first = first
        self.line = first.get

    def find(self, name: str) -> int:
        """The number of the first line of this name (long, lower case); -1 if there is none."""
        return self.names.index(name) if name in self._first else -1

    def where(self, name: str) -> list[int]:
        """The numbers of all lines of this name."""
        if name not in self._first:
            return []
        if self.once:
            return [self.names.index(name)]
        return [i for i, own in enumerate(self.names) if own == name]

    def first(self, name: str) -> bytes | None:
        """The value of the first line of this name, unfolded and stripped."""
        line = self._first.get(name)
        if line is None:
            return None
        value = line.partition(b":")[2]  # as `value_of`, which is one more call for each header that is read
        return value.strip(b" \t") if CR not in value else unfold(value)

    def all(self, name: str) -> list[bytes]:
        """The value of each line of this name, unfolded and stripped; comma lists are not split."""
        first = self._first.get(name)
        if first is None:
            return []
        if self.once:
            return [value_of(first)]
        return [value_of(line) for line, own in zip(self.lines, self.names, strict=True) if own == name]

    def values(self, name: str) -> list[bytes]:
        """All values of this name in order; comma lists are split where the field is one (section 7.3.1)."""
        found = self.all(name)
        if name not in LIST_FIELDS:
            return found
        return [value for line in found for value in split_list(line)]

    @property
    def via(self) -> Via:
        """The topmost Via. Raises ParseError."""
        if self._via is None:
            self._via = via.first_of_line(self._first["via"])
        return self._via

    @property
    def call_id(self) -> bytes:
        """Raises ParseError when there is none."""
        if self._call_id is None:
            self._call_id = value_of(self._first["call-id"])
        return self._call_id

    @property
    def cseq(self) -> CSeq:
        """Raises ParseError when it is missing, malformed or out of range."""
        if self._cseq is None:
            line = self._first["cseq"]
            if (known := _CSEQS.get(line)) is not None:
                self._cseq = known
                return known
            found = _CSEQ(line) or _CSEQ(b":" + value_of(line))
            if found is None:
                raise ParseError("CSeq is malformed")
            number = int(found[1])
            if number >= MAX_CSEQ:
                raise ParseError("CSeq is out of range")
            self._cseq = CSeq(number, method_of(found[2]))
        return self._cseq

    @property
    def from_shape(self) -> Shape:
        """From in its parts, the URI not looked into. Raises ParseError."""
        if self._from_shape is None:
            self._from_shape = address.shape_of_line(self._first["from"])
        return self._from_shape

    @property
    def to_shape(self) -> Shape:
        """To in its parts, the URI not looked into. Raises ParseError."""
        if self._to_shape is None:
            self._to_shape = address.shape_of_line(self._first["to"])
        return self._to_shape

    @property
    def from_tag(self) -> str | None:
        """None where From has no tag, as before RFC 3261. Raises ParseError when From is missing or malformed."""
        params = (self._from_shape or self.from_shape)[2]
        return address.tag_of(params) if params else None

    @property
    def to_tag(self) -> str | None:
        """None in a request that opens a dialog. Raises ParseError when To is missing or malformed."""
        params = (self._to_shape or self.to_shape)[2]
        return address.tag_of(params) if params else None

    @property
    def from_(self) -> Address:
        """Raises ParseError, also when its URI is malformed."""
        if self._from is None:
            self._from = address.built(self.from_shape, value_of(self._first["from"]))
        return self._from

    @property
    def to(self) -> Address:
        """Raises ParseError, also when its URI is malformed."""
        if self._to is None:
            self._to = address.built(self.to_shape, value_of(self._first["to"]))
        return self._to

    def __repr__(self) -> str:
        return f"<{self.start!r}, {len(self.lines)} headers, {len(self.body)} octets>"


class Request(Message):
    """A request: `method` as written (methods are case-sensitive), `target` the Request-URI as received."""

    __slots__ = ("_uri", "method", "target")

    method: str
    target: bytes
    _uri: Uri | None

    def __init__(
        self, start: bytes, lines: list[bytes], names: list[str], body: bytes, method: str, target: bytes
    ) -> None:
        self.start = start
        self.lines = lines
        self.names = names
        self.body = body
        self._index(lines, names)
        self._via = self._cseq = self._from = self._to = self._from_shape = self._to_shape = self._call_id = None
        self.method = method
        self.target = target
        self._uri = None

    @property
    def uri(self) -> Uri:
        """The Request-URI. Raises ParseError."""
        if self._uri is None:
            self._uri = known_uri(self.target)
        return self._uri

    def forgive(self) -> None:
        """From now on nothing that cannot be read of Request-URI, From and To raises: the target stays as it came, and
        of the two there is a tag where one can be seen. For a request that goes on with its faults; it has both.
        """
        try:
            _ = self.uri
        except ParseError:
            self._uri = opaque(self.target)
        try:
            _ = self.from_shape
        except ParseError:
            self._from_shape = address.torn(value_of(self._first["from"]))
        try:
            _ = self.to_shape
        except ParseError:
            self._to_shape = address.torn(value_of(self._first["to"]))

    @property
    def max_forwards(self) -> int | None:
        """None where it is absent, and where it is no number from 0 to 255 (RFC 4475 section 3.1.2.4)."""
        line = self._first.get("max-forwards")
        if line is None:
            return None
        found = _DIGITS(line) or _DIGITS(b":" + value_of(line))
        if found is None:
            return None
        number = int(found[1])
        return number if number <= MAX_FORWARDS else None


class Response(Message):
    """A response: `status` from 100 to 699, `phrase` as received and maybe empty."""

    __slots__ = ("phrase", "status")

    status: int
    phrase: bytes

    def __init__(
        self, start: bytes, lines: list[bytes], names: list[str], body: bytes, status: int, phrase: bytes
    ) -> None:
        self.start = start
        self.lines = lines
        self.names = names
        self.body = body
        self._index(lines, names)
        self._via = self._cseq = self._from = self._to = self._from_shape = self._to_shape = self._call_id = None
        self.status = status
        self.phrase = phrase


def method_of(token: bytes) -> str:
    """The method as text; the caller has seen that it is a token."""
    return METHODS.get(token) or token.decode("ascii")
