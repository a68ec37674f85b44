"""The signing key: from a closed file to an Identity header that verifies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs import keys
from certs.files import FileError
from certs.lab import Authority, Issued, write_private
from shaken import identity
from shaken.credential import Anchors, validate
from shaken.passport import parse

UTC = 1_767_225_600.0
X5U = "https://cr.example.net/709J.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"


def test_what_a_loaded_key_signs_its_certificate_proves(authority: Authority, tmp_path: Path) -> None:
    leaf = authority.leaf("709J")
    _, key = leaf.save(tmp_path, "carrier")
    signer = keys.load(key, X5U)
    value = signer.identity(orig="12025550123", dest=["12025550199"], iat=1_767_225_600, attest="A", origid=ORIGID)
    token = parse(identity.parse(value).token)
    credential = validate(X5U, leaf.chain_pem(), Anchors.of([authority.anchors_pem]), authority.utc)
    assert credential.holds(token.signature, token.signing_input)


def test_a_key_that_others_can_read_is_refused_outside_of_a_lab(authority: Authority, tmp_path: Path) -> None:
    _, key = authority.leaf().save(tmp_path, "carrier")
    key.chmod(0o644)
    with pytest.raises(FileError, match="chmod 600"):
        keys.load(key, X5U)
    assert keys.load(key, X5U, lab=True).x5u == X5U


@pytest.mark.req("STI-087")
@pytest.mark.parametrize("kind", ["p384", "rsa", "encrypted", "certificate", "empty", "garbage"])
def test_what_is_no_p256_private_key_is_refused(authority: Authority, tmp_path: Path, kind: str) -> None:
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    good = authority.leaf()
    body = {
        "p384": lambda: authority.leaf(bad="p384").key_pem(),
        "rsa": lambda: rsa.generate_private_key(65537, 2048).private_bytes(pem, pkcs8, serialization.NoEncryption()),
        "encrypted": lambda: good.key.private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"x")),
        "certificate": good.chain_pem,
        "empty": lambda: b"",
        "garbage": lambda: bytes(range(256)),
    }[kind]()
    path = tmp_path / "bad.key"
    write_private(path, body)
    with pytest.raises(FileError, match="is no key to sign with"):
        keys.load(path, X5U)


def test_a_key_in_the_older_form_serves_too(tmp_path: Path) -> None:
    key = ec.derive_private_key(4711, ec.SECP256R1())
    path = tmp_path / "sec1.key"
    write_private(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ),
    )
    assert keys.load(path, X5U).x5u == X5U


def test_a_url_that_no_header_carries_is_refused(authority: Authority, tmp_path: Path) -> None:
    _, key = authority.leaf().save(tmp_path, "carrier")
    with pytest.raises(FileError):
        keys.load(key, "http://cr.example.net/a.pem")


class Desk:
    """Two files that somebody exchanges."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority, self.folder = authority, folder
        self.ticks = 0
        self.first = authority.leaf("709J")
        self.put(key=self.first, certificate=self.first)
        self.pair = keys.Pair(folder / "own.key", X5U, folder / "own.pem")
        self.ring = keys.Keyring({"": self.pair})

    def put(self, key: Issued | None = None, certificate: Issued | None = None) -> None:
        self.ticks += 1
        for name, octets in (
            ("own.key", key.key_pem() if key is not None else None),
            ("own.pem", certificate.chain_pem() if certificate is not None else None),
        ):
            if octets is not None:
                write_private(self.folder / name, octets)
                os.utime(self.folder / name, ns=(self.ticks * 10**9, self.ticks * 10**9))

    def signs_for(self, leaf: Issued) -> bool:
        signer = self.ring.serving(UTC)[""]
        value = signer.identity(orig="12025550123", dest=["12025550199"], iat=int(UTC), attest="A", origid=ORIGID)
        token = parse(identity.parse(value).token)
        credential = validate(X5U, leaf.chain_pem(), Anchors.of([self.authority.anchors_pem]), UTC)
        return credential.holds(token.signature, token.signing_input)


@pytest.fixture
def desk(authority: Authority, tmp_path: Path) -> Desk:
    return Desk(authority, tmp_path)


def test_a_pair_that_is_exchanged_signs_without_a_restart(desk: Desk) -> None:
    assert not desk.ring.look() and desk.signs_for(desk.first) and desk.ring.generation == 1
    second = desk.authority.leaf("709J")
    desk.put(key=second, certificate=second)
    assert desk.ring.look() and desk.ring.generation == 2
    assert desk.signs_for(second) and not desk.ring.look()


def test_half_of_an_exchange_leaves_the_former_pair_and_is_said_until_it_is_whole(desk: Desk) -> None:
    second = desk.authority.leaf("709J")
    desk.put(key=second)
    assert not desk.ring.look() and not desk.ring.look()
    assert desk.signs_for(desk.first) and "is not the certificate of" in desk.ring.complaints(UTC)[0]
    desk.put(certificate=second)
    assert desk.ring.look() and desk.signs_for(second) and desk.ring.complaints(UTC) == []


@pytest.mark.parametrize("harm", ["gone", "open", "garbage"])
def test_a_key_file_that_breaks_later_leaves_the_former_key(desk: Desk, harm: str) -> None:
    path = desk.pair.key
    if harm == "gone":
        path.unlink()
    elif harm == "open":
        path.chmod(0o640)
    else:
        write_private(path, b"garbage")
    assert not desk.ring.look() and desk.signs_for(desk.first)
    assert "the key of before signs on" in desk.ring.complaints(UTC)[0]


@pytest.mark.req("STI-047")
def test_an_ended_or_early_certificate_signs_nothing_and_is_said(authority: Authority, tmp_path: Path) -> None:
    desk = Desk(authority, tmp_path)
    leaf = authority.leaf("709J", not_before=UTC - 10, not_after=UTC + 60)
    desk.put(key=leaf, certificate=leaf)
    desk.ring.look()
    assert desk.ring.left(UTC) == 60 and list(desk.ring.serving(UTC)) == [""]
    for utc in (UTC + 61, UTC - 11):
        assert desk.ring.serving(utc) == {} and "not valid now" in desk.ring.complaints(utc)[0]


@pytest.mark.req("STI-055")
def test_a_certificate_of_another_key_or_of_several_providers_is_refused(authority: Authority, tmp_path: Path) -> None:
    for certificate, why in (
        (authority.leaf("709J"), "is not the certificate of"),
        (None, "is of more than one provider"),
    ):
        shared = authority.leaf(["709J", "999X"])
        write_private(tmp_path / "own.key", shared.key_pem())
        (tmp_path / "own.pem").write_bytes((certificate or shared).chain_pem())
        with pytest.raises(FileError, match=why):
            keys.pair(keys.Pair(tmp_path / "own.key", X5U, tmp_path / "own.pem"))
    (tmp_path / "own.pem").write_bytes(b"garbage")
    with pytest.raises(FileError, match="no certificate to sign with"):
        keys.pair(keys.Pair(tmp_path / "own.key", X5U, tmp_path / "own.pem"))


def test_each_trunk_may_have_a_pair_of_its_own(authority: Authority, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_private(tmp_path / f"{name}.key", authority.leaf("709J").key_pem())
    ring = keys.Keyring({name: keys.Pair(tmp_path / f"{name}.key", f"https://cr.example.net/{name}.pem") for name in ("one", "two")})
    assert {name: signer.x5u for name, signer in ring.serving(UTC).items()} == {
        "one": "https://cr.example.net/one.pem", "two": "https://cr.example.net/two.pem",
    }  # fmt: skip
    assert ring.left(UTC) is None and keys.Keyring().generation == 0
