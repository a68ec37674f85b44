"""A list of numbers that a certificate only points to: who may send us there, and what may be put beside a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.lab import Authority, tnauthlist
from shaken import reference
from shaken.credential import Anchors, load_chain, pointed, validate
from shaken.errors import CredentialError, ParseError

UTC = 1_767_225_600.0
AUTHORITY = Authority(UTC, seed="tests")
ANCHORS = Anchors.of([AUTHORITY.anchors_pem])
URL, LIST = "https://cr.example.net/big.pem", "https://cr.example.net/big.tnl"
POINTING = AUTHORITY.leaf(numbers=["12025550100"], listed_at=LIST)
DER = tnauthlist((), [("12025550100", 50)], ["12025550199"])


@pytest.mark.req("STI-083")
def test_a_certificate_that_points_to_its_numbers_speaks_for_those_that_were_fetched() -> None:
    pem = POINTING.chain_pem()
    assert reference.where(load_chain(pem)[0]) == LIST and pointed(pem, ANCHORS, UTC) == LIST
    with pytest.raises(CredentialError, match="speaks for no numbers"):
        validate(URL, pem, ANCHORS, UTC)
    credential = validate(URL, reference.attach(pem, DER), ANCHORS, UTC)
    assert credential.covers("12025550149") and credential.covers("12025550199")
    assert not credential.covers("12025550150") and credential.spc is None


@pytest.mark.req("STI-083", "TRAP-79")
def test_only_a_certificate_whose_chain_holds_sends_us_anywhere() -> None:
    stranger = Authority(UTC, seed="another").leaf(numbers=["12025550100"], listed_at=LIST)
    with pytest.raises(CredentialError, match="no trust anchor"):
        pointed(stranger.chain_pem(), ANCHORS, UTC)
    assert pointed(AUTHORITY.leaf("709J").chain_pem(), ANCHORS, UTC) is None
    assert pointed(AUTHORITY.leaf(bad="no-tnauthlist").chain_pem(), ANCHORS, UTC) is None


@pytest.mark.req("STI-083")
def test_what_a_repository_writes_beside_its_file_counts_for_nothing() -> None:
    own = reference.attach(POINTING.chain_pem(), DER)
    assert reference.bare(own) == POINTING.chain_pem() and reference.attached(reference.bare(own)) is None
    # Nor does a list help a certificate that points to none.
    plain = AUTHORITY.leaf(bad="no-tnauthlist").chain_pem()
    with pytest.raises(CredentialError, match="speaks for no numbers"):
        validate(URL, reference.attach(plain, DER), ANCHORS, UTC)
    # And a certificate that lists its numbers keeps to them.
    listed = AUTHORITY.leaf(numbers=["12025550101"])
    assert not validate(URL, reference.attach(listed.chain_pem(), DER), ANCHORS, UTC).covers("12025550149")
    # The one that was attached last is the only one.
    again = reference.attach(own, tnauthlist((), (), ["12025550111"]))
    assert again.count(b"BEGIN TN AUTH") == 1 and validate(URL, again, ANCHORS, UTC).covers("12025550111")


@given(st.binary(max_size=200))
def test_what_is_no_list_is_refused(der: bytes) -> None:
    try:
        found = reference.attached(reference.attach(b"", der))
    except ParseError:
        return
    assert found is not None


@given(st.binary(max_size=200))
def test_a_damaged_block_is_an_error_of_ours(octets: bytes) -> None:
    block = b"-----BEGIN TN AUTHORIZATION LIST-----" + octets + b"-----END TN AUTHORIZATION LIST-----\n"
    with pytest.raises(ParseError):
        reference.attached(block)


def test_a_list_that_is_too_long_is_refused() -> None:
    with pytest.raises(ParseError, match="too long"):
        reference.attach(b"", bytes(reference.MAX_LIST + 1))


@pytest.mark.req("STI-083")
def test_only_the_access_that_means_the_list_points_to_it() -> None:
    from cryptography import x509

    def where(*access: tuple[str, x509.GeneralName]) -> str | None:
        class Leaf:
            extensions = x509.Extensions(
                [
                    x509.Extension(
                        x509.AuthorityInformationAccess.oid,
                        False,
                        x509.AuthorityInformationAccess(
                            [x509.AccessDescription(x509.ObjectIdentifier(oid), name) for oid, name in access]
                        ),
                    )
                ]
            )

        return reference.where(Leaf())  # type: ignore[arg-type]  # of a certificate only its extensions are asked for

    ocsp, ours = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.14"
    assert where((ocsp, x509.UniformResourceIdentifier("https://ocsp.example.net/"))) is None
    assert where((ours, x509.DNSName("cr.example.net"))) is None
    assert where((ours, x509.DNSName("cr.example.net")), (ours, x509.UniformResourceIdentifier(LIST))) == LIST


def test_what_is_no_base64_is_not_passed_over() -> None:
    good = reference.attach(POINTING.chain_pem(), DER)
    head = b"-----BEGIN TN AUTHORIZATION LIST-----\n"
    with pytest.raises(ParseError, match="damaged"):
        reference.attached(good.replace(head, head + b"!"))
