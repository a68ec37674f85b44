"""How many processes a run has, and the note by which `reload` and `bypass` find the one that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.cli import run
from proxy.cli.run import forget, write_down
from proxy.workers.steering import MAX_WORKERS


def test_a_reader_of_the_note_finds_the_older_process_or_ours_and_never_half_a_number(tmp_path: Path) -> None:
    note = tmp_path / "ringwarden.pid"
    note.write_text("1\n")
    with note.open() as reader:  # opened before, read after
        write_down(note)
        assert reader.read() == "1\n"
    assert note.read_text() == f"{os.getpid()}\n"
    assert [one.name for one in tmp_path.iterdir()] == [note.name]


def test_a_note_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "ringwarden.pid"
    note.mkdir()
    write_down(note)
    assert "ringwarden.pid cannot be written" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == [note.name]


def test_only_our_own_note_is_taken_away(tmp_path: Path) -> None:
    note = tmp_path / "ringwarden.pid"
    note.write_text("1\n")
    forget(note)
    assert note.exists()
    write_down(note)
    forget(note)
    assert not note.exists()


@pytest.mark.parametrize(("cores", "workers"), [(2, 2), (MAX_WORKERS + 28, MAX_WORKERS)])
def test_auto_is_a_worker_for_each_core_and_no_more_than_there_may_be(
    cores: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(run, "inherited", lambda: None)
    monkeypatch.setattr(run, "read", lambda file: object())
    monkeypatch.setattr(run, "prepare", lambda settings, **more: object())
    monkeypatch.setattr(run, "company", lambda settings, parts, number, heir: begun.append(number) or 0)
    assert run.run("ringwarden.toml", "auto") == 0
    assert begun == [workers]
