"""The roots that vouch for telephone numbers, from a PEM file or a folder of them.

Never the system's roots: who may speak for a web server may not speak for a number (STI-088). The administrator's
signed list of them, and how a list takes the place of another, are `certs.trust`'s.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs import LAB
from certs.files import FileError, read
from shaken.credential import Anchors

SUFFIXES = (".pem", ".crt", ".cer")
"""What a folder is searched for; other files in it are left alone."""
MAX_FILES = 1_000
"""Files of one folder; the US list has a few dozen roots."""


def load(path: Path, *, lab: bool = False, flag: bool = False) -> Anchors:
    """The anchors in this file, or in the certificate files of this folder (not deeper). flag: whether it is a lab is
    said on a command line (`--lab`), not in a configuration.

    Raises FileError: unreadable, no certificate in it, a root of the lab outside of the lab, or in the lab
    any other root (a lab fakes clocks and keys: it must never judge, or be trusted for, real calls).
    """
    files = _files(path) if path.is_dir() else [path]
    roots: dict[x509.Certificate, None] = {}
    for file in files:
        for root in certificates(file, read(file)):
            belongs(file, root, lab, flag)
            roots[root] = None
    # Not `Anchors.of`: its bounds are those of a stranger's chain, and a trust list is longer.
    return Anchors(tuple(roots))


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(
            file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
    except OSError as error:
        raise FileError(folder, f"cannot be read: {error.strerror}", "check who may read it") from error
    if not found:
        raise FileError(folder, f"holds no certificate file ({', '.join(SUFFIXES)})", "put the roots into it")
    if len(found) > MAX_FILES:
        raise FileError(folder, f"holds more than {MAX_FILES} certificate files", "name the right folder")
    return found


def certificates(file: Path, body: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file; `file` is for the complaint. Raises FileError."""
    try:
        # A mark of the byte order and foreign line ends are what editors leave behind (TRAP-83).
        return x509.load_pem_x509_certificates(body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    except ValueError as error:
        cure = "it must hold certificates in PEM (-----BEGIN CERTIFICATE-----)"
        raise FileError(file, "holds no certificate that can be read", cure) from error


def belongs(file: Path, root: x509.Certificate, lab: bool, flag: bool = False) -> None:
    """The lab's roots stay in the lab, and no others come into it. Raises FileError."""
    names = {name.value for name in root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
    if LAB in names and not lab:
        cure = f"take it out, or {'say --lab' if flag else 'set enabled = true under [lab]'} if this is one"
        raise FileError(file, f"holds a root of the lab ({root.subject.rfc4514_string()})", cure)
    if LAB not in names and lab:
        cure = f"a lab trusts its own roots only: take it out, or {'leave --lab out' if flag else 'switch the lab off'}"
        raise FileError(file, f"holds a root that is not the lab's ({root.subject.rfc4514_string()})", cure)
