"""The TNAuthList extension: for which numbers a certificate may speak (RFC 8226 section 9).

    TNAuthorizationList ::= SEQUENCE SIZE (1..MAX) OF TNEntry
    TNEntry ::= CHOICE { spc [0] IA5String, range [1] TelephoneNumberRange, one [2] IA5String }    -- explicit tags
    TelephoneNumberRange ::= SEQUENCE { start IA5String (1..15), count INTEGER (2..MAX) }

Bytes that are not exactly that raise ParseError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from shaken.der import IA5, INTEGER, SEQUENCE, Reader, alone, ascii_text, element
from shaken.errors import ParseError

OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
MAX_SIZE = 64 * 1024
MAX_ENTRIES = 10_000
_SPC = re.compile(r"[\x20-\x7e]{1,32}\Z").match
_NUMBER = re.compile(r"[0-9*#]{1,15}\Z").match
_START = re.compile(r"[0-9]{1,15}\Z").match

SPC, RANGE, ONE = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class TNAuthList:
    """Entries add up (RFC 9060 section 4.1)."""

    spcs: tuple[str, ...] = ()
    """Service provider codes: they speak for all numbers of that provider."""
    ranges: tuple[tuple[str, int], ...] = ()
    """First number and count."""
    numbers: tuple[str, ...] = ()

    def covers(self, tn: str) -> bool:
        """Whether a number is named, alone or in a range. A service provider code names no number."""
        if tn in self.numbers:
            return True
        if not tn.isascii() or not tn.isdigit():
            return False
        value = int(tn)
        return any(len(start) == len(tn) and 0 <= value - int(start) < count for start, count in self.ranges)

    def within(self, parent: TNAuthList) -> bool:
        """Whether this is no more than `parent` has. A provider's code has numbers too, nobody can say which."""
        if not set(self.spcs) <= set(parent.spcs):
            return False
        if parent.spcs:
            return True
        spans = parent._spans()
        return all(number.isdigit() or number in parent.numbers for number in self.numbers) and all(
            any(size == width and begin <= first and last <= end for width, begin, end in spans)
            for size, first, last in self._spans()
        )

    def _spans(self) -> list[tuple[int, int, int]]:
        """Digits, first and last number of what is named, what touches put together."""
        found = [(len(tn), int(tn), int(tn)) for tn in self.numbers if tn.isdigit()]
        found += [(len(start), int(start), int(start) + count - 1) for start, count in self.ranges]
        merged: list[tuple[int, int, int]] = []
        for size, first, last in sorted(found):
            if merged and merged[-1][0] == size and first <= merged[-1][2] + 1:
                merged[-1] = (size, merged[-1][1], max(last, merged[-1][2]))
            else:
                merged.append((size, first, last))
        return merged


def from_der(der: bytes) -> TNAuthList:
    """The value of the extension. Raises ParseError."""
    if len(der) > MAX_SIZE:
        raise ParseError("the TNAuthList is too long")
    reader = Reader(alone(der, SEQUENCE))
    spcs: list[str] = []
    ranges: list[tuple[str, int]] = []
    numbers: list[str] = []
    while not reader.done:
        if len(spcs) + len(ranges) + len(numbers) >= MAX_ENTRIES:
            raise ParseError("the TNAuthList has too many entries")
        tag, value = reader.take(SPC, RANGE, ONE)
        if tag == SPC:
            spc = ascii_text(alone(value, IA5))
            if _SPC(spc) is None:
                raise ParseError("a service provider code is malformed")
            spcs.append(spc)
        elif tag == ONE:
            number = ascii_text(alone(value, IA5))
            if _NUMBER(number) is None:
                raise ParseError("a number of the TNAuthList is malformed")
            numbers.append(number)
        else:
            ranges.append(_range(alone(value, SEQUENCE)))
    if not (spcs or ranges or numbers):
        raise ParseError("the TNAuthList is empty")
    return TNAuthList(tuple(spcs), tuple(ranges), tuple(numbers))


def _range(data: bytes) -> tuple[str, int]:
    reader = Reader(data)
    start = ascii_text(reader.take(IA5)[1])
    raw = reader.take(INTEGER)[1]
    if not reader.done or not raw or len(raw) > 8 or raw[0] & 0x80 or (len(raw) > 1 and raw[0] == 0 and raw[1] < 0x80):
        raise ParseError("a range of the TNAuthList is malformed")
    count = int.from_bytes(raw, "big")
    check_range(start, count)
    return start, count


def check_range(start: str, count: int) -> None:
    """Raises ParseError unless the range is one (RFC 8226 section 9; STI-080): start + count MUST be less than 10^D, D
    being the digits of start. So one that ends with nines alone is none, though its last number keeps its digits.
    """
    if _START(start) is None or count < 2 or int(start) + count >= 10 ** len(start):
        raise ParseError("a range of the TNAuthList leaves its number of digits")


def to_der(entries: TNAuthList) -> bytes:
    """The value of the extension. Raises ParseError for entries that no reader would take."""
    parts: list[bytes] = []
    for spc in entries.spcs:
        parts.append(element(SPC, element(IA5, spc.encode("ascii"))))
    for start, count in entries.ranges:
        check_range(start, count)
        number = count.to_bytes(count.bit_length() // 8 + 1, "big")
        parts.append(element(RANGE, element(SEQUENCE, element(IA5, start.encode("ascii")) + element(INTEGER, number))))
    for tn in entries.numbers:
        parts.append(element(ONE, element(IA5, tn.encode("ascii"))))
    if not parts:
        raise ParseError("the TNAuthList is empty")
    return element(SEQUENCE, b"".join(parts))


class Extension(x509.ExtensionType):
    """The extension as `cryptography` wants one of its own kind: so that a critical one is accepted too."""

    oid = OID

    def __init__(self, value: TNAuthList) -> None:
        self.value = value

    def public_bytes(self) -> bytes:
        """DER."""
        return to_der(self.value)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Extension) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def of(certificate: x509.Certificate) -> TNAuthList | None:
    """The TNAuthList of a certificate, None where it has none. Raises ParseError for a broken one."""
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ParseError("the extensions of the certificate cannot be read") from error
    for extension in extensions:
        if extension.oid == OID:
            value = extension.value
            return from_der(value.value) if isinstance(value, x509.UnrecognizedExtension) else None
    return None
