"""DER of the few types that the extensions of a signer's certificate are made of (ITU-T X.690).

Read and written by hand: strict DER of a handful of types is less code than a grammar for it, and bytes that are not
exactly that raise ParseError.
"""

from __future__ import annotations

from shaken.errors import ParseError

SEQUENCE, INTEGER, IA5, UTF8 = 0x30, 0x02, 0x16, 0x0C


class Reader:
    """DER, definite lengths in their shortest form."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, *tags: int) -> tuple[int, bytes]:
        """The next element, which must have one of these tags: its tag and value. Raises ParseError."""
        data, at = self.data, self.at
        if at + 2 > len(data) or data[at] not in tags:
            raise ParseError("the extension is no DER of its kind")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            octets = data[at : at + size]
            length, at = int.from_bytes(octets, "big"), at + size
            if not 1 <= size <= 3 or len(octets) != size or length < 0x80 or octets[0] == 0:
                raise ParseError("a length in the extension is not DER")
        if at + length > len(data):
            raise ParseError("the extension is cut off")
        self.at = at + length
        return tag, data[at : self.at]

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.data)


def alone(data: bytes, tag: int) -> bytes:
    """The value of the one element that these octets are. Raises ParseError."""
    reader = Reader(data)
    _, value = reader.take(tag)
    if not reader.done:
        raise ParseError("octets stand after an element of the extension")
    return value


def ascii_text(data: bytes) -> str:
    """An IA5String. Raises ParseError."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ParseError("an IA5String of the extension is not ASCII") from error


def element(tag: int, value: bytes) -> bytes:
    """Tag, length and value."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + value
