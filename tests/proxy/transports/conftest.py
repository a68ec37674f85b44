"""A TLS identity for the transports, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.lab import Authority
from proxy.settings import TlsSettings
from tests.proxy.transports.peers import Run, running


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls(authority: Authority, tmp_path: Path) -> TlsSettings:
    """Settings for 127.0.0.1, believing its own authority both ways."""
    (tmp_path / "ca.pem").write_bytes(authority.web_ca_pem)
    certificate, key = authority.tls(("127.0.0.1", "sip.example.com")).save(tmp_path, "tls")
    return TlsSettings(certificate, key, ca=tmp_path / "ca.pem", client_ca=tmp_path / "ca.pem")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Starts a whole ringwarden in this process."""
    return lambda pbx, **more: running(tmp_path, pbx, **more)
