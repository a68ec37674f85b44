"""A test authority: mints good and deliberately bad certificate chains.

Two hierarchies that share no key. The STI one (ATIS-1000080): a root, an intermediate, and leaves that hold
a TNAuthList (RFC 8226 section 9). The web one: a root and the TLS certificate of the repository, because
who may speak for a telephone number and who may speak for a web server are different questions. Every STI
root made here says `O=ringwarden lab`, which is how a production configuration recognises and refuses it.

With a seed everything is the same on each run, octet for octet; without one the keys are fresh. Never
imported in production. The TNAuthList is encoded here by hand, apart from `shaken.tnauthlist`, so that a
slip in either shows.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from certs import LAB

ORGANISATION = LAB
"""The marker in the subject of each STI root that is made here."""
TNAUTHLIST = ObjectIdentifier("1.3.6.1.5.5.7.1.26")
TN_LIST = ObjectIdentifier("1.3.6.1.5.5.7.48.14")
"""How a certificate points to such a list (RFC 8226 section 10.1)."""
POLICY = ObjectIdentifier("2.16.840.1.114569.1.1.3")
"""The SHAKEN certificate policy (ATIS-1000080)."""
FROM = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
UNTIL = datetime(2049, 12, 31, tzinfo=UTC).timestamp()
"""Unix seconds. What is not said otherwise is valid between them: the lab replays calls of 2021 to 2023."""
DAY = 86_400.0

BAD = (
    "expired",  # ended a day before `utc`
    "not-yet-valid",  # begins a day after `utc`
    "self-signed",  # vouches for itself
    "stranger",  # a whole chain to a root of the same name that nobody trusts
    "ca-leaf",  # a certificate authority that signs calls itself
    "by-leaf",  # issued by another leaf: right signatures all the way, wrong kind of issuer
    "no-tnauthlist",  # speaks for nobody
    "empty-tnauthlist",  # a TNAuthList without entries (RFC 8226 wants one at least)
    "garbage-tnauthlist",  # the extension's value is no DER
    "p384",  # the wrong curve for ES256
    "wrong-key",  # the chain is good, the key is another one
    "no-intermediate",  # the file holds the leaf alone
    "web",  # issued under the web root instead of an STI root
)
"""The faults that `Authority.leaf` can build in."""

SIP_USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
"""A SIP server is the client of the next one: its certificate serves for both."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A private key and the certificates that speak for it, leaf first, without the root."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    def chain_pem(self) -> bytes:
        """The file that a repository serves at the x5u."""
        return b"".join(pem(certificate) for certificate in self.chain)

    def key_pem(self) -> bytes:
        """PKCS#8, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def save(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Writes `name.pem` and `name.key` (mode 0600); returns both paths."""
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_bytes(self.chain_pem())
        write_private(key, self.key_pem())
        return chain, key


class Authority:
    """The lab's two hierarchies.

    `utc` (Unix seconds, default: now) is the moment from which "expired" and "not-yet-valid" are counted;
    `seed` makes all keys and serial numbers reproducible; `name` is the CN of the STI root. Both roots, the
    intermediate and the leaves are valid from `not_before` to `not_after` unless a leaf is told otherwise.
    """

    def __init__(
        self,
        utc: float | None = None,
        *,
        seed: str | None = None,
        name: str = "SHAKEN Lab Root",
        not_before: float = FROM,
        not_after: float = UNTIL,
    ) -> None:
        self.utc = time.time() if utc is None else utc
        self.not_before, self.not_after = not_before, not_after
        self._seed = os.urandom(32) if seed is None else seed.encode()
        self._name = name
        self._issued = 0
        self.root = self._root(name, "root")
        self.intermediate = self._intermediate(self.root, "intermediate")
        self.web_root = self._root("Lab Web Root", "web-root")

    @property
    def anchors_pem(self) -> bytes:
        """What a verifier must trust for calls."""
        return self.root.chain_pem()

    @property
    def web_ca_pem(self) -> bytes:
        """What an HTTPS client must trust to reach the repository."""
        return self.web_root.chain_pem()

    def leaf(
        self,
        spc: str | Sequence[str] | None = None,
        numbers: Sequence[str] = (),
        ranges: Sequence[tuple[str, int]] = (),
        *,
        not_before: float | None = None,
        not_after: float | None = None,
        critical: bool = False,
        organisation: str = "Example Carrier",
        listed_at: str | None = None,
        bad: str | None = None,
    ) -> Issued:
        """A certificate that signs calls, with its chain up to but without the root.

        `spc` is one service provider code or several ("709J" when nothing at all is given); `numbers` and
        `ranges` (first number and count) are what it may speak for besides; `critical` marks the TNAuthList
        so; `listed_at` is a URL that the certificate points to instead of holding the list; `bad` is one of BAD.
        """
        if bad is not None and bad not in BAD:
            raise ValueError(f"no such fault: {bad!r} (known: {', '.join(BAD)})")
        spcs = (spc,) if isinstance(spc, str) else tuple(spc or ())
        if not spcs and not numbers and not ranges:
            spcs = ("709J",)
        self._issued += 1
        label = f"leaf {self._issued}"
        if bad == "expired":
            not_after = self.utc - DAY
            not_before = min(self.not_before, not_after - DAY) if not_before is None else not_before
        elif bad == "not-yet-valid":
            not_before = self.utc + DAY
            not_after = max(self.not_after, not_before + DAY) if not_after is None else not_after

        issuer, rest = self.intermediate, self.intermediate.chain
        if bad == "stranger":
            issuer = self._intermediate(self._root(self._name, f"{label} root"), f"{label} intermediate")
            rest = issuer.chain
        elif bad == "by-leaf":
            issuer = self.leaf(spcs, numbers, ranges, critical=critical, organisation=organisation)
            rest = issuer.chain
        elif bad == "web":
            issuer, rest = self.web_root, ()
        elif bad == "no-intermediate":
            rest = ()

        key = self._key(label, ec.SECP384R1() if bad == "p384" else ec.SECP256R1())
        speaks_for = (*spcs, *numbers, *(first for first, _ in ranges))[0]
        subject = _name(organisation, f"SHAKEN {speaks_for}")
        vouching = None if bad == "self-signed" else issuer
        builder = self._builder(
            label, key, subject, vouching, not_before, not_after, ca=bad == "ca-leaf"
        ).add_extension(x509.CertificatePolicies([x509.PolicyInformation(POLICY, None)]), critical=False)
        if listed_at is not None:
            access = x509.AccessDescription(TN_LIST, x509.UniformResourceIdentifier(listed_at))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        elif bad != "no-tnauthlist":
            value = tnauthlist(spcs, ranges, numbers)
            if bad == "empty-tnauthlist":
                value = tnauthlist((), (), ())
            elif bad == "garbage-tnauthlist":
                value = b"\x30\x05\xa0\x03\x16"
            builder = builder.add_extension(x509.UnrecognizedExtension(TNAUTHLIST, value), critical)
        if bad == "self-signed":
            return Issued(key, (_sign(builder, key),))
        chain = (_sign(builder, issuer.key), *rest)
        return Issued(self._key(f"{label} other", ec.SECP256R1()) if bad == "wrong-key" else key, chain)

    def tls(self, hosts: Sequence[str] = ("localhost", "127.0.0.1", "::1")) -> Issued:
        """The repository's TLS certificate, by the web root, for DNS names and literal addresses."""
        self._issued += 1
        label = f"tls {self._issued}"
        key = self._key(label, ec.SECP256R1())
        builder = (
            self._builder(label, key, _name("Lab Repository", hosts[0]), self.web_root, None, None, ca=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(SIP_USES), critical=False)
        )
        return Issued(key, (_sign(builder, self.web_root.key),))

    def save(self, folder: Path) -> None:
        """Writes anchors.pem (STI root), web-ca.pem, and the repository's TLS: repository.pem and .key."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "anchors.pem").write_bytes(self.anchors_pem)
        (folder / "web-ca.pem").write_bytes(self.web_ca_pem)
        self.tls().save(folder, "repository")

    def _root(self, name: str, label: str) -> Issued:
        key = self._key(label, ec.SECP256R1())
        builder = self._builder(label, key, _name(ORGANISATION, name), None, None, None, ca=True)
        return Issued(key, (_sign(builder, key),))

    def _intermediate(self, root: Issued, label: str) -> Issued:
        key = self._key(label, ec.SECP256R1())
        builder = self._builder(
            label, key, _name(ORGANISATION, "SHAKEN Lab Intermediate"), root, None, None, ca=True, depth=0
        )
        return Issued(key, (_sign(builder, root.key),))

    def _builder(
        self,
        label: str,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        issuer: Issued | None,
        not_before: float | None,
        not_after: float | None,
        *,
        ca: bool,
        depth: int | None = None,
    ) -> x509.CertificateBuilder:
        """What all have in common (RFC 5280 section 4.2, ATIS-1000080); no issuer means self-signed."""
        begins = self.not_before if not_before is None else not_before
        ends = self.not_after if not_after is None else not_after
        issuer_key = key if issuer is None else issuer.key
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._octets(f"serial {label}")[:15], "big") | 1)
            .not_valid_before(datetime.fromtimestamp(begins, UTC))
            .not_valid_after(datetime.fromtimestamp(ends, UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=depth), critical=True)
            .add_extension(_usage(ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )

    def _octets(self, label: str) -> bytes:
        return hashlib.sha512(self._seed + b"\0" + label.encode()).digest()

    def _key(self, label: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        # One octet less than the curve has: always below the order of the group.
        size = curve.key_size // 8 - 1
        return ec.derive_private_key(int.from_bytes(self._octets(f"key {label}")[:size], "big") | 1, curve)


def tnauthlist(spcs: Sequence[str], ranges: Sequence[tuple[str, int]], numbers: Sequence[str]) -> bytes:
    """TNAuthorizationList in DER (RFC 8226 section 9): [0] code, [1] first and count, [2] number."""
    entries = [_tlv(0xA0, _tlv(0x16, spc.encode("ascii"))) for spc in spcs]
    for first, count in ranges:
        octets = count.to_bytes(count.bit_length() // 8 + 1, "big")  # one bit more for the sign
        entries.append(_tlv(0xA1, _tlv(0x30, _tlv(0x16, first.encode("ascii")) + _tlv(0x02, octets))))
    entries += [_tlv(0xA2, _tlv(0x16, number.encode("ascii"))) for number in numbers]
    return _tlv(0x30, b"".join(entries))


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_private(path: Path, octets: bytes) -> None:
    """Writes a file that only its owner can read, from its first octet on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + value


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
