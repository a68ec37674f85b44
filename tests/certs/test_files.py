"""Files of the operator: what cannot serve is refused with path, reason and cure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certs.files import FileError, read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.pem"
    path.write_bytes(b"octets")
    return path


def test_a_file_is_read(file: Path) -> None:
    assert read(file) == b"octets"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_that_only_its_owner_can_read_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read(file, private=True) == b"octets"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o610])
def test_a_private_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(FileError, match="chmod 600") as error:
        read(file, private=True)
    assert error.value.path == file and f"{mode:04o}" in error.value.why


def test_a_link_is_followed_to_what_it_names(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(file)  # how secrets are mounted in containers
    file.chmod(0o600)
    assert read(link, private=True) == b"octets"
    file.chmod(0o644)
    with pytest.raises(FileError):
        read(link, private=True)


def test_what_is_missing_long_or_no_file_is_refused(file: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, why in ((tmp_path / "none", "cannot be read"), (tmp_path, "no regular file"), (pipe, "no regular file")):
        with pytest.raises(FileError, match=why) as error:
            read(path)
        assert str(path) in str(error.value) and error.value.cure in str(error.value)
    with pytest.raises(FileError, match="longer than 5"):
        read(file, limit=5)
