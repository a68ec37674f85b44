"""List files: read, joined, and remarked upon."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy import lists
from proxy.lists import files


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_number_files_become_one_set(tmp_path: Path) -> None:
    one = written(tmp_path, "one.txt", "# friends\n12025550100\n")
    two = written(tmp_path, "two.txt", "1202555012*\n12025550150-12025550159\n")
    loaded = lists.numbers([one, two])
    assert all(tn in loaded.numbers for tn in ("12025550100", "12025550129", "12025550155"))
    assert "12025550101" not in loaded.numbers
    assert [(report.parsed, report.ok) for report in loaded.reports] == [(1, True), (2, True)]
    assert loaded.remarks == []
    assert len(lists.numbers([]).numbers) == 0


def test_a_bad_line_is_remarked_and_the_others_stay_in_force(tmp_path: Path) -> None:
    path = written(tmp_path, "deny.txt", "12025550100\noops\n" + "what\n" * 20)
    loaded = lists.numbers([path])
    assert "12025550100" in loaded.numbers
    assert loaded.remarks[0] == f"{path}: parsed 1, 21 line(s) left out"
    assert loaded.remarks[1] == f"{path}: line 2: not a number: 'oops'"
    assert len(loaded.remarks) == 1 + lists.SHOWN


def test_the_bundled_letter_is_whole() -> None:
    table = lists.bundled()
    assert table.ok
    assert table.reconciled() == "expected 125, parsed 125"
    known, remarks = lists.campaigns([], bundled_too=True)
    assert (len(known), remarks) == (125, [])
    assert len(lists.campaigns([], bundled_too=False)[0]) == 0


def test_a_table_is_imported_and_reconciled(tmp_path: Path) -> None:
    path = written(
        tmp_path, "letter.csv", "notified,called,caller,campaign\n9/8/2023,9/7/2023,2025550100,Govtlmpers\n"
    )
    assert lists.import_letter(path).ok
    short = lists.import_letter(path, expected=125)
    assert not short.ok
    assert short.reconciled() == "expected 125, parsed 1"


def test_tables_are_joined_and_a_short_one_is_remarked(tmp_path: Path) -> None:
    head = "# expected 2\nnotified,caller,campaign\n"
    path = written(tmp_path, "own.csv", head + "2024-01-01,2025550100,X\nbroken\n")
    known, remarks = lists.campaigns([path])
    assert len(known) == 126
    assert remarks[0] == f"{path}: expected 2, parsed 1, 1 line(s) left out"
    assert known.match("12025550100", 1704067200.0) is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\xff\xfe1\x002\x00", "not UTF-8"), ("12025550100\n" * 10, "larger than")],
)
def test_a_file_that_is_no_list_is_an_error_with_its_cure(
    content: str | bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 64)
    path = tmp_path / "none.txt" if content is None else written(tmp_path, "some.txt", content)
    for read in (lambda: lists.numbers([path]), lambda: lists.import_letter(path)):
        with pytest.raises(lists.ListError, match=said) as caught:
            read()
        assert str(path) in str(caught.value)


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(lists.ListError, match="cannot be read"):
        lists.numbers([tmp_path])
