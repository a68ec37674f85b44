"""The signed list of authorities: what holds, and each way in which one does not. An oracle signs (PyJWT)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.lab import DAY, Authority
from certs.lab_pa import Administrator
from shaken import trustlist
from shaken.errors import CredentialError

UTC = 1_767_225_600.0
AUTHORITY = Authority(UTC, seed="tests")
PA = Administrator(UTC)
ROOT = AUTHORITY.root.certificate
KEYS = trustlist.keys(PA.list_pem, UTC)


@pytest.mark.req("STI-089")
@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_list_gives_its_roots_sequence_and_end(form: str) -> None:
    other = Authority(UTC, seed="another").root.certificate
    found = trustlist.read(PA.trust_list([ROOT, other, ROOT], 17, UTC + DAY, form=form), KEYS)
    assert found == trustlist.TrustList((ROOT, other), 17, UTC + DAY)
    assert not found.expired(UTC) and found.expired(UTC + DAY)


def test_the_answer_of_an_interface_has_the_list_as_a_member() -> None:
    answer = json.dumps({"status": "success", "caList": PA.trust_list([ROOT]).decode()}).encode()
    assert trustlist.read(answer + b"\n", KEYS).roots == (ROOT,)


def test_a_list_without_an_end_does_not_end() -> None:
    assert not trustlist.read(PA.trust_list([ROOT], more={"exp": None}), KEYS).expired(UTC + 1000 * DAY)


def test_an_entry_may_be_written_as_any_base64() -> None:
    der = ROOT.public_bytes(serialization.Encoding.DER)
    plain = base64.b64encode(der).decode()
    lines = base64.encodebytes(der).decode()
    forms = (plain, lines, plain.rstrip("="), base64.urlsafe_b64encode(der).decode().rstrip("="))
    for form in forms:
        assert trustlist.read(PA.trust_list([], 0, more={"trustList": [form]}), KEYS).roots == (ROOT,)
    with pytest.raises(CredentialError, match="entry 1"):
        trustlist.read(PA.trust_list([], more={"trustList": ["!" + plain]}), KEYS)


def test_a_list_may_have_so_many_roots_and_a_number_so_many_digits() -> None:
    pem = ROOT.public_bytes(serialization.Encoding.PEM).decode()
    found = trustlist.read(PA.trust_list([], 2**63 - 1, more={"trustList": [pem] * trustlist.MAX_ROOTS}), KEYS)
    assert found.sequence == 2**63 - 1 and found.roots == (ROOT,)
    with pytest.raises(CredentialError, match="sequence"):
        trustlist.read(PA.trust_list([ROOT], 2**63), KEYS)


def test_a_key_counts_from_the_first_to_the_last_second_of_its_certificate() -> None:
    leaf = AUTHORITY.leaf("709J", not_before=UTC, not_after=UTC + 60)
    pem = leaf.certificate.public_bytes(serialization.Encoding.PEM)
    for utc in (UTC, UTC + 60):
        assert len(trustlist.keys(pem, utc)) == 1
    for utc in (UTC - 1, UTC + 61):
        with pytest.raises(CredentialError, match="valid now"):
            trustlist.keys(pem, utc)


def tampered() -> bytes:
    head, payload, signature = PA.trust_list([ROOT]).split(b".")
    claims = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    claims["sequence"] = 99
    return b".".join((head, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"="), signature))


def plain(claims: Any, **headers: Any) -> bytes:
    text = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwt.PyJWS().encode(text, PA.list_key, "ES256", headers or None).encode()


def by_another_algorithm() -> bytes:
    public = PA.list_certificate.public_bytes(serialization.Encoding.PEM)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(b"{}").rstrip(b"=")
    return b".".join((head, body, base64.urlsafe_b64encode(public[:32]).rstrip(b"=")))


@pytest.mark.req("STI-089", "TRAP-09")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (tampered, "does not hold"),
        (lambda: PA.trust_list([ROOT], key=ec.generate_private_key(ec.SECP256R1())), "does not hold"),
        (by_another_algorithm, "no signed list"),
        (lambda: b"eyJhbGciOiJub25lIn0.e30.", "three parts"),
        (lambda: b"eyJhbGciOiJub25lIn0.e30.AA", "no signed list"),
        (lambda: plain({"sequence": 1, "trustList": []}), "no authority"),
        (lambda: plain({"sequence": 1}), "no authority"),
        (lambda: plain({"sequence": 1, "trustList": ["x"] * 1001}), "too many"),
        (lambda: plain({"sequence": 1, "trustList": ["no certificate"]}), "entry 1"),
        (lambda: plain({"sequence": 1, "trustList": [ROOT.public_bytes(serialization.Encoding.PEM).decode(), 7]}), "entry 2"),
        (lambda: PA.trust_list([ROOT], more={"sequence": None}), "sequence"),
        (lambda: PA.trust_list([ROOT], more={"sequence": -1}), "sequence"),
        (lambda: PA.trust_list([ROOT], more={"sequence": True}), "sequence"),
        (lambda: PA.trust_list([ROOT], more={"exp": "soon"}), "exp"),
        (lambda: plain(b"no JSON"), "no JSON"),
        (lambda: plain([1]), "no JSON object"),
        (lambda: plain(b'{"sequence":1,"sequence":2,"trustList":[]}'), "no JSON"),
        (lambda: plain({"sequence": 1, "trustList": []}, crit=["b64"], b64=True), "extension|signed list"),
        (lambda: b"", "three parts"),
        (lambda: b"\xff", "no token"),
        (lambda: b"{}", "three parts"),
        (lambda: b'{"caList": ["x.y.z"]}', "three parts"),
        (lambda: b"a" * (trustlist.MAX_LIST + 1), "too long"),
    ],
)  # fmt: skip
def test_whatever_does_not_hold_is_refused(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(CredentialError, match=why):
        trustlist.read(make(), KEYS)


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_octets_give_a_list_or_our_error(octets: bytes) -> None:
    with pytest.raises(CredentialError):
        trustlist.read(octets, KEYS)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_any_changed_octet_is_refused(place: int, octet: int) -> None:
    good = PA.trust_list([ROOT])
    bad = bytearray(good)
    bad[place % len(bad)] = octet
    try:
        found = trustlist.read(bytes(bad), KEYS)
    except CredentialError:
        return
    # The last character of a part may carry bits that mean nothing.
    assert found == trustlist.read(good, KEYS)


def test_keys_come_from_certificates_that_are_valid_or_from_a_public_key() -> None:
    bare = PA.list_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert len(trustlist.keys(bare, UTC)) == 1
    assert len(trustlist.keys(PA.list_pem + PA.crl_pem, UTC)) == 2
    two = trustlist.keys(PA.crl_pem + PA.list_pem, UTC)
    assert trustlist.read(PA.trust_list([ROOT]), two).roots == (ROOT,)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"garbage",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        AUTHORITY.leaf(bad="expired").chain_pem().split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n",
        AUTHORITY.leaf(bad="p384").chain_pem().split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n",
    ],
    ids=["nothing", "garbage", "no key", "expired", "another curve"],
)
def test_what_is_no_key_for_it_is_said(pem: bytes) -> None:
    with pytest.raises(CredentialError):
        trustlist.keys(pem, UTC)
