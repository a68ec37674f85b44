"""Certificates that were taken back: revocation lists, direct and indirect (RFC 5280 sections 5 and 6.3).

The STI policy administrator publishes one list for the certificates of all authorities, so its entries say whose they
are (an indirect list), and an entry without an issuer is of the one named last. Only lists by the signers that are
handed in count, never one that the certificate's own issuer signed (STI-091). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from shaken.errors import CredentialError

MAX_LIST = 4 * 1024 * 1024
"""Octets; an entry has about 40 to 150."""
MAX_ENTRIES = 100_000
SKEW = 300.0
"""Seconds that the signer's clock may be ahead of ours."""
SLUG = "revocation-list"
REVOKED = "identity-revoked"
"""The slug of a certificate that stands on a list."""

Identity = tuple[str, int]
"""A certificate, as lists name it: its issuer in normal form, and its serial number."""

_KNOWN = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_NUMBER,
    ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    ExtensionOID.ISSUER_ALTERNATIVE_NAME,
}
_KNOWN_OF_ENTRY = {
    CRLEntryExtensionOID.CERTIFICATE_ISSUER,
    CRLEntryExtensionOID.CRL_REASON,
    CRLEntryExtensionOID.INVALIDITY_DATE,
}


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list whose signature holds."""

    entries: frozenset[Identity]
    issuer: str
    number: int
    """-1 where it has none."""
    issued: float
    ends: float | None
    """Unix seconds. After `ends` (nextUpdate) a newer one should be there."""

    def older_than(self, other: RevocationList) -> bool:
        """Whether the other one was made later."""
        return (self.number, self.issued) < (other.number, other.issued)

    def stale(self, utc: float) -> bool:
        return self.ends is not None and utc > self.ends


@dataclass(frozen=True, slots=True)
class Revocations:
    """All lists together."""

    lists: tuple[RevocationList, ...] = ()

    def revoked(self, path: Iterable[Identity]) -> Identity | None:
        """The first certificate of this path that stands on a list."""
        for identity in path:
            for one in self.lists:
                if identity in one.entries:
                    return identity
        return None

    @property
    def count(self) -> int:
        return sum(len(one.entries) for one in self.lists)


def read(octets: bytes, signers: Sequence[x509.Certificate], utc: float) -> RevocationList:
    """A list in DER or PEM, once all of it holds. Raises CredentialError and nothing else."""
    if len(octets) > MAX_LIST:
        raise CredentialError("it is too long", SLUG)
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
        issuer = normal(crl.issuer)
        issued = crl.last_update_utc.timestamp()
        ends = crl.next_update_utc.timestamp() if crl.next_update_utc is not None else None
        _signed(crl, issuer, signers, utc)
        number, indirect = _scope(crl)
        entries = _entries(crl, issuer, indirect)
    except CredentialError:
        raise
    except Exception as error:  # what cannot be parsed raises many things
        raise CredentialError(f"it cannot be read: {error}"[:300], SLUG) from error
    if issued > utc + SKEW:
        raise CredentialError("it was made in the future", SLUG)
    return RevocationList(frozenset(entries), issuer, number, issued, ends)


def identities(path: Iterable[x509.Certificate]) -> tuple[Identity, ...]:
    """The certificates of a validated path, as lists name them: each of them is asked about (RFC 5280 section
    6.1.3(a)(3)). Raises ValueError where a name cannot be read.
    """
    return tuple((normal(one.issuer), one.serial_number) for one in path)


def normal(name: x509.Name) -> str:
    """A name as it is compared: case, runs of blanks and the kind of string do not matter (RFC 5280 section 7.1)."""
    return "/".join(
        "+".join(sorted(f"{part.oid.dotted_string}={' '.join(str(part.value).casefold().split())}" for part in rdn))
        for rdn in name.rdns
    )


def _signed(crl: x509.CertificateRevocationList, issuer: str, signers: Sequence[x509.Certificate], utc: float) -> None:
    named = [signer for signer in signers if normal(signer.subject) == issuer]
    if not named:
        raise CredentialError(f"it is by somebody else ({crl.issuer.rfc4514_string()})"[:300], SLUG)
    for signer in named:
        usage = next((e.value for e in signer.extensions if isinstance(e.value, x509.KeyUsage)), None)
        begins, ends = signer.not_valid_before_utc.timestamp(), signer.not_valid_after_utc.timestamp()
        key = signer.public_key()
        if (
            (usage is None or usage.crl_sign)
            and begins <= utc <= ends
            and isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
            and crl.is_signature_valid(key)
        ):
            return
    raise CredentialError("its signature does not hold, or its signer may not sign lists now", SLUG)


def _scope(crl: x509.CertificateRevocationList) -> tuple[int, bool]:
    """Number, and whether it is indirect. Refuses what would be a part of the truth only."""
    number, indirect = -1, False
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            raise CredentialError("it holds the changes only (a delta list)", SLUG)
        if extension.critical and extension.oid not in _KNOWN:
            oid = extension.oid.dotted_string
            raise CredentialError(f"it demands an extension that is not known here ({oid})", SLUG)
        if isinstance(value, x509.CRLNumber):
            number = value.crl_number
        elif isinstance(value, x509.IssuingDistributionPoint):
            if value.only_contains_attribute_certs or value.only_some_reasons is not None:
                raise CredentialError("it is a part of a list only", SLUG)
            indirect = value.indirect_crl
    return number, indirect


def _entries(crl: x509.CertificateRevocationList, issuer: str, indirect: bool) -> set[Identity]:
    if len(crl) > MAX_ENTRIES:
        raise CredentialError("it has too many entries", SLUG)
    found: set[Identity] = set()
    whose = issuer
    for entry in crl:
        lifted = False
        for extension in entry.extensions:
            value = extension.value
            if extension.critical and extension.oid not in _KNOWN_OF_ENTRY:
                raise CredentialError("an entry demands an extension that is not known here", SLUG)
            if isinstance(value, x509.CertificateIssuer):
                if not indirect:
                    raise CredentialError("an entry is of another issuer, but the list is not indirect", SLUG)
                names = value.get_values_for_type(x509.DirectoryName)
                if len(names) != 1:
                    raise CredentialError("an entry does not say whose it is", SLUG)
                # It holds for the entries after it, too (RFC 5280 section 5.3.3).
                whose = normal(names[0])
            elif isinstance(value, x509.CRLReason):
                lifted = value.reason is x509.ReasonFlags.remove_from_crl
        if not lifted:
            found.add((whose, entry.serial_number))
    return found
