"""What the journal keeps of a call."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.storage.rows import (
    INSERT,
    SELECT,
    TABLE,
    End,
    Note,
    Row,
    inserted,
    offset_at,
    plain,
    record,
)


@pytest.fixture
def table() -> sqlite3.Connection:
    link = sqlite3.connect(":memory:")
    link.executescript(TABLE)
    return link


def test_a_row_comes_back_as_it_went_in(table: sqlite3.Connection, whole: Row) -> None:
    table.execute(INSERT, inserted(whole, 1, 3600))
    found = record(table.execute(SELECT).fetchone())
    assert (found.id, found.row, found.utc_offset) == (1, whole, 3600)
    assert (found.ended, found.duration, found.cause) == (None, None, "")
    table.close()


@pytest.mark.req("REG-019", "STI-096", "STI-124")
def test_a_record_has_what_a_block_must_be_explained_with() -> None:
    needed = {
        "utc", "caller", "callee", "reason", "campaign", "findings", "score", "verify", "spc", "signer",
        "source", "trunk", "status", "refusal",
    }  # fmt: skip
    assert needed <= set(Row._fields)
    assert isinstance(offset_at(1_694_088_000.0), int)


def test_text_that_is_no_unicode_is_made_so() -> None:
    assert plain(Row(1.0, "a\udcffb")).call_id == "a?b"  # type: ignore[union-attr]
    assert plain(Note(1.0, "\udcff", "b", "{}")).kind == "?"  # type: ignore[union-attr]
    assert plain(End("é\ud800", 1.0, 2.0)) == End("é?", 1.0, 2.0)


@given(
    st.text(),
    st.text(),
    st.lists(st.tuples(st.text(), st.text(), st.integers(0, 100), st.text()), max_size=3),
)
def test_any_text_can_be_kept(call_id: str, caller: str, findings: list[tuple[str, str, int, str]]) -> None:
    link = sqlite3.connect(":memory:")
    link.executescript(TABLE)
    row = Row(1.0, call_id, caller=caller, findings=tuple(findings))
    link.execute(INSERT, inserted(row, 1, 0))
    assert record(link.execute(SELECT).fetchone()).row == row
    link.close()
