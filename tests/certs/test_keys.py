"""The signing key: from a closed file to an Identity header that verifies."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs import keys
from certs.files import FileError
from certs.lab import Authority, write_private
from shaken import identity
from shaken.credential import Anchors, validate
from shaken.passport import parse

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
