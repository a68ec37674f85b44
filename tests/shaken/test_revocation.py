"""Lists of revoked certificates: whose they must be, what an entry stands for, and each way in which a list does not
count.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.lab import DAY, Authority
from certs.lab_pa import Administrator, distribution
from shaken.credential import load_chain
from shaken.errors import CredentialError
from shaken.revocation import SKEW, Revocations, normal, path, read

UTC = 1_767_225_600.0
AUTHORITY = Authority(UTC, seed="tests")
OTHER = Authority(UTC, seed="another", name="SHAKEN Other Root")
PA = Administrator(UTC)
SIGNERS = (PA.crl_certificate,)
LEAF, GOOD = AUTHORITY.leaf("709J"), AUTHORITY.leaf("999X")


def has(octets: bytes, certificate: x509.Certificate, utc: float = UTC) -> bool:
    return bool(Revocations((read(octets, SIGNERS, utc),)).revoked(path((certificate,))))


@pytest.mark.req("STI-091", "LAB-13")
def test_a_leaf_on_the_administrators_list_is_revoked_and_its_neighbour_is_not() -> None:
    octets = PA.crl([LEAF.certificate], 7)
    found = read(octets, SIGNERS, UTC)
    assert (len(found.entries), found.number, found.issued, found.ends) == (1, 7, UTC, UTC + DAY)
    assert not found.stale(UTC + DAY) and found.stale(UTC + DAY + 1)
    assert has(octets, LEAF.certificate) and not has(octets, GOOD.certificate)
    assert read(x509.load_der_x509_crl(octets).public_bytes(serialization.Encoding.PEM), SIGNERS, UTC) == found


@pytest.mark.req("STI-092", "LAB-13", "TRAP-85")
def test_the_same_serial_of_another_issuer_stays_good() -> None:
    serial = LEAF.certificate.serial_number
    octets = PA.crl([(OTHER.root.certificate.subject, serial)])
    assert not has(octets, LEAF.certificate)
    assert has(PA.crl([(LEAF.certificate.issuer, serial)]), LEAF.certificate)


@pytest.mark.req("STI-092")
def test_an_entry_without_an_issuer_is_of_the_one_before_it() -> None:
    theirs, ours = OTHER.root.certificate.subject, LEAF.certificate.issuer
    serial = LEAF.certificate.serial_number
    assert has(PA.crl([(theirs, 1), (ours, 2), (None, 3), (None, serial)]), LEAF.certificate)
    assert not has(PA.crl([(ours, 1), (theirs, 2), (None, serial)]), LEAF.certificate)
    # Before anybody is named they are of the list's own issuer.
    assert not has(PA.crl([(None, serial), (ours, 1)]), LEAF.certificate)


def test_an_intermediate_that_is_revoked_takes_its_leaves_with_it() -> None:
    chain = load_chain(LEAF.chain_pem())
    found = Revocations((read(PA.crl([AUTHORITY.intermediate.certificate]), SIGNERS, UTC),))
    assert found.revoked(path(chain)) == path(chain)[1] and found.count == 1
    # In whatever order the file has them, and never by a certificate that only lies beside them.
    assert found.revoked(path(tuple(reversed(chain))))
    beside = Revocations((read(PA.crl([OTHER.root.certificate]), SIGNERS, UTC),))
    assert not beside.revoked(path((*chain, OTHER.root.certificate)))


def test_names_are_compared_as_names() -> None:
    def name(text: str, kind: x509.name._ASN1Type) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text, kind)])

    utf8, printable = x509.name._ASN1Type.UTF8String, x509.name._ASN1Type.PrintableString
    assert normal(name("Example  CA ", utf8)) == normal(name("example ca", printable))
    assert normal(name("Example CA", utf8)) != normal(name("ExampleCA", utf8))


def by_the_authority() -> bytes:
    """As a web authority would: signed by who issued the certificate."""
    return PA.crl(
        [LEAF.certificate], key=AUTHORITY.intermediate.key, issuer=AUTHORITY.intermediate.certificate.subject
    )


@pytest.mark.req("STI-091", "STI-092", "TRAP-85")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (by_the_authority, "somebody else"),
        (lambda: PA.crl([], key=PA.list_key), "does not hold"),
        (lambda: PA.crl([LEAF.certificate], indirect=False), "not indirect"),
        (lambda: PA.crl([LEAF.certificate], scope=distribution()), "not indirect"),
        (lambda: PA.crl([], scope=distribution(some=True)), "a part"),
        (lambda: PA.crl([], scope=distribution(attributes=True)), "a part"),
        (lambda: PA.crl([], extensions=[(x509.DeltaCRLIndicator(1), True)]), "delta"),
        (lambda: PA.crl([], extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\x05\x00"), True)]), "extension"),
        (lambda: PA.crl([], issued=UTC + SKEW + 1), "future"),
        (lambda: b"", "cannot be read"),
        (lambda: b"-----BEGIN X509 CRL-----\n", "cannot be read"),
        (lambda: PA.crl([LEAF.certificate])[:-10], "cannot be read"),
        (lambda: LEAF.chain_pem(), "cannot be read"),
        (lambda: bytes(4 * 1024 * 1024 + 1), "too long"),
    ],
)  # fmt: skip
def test_a_list_that_is_not_whole_and_the_administrators_does_not_count(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(CredentialError, match=why):
        read(make(), SIGNERS, UTC)


def test_a_critical_extension_of_an_entry_makes_the_list_unusable() -> None:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(1)
        .revocation_date(x509.load_der_x509_crl(PA.crl([])).last_update_utc)
        .add_extension(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\x05\x00"), critical=True)
        .build()
    )
    whole = x509.load_der_x509_crl(PA.crl([]))
    assert whole.next_update_utc is not None
    octets = (
        x509.CertificateRevocationListBuilder(whole.issuer, whole.last_update_utc, whole.next_update_utc)
        .add_revoked_certificate(entry)
        .sign(PA.crl_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    with pytest.raises(CredentialError, match="an entry demands"):
        read(octets, SIGNERS, UTC)


def test_a_signer_must_be_allowed_to_sign_lists_and_be_valid() -> None:
    for signers, utc in (((PA.list_certificate,), UTC), ((), UTC), (SIGNERS, UTC + 40 * 365 * DAY)):
        with pytest.raises(CredentialError):
            read(PA.crl([], issued=UTC), signers, utc)
    # One that has the right name and another key.
    other = Administrator(UTC)
    with pytest.raises(CredentialError, match="does not hold"):
        read(PA.crl([]), (other.crl_certificate,), UTC)
    assert read(PA.crl([]), (other.crl_certificate, PA.crl_certificate), UTC).entries == frozenset()


def test_of_two_lists_the_one_with_the_lower_number_is_older() -> None:
    first, second = (read(PA.crl([], number, issued=UTC), SIGNERS, UTC) for number in (1, 2))
    again = read(PA.crl([], 2, issued=UTC + 60), SIGNERS, UTC)
    assert first.older_than(second) and not second.older_than(first)
    assert second.older_than(again) and not second.older_than(second)


WHOLE = PA.crl([LEAF.certificate, (None, 2)])


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_list_is_refused_with_our_error_and_no_other(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(WHOLE)
    for place, octet in changes:
        octets[place] = octet
    try:
        found = read(bytes(octets), SIGNERS, UTC)
    except CredentialError:
        return
    assert found == read(WHOLE, SIGNERS, UTC)
