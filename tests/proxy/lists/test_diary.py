"""Lines that workers write for each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.lists import diary
from proxy.lists.diary import Diary


def test_what_one_writes_all_read(tmp_path: Path) -> None:
    one, two = Diary(tmp_path / "d.csv"), Diary(tmp_path / "d.csv")
    assert one.exchange() == []
    one.put("a")
    two.put("b")
    assert one.exchange() == ["a"]
    assert two.exchange() == ["a", "b"]
    assert one.exchange() == ["b"]
    assert one.exchange() == []
    assert Diary(tmp_path / "d.csv").everything() == ["a", "b"]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("a\nhal")
    one = Diary(path)
    assert one.exchange() == ["a"]
    with path.open("a") as stream:
        stream.write("f\n")
    assert one.exchange() == ["half"]


def test_a_tidied_file_is_read_anew(tmp_path: Path) -> None:
    one, two = Diary(tmp_path / "d.csv"), Diary(tmp_path / "d.csv")
    for line in ("a", "b"):
        one.put(line)
    assert one.exchange() == two.exchange() == ["a", "b"]
    one.put("x")
    one.exchange()
    two.tidy(lambda fresh: ["b", *fresh])
    assert (one.exchange(), one.lines) == (["b", "x"], 2)
    two.put("c")
    assert two.exchange() == ["b", "x", "c"]
    assert one.exchange() == ["c"]


def test_a_disk_that_fails_costs_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none").write_text("a file")
    one = Diary(tmp_path / "none" / "d.csv")
    one.put("a")
    with pytest.raises(OSError):
        one.exchange()
    assert one.dropped == 1
    monkeypatch.setattr(diary, "MAX_FILE", 3)
    full = Diary(tmp_path / "d.csv")
    full.put("abc")
    with pytest.raises(OSError):
        full.exchange()
    monkeypatch.setattr(diary, "MOST_WAITING", 2)
    for _ in range(5):
        full.put("a")
    full.put("x" * 1000)
    assert full.dropped == 1 + 4
