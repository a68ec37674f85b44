"""Lines that workers write for each other."""

from __future__ import annotations

import errno
import fcntl
import os
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


def test_a_write_that_is_cut_short_goes_on_before_anybody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write, asked = tmp_path / "d.csv", os.write, []

    def short(file: int, text: bytes) -> int:
        asked.append(bytes(text))
        with path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return write(file, text[:3])

    one = Diary(path)
    for line in ("aa", "bb", "cc"):
        one.put(line)
    monkeypatch.setattr(os, "write", short)
    assert one.exchange() == ["aa", "bb", "cc"]
    assert (asked, one.dropped) == ([b"aa\nbb\ncc\n", b"bb\ncc\n", b"cc\n"], 0)


@pytest.mark.parametrize("torn", ["hal", "a\nhal", "a\n\0\0"])
def test_a_line_that_was_cut_off_by_a_crash_spoils_no_other(torn: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(torn)
    one = Diary(path)
    one.put("b")
    one.exchange()
    one.put("c")
    one.exchange()
    assert Diary(path).everything() == [*torn.split("\n"), "b", "c"]


def test_a_line_without_its_end_is_kept_when_the_file_is_tidied(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("a\nb")
    Diary(path).tidy(lambda fresh: fresh)
    assert path.read_text() == "a\nb\n"


def test_what_a_full_disk_did_not_take_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write, room = tmp_path / "d.csv", os.write, 4

    def full(file: int, text: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(file, text[:room])
        room -= done
        return done

    one = Diary(path)
    for line in ("aa", "bb", "cc"):
        one.put(line)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            one.exchange()
    assert one.dropped == 2  # the first stands there whole
    one.put("dd")
    assert one.exchange() == ["aa", "b", "dd"]
    assert one.dropped == 2
