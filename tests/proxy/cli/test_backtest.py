"""`ringwarden backtest`, on a month of `ringwarden evaluate --out`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.cli.backtest import merged

GOOD = '[policy.checks]\nanswers = "enforce"\nbrand = "enforce"\n'
BAD = "[identity]\nrequired = true\n[policy.codes]\nidentity-missing = 428\n"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("month") / "calls.jsonl"
    assert main(["evaluate", "--seed", "63", "--calls", "8000", "--out", str(path)]) == OK
    return path


def replayed(month: Path, folder: Path, policy: str, *more: str) -> int:
    candidate = folder / "candidate.toml"
    candidate.write_text(policy)
    return main(["backtest", "--calls", str(month), "--policy", str(candidate), *more])


def test_a_good_candidate_is_told_with_its_examples(
    month: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(month, tmp_path, GOOD) == OK
    told = capsys.readouterr().out
    for text in ("newly blocked", "newly tagged", "brand-unproved", "answers", "emergency calls were left alone"):
        assert text in told
    assert "HARMFUL" not in told


def test_a_bad_candidate_would_block_a_hospital(
    month: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deny = tmp_path / "shared.txt"
    rows = [json.loads(line) for line in month.read_text().splitlines()]
    numbers = Counter(row["caller"] for row in rows if row["display"] == "CITY HOSPITAL")
    hospital = numbers.most_common(1)[0][0]
    deny.write_text(f"{hospital}\n")
    assert replayed(month, tmp_path, '[lists]\ndeny = ["shared.txt"]\n') == NEGATIVE
    told = capsys.readouterr().out
    assert "HARMFUL" in told and f"{hospital} CITY HOSPITAL" in told
    assert replayed(month, tmp_path, BAD, "--json") == NEGATIVE
    found = json.loads(capsys.readouterr().out)
    assert found["harmful"] and found["changes"][0]["check"] == "identity"
    assert found["changes"][0]["examples"][0]["reason"] == "identity-missing"


def test_the_present_policy_is_that_of_a_configuration(
    month: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ringwarden.toml"
    config.write_text(
        '[[listen]]\naddress = "127.0.0.1:5060"\n'
        '[[peer]]\nname = "west"\nside = "carrier"\nhops = ["127.0.0.2:5060"]\n'
        '[[peer]]\nname = "pbx"\nside = "pbx"\nhops = ["127.0.0.3:5060"]\n' + BAD
    )
    assert replayed(month, tmp_path, "[identity]\nrequired = false\n", "--config", str(config), "--json") == OK
    found = json.loads(capsys.readouterr().out)
    assert found["blocked"][0] > found["blocked"][1] == 0
    assert {one["change"] for one in found["changes"]} == {"newly allowed"}


@pytest.mark.parametrize("policy", ["[policy", "[policy]\nnonsense = 1\n", '[lists]\ndeny = ["nowhere.txt"]\n'])
def test_a_candidate_that_cannot_be_is_said(
    policy: str, month: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(month, tmp_path, policy) == USAGE
    assert capsys.readouterr().err.startswith("ringwarden: ")


def test_calls_that_are_none_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("utc,caller\n")
    assert replayed(empty, tmp_path, GOOD) == USAGE
    assert replayed(tmp_path / "none", tmp_path, GOOD) == USAGE


def test_tables_are_merged_and_lists_replaced() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"c": 3}, "d": [2]}) == {"a": {"b": 1, "c": 3}, "d": [2]}
