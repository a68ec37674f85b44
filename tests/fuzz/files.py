"""Hostile files, seeded: certificate chains, revocation lists and lists of authorities. `python -m tests.fuzz.files`.

What comes from a repository or a policy administrator is damaged as octets, and inside: in the DER of a certificate or a
list, in the claims of a token, signed anew half of the time, so that the damage gets past the signature. The readers raise
our errors and nothing else, and where nothing was signed anew, nothing holds but what was signed at first.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from certs.lab import BAD, Authority
from certs.lab_pa import Administrator, distribution
from shaken import constraints, credential, reference, revocation, tnauthlist, trustlist
from shaken.constraints import Constraints
from shaken.credential import Anchors, Credential
from shaken.errors import ShakenError
from shaken.passport import encode
from shaken.revocation import RevocationList
from shaken.tnauthlist import TNAuthList
from shaken.trustlist import TrustList
from tests.fuzz.mutations import mutated

UTC = 1_767_225_600.0
URL = "https://cr.example.net/sp818h.pem"
AUTHORITY = Authority(UTC, seed="fuzz")
OTHER = Authority(UTC, seed="fuzz-other", name="SHAKEN Other Root")
ROOT, MIDDLE = AUTHORITY.root, AUTHORITY.intermediate
REVOKED = AUTHORITY.leaf("709J").certificate
ANCHORS = Anchors((ROOT.certificate,))
KEYS = (ROOT.key.public_key(),)
"""Of the administrator, who signs both lists with one key here: all seeds are the same in each run."""

_ECDSA = bytes.fromhex("300a06082a8648ce3d040302")
_BLOCK = re.compile(rb"(-----BEGIN ([A-Z0-9 ]+)-----\n)(.*?)(-----END \2-----)", re.DOTALL)
_SHA256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def sealed(tbs: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate or revocation list around what is to be signed (RFC 5280 sections 4.1 and 5.1)."""
    return _tlv(0x30, tbs + _ECDSA + _tlv(0x03, b"\0" + key.sign(tbs, _SHA256)))


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, size) if size < 0x80 else (tag, 0x80 | len(octets), *octets)) + value


def chains() -> list[bytes]:
    """Certificate files, good and bad ones."""
    leaf = AUTHORITY.leaf
    numbers = tnauthlist.to_der(TNAuthList(("709J",), (("12025550100", 100),), ("12025550123",)))
    bad = [leaf("709J", bad=one).chain_pem() for one in BAD]
    first, limited = leaf("709J"), leaf("709J").certificate
    limits = constraints.to_der(Constraints(("rcd",), (("attest", ("B", "C")),), ("priority",)))
    builder = x509.CertificateBuilder(
        limited.issuer, limited.subject, limited.public_key(), limited.serial_number,
        limited.not_valid_before_utc, limited.not_valid_after_utc, list(limited.extensions),
    ).add_extension(x509.UnrecognizedExtension(constraints.ENHANCED_OID, limits), critical=False)  # fmt: skip
    constrained = builder.sign(MIDDLE.key, hashes.SHA256(), ecdsa_deterministic=True)
    return [
        first.chain_pem(),
        first.chain_pem() + ROOT.chain_pem(),
        ROOT.chain_pem() + first.chain_pem(),
        leaf(numbers=("12025550123",), ranges=(("12025550100", 100),)).chain_pem(),
        leaf("709J", critical=True).chain_pem().replace(b"\n", b"\r\n"),
        constrained.public_bytes(Encoding.PEM) + MIDDLE.chain_pem(),
        leaf(listed_at="https://cr.example.net/list.der").chain_pem(),
        reference.attach(leaf(listed_at="https://cr.example.net/list.der").chain_pem(), numbers),
        *bad,
        bad[BAD.index("by-leaf")].partition(b"-----END CERTIFICATE-----\n")[2],  # which is a good one, where the first is not read
    ]


def crls() -> list[bytes]:
    """Revocation lists of the administrator, in DER and PEM."""
    pa, revoked, issuer = Administrator(UTC), REVOKED, ROOT.certificate.subject
    many = [(revoked.issuer, 1), (None, 2), (OTHER.root.certificate.subject, 3), (None, revoked.serial_number)]
    reason = (x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT.key.public_key()), False)
    made = [
        pa.crl([revoked], 7, issuer=issuer),
        pa.crl(many, 8, issuer=issuer, extensions=[reason]),
        pa.crl([], 9, issuer=issuer, indirect=False),
        pa.crl([(None, 5)], 10, issuer=issuer, scope=distribution(some=True)),
        pa.crl([(None, 5)], 11, issuer=issuer, extensions=[(x509.DeltaCRLIndicator(3), True)]),
    ]
    lists = [sealed(x509.load_der_x509_crl(one).tbs_certlist_bytes, ROOT.key) for one in made]
    return [*lists, x509.load_der_x509_crl(lists[0]).public_bytes(Encoding.PEM)]


def authorities() -> list[bytes]:
    """Lists of authorities, as the token and as the answer of an interface."""
    roots = [ROOT.certificate, OTHER.root.certificate]
    made = [Administrator(UTC).trust_list(roots, 17, form=form) for form in ("pem", "der")]
    tokens = [token(one.split(b".")[0], one.split(b".")[1]) for one in made]
    return [*tokens, json.dumps({"status": "success", "caList": tokens[0].decode()}).encode()]


def token(head: bytes, claims: bytes) -> bytes:
    """A signed token of two parts that are written already."""
    r, s = utils.decode_dss_signature(ROOT.key.sign(head + b"." + claims, _SHA256))
    return head + b"." + claims + b"." + encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def chain_changed(pem: bytes, rng: Random, corpus: list[bytes]) -> tuple[bytes, bool]:
    """Damage inside one block of a PEM file. Whether it was signed anew."""
    blocks = list(_BLOCK.finditer(pem))
    if not blocks:
        return pem, False
    block = rng.choice(blocks)
    try:
        der, again = base64.b64decode(block[3]), False
    except ValueError:
        return pem, False
    if block[2] == b"CERTIFICATE" and rng.random() < 0.7:
        certificate = x509.load_der_x509_certificate(der)
        key, again = ROOT.key if certificate.subject == MIDDLE.certificate.subject else MIDDLE.key, True
        der = sealed(mutated(certificate.tbs_certificate_bytes, rng, corpus), key)
    else:
        der = mutated(der, rng, corpus)
    return pem[: block.start(3)] + base64.encodebytes(der) + pem[block.end(3) :], again


def crl_changed(octets: bytes, rng: Random, corpus: list[bytes]) -> tuple[bytes, bool]:
    """Damage to what is signed of a list, signed anew."""
    pem = octets.startswith(b"-----BEGIN")
    read = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
    return sealed(mutated(read.tbs_certlist_bytes, rng, corpus), ROOT.key), True


def authorities_changed(octets: bytes, rng: Random, corpus: list[bytes]) -> tuple[bytes, bool]:
    """Damage to the header or the claims of the token, signed anew half of the time."""
    if octets.startswith(b"{"):
        octets = json.loads(octets)["caList"].encode()
    parts = octets.split(b".")
    at = rng.choice((0, 1, 1, 1))
    parts[at] = encode(mutated(base64.urlsafe_b64decode(parts[at] + b"=="), rng, corpus))
    again = rng.random() < 0.5
    return (token(parts[0], parts[1]) if again else b".".join(parts)), again


def chain_read(pem: bytes) -> Credential:
    """What a repository's file goes through, and whether it points elsewhere; the last step tells what became of it."""
    for look in (credential.load_chain, reference.attached, lambda file: credential.pointed(file, ANCHORS, UTC)):
        try:
            look(pem)
        except ShakenError:
            pass
    try:
        revocation.identities(credential.load_chain(reference.bare(pem)))
    except ShakenError:
        pass
    return credential.validate(URL, pem, ANCHORS, UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: who reads it, good ones, damage inside, and what tells those apart that may hold."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    changed: Callable[[bytes, Random, list[bytes]], tuple[bytes, bool]]
    told: Callable[[object], object]
    beside: bytes = b""
    """What damage may put beside a seed, so that it holds."""

    def good(self) -> frozenset[object]:
        """What holds of the seeds."""
        found = set()
        for seed in (one + end for one in self.seeds for end in {b"", self.beside}):
            try:
                found.add(self.told(self.read(seed)))
            except ShakenError:
                continue
        return frozenset(found)


def _told(found: object) -> object:
    """What was signed, of what was read."""
    if isinstance(found, Credential):
        return found.fingerprint
    if isinstance(found, RevocationList):
        return found.entries, found.issuer, found.number, found.issued, found.ends
    if isinstance(found, TrustList):
        return found.roots, found.sequence, found.expires
    return tuple(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in found)  # type: ignore[attr-defined]


def unsigned(octets: bytes, rng: Random, corpus: list[bytes]) -> tuple[bytes, bool]:
    """Of keys nobody says whose they are: whatever can be read is as good as another."""
    return mutated(octets, rng, corpus), False


KINDS = (
    Kind("chain", chain_read, tuple(chains()), chain_changed, _told, MIDDLE.chain_pem()),
    Kind("crl", lambda octets: revocation.read(octets, (ROOT.certificate,), UTC), tuple(crls()), crl_changed, _told),
    Kind("authorities", lambda octets: trustlist.read(octets, KEYS), tuple(authorities()), authorities_changed, _told),
    Kind("keys", partial(trustlist.keys, utc=UTC), (ROOT.chain_pem(), KEYS[0].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)), unsigned, _told),
)
GOOD = {kind.name: kind.good() for kind in KINDS}


def damaged(kind: Kind, rng: Random) -> tuple[bytes, bool]:
    """One hostile file of this kind, and whether somebody signed it so."""
    corpus = list(kind.seeds)
    seed = rng.choice(kind.seeds)
    if rng.random() < 0.6:
        return kind.changed(seed, rng, corpus)
    return mutated(seed, rng, corpus), False


def asked(kind: Kind, data: bytes, signed: bool) -> bool:
    """Whether it was read. Raises AssertionError where something holds that nobody signed, and whatever is no error of ours."""
    try:
        with warnings.catch_warnings():
            # Serial numbers below 1: read today, refused by a later release of the library.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = kind.read(data)
    except ShakenError:
        return False
    assert signed or kind.changed is unsigned or kind.told(found) in GOOD[kind.name], "something holds that nobody signed"
    return True


def run(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """What became of so many files of each kind, and what should not have happened."""
    seen: Counter[str] = Counter()
    findings: list[str] = []
    for place, kind in enumerate(KINDS):
        for number in range(count):
            data, signed = damaged(kind, Random((seed * 1_000_003 + number) * len(KINDS) + place))
            try:
                seen[f"{kind.name} {'read' if asked(kind, data, signed) else 'refused'}"] += 1
            except Exception as error:  # what must not happen
                findings.append(f"{kind.name}, seed {seed} number {number}: {error!r} for {data!r}")
                if len(findings) >= 20:
                    return seen, findings
    return seen, findings


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz.files", description=__doc__)
    asked.add_argument("--count", type=int, default=100_000, help="of each kind")
    asked.add_argument("--seed", type=int, default=1)
    of = asked.parse_args()
    begun = time.monotonic()
    seen, findings = run(of.count, of.seed)
    print(f"{of.count:,} files of each kind, seed {of.seed}, in {time.monotonic() - begun:.0f} s: " + ", ".join(f"{name} {many:,}" for name, many in sorted(seen.items())))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
