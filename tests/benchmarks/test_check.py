"""The budget of instructions: what grew is told, with the place; what cannot be compared is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import check

FIGURES = {f"{kind} {part}": 100_000.0 for kind in ("relay", "verified", "rejected") for part in ("INVITE", "ACK")}


def test_a_call_that_costs_four_per_cent_more_is_not_kept_and_its_place_is_told() -> None:
    now = FIGURES | {"verified INVITE": 108_000.0}
    text, grown, shrunk = check.compared(FIGURES, now, 0.03)
    assert grown == ["verified"] and not shrunk
    (line,) = [line for line in text.splitlines() if "+8,000" in line]
    assert "INVITE" in line and "+8.0%" in line


def test_a_message_that_costs_far_more_is_not_kept_though_its_call_hardly_does() -> None:
    was = FIGURES | {"rejected INVITE": 900_000.0}
    _, grown, _ = check.compared(was, was | {"rejected ACK": 125_000.0}, 0.03)
    assert grown == ["ACK of rejected"]


def test_what_differs_within_the_tolerance_is_kept_and_what_shrank_is_told() -> None:
    assert check.compared(FIGURES, FIGURES | {"relay ACK": 102_000.0}, 0.03)[1:] == ([], [])
    assert check.compared(FIGURES, FIGURES | {"relay ACK": 50_000.0}, 0.03)[2] == ["relay"]


def test_figures_that_are_kept_are_read_again(tmp_path: Path) -> None:
    check.write(tmp_path / "budget.toml", {check.python(): FIGURES})
    assert check.read(tmp_path / "budget.toml") == {check.python(): FIGURES}
    assert check.read(tmp_path / "none.toml") == {}


def test_without_valgrind_or_without_figures_it_says_why_it_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda name: None)
    assert check.main([]) == 0 and "valgrind is not installed" in capsys.readouterr().out
    monkeypatch.setattr(check.shutil, "which", lambda name: "/usr/bin/valgrind")
    monkeypatch.setattr(check, "python", lambda: "cpython-9.9-abacus")
    assert check.main([]) == 0 and "no figures for cpython-9.9-abacus" in capsys.readouterr().out
