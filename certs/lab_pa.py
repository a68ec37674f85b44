"""The lab's policy administrator: signs lists of authorities and lists of revoked certificates, good and bad ones.

Never imported in production. Certificates are minted by `certs.lab`; this room has the administrator's own keys.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs.lab import DAY, FROM, UNTIL, pem


class Administrator:
    """Two keys, each with a certificate of its own: one signs the list of authorities, the other the revocations."""

    def __init__(self, utc: float) -> None:
        self.utc = utc
        self.list_key = ec.generate_private_key(ec.SECP256R1())
        self.crl_key = ec.generate_private_key(ec.SECP256R1())
        self.list_certificate = _certificate(self.list_key, "Lab STI-PA", crl_sign=False)
        self.crl_certificate = _certificate(self.crl_key, "Lab STI-PA CRL", crl_sign=True)

    @property
    def list_pem(self) -> bytes:
        """What the list of authorities is checked with."""
        return pem(self.list_certificate)

    @property
    def crl_pem(self) -> bytes:
        """What revocation lists are checked with."""
        return pem(self.crl_certificate)

    def trust_list(
        self,
        roots: Sequence[x509.Certificate],
        sequence: int = 1,
        expires: float | None = None,
        *,
        form: str = "pem",
        key: ec.EllipticCurvePrivateKey | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> bytes:
        """A signed list; `form` is how its entries are written: pem or der. `more` claims replace those made here."""
        entries = [
            pem(root).decode()
            if form == "pem"
            else base64.b64encode(root.public_bytes(serialization.Encoding.DER)).decode()
            for root in roots
        ]
        claims: dict[str, Any] = {
            "version": "1.0",
            "sequence": sequence,
            "exp": int(self.utc + 30 * DAY if expires is None else expires),
            "trustList": entries,
            **(more or {}),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"x5u": "https://sti-pa.example.com/list.pem"}
        return jwt.encode(claims, key or self.list_key, "ES256", headers).encode()

    def crl(
        self,
        revoked: Sequence[x509.Certificate | tuple[x509.Name | None, int]],
        number: int = 1,
        *,
        issued: float | None = None,
        ends: float | None = None,
        indirect: bool = True,
        key: ec.EllipticCurvePrivateKey | None = None,
        issuer: x509.Name | None = None,
        scope: x509.IssuingDistributionPoint | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """A revocation list in DER. An entry without an issuer (None) is of the one before, as RFC 5280 has it."""
        begins = self.utc if issued is None else issued
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer or self.crl_certificate.subject)
            .last_update(datetime.fromtimestamp(begins, UTC))
            .next_update(datetime.fromtimestamp(begins + DAY if ends is None else ends, UTC))
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        if scope is None and indirect:
            scope = distribution(indirect=True)
        if scope is not None:
            builder = builder.add_extension(scope, critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for one in revoked:
            whose, serial = (one.issuer, one.serial_number) if isinstance(one, x509.Certificate) else one
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(datetime.fromtimestamp(begins, UTC) - timedelta(hours=1))
            )
            if whose is not None:
                entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(whose)]), critical=True)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key or self.crl_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def distribution(
    *, indirect: bool = False, some: bool = False, attributes: bool = False
) -> x509.IssuingDistributionPoint:
    """What a list says that it covers."""
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("https://sti-pa.example.com/crl")],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}) if some else None,
        indirect_crl=indirect,
        only_contains_attribute_certs=attributes,
    )


def _certificate(key: ec.EllipticCurvePrivateKey, common: str, *, crl_sign: bool) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab STI-PA"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(FROM, UTC))
        .not_valid_after(datetime.fromtimestamp(UNTIL, UTC))
        .add_extension(
            x509.KeyUsage(not crl_sign, False, False, False, False, False, crl_sign, False, False), critical=True
        )
        .sign(key, hashes.SHA256())
    )
