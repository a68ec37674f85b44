"""The lab's administrator, checked by OpenSSL and PyJWT, who know nothing of our readers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import jwt
import pytest

from certs.lab import Authority
from certs.lab_pa import Administrator, distribution
from tests.waiting import SECONDS

UTC = 1_767_225_600.0


def test_its_list_is_a_plain_jwt_by_the_key_of_its_certificate(authority: Authority) -> None:
    pa = Administrator(UTC)
    token = pa.trust_list([authority.root.certificate], 3)
    claims = jwt.decode(
        token, pa.list_certificate.public_key(), algorithms=["ES256"], options={"verify_exp": False}  # type: ignore[arg-type]
    )
    assert claims["sequence"] == 3 and len(claims["trustList"]) == 1
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_openssl_believes_its_revocation_list(authority: Authority, tmp_path: Path) -> None:
    pa = Administrator(UTC)
    (tmp_path / "crl").write_bytes(pa.crl([authority.leaf("709J").certificate]))
    (tmp_path / "pem").write_bytes(pa.crl_pem)
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", str(tmp_path / "crl"), "-CAfile", str(tmp_path / "pem"), "-noout", "-text"],
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert "verify OK" in done.stdout + done.stderr
    assert "Indirect CRL" in done.stdout and "Certificate Issuer" in done.stdout


def test_a_distribution_point_says_what_it_is_told() -> None:
    assert distribution(indirect=True).indirect_crl and not distribution().indirect_crl
    assert distribution(some=True).only_some_reasons and distribution(attributes=True).only_contains_attribute_certs
