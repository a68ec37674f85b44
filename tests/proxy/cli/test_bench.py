"""`ringwarden bench`: its options, and small runs of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.cli import USAGE, main
from proxy.cli.bench import rates


@pytest.mark.parametrize(
    ("text", "found"),
    [("100", [100.0]), ("50,200", [50.0, 200.0]), ("100:300:100", [100.0, 200.0, 300.0]), ("5:6:2", [5.0])],
)
def test_rates_are_a_number_a_list_or_a_range(text: str, found: list[float]) -> None:
    assert rates(text) == found


@pytest.mark.parametrize("text", ["", "x", "0", "300:100:10", "1:2", "1:5:0"])
def test_other_words_are_no_rates(text: str) -> None:
    with pytest.raises(ValueError):
        rates(text)


@pytest.mark.parametrize(
    "words",
    [
        ["--rate", "0"],
        ["--key", "x"],
        ["--target", "nowhere:x"],
        ["--callers", "0"],
        ["--key", "/nonexistent", "--url", "https://x/"],
    ],
)
def test_wrong_use_is_said_in_a_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == USAGE
    assert capsys.readouterr().err.startswith("ringwarden: ")


def test_the_generator_alone_in_an_empty_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy.cli", "bench", "--direct", "--rate", "100,200", "--seconds", "0.5", "--patience", "10", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    runs = json.loads(done.stdout)["runs"]
    assert [one["completed"] for one in runs] == [50, 100]
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_silent_is_not_carried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--target", "127.0.0.1:9", "--rate", "20", "--seconds", "0.5", "--patience", "0.3"]) == 1
    assert "10 silence" in capsys.readouterr().out
