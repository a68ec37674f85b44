"""Generations of a list: swapped whole, rolled back, and never worse than the last good one."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from proxy.lists import ListError
from proxy.lists.shelf import KEPT, Content, Generation, Shelf


def fill(text: str, entries: int = 1) -> object:
    def write(draft: Path) -> Content:
        draft.write_text(text)
        return Content(entries)

    return write


def add(shelf: Shelf, text: str, utc: float = 0.0) -> Generation:
    return shelf.add(fill(text), utc, ("some.txt",))  # type: ignore[arg-type]


def read(path: Path) -> str:
    return path.read_text()


@pytest.mark.req("REG-071")
def test_a_new_generation_is_in_force_and_the_old_one_stays(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    assert (shelf.current(), shelf.generations(), shelf.load(read)) == (None, [], None)
    assert not shelf.folder.exists()  # looking touches nothing
    first, second = add(shelf, "one", 100.0), add(shelf, "two", 200.0)
    assert (first.number, second.number) == (1, 2)
    assert shelf.current() == second
    assert shelf.load(read) == ("two", second, [])
    assert (second.made, second.as_of, second.entries, second.size, second.sources) == (200.0, 200.0, 1, 3, ("some.txt",))
    assert stat.S_IMODE(shelf.snapshot(2).stat().st_mode) == 0o440


def test_a_list_is_rolled_back_and_goes_on_from_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    for text in ("one", "two", "three"):
        add(shelf, text)
    assert shelf.roll_back().number == 2
    assert (found := shelf.load(read)) is not None and found[0] == "two"
    assert shelf.roll_back().number == 1
    with pytest.raises(ListError, match="no generation before"):
        shelf.roll_back()
    assert add(shelf, "four").number == 4  # a number is never given twice
    assert (found := shelf.load(read)) is not None and found[0] == "four"


@pytest.mark.req("REG-071")
def test_whatever_fails_while_it_is_made_leaves_the_old_one(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    add(shelf, "one")

    def broken(draft: Path) -> Content:
        draft.write_text("half")
        raise ListError("the disk is full")

    with pytest.raises(ListError, match="disk"):
        shelf.add(broken, 0.0)
    assert (found := shelf.load(read)) is not None and found[0] == "one"
    assert sorted(path.name for path in shelf.folder.iterdir()) == ["000001.json", "000001.snap", "current", "lock"]


@pytest.mark.parametrize("damage", [b"", b"on", b"onE", None])
def test_a_damaged_generation_gives_way_to_the_last_good_one(damage: bytes | None, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    add(shelf, "one")
    add(shelf, "two")
    path = shelf.snapshot(2)
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    found = shelf.load(read)
    assert found is not None and (found[0], found[1].number) == ("one", 1)
    assert "generation 2 is damaged" in found[2][0] and "generation 1 is in force instead" in found[2][1]
    shelf.snapshot(1).unlink()
    with pytest.raises(ListError, match="import the list again"):
        shelf.load(read)


@pytest.mark.parametrize("note", [b"", b"\xff", b"[]", b"{}", b"[" * 5000, b'{"number": "x"}'])
def test_notes_that_cannot_be_read_are_passed_over(note: bytes, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    add(shelf, "one")
    add(shelf, "two")
    (shelf.folder / "000002.json").write_bytes(note)
    assert [one.number for one in shelf.generations()] == [1]
    (shelf.folder / "current").write_bytes(note)
    assert (found := shelf.load(read)) is not None and found[0] == "one"
    assert add(shelf, "three").number == 3


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    for at in range(KEPT + 3):
        add(shelf, str(at))
    assert [one.number for one in shelf.generations()] == list(range(4, KEPT + 4))
    assert len(list(shelf.folder.glob("*.snap"))) == KEPT


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "deny")
    add(shelf, "one")
    lock = os.open(shelf.folder / "lock", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(ListError, match="another process"):
            add(shelf, "two")
    finally:
        os.close(lock)
    assert add(shelf, "two").number == 2
