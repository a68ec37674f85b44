"""`ringwarden evaluate`, on months that are small."""

from __future__ import annotations

import json

import pytest

from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.cli.evaluate import span


def test_it_tells_by_kind_by_check_and_by_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--calls", "1000", "--seed", "3", "--seeds", "2", "--check", "brand=off"]) == NEGATIVE
    told = capsys.readouterr().out
    for text in ("fresh neighbour", "school notice", "answers", "first flagged after", "MISSED", "were touched"):
        assert text in told
    assert "brand" not in told


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", "--calls", "1000", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["seeds"] == [1] and len(told["campaigns"]) == 21 and len(told["goals"]) == 5
    assert sum(kind["calls"] for kind in told["kinds"].values()) == pytest.approx(1000, abs=50)


def test_several_workers_and_restarts_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", "--calls", "1000", "--workers", "2", "--restart-days", "7"])
    assert "2 workers, started anew every 7 days" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options", [["--workers", "0"], ["--workers", "99"], ["--restart-days", "-1"], ["--restart-days", "nan"], ["--calls", "10"], ["--seeds", "0"], ["--check", "brand=often"], ["--check", "nothing=off"]]
)
def test_wrong_use_is_said(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *options]) == USAGE
    assert capsys.readouterr().err.startswith("ringwarden: ")


def test_spans_are_short() -> None:
    assert [span(seconds) for seconds in (7, 600, 9000)] == ["7 s", "10 min", "2.5 h"]


def test_the_letter_with_and_without_each_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--letter"]) == OK
    assert "97 / 0" in capsys.readouterr().out
