"""The lab's authority: what it calls good is good, what it calls bad is bad in just that way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from certs import LAB
from certs.lab import BAD, FROM, UNTIL, Authority, tnauthlist, write_private
from shaken import tnauthlist as strict
from shaken.credential import Anchors, validate
from shaken.errors import CredentialError, ParseError

URL = "https://cr.example.net/709J.pem"


def judged(authority: Authority, pem: bytes, utc: float) -> str:
    """The SPC that a verifier finds, or the slug of its refusal."""
    try:
        return validate(URL, pem, Anchors.of([authority.anchors_pem]), utc).spc or "numbers"
    except CredentialError as error:
        return error.slug


@pytest.mark.parametrize("critical", [False, True])
def test_a_good_leaf_is_valid_for_the_whole_time_of_the_lab(authority: Authority, critical: bool) -> None:
    chain = authority.leaf("818H", critical=critical).chain_pem()
    for utc in (FROM, 1_609_459_200.0, authority.utc, UNTIL):  # 2020, 2021, 2026, 2049
        assert judged(authority, chain, utc) == "818H"
    assert judged(authority, chain, FROM - 1) == judged(authority, chain, UNTIL + 1) == "identity-expired"


def test_a_leaf_may_speak_for_numbers_and_ranges(authority: Authority) -> None:
    chain = authority.leaf(numbers=["12025550123"], ranges=[("12025550100", 20)]).chain_pem()
    credential = validate(URL, chain, Anchors.of([authority.anchors_pem]), authority.utc)
    assert credential.spc is None
    covered = [credential.covers(tn) for tn in ("12025550123", "12025550119", "12025550120")]
    assert covered == [True, True, False]


@pytest.mark.parametrize("bad", BAD)
def test_each_fault_is_refused_but_the_foreign_key_which_shows_in_the_signature(authority: Authority, bad: str) -> None:
    leaf = authority.leaf(bad=bad)
    found = judged(authority, leaf.chain_pem(), authority.utc)
    if bad == "wrong-key":
        assert found == "709J"
        assert leaf.key.public_key() != leaf.certificate.public_key()
    else:
        assert found.startswith("identity-")
        assert leaf.key.public_key() == leaf.certificate.public_key()


def test_times_are_counted_from_the_lab_clock() -> None:
    lab = Authority(1_640_995_200.0, seed="past")  # 2022
    for bad in ("expired", "not-yet-valid"):
        chain = lab.leaf(bad=bad).chain_pem()
        assert judged(lab, chain, lab.utc) == "identity-expired"
        assert judged(lab, chain, lab.utc + (-2 if bad == "expired" else 2) * 86_400.0) == "709J"


def test_an_unknown_fault_is_a_mistake_of_the_caller(authority: Authority) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        authority.leaf(bad="expird")


def test_one_seed_gives_the_same_octets_and_none_gives_fresh_ones() -> None:
    one, same, other = (Authority(0.0, seed=seed) for seed in ("a", "a", "b"))
    assert one.anchors_pem == same.anchors_pem != other.anchors_pem
    assert one.leaf().chain_pem() == same.leaf().chain_pem()
    assert one.tls().key_pem() == same.tls().key_pem()
    assert Authority().anchors_pem != Authority().anchors_pem


@pytest.mark.req("TRAP-91", "STI-088")
def test_the_roots_are_marked_and_the_two_hierarchies_share_nothing(authority: Authority) -> None:
    assert f"O={LAB}" in authority.root.certificate.subject.rfc4514_string()
    assert authority.root.certificate.public_key() != authority.web_root.certificate.public_key()


@pytest.mark.req("STI-095")
def test_the_certificates_look_like_those_of_the_field(authority: Authority) -> None:
    leaf = authority.leaf("709J").certificate
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).critical
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert "CN=SHAKEN 709J" in leaf.subject.rfc4514_string()


@pytest.mark.req("STI-079", "STI-081")
@pytest.mark.parametrize(
    ("arguments", "der"),
    [
        ((("818H",), (), ()), "3008a006160438313848"),
        (((), (("12025550100", 100),), ()), "3014a1123010160b3132303235353530313030020164"),
        (((), (), ("12025550123",)), "300fa20d160b3132303235353530313233"),
        ((("818H",), (), ("12025550123",)), "3017a006160438313848a20d160b3132303235353530313233"),
        (((), (("12025550100", 128),), ()), "3015a1133011160b313230323535353031303002020080"),
    ],
)
def test_the_list_is_encoded_as_the_vectors_are(arguments: tuple[tuple[str, ...], ...], der: str) -> None:
    assert tnauthlist(*arguments).hex() == der  # type: ignore[arg-type]


@pytest.mark.req("STI-079")
def test_two_encoders_written_apart_agree() -> None:
    spcs, ranges, numbers = (
        ("818H", "709J"),
        (("12025550100", 70_000),),
        tuple(f"1202555{n:04}" for n in range(100, 200)),
    )
    found = strict.from_der(tnauthlist(spcs, ranges, numbers))
    assert (found.spcs, found.ranges, found.numbers) == (spcs, ranges, numbers)
    with pytest.raises(ParseError):
        strict.from_der(tnauthlist((), (), ()))


def test_what_is_saved_has_closed_keys(lab: Path, authority: Authority, tmp_path: Path) -> None:
    assert sorted(path.name for path in lab.iterdir()) == [
        "anchors.pem",
        "repository.key",
        "repository.pem",
        "web-ca.pem",
    ]
    _, key = authority.leaf().save(tmp_path, "carrier")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 == stat.S_IMODE((lab / "repository.key").stat().st_mode)
    key.chmod(0o666)
    write_private(key, b"again")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
