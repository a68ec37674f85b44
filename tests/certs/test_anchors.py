"""Trust anchors from a file or a folder; the lab's roots and real ones never together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs import anchors
from certs.files import FileError
from certs.lab import Authority, pem


def foreign_root(number: int = 0) -> bytes:
    """A root that is not the lab's."""
    key = ec.derive_private_key(1_000 + number, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Example CA {number}")])
    return pem(
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1 + number)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )


def test_a_file_of_many_roots_is_taken_whole(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(b"The list of today\n" + b"".join(foreign_root(number) for number in range(40)))
    assert anchors.load(path).count == 40


@pytest.mark.req("TRAP-83")
def test_a_file_as_editors_leave_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(b"\xef\xbb\xbf" + foreign_root().replace(b"\n", b"\r\n"))
    assert anchors.load(path).count == 1


def test_a_folder_gives_its_certificate_files_and_each_root_once(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(foreign_root(1))
    (tmp_path / "b.CRT").write_bytes(foreign_root(2) + foreign_root(1))
    (tmp_path / "README").write_text("notes")
    (tmp_path / ".hidden.pem").write_text("left by an editor")
    (tmp_path / "deeper").mkdir()
    assert anchors.load(tmp_path).count == 2


def test_what_holds_no_root_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no certificate file"):
        anchors.load(tmp_path)
    for content in (b"", b"notes", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "broken.pem").write_bytes(content)
        (tmp_path / "a.pem").write_bytes(foreign_root())
        with pytest.raises(FileError, match=r"broken\.pem"):
            anchors.load(tmp_path)
    with pytest.raises(FileError, match="cannot be read"):
        anchors.load(tmp_path / "none.pem")


def test_a_folder_that_is_plainly_the_wrong_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "MAX_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.pem").write_bytes(foreign_root(number))
    with pytest.raises(FileError, match="more than 2"):
        anchors.load(tmp_path)


@pytest.mark.req("TRAP-91")
def test_a_root_of_the_lab_serves_in_the_lab_alone(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "anchors.pem"
    path.write_bytes(authority.anchors_pem)
    assert anchors.load(path, lab=True).count == 1
    with pytest.raises(FileError, match="root of the lab"):
        anchors.load(path)
    for flag, cure in ((True, "say --lab"), (False, r"set enabled = true under \[lab\]")):
        with pytest.raises(FileError, match=cure):
            anchors.load(path, flag=flag)
    path.write_bytes(foreign_root() + authority.anchors_pem)
    with pytest.raises(FileError, match="leave --lab out"):
        anchors.load(path, lab=True, flag=True)
    for lab in (True, False):
        with pytest.raises(FileError):
            anchors.load(path, lab=lab)
