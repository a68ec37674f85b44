"""The shared secret: made once, kept for its owner, and never in the way of a start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.settings import SettingsError, read, shared_secret


def test_a_secret_is_made_once_and_kept_for_its_owner(small: dict[str, Any], tmp_path: Path) -> None:
    small["paths"] = {"state": "deep/state"}
    settings = read(small, folder=tmp_path)
    first, kept = shared_secret(settings)
    assert kept and len(first) == 32
    assert shared_secret(settings) == (first, True)
    path = tmp_path / "deep" / "state" / "secret"
    assert path.read_bytes() == first and path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["secret"]


def test_who_only_looks_makes_none(small: dict[str, Any], tmp_path: Path) -> None:
    settings = read(small | {"paths": {"state": "deep/state"}}, folder=tmp_path)
    assert shared_secret(settings, make=False)[1] and not (tmp_path / "deep").exists()
    first = shared_secret(settings)
    assert shared_secret(settings, make=False) == first


def test_a_secret_that_is_set_is_used_as_it_is(small: dict[str, Any]) -> None:
    assert shared_secret(read(small | {"secret": "set by the operator"})) == (b"set by the operator", True)


def test_without_a_state_folder_the_secret_lives_as_long_as_the_process(
    small: dict[str, Any], tmp_path: Path
) -> None:
    settings = read(small)
    (one, kept), (two, _) = shared_secret(settings), shared_secret(settings)
    assert not kept and one != two
    (tmp_path / "file").write_text("")
    found, kept = shared_secret(read(small | {"paths": {"state": "file/below"}}, folder=tmp_path))
    assert len(found) == 32 and not kept


def test_a_kept_secret_that_proves_nothing_is_refused(small: dict[str, Any], tmp_path: Path) -> None:
    settings = read(small | {"paths": {"state": "."}}, folder=tmp_path)
    shared_secret(settings)
    path = tmp_path / "secret"
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        shared_secret(settings)
    path.chmod(0o600)
    path.write_bytes(b"cut")
    with pytest.raises(SettingsError, match="damaged"):
        shared_secret(settings)
