"""What a certificate lets its holder claim: JWT Claim Constraints (RFC 8226 section 8), and enhanced ones (RFC 9118).

    JWTClaimConstraints ::= SEQUENCE { mustInclude [0] JWTClaimNames OPTIONAL,
                                       permittedValues [1] JWTClaimValuesList OPTIONAL,
                                       mustExclude [2] JWTClaimNames OPTIONAL }    -- [2] in the enhanced form only
    JWTClaimNames ::= SEQUENCE SIZE (1..MAX) OF IA5String
    JWTClaimValues ::= SEQUENCE { claim IA5String, values SEQUENCE SIZE (1..MAX) OF UTF8String }    -- explicit tags

An issuer who vetted one name, or B at the most, says so here; a token that says something else is not believed, however
good its signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from shaken.der import IA5, SEQUENCE, UTF8, Reader, alone, ascii_text, element
from shaken.errors import ParseError
from shaken.passport import canonical_text

OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.27")
ENHANCED_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.33")
INCLUDE, PERMITTED, EXCLUDE = 0xA0, 0xA1, 0xA2
ALWAYS = frozenset(("iat", "orig", "dest"))
"""Claims that every token has: who forbids one of them has written nonsense, which binds nobody (RFC 9118 section
3)."""
MAX_SIZE = 64 * 1024
MAX_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Constraints:
    """The limits that one certificate sets."""

    include: tuple[str, ...] = ()
    """Claims that must be there."""
    permitted: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Claim and the values that it may have, where it is there."""
    exclude: tuple[str, ...] = ()
    """Claims that must not be there."""

    def fault(self, claims: Mapping[str, Any]) -> str | None:
        """What breaks the limits, in words; None if nothing."""
        if not ALWAYS.isdisjoint(self.exclude):
            return None
        for name in self.include:
            if name not in claims:
                return f"the certificate demands the claim {name[:32]}"
        for name in self.exclude:
            if name in claims:
                return f"the certificate forbids the claim {name[:32]}"
        for name, values in self.permitted:
            if name in claims and _text(claims[name]) not in values:
                return f"the certificate does not permit this value of {name[:32]}"
        return None


def _text(value: Any) -> str:
    """A claim as it is compared: a string as it is, anything else as its canonical JSON; exactly, without folding case
    (RFC 9118 section 6)."""
    return value if isinstance(value, str) else canonical_text(value)


def from_der(der: bytes, *, enhanced: bool) -> Constraints:
    """The value of the extension. Raises ParseError."""
    if len(der) > MAX_SIZE:
        raise ParseError("the claim constraints are too long")
    reader = Reader(alone(der, SEQUENCE))
    found: dict[int, bytes] = {}
    tags = (INCLUDE, PERMITTED, EXCLUDE) if enhanced else (INCLUDE, PERMITTED)
    last = 0
    while not reader.done:
        tag, value = reader.take(*tags)
        if tag <= last:
            raise ParseError("the claim constraints are out of order")
        found[tag] = value
        last = tag
    if not found:
        raise ParseError("the claim constraints are empty")
    return Constraints(
        _names(found[INCLUDE]) if INCLUDE in found else (),
        _values(found[PERMITTED]) if PERMITTED in found else (),
        _names(found[EXCLUDE]) if EXCLUDE in found else (),
    )


def _several(data: bytes, tag: int) -> list[bytes]:
    """The elements of a SEQUENCE OF, at least one."""
    reader = Reader(alone(data, SEQUENCE))
    found: list[bytes] = []
    while not reader.done:
        if len(found) >= MAX_NAMES:
            raise ParseError("the claim constraints have too many entries")
        found.append(reader.take(tag)[1])
    if not found:
        raise ParseError("a list of the claim constraints is empty")
    return found


def _names(data: bytes) -> tuple[str, ...]:
    return tuple(map(ascii_text, _several(data, IA5)))


def _values(data: bytes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for entry in _several(data, SEQUENCE):
        reader = Reader(entry)
        name = ascii_text(reader.take(IA5)[1])
        start = reader.at
        reader.take(SEQUENCE)
        if not reader.done:
            raise ParseError("octets stand after an element of the extension")
        try:
            found.append((name, tuple(value.decode("utf-8") for value in _several(entry[start:], UTF8))))
        except UnicodeDecodeError as error:
            raise ParseError("a UTF8String of the claim constraints is not UTF-8") from error
    return tuple(found)


def to_der(limits: Constraints) -> bytes:
    """The value of the extension. Raises ParseError for limits that say nothing."""
    parts = b""
    for tag, names in ((INCLUDE, limits.include), (PERMITTED, ()), (EXCLUDE, limits.exclude)):
        if names:
            parts += element(tag, element(SEQUENCE, b"".join(element(IA5, name.encode("ascii")) for name in names)))
        if tag == PERMITTED and limits.permitted:
            entries = b"".join(
                element(
                    SEQUENCE,
                    element(IA5, name.encode("ascii"))
                    + element(SEQUENCE, b"".join(element(UTF8, value.encode()) for value in values)),
                )
                for name, values in limits.permitted
            )
            parts += element(tag, element(SEQUENCE, entries))
    if not parts:
        raise ParseError("the claim constraints are empty")
    return element(SEQUENCE, parts)


class Extension(x509.ExtensionType):
    """The extension as `cryptography` wants one of its own kind: so that a critical one is accepted too."""

    oid = OID

    def __init__(self, value: Constraints) -> None:
        self.value = value

    def public_bytes(self) -> bytes:
        """DER."""
        return to_der(self.value)


class EnhancedExtension(Extension):
    """The same, enhanced."""

    oid = ENHANCED_OID


def of(certificate: x509.Certificate) -> Constraints | None:
    """The limits of a certificate, None where it sets none. Raises ParseError for broken ones, and where both forms
    stand side by side (RFC 9118 section 3).
    """
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ParseError("the extensions of the certificate cannot be read") from error
    found = [
        from_der(one.value.value, enhanced=one.oid == ENHANCED_OID)
        for one in extensions
        if one.oid in (OID, ENHANCED_OID) and isinstance(one.value, x509.UnrecognizedExtension)
    ]
    if len(found) > 1:
        raise ParseError("the certificate has claim constraints of both kinds")
    return found[0] if found else None
