"""Lists of revoked certificates: whose they must be, what an entry stands for, and each way in which a list does not
count.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC as ZULU
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.lab import DAY, Authority, pem
from certs.lab_pa import Administrator, distribution
from shaken.credential import Anchors, validate
from shaken.errors import CredentialError
from shaken.revocation import SKEW, Revocations, identities, normal, read

UTC = 1_767_225_600.0
AUTHORITY = Authority(UTC, seed="tests")
OTHER = Authority(UTC, seed="another", name="SHAKEN Other Root")
PA = Administrator(UTC)
SIGNERS = (PA.crl_certificate,)
LEAF, GOOD = AUTHORITY.leaf("709J"), AUTHORITY.leaf("999X")


def has(octets: bytes, certificate: x509.Certificate, utc: float = UTC) -> bool:
    return bool(Revocations((read(octets, SIGNERS, utc),)).revoked(identities((certificate,))))


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


ANCHORS = Anchors.of([AUTHORITY.anchors_pem])


def judged(*certificates: x509.Certificate) -> tuple[tuple[str, int], ...]:
    """The certificates that vouch for the first one of a file, as lists name them."""
    return validate("", b"".join(map(pem, certificates)), ANCHORS, UTC).path


def test_an_intermediate_that_is_revoked_takes_its_leaves_with_it() -> None:
    chain = LEAF.chain
    found = Revocations((read(PA.crl([AUTHORITY.intermediate.certificate]), SIGNERS, UTC),))
    assert found.revoked(judged(*chain)) == identities(chain)[1] and found.count == 1
    # In whatever order the file has them, and never by a certificate that only lies beside them.
    assert found.revoked(judged(*reversed(chain)))
    beside = Revocations((read(PA.crl([OTHER.root.certificate]), SIGNERS, UTC),))
    assert not beside.revoked(judged(*chain, OTHER.root.certificate))


def decoy(issuer: x509.Name) -> x509.Certificate:
    """A certificate with the name and the key of the real intermediate, which nobody trusted has signed."""
    real = AUTHORITY.intermediate.certificate
    return (
        x509.CertificateBuilder(issuer, real.subject, real.public_key(), 7, real.not_valid_before_utc, real.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(OTHER.root.key, hashes.SHA256())
    )


@pytest.mark.req("STI-091", "STI-092")
@pytest.mark.parametrize("beside", [OTHER.intermediate.certificate, decoy(OTHER.root.certificate.subject), decoy(AUTHORITY.root.certificate.subject)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_certificate_of_the_same_name_hides_no_revoked_intermediate(beside: x509.Certificate, place: int) -> None:
    leaf, real = LEAF.chain
    assert beside.subject == real.subject
    file = [leaf, real]
    file.insert(place, beside)
    found = Revocations((read(PA.crl([real]), SIGNERS, UTC),))
    assert found.revoked(judged(*file)) == identities((real,))[0]
    # What is asked is what vouches: one that only lies there may stand on any list.
    other = Revocations((read(PA.crl([beside]), SIGNERS, UTC),))
    assert other.revoked(judged(*file)) is None


def test_an_authority_is_asked_about_though_its_file_leaves_it_out() -> None:
    """As where the operator trusts an intermediate itself."""
    real = AUTHORITY.intermediate.certificate
    credential = validate("", pem(LEAF.certificate), Anchors((real,)), UTC)
    assert Revocations((read(PA.crl([real]), SIGNERS, UTC),)).revoked(credential.path) == identities((real,))[0]


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


def signer(usage: x509.KeyUsage | None, begins: float = UTC - DAY, ends: float = UTC + DAY) -> x509.Certificate:
    """The administrator's name and key, otherwise as told."""
    name = PA.crl_certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(PA.crl_key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.fromtimestamp(begins, ZULU))
        .not_valid_after(datetime.fromtimestamp(ends, ZULU))
    )
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(PA.crl_key, hashes.SHA256())


def usage(*, crl_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, False, crl_sign, False, False)


def test_a_certificate_that_says_what_its_key_is_for_must_say_lists() -> None:
    octets = PA.crl([])
    for good in (signer(None), signer(usage(crl_sign=True))):
        assert read(octets, (good,), UTC).issuer == normal(PA.crl_certificate.subject)
    with pytest.raises(CredentialError, match="may not sign lists"):
        read(octets, (signer(usage(crl_sign=False)),), UTC)


def test_a_signer_counts_from_its_first_to_its_last_second() -> None:
    one = signer(None, UTC, UTC + 60)
    for utc in (UTC, UTC + 60):
        assert read(PA.crl([], issued=UTC), (one,), utc).issued == UTC
    for utc in (UTC - 1, UTC + 61):
        with pytest.raises(CredentialError):
            read(PA.crl([], issued=UTC - 60), (one,), utc)


def test_a_plain_list_is_about_certificates_of_its_own_issuer() -> None:
    """As an authority would publish one, where the operator has named it as a signer."""
    authority = AUTHORITY.intermediate
    octets = PA.crl([(None, LEAF.certificate.serial_number)], key=authority.key, issuer=authority.certificate.subject, indirect=False)
    found = Revocations((read(octets, (authority.certificate,), UTC),))
    assert found.revoked(identities((LEAF.certificate,))) and not found.revoked(identities((GOOD.certificate,)))


def test_an_entry_that_lifts_another_revokes_nothing() -> None:
    whole = x509.load_der_x509_crl(PA.crl([]))
    assert whole.next_update_utc is not None
    builder = x509.CertificateRevocationListBuilder(whole.issuer, whole.last_update_utc, whole.next_update_utc)
    for serial, reason in ((1, x509.ReasonFlags.remove_from_crl), (2, x509.ReasonFlags.key_compromise)):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder(serial, whole.last_update_utc).add_extension(x509.CRLReason(reason), False).build()
        )
    octets = builder.sign(PA.crl_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    found = read(b"\n  " + octets, SIGNERS, UTC)
    assert {serial for _, serial in found.entries} == {2}
    assert found.number == -1 and found.older_than(read(PA.crl([], 0), SIGNERS, UTC))  # it has no number


def test_names_with_several_parts_are_not_mixed_up() -> None:
    def name(*rdns: list[str]) -> x509.Name:
        return x509.Name(
            [x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.ORGANIZATION_NAME if at else NameOID.COMMON_NAME, one) for at, one in enumerate(rdn)]) for rdn in rdns]
        )

    assert normal(name(["a", "b"], ["c"])) == "2.5.4.10=b+2.5.4.3=a/2.5.4.3=c"
    assert normal(name(["a  B"])) == "2.5.4.3=a b"
