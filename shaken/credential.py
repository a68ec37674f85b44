"""A certificate chain, judged once: may its key speak for telephone numbers, and for which (RFC 8226, RFC 9060,
ATIS-1000080).

Path validation is `cryptography`'s, with the TNAuthList in the place of a DNS name; the roots are the ones that are
handed in and no others (the web's roots never count). What a call then needs is the key, the code and the dates: a
Credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from shaken import constraints, reference
from shaken.constraints import Constraints
from shaken.errors import CredentialError, ParseError
from shaken.revocation import Identity, identities
from shaken.tnauthlist import OID, Extension, TNAuthList, of

MAX_PEM = 64 * 1024
"""Octets of a certificate file."""
MAX_CHAIN = 8
"""Certificates in one file; a SHAKEN chain has two or three."""

MAX_WHY = 300
"""Characters of the library's own sentence."""

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of P-256 (FIPS 186-4 D.1.2.3): r and s are from 1 to n-1 (STI-013)."""
_ZERO, _ORDER = bytes(32), ORDER.to_bytes(32, "big")

_INTEGER = (b"\x02\x20", b"\x02\x21\0")
_FRAMES = tuple(
    tuple((b"\x30%c" % (68 + high + low) + _INTEGER[high], _INTEGER[low]) for low in (0, 1)) for high in (0, 1)
)
"""What DER puts before r and between r and s, by the first bit of either."""

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SHAKEN = re.compile(r"SHAKEN[ \t]+(\S+)\Z").match
"""The common name of a SHAKEN certificate: the word, and the provider's code (ATIS-1000080)."""
_SHA256 = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class CredentialFailure:
    """What a store hands over where there is no credential."""

    slug: str
    kind: Literal["unreachable", "invalid"]
    detail: str
    url: str


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A key that chains to a trust anchor, and what it may speak for."""

    url: str
    key: ec.EllipticCurvePublicKey
    spc: str | None
    subject: str
    organisation: str | None
    not_before: float
    not_after: float
    """Unix seconds within which the whole chain is valid."""
    authority: TNAuthList
    fingerprint: str
    """SHA-256 of the leaf, hexadecimal."""
    constraints: tuple[Constraints, ...] = ()
    """What the certificates of the chain let their holder claim; empty: anything."""
    country: str = ""
    """Of its subject, ISO 3166; empty where it names none."""
    numbered: bool = False
    """It lists numbers though no delegate's: no issuer of its chain says which numbers it has (LAB-18)."""
    path: tuple[Identity, ...] = ()
    """The certificates that vouch for it, as revocation lists name them: the leaf first, the anchor last. They are
    those of the validated path: its file may hold others of the same names.
    """

    def holds(self, signature: bytes, signing_input: bytes) -> bool:
        """Whether 64 octets of r and s are this key's signature over these octets (RFC 7518 section 3.4)."""
        der = der_signature(signature)
        if der is None:
            return False
        try:
            self.key.verify(der, signing_input, _SHA256)
        except InvalidSignature:
            return False
        return True

    def covers(self, tn: str) -> bool:
        """Whether the certificate may speak for a number. A provider's code speaks for all of the provider's numbers:
        which those are, its certificate does not say (ATIS-1000080)."""
        return bool(self.authority.spcs) or self.authority.covers(tn)

    def valid_at(self, utc: float) -> bool:
        """Whether a moment lies within the validity of the chain."""
        return self.not_before <= utc <= self.not_after


def der_signature(raw: bytes) -> bytes | None:
    """r and s as the DER that OpenSSL reads; None for what can be no signature: another length, zero, or too large."""
    if len(raw) != 64:
        return None
    # Octets of one length compare as the numbers that they are.
    r, s = raw[:32], raw[32:]
    if not (_ZERO < r < _ORDER and _ZERO < s < _ORDER):
        return None
    # An INTEGER is signed: one more octet where the first bit is set, none that is zero for nothing. Of 256
    # signatures two have such a zero.
    if raw[0] and raw[32]:
        before, between = _FRAMES[raw[0] >> 7][raw[32] >> 7]
        return before + r + between + s
    r, s = r.lstrip(b"\0"), s.lstrip(b"\0")
    if r[0] & 0x80:
        r = b"\0" + r
    if s[0] & 0x80:
        s = b"\0" + s
    one, two = len(r), len(s)
    return b"\x30%c\x02%c%b\x02%c%b" % (one + two + 4, one, r, two, s)


@dataclass(frozen=True, slots=True)
class Anchors:
    """The roots that are trusted to say who may speak for numbers."""

    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(cls, pems: Iterable[bytes]) -> Anchors:
        """From PEM files, each with one or more roots. Raises CredentialError."""
        return cls(tuple(dict.fromkeys(root for pem in pems for root in load_chain(pem))))

    @property
    def count(self) -> int:
        return len(self.certificates)


def load_chain(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, in its order; what stands between them is passed over (TRAP-83).

    Raises CredentialError for a file that is too long, holds none or too many, or one that cannot be read.
    """
    if len(pem) > MAX_PEM:
        raise CredentialError("the certificate file is too long", "identity-bad-certificate")
    blocks = _BLOCK.findall(pem)
    if not 1 <= len(blocks) <= MAX_CHAIN:
        raise CredentialError("the file holds no certificate, or too many", "identity-bad-certificate")
    try:
        chain = tuple(x509.load_pem_x509_certificate(block.replace(b"\r\n", b"\n")) for block in blocks)
        for one in chain:  # names are read when they are asked for, and whoever asks later expects no fault
            one.subject, one.issuer  # noqa: B018
        return chain
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise CredentialError("a certificate cannot be read", "identity-bad-certificate") from error


def validate(url: str, pem: bytes, anchors: Anchors, utc: float) -> Credential:
    """The credential of a certificate file, the leaf first. Raises CredentialError, with a slug that tells why."""
    chain = load_chain(pem)
    # The signer stands first (RFC 9060 section 5); some files begin with the root (TRAP-83).
    leaf = next((one for one in chain if not _is_authority(one)), chain[0])
    key, authority = _key(leaf), _authority(leaf, pem)
    begin, end = _span(leaf)
    if not begin <= utc <= end:
        raise CredentialError("the certificate is not valid now", "identity-expired")
    path = _path(leaf, [one for one in chain if one is not leaf], anchors, utc, listed=_listed(leaf))
    delegated = _within(path, authority)
    for certificate in path[1:]:  # the anchor's own end counts as well: beyond it nobody vouches for the chain
        begin, end = max(begin, _span(certificate)[0]), min(end, _span(certificate)[1])
    subject = leaf.subject
    common, organisation = _name(subject, NameOID.COMMON_NAME), _name(subject, NameOID.ORGANIZATION_NAME)
    if authority.spcs and (named := _SHAKEN(common or "")) is not None and named[1] not in authority.spcs:
        raise CredentialError("the certificate names another provider than its subject", "identity-no-authority")
    if len(authority.spcs) > 1:
        # One certificate, one provider: with two codes nobody could say who signed (STI-082).
        raise CredentialError("the certificate names more than one provider", "identity-no-authority")
    return Credential(
        url=url,
        key=key,
        spc=authority.spcs[0] if authority.spcs else None,
        subject=common or subject.rfc4514_string(),
        organisation=organisation,
        not_before=begin,
        not_after=end,
        authority=authority,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        constraints=_limits(path),
        country=(_name(subject, NameOID.COUNTRY_NAME) or "").upper(),
        numbered=bool(authority.numbers or authority.ranges) and not delegated,
        path=_identities(path),
    )


def pointed(pem: bytes, anchors: Anchors, utc: float) -> str | None:
    """Where the numbers are listed of a certificate that only points to them (RFC 8226 section 10.1; STI-083), once its
    chain holds: nobody else may send us anywhere. None for any other. Raises CredentialError.
    """
    chain = load_chain(pem)
    leaf = next((one for one in chain if not _is_authority(one)), chain[0])
    if _listed(leaf) or (url := reference.where(leaf)) is None:
        return None
    _path(leaf, [one for one in chain if one is not leaf], anchors, utc, listed=False)
    return url


def _listed(leaf: x509.Certificate) -> bool:
    """Whether it says itself which numbers it speaks for."""
    try:
        return any(extension.oid == OID for extension in leaf.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _limits(path: Iterable[x509.Certificate]) -> tuple[Constraints, ...]:
    """What the certificates of a path let their holder claim: all of it binds."""
    try:
        return tuple(found for found in map(constraints.of, path) if found is not None)
    except ParseError as error:
        raise CredentialError(str(error), "identity-bad-certificate") from error


def _identities(path: Iterable[x509.Certificate]) -> tuple[Identity, ...]:
    try:
        return identities(path)
    except ValueError as error:  # of an anchor nobody has read the names before
        raise CredentialError("a name in the chain cannot be read", "identity-bad-certificate") from error


def _key(leaf: x509.Certificate) -> ec.EllipticCurvePublicKey:
    try:
        key = leaf.public_key()
    except Exception as error:  # unsupported and broken keys raise many things
        raise CredentialError("the key of the certificate cannot be read", "identity-bad-certificate") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CredentialError("the key of the certificate is not P-256", "identity-bad-certificate")
    return key


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _authority(leaf: x509.Certificate, pem: bytes) -> TNAuthList:
    try:
        authority = of(leaf)
        if authority is None and reference.where(leaf) is not None:
            authority = reference.attached(pem)
        basic = next((e.value for e in leaf.extensions if isinstance(e.value, x509.BasicConstraints)), None)
        usage = next((e.value for e in leaf.extensions if isinstance(e.value, x509.KeyUsage)), None)
    except ParseError as error:
        raise CredentialError(str(error), "identity-bad-certificate") from error
    if authority is None:
        raise CredentialError("the certificate speaks for no numbers", "identity-no-authority")
    if basic is not None and basic.ca:
        # Only end-entity certificates sign PASSporTs (STI-086).
        raise CredentialError("the certificate is one of an authority", "identity-untrusted-chain")
    if usage is not None and not usage.digital_signature:
        raise CredentialError("the key may not sign", "identity-untrusted-chain")
    return authority


def _path(
    leaf: x509.Certificate, others: Iterable[x509.Certificate], anchors: Anchors, utc: float, *, listed: bool = True
) -> list[x509.Certificate]:
    """The validated path from the leaf to an anchor (RFC 5280 section 6)."""
    if not anchors.certificates:
        raise CredentialError("no trust anchors are configured")
    # The leaf needs a TNAuthList, critical or not, where the web's leaves need a SAN; authorities are held to the
    # usual rules.
    leaves = verification.ExtensionPolicy.permit_all()
    if listed:
        leaves = leaves.require_present(
            Extension, verification.Criticality.AGNOSTIC, lambda policy, certificate, extension: None
        )
    issuers = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(
        Extension, verification.Criticality.AGNOSTIC, None
    )
    for limits in (constraints.Extension, constraints.EnhancedExtension):
        leaves = leaves.may_be_present(limits, verification.Criticality.AGNOSTIC, None)
        issuers = issuers.may_be_present(limits, verification.Criticality.AGNOSTIC, None)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(anchors.certificates)))
        .time(datetime.fromtimestamp(utc, UTC).replace(tzinfo=None))
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=issuers, ee_policy=leaves)
        .build_client_verifier()
    )
    try:
        return list(verifier.verify(leaf, list(others)).chain)
    except (verification.VerificationError, ValueError) as error:
        raise CredentialError(f"the chain leads to no trust anchor: {error}"[:MAX_WHY]) from error


def _within(path: list[x509.Certificate], authority: TNAuthList) -> bool:
    """No more than each issuer has that says what it has (RFC 9060 section 4.1; STI-086). Whether any does."""
    delegated = False
    for subject, issuer in zip(path, path[1:], strict=False):
        if not _vouches(issuer, subject):
            raise CredentialError("the chain names another key than its issuer has", "identity-untrusted-chain")
        try:
            scope = of(issuer)
        except ParseError as error:
            raise CredentialError(str(error), "identity-bad-certificate") from error
        if scope is not None and not authority.within(scope):
            raise CredentialError("the certificate claims more than its issuer has", "identity-no-authority")
        if scope is not None:
            authority, delegated = scope, True
    return delegated


def _vouches(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Whether the key that a certificate says it was issued with is its issuer's, where both say so (RFC 9060 section
    7).
    """
    try:
        wanted = subject.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        given = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return True
    return wanted is None or wanted == given


def _span(certificate: x509.Certificate) -> tuple[float, float]:
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def _name(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else None
