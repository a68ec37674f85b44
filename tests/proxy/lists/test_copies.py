"""The operator's own files: their last good copy steps in for what was damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.dno import parse as parse_dno
from policy.lists import NumberSet
from proxy.lists import ListError
from proxy.lists.copies import Copies, campaigns, numbers

GOOD = "12025550100\n12025550101\n"
TABLE = "notified,caller,campaign\n2024-01-01,2025550150,X\n"
UTC = 1_704_067_200.0


def written(folder: Path, text: str | bytes, name: str = "deny.txt") -> Path:
    (path := folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00", b"", b"<html>\nnot found\n</html>\n", None])
def test_a_damaged_file_gives_way_to_its_copy(damage: bytes | None, tmp_path: Path) -> None:
    path, copies = written(tmp_path, GOOD), Copies(tmp_path / "state")
    assert copies.keep_all([path], UTC) == []
    assert numbers([path], copies) == (NumberSet.of("12025550100", "12025550101"), [])
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    found, said = numbers([path], copies)
    if damage == b"":  # an empty list is a list
        assert (len(found), said) == (0, [])
    else:
        assert found == NumberSet.of("12025550100", "12025550101")
        assert said[0].startswith(f"{path}: its last good copy is in force (")


def test_a_file_without_a_copy_is_an_error_as_before(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xff")
    for copies in (Copies(None), Copies(tmp_path / "state")):
        with pytest.raises(ListError, match="not UTF-8"):
            numbers([path], copies)
        with pytest.raises(ListError, match="not UTF-8"):
            campaigns([path], False, copies)
        assert "no copy can be kept" in copies.keep_all([path], UTC)[0]
    assert not Copies(None).keep(written(tmp_path, GOOD), UTC)


def test_only_what_is_new_and_good_is_copied(tmp_path: Path) -> None:
    path, copies = written(tmp_path, GOOD), Copies(tmp_path)
    assert copies.keep(path, UTC)
    assert not copies.keep(path, UTC)
    written(tmp_path, "oops\nwhat\n12025550100\n")
    assert copies.keep_all([path], UTC) == []
    assert (copy := copies.last(path)) is not None and copy.read_text() == GOOD
    written(tmp_path, "12025550102\n")
    copies.keep_all([path], UTC)
    assert (copy := copies.last(path)) is not None and copy.read_text() == "12025550102\n"


def test_lists_with_reasons_and_tables_have_copies_too(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    dno, table = written(tmp_path, "12025550100;subscriber\n", "dno.txt"), written(tmp_path, TABLE, "own.csv")
    assert numbers([dno], copies, parse_dno)[0] == NumberSet.of("12025550100")
    assert copies.keep_all([table, dno], UTC) == []
    written(tmp_path, b"\xff", "own.csv")
    written(tmp_path, b"\xff", "dno.txt")
    assert numbers([dno], copies, parse_dno)[0] == NumberSet.of("12025550100")
    known, said = campaigns([table], False, copies)
    assert known.match("12025550150", UTC) is not None
    assert "last good copy" in said[0]
    written(tmp_path, "notified,caller,campaign\nwhat,what,what\n", "own.csv")
    assert "hardly a row" in campaigns([table], False, copies)[1][0]
