"""One call, found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.storage.find import MOST, JournalError, find, latest
from proxy.storage.journal import Journal, Row


@pytest.fixture
def kept(tmp_path: Path, journal_at: Callable[..., Journal], whole: Row) -> Path:
    journal = journal_at(tmp_path / "with space?#" / "calls.db")
    for count in range(1, 6):
        journal.put(whole._replace(call_id=f"call-{count}", refusal=f"c-{count}" if count == 3 else ""))
    for _ in range(MOST + 5):
        journal.put(whole._replace(call_id="often", refusal=""))
    journal.put(whole._replace(call_id="4", refusal=""))
    journal.close()
    return journal.path


@pytest.mark.req("STI-124")
@pytest.mark.parametrize(
    ("call", "found"), [("call-2", [2]), ("c-3", [3]), ("5", [5]), ("0", []), ("", []), ("9" * 30, [])]
)
def test_a_call_is_found_by_call_id_by_refusal_and_by_number(kept: Path, call: str, found: list[int]) -> None:
    assert [record.id for record in find(kept, call)] == found


def test_a_call_id_comes_before_a_number_and_the_latest_first(kept: Path) -> None:
    assert [record.row.call_id for record in find(kept, "4")] == ["4"]
    often = find(kept, "often")
    assert len(often) == MOST and often[0].id > often[1].id
    assert [record.row.call_id for record in latest(kept, 2)] == ["4", "often"]


def test_asking_changes_nothing_and_says_what_is_wrong(tmp_path: Path, kept: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        find(tmp_path / "none.db", "x")
    assert not (tmp_path / "none.db").exists()
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all" * 100)
    with pytest.raises(JournalError, match="cannot be read"):
        find(other, "x")
    assert other.read_bytes() == b"no database at all" * 100
