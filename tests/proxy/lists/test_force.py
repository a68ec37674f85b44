"""What is in force reaches the rulebook, and the commands tell of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.parts import prepare
from proxy.settings import load
from tests.two_peers import LOOPBACK

CONFIG = LOOPBACK + """[paths]
state = "state"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (path := tmp_path / "ringwarden.toml").write_text(CONFIG)
    return path


def given(folder: Path, text: str) -> str:
    (path := folder / "list.txt").write_text(text)
    return str(path)


def test_an_imported_list_is_in_the_rulebook_and_can_be_taken_back(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--config", str(config)]
    assert main(["lists", "status", *where]) == OK
    assert "no list" in capsys.readouterr().out
    assert main(["lists", "import", "deny", given(tmp_path, "12025550100\n"), *where]) == OK
    assert "generation 1, 1 entries" in capsys.readouterr().out
    assert "12025550100" in prepare(load(config)).book.deny
    assert main(["lists", "import", "deny", given(tmp_path, "12025550101\n"), *where, "--as-of", "2026-01-01"]) == OK
    assert "12025550100" not in prepare(load(config)).book.deny
    capsys.readouterr()
    assert main(["lists", "status", *where, "--json", "--deep"]) == OK
    [one] = json.loads(capsys.readouterr().out)
    assert (one["list"], one["generation"], one["back_to"], one["as_of"]) == ("deny", 2, [1], "2026-01-01")
    assert main(["lists", "rollback", "deny", *where]) == OK
    assert "12025550100" in prepare(load(config)).book.deny
    assert main(["lists", "rollback", "deny", *where]) == USAGE


def test_the_registry_of_the_state_folder_is_mapped(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(tmp_path / "state")
    main(["lists", "import", "dnc", given(tmp_path, "202,5550100\n"), "--state", state, "--as-of", "2020-01-01"])
    parts = prepare(load(config))
    assert parts.book.national is not None and parts.book.national.listed("12025550100")
    assert any("older than 31 days" in remark for remark in parts.remarks)
    capsys.readouterr()
    assert main(["lists", "status", "--state", state]) == NEGATIVE
    assert "stale" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "deny"], "which files"),
        (["import", "deny", "none.txt"], "cannot be read"),
        (["import", "denny", "one.txt"], "there is no list denny"),
        (["import", "deny", "none.txt", "--as-of", "soon"], "--as-of"),
        (["rollback", "dno"], "no generation before"),
    ],
)
def test_wrong_use_is_said(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lists", *words, "--state", str(tmp_path)]) == USAGE
    assert said in capsys.readouterr().err


def test_whose_lists_must_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lists", "status"]) == USAGE
    assert "--config" in capsys.readouterr().err
    (path := tmp_path / "bare.toml").write_text(CONFIG.replace('state = "state"', ""))
    assert main(["lists", "status", "--config", str(path)]) == USAGE
    assert "paths.state" in capsys.readouterr().err
