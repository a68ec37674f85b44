"""Chains: who may delegate what to whom, and whose name stands on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certs.lab import Authority
from shaken import constraints, tnauthlist
from shaken.constraints import Constraints
from shaken.credential import (
    MAX_CHAIN,
    MAX_PEM,
    ORDER,
    Anchors,
    Credential,
    der_signature,
    load_chain,
    pointed,
    validate,
)
from shaken.errors import CredentialError
from shaken.sign import sign_octets
from shaken.tnauthlist import TNAuthList
from tests.fuzz.files import sealed

NOW = 1_767_225_600.0
LAB = Authority(NOW, seed="tests")
URL = "https://cr.example.net/a.pem"


class Holder(NamedTuple):
    key: CertificateIssuerPrivateKeyTypes
    certificate: x509.Certificate


def issue(
    name: str,
    issuer: Holder | None,
    authority: TNAuthList | None = None,
    *,
    ca: bool = True,
    limits: Constraints | None = None,
    enhanced: Constraints | None = None,
    critical: bool = False,
    wrong_key: bool = False,
    bare: bool = False,
    until: float = 1000.0,
    usage: bool = True,
    key: CertificateIssuerPrivateKeyTypes | None = None,
) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), *([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])]
    )
    mine = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = mine if issuer is None else issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = x509.AuthorityKeyIdentifier(b"x" * 20, None, None) if wrong_key else x509.AuthorityKeyIdentifier(above.digest, None, None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(NOW - 1000, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + until, UTC))
    )
    if not bare:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(usage and not ca, not usage, False, False, False, usage and ca, ca, False, False), critical=True)
            .add_extension(mine, critical=False)
            .add_extension(named, critical=False)
        )
    if authority is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(tnauthlist.OID, tnauthlist.to_der(authority)), critical)
    for oid, value in ((constraints.OID, limits), (constraints.ENHANCED_OID, enhanced)):
        if value is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, constraints.to_der(value)), critical)
    return Holder(key, builder.sign(key if issuer is None else issuer.key, hashes.SHA256()))


def pem(*holders: Holder) -> bytes:
    return b"".join(holder.certificate.public_bytes(Encoding.PEM) for holder in holders)


ROOT = issue("Root", None)
CARRIER = issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",), ranges=(("12025550100", 50),)))
NUMBERS = issue("Numbers", ROOT, TNAuthList(ranges=(("12025550100", 50),), numbers=("12025550177",)))
ANCHORS = Anchors.of([pem(ROOT)])


def validated(*chain: Holder) -> Credential:
    return validate(URL, pem(*chain), ANCHORS, NOW)


@pytest.mark.req("STI-086", "STI-081", "LAB-19")
def test_a_delegate_speaks_for_the_numbers_that_it_was_given_and_no_others() -> None:
    delegate = validated(issue("Company", NUMBERS, TNAuthList(numbers=("12025550120",)), ca=False), NUMBERS)
    assert delegate.spc is None and delegate.covers("12025550120") and not delegate.covers("12025550121")
    deeper = issue("Reseller", NUMBERS, TNAuthList(ranges=(("12025550110", 20),)))
    leaf = issue("Company", deeper, TNAuthList(ranges=(("12025550110", 10),)), ca=False)
    assert validated(leaf, deeper, NUMBERS).covers("12025550119")
    assert not delegate.numbered and not validated(leaf, deeper, NUMBERS).numbered


@pytest.mark.req("STI-086")
@pytest.mark.parametrize(
    "given_chain",
    [
        lambda: [issue("Wider", NUMBERS, TNAuthList(numbers=("12025550178",)), ca=False), NUMBERS],
        lambda: [issue("Code", NUMBERS, TNAuthList(spcs=("709J",)), ca=False), NUMBERS],
        lambda: [issue("Other", CARRIER, TNAuthList(spcs=("710J",)), ca=False), CARRIER],
    ],
)
def test_nobody_delegates_more_than_they_have(given_chain) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CredentialError) as caught:
        validated(*given_chain())
    assert caught.value.slug == "identity-no-authority"


@pytest.mark.req("STI-086")
def test_an_authority_that_delegates_signs_no_calls_itself() -> None:
    with pytest.raises(CredentialError) as caught:
        validated(NUMBERS)
    assert caught.value.slug == "identity-untrusted-chain"


@pytest.mark.req("STI-086")
def test_the_chain_names_the_keys_that_it_was_made_with() -> None:
    with pytest.raises(CredentialError) as caught:
        validated(issue("Company", NUMBERS, TNAuthList(numbers=("12025550120",)), ca=False, wrong_key=True), NUMBERS)
    assert caught.value.slug == "identity-untrusted-chain"


@pytest.mark.req("STI-082", "STI-096")
@pytest.mark.parametrize(("name", "fine"), [("SHAKEN 709J", True), ("SHAKEN 710J", False), ("SHAKEN", True), ("Example Carrier", True)])
def test_the_code_is_the_one_of_the_subject(name: str, fine: bool) -> None:
    leaf = issue(name, ROOT, TNAuthList(spcs=("709J",)), ca=False)
    if fine:
        assert validated(leaf).spc == "709J"
    else:
        with pytest.raises(CredentialError) as caught:
            validated(leaf)
        assert caught.value.slug == "identity-no-authority"


@pytest.mark.req("STI-084", "STI-085", "LAB-20")
@pytest.mark.parametrize("critical", [False, True])
def test_the_limits_of_every_certificate_of_the_chain_bind(critical: bool) -> None:
    above = issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",)), enhanced=Constraints(exclude=("rcd",)), critical=critical)
    only_b = Constraints(permitted=(("attest", ("B", "C")),))
    leaf = issue("SHAKEN 709J", above, TNAuthList(spcs=("709J",)), ca=False, limits=only_b, critical=critical)
    assert set(validated(leaf, above).constraints) == {only_b, Constraints(exclude=("rcd",))}


@pytest.mark.req("STI-085")
def test_limits_of_both_kinds_in_one_certificate_make_it_useless() -> None:
    limits = Constraints(include=("rcd",))
    with pytest.raises(CredentialError) as caught:
        validated(issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",)), ca=False, limits=limits, enhanced=limits))
    assert caught.value.slug == "identity-bad-certificate"


@pytest.mark.req("STI-087")
def test_an_authority_may_sign_certificates_with_rsa_and_a_caller_nothing() -> None:
    root = issue("RSA Root", None, key=rsa.generate_private_key(65537, 2048))
    leaf = issue("SHAKEN 709J", root, TNAuthList(spcs=("709J",)), ca=False)
    assert validate(URL, pem(leaf), Anchors.of([pem(root)]), NOW).spc == "709J"
    with pytest.raises(CredentialError, match="P-256"):
        validated(issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",)), ca=False, key=rsa.generate_private_key(65537, 2048)))


NUMBER = st.one_of(st.integers(1, ORDER - 1), st.integers(0, 16).map(lambda at: 1 << 8 * at), st.integers(1, 2**128), st.just(ORDER - 1))


@pytest.mark.req("STI-012", "STI-013", "TRAP-05", "TRAP-06")
@given(NUMBER, NUMBER)
def test_r_and_s_become_the_der_that_another_encoder_makes(r: int, s: int) -> None:
    assert der_signature(r.to_bytes(32, "big") + s.to_bytes(32, "big")) == encode_dss_signature(r, s)


@pytest.mark.req("STI-013")
def test_a_signature_with_the_other_s_holds_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",)), ca=False, key=key)
    raw = sign_octets(key, b"x")
    s = ORDER - int.from_bytes(raw[32:], "big")
    credential = validated(leaf)
    assert credential.holds(raw, b"x") and credential.holds(raw[:32] + s.to_bytes(32, "big"), b"x")
    for bad in (bytes(32) + raw[32:], raw[:32] + bytes(32), raw[:32] + ORDER.to_bytes(32, "big"), raw + b"\0", raw[:63]):
        assert not credential.holds(bad, b"x")


CODE = TNAuthList(spcs=("709J",))


@pytest.mark.req("STI-065", "LAB-11")
def test_a_chain_is_valid_as_long_as_each_of_its_certificates() -> None:
    above = issue("SHAKEN 709J", ROOT, CODE, until=300.0)
    leaf = issue("SHAKEN 709J", above, CODE, ca=False, until=700.0)
    found = validated(leaf, above)
    assert (found.not_before, found.not_after) == (NOW - 1000, NOW + 300)
    assert [found.valid_at(utc) for utc in (NOW - 1001, NOW - 1000, NOW, NOW + 300, NOW + 301)] == [False, True, True, True, False]
    for utc, fine in ((NOW + 300, True), (NOW - 1000, True), (NOW + 301, False), (NOW - 1001, False)):
        if fine:
            assert validate(URL, pem(leaf, above), ANCHORS, utc)
        else:
            with pytest.raises(CredentialError) as caught:
                validate(URL, pem(leaf, above), ANCHORS, utc)
    for utc in (NOW + 700.5, NOW - 1000.5):
        with pytest.raises(CredentialError) as caught:
            validate(URL, pem(leaf, above), ANCHORS, utc)
        assert caught.value.slug == "identity-expired"


@pytest.mark.req("STI-082")
def test_a_certificate_names_one_provider() -> None:
    with pytest.raises(CredentialError) as caught:
        validated(issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J", "710J")), ca=False))
    assert caught.value.slug == "identity-no-authority"


@pytest.mark.req("STI-096")
def test_a_subject_without_a_common_name_is_told_whole() -> None:
    found = validated(issue("", ROOT, CODE, ca=False))
    assert (found.subject, found.organisation, found.spc, found.url, found.country) == ("C=US", None, "709J", URL, "US")
    assert validated(issue("SHAKEN 709J", ROOT, CODE, ca=False)).subject == "SHAKEN 709J"


@pytest.mark.req("TRAP-83")
def test_a_leaf_that_says_little_of_itself_is_found_behind_the_root() -> None:
    leaf = issue("SHAKEN 709J", ROOT, CODE, ca=False, bare=True)
    assert validated(leaf).spc == "709J" and validate(URL, pem(ROOT, leaf), ANCHORS, NOW).spc == "709J"


@pytest.mark.req("STI-086")
def test_an_issuer_that_names_no_numbers_lends_none_that_it_has_not() -> None:
    silent = issue("Silent", NUMBERS)
    inside = issue("Company", silent, TNAuthList(numbers=("12025550120",)), ca=False)
    outside = issue("Company", silent, TNAuthList(numbers=("12025550199",)), ca=False)
    assert validated(inside, silent, NUMBERS).covers("12025550120")
    with pytest.raises(CredentialError) as caught:
        validated(outside, silent, NUMBERS)
    assert caught.value.slug == "identity-no-authority"


@pytest.mark.req("TRAP-18", "TRAP-83")
def test_a_file_holds_no_more_than_a_chain() -> None:
    one = pem(ROOT)
    assert len(load_chain(one * MAX_CHAIN)) == MAX_CHAIN and Anchors.of([one * 3]).count == 1
    with pytest.raises(CredentialError):
        load_chain(one * (MAX_CHAIN + 1))
    assert len(load_chain(one + b"x" * (MAX_PEM - len(one)))) == 1
    with pytest.raises(CredentialError):
        load_chain(one + b"x" * (MAX_PEM - len(one) + 1))


@pytest.mark.req("STI-013")
def test_r_and_s_lie_below_the_order() -> None:
    edge, below = ORDER.to_bytes(32, "big"), (ORDER - 1).to_bytes(32, "big")
    assert der_signature(below + below) is not None
    for bad in (edge + below, below + edge, bytes(32) + below, below + bytes(32), below, below + below + b"\0"):
        assert der_signature(bad) is None


def test_a_signature_holds_or_it_does_not_and_nothing_between() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    one = Credential(URL, key.public_key(), "709J", "", None, NOW, NOW, TNAuthList(("709J",)), "")
    signature = sign_octets(key, b"octets")
    assert one.holds(signature, b"octets") is True
    assert one.holds(signature, b"others") is False and one.holds(bytes(64), b"octets") is False
    assert one.holds(signature[:63], b"octets") is False


@pytest.mark.req("STI-095", "STI-086")
def test_a_key_does_what_its_certificate_says_that_it_is_for() -> None:
    code = TNAuthList(spcs=("709J",))
    assert validated(issue("SHAKEN 709J", ROOT, code, ca=False)).spc == "709J"
    with pytest.raises(CredentialError, match="the key may not sign"):
        validated(issue("SHAKEN 709J", ROOT, code, ca=False, usage=False))
    for middle, fine in ((issue("Middle", ROOT), True), (issue("Middle", ROOT, usage=False), False), (issue("Middle", ROOT, ca=False), False)):
        chain = issue("SHAKEN 709J", middle, code, ca=False), middle
        if fine:
            assert validated(*chain).spc == "709J"
        else:
            with pytest.raises(CredentialError, match="no trust anchor"):
                validated(*chain)


NAMES = (
    (b"\x0c\x0bSHAKEN 709J", b"\x0c\x0bSHAK\xc5N 709J"),  # no UTF-8
    (b"\x0c\x0bSHAKEN 709J", b"\x0f\x0bSHAKEN 709J"),  # no kind of string
    (b"SHAKEN Lab Intermediate", b"SHAKEN Lab Int\xf2rmediate"),  # the issuer's
)


@pytest.mark.parametrize(("good", "bad"), NAMES)
def test_a_name_that_cannot_be_read_is_found_out_with_the_file(good: bytes, bad: bytes) -> None:
    """Found by tests.fuzz.files: the library reads names when they are asked for, and raises ValueError then."""
    tbs = LAB.leaf("709J").certificate.tbs_certificate_bytes
    assert tbs.count(good) == 1
    whole, broken = (
        x509.load_der_x509_certificate(sealed(one, LAB.intermediate.key)).public_bytes(Encoding.PEM)
        for one in (tbs, tbs.replace(good, bad))
    )
    rest, anchors = LAB.intermediate.chain_pem(), Anchors((LAB.root.certificate,))
    assert validate(URL, whole + rest, anchors, NOW).spc == "709J"
    for file in (broken + rest, whole + rest + broken):
        with pytest.raises(CredentialError, match="cannot be read") as found:
            validate(URL, file, anchors, NOW)
        assert found.value.slug == "identity-bad-certificate"
        with pytest.raises(CredentialError):
            load_chain(file)


def test_a_number_of_fewer_octets_is_written_with_as_few() -> None:
    for s in (1 << 240, (1 << 248) - 1, 1 << 247, 1 << 239):  # zero in front, and what follows it is none
        for r in (s, ORDER - 1):
            assert der_signature(r.to_bytes(32, "big") + s.to_bytes(32, "big")) == encode_dss_signature(r, s)
            assert der_signature(s.to_bytes(32, "big") + r.to_bytes(32, "big")) == encode_dss_signature(s, r)


def test_a_certificate_is_valid_in_its_first_second_and_in_its_last() -> None:
    file = pem(issue("SHAKEN 709J", ROOT, TNAuthList(spcs=("709J",)), ca=False, until=500.0))
    found = validate(URL, file, ANCHORS, NOW + 500)
    assert validate(URL, file, ANCHORS, NOW - 1000) is not None
    assert found.not_after == NOW + 500 and found.valid_at(NOW + 500) and not found.valid_at(NOW + 501)
    for moment in (NOW + 501, NOW - 1001):
        with pytest.raises(CredentialError) as refused:
            validate(URL, file, ANCHORS, moment)
        assert refused.value.slug == "identity-expired"


def test_a_file_with_an_authority_alone_points_nowhere() -> None:
    assert pointed(pem(issue("Other", None)), Anchors.of([pem(ROOT)]), NOW) is None
