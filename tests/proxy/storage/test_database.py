"""The journal's file: opened, written a batch at a time, set aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proxy.storage.database import Database, OtherVersion, is_damaged, set_aside
from proxy.storage.rows import End, Row


def counted(path: Path) -> int:
    with closing(sqlite3.connect(path)) as link:
        return int(link.execute("SELECT count(*) FROM calls").fetchone()[0])


def test_a_new_file_is_for_its_owner_alone_and_a_known_one_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calls.db"
    for expected in (1, 2):
        database = Database(path, 0.1)
        assert database.is_there() and database.write([Row(1.0, "a")]) == 0
        database.close()
        assert counted(path) == expected
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_batch_keeps_its_order(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    database.write([Row(1.0, "a"), End("a", 2.0, 1.0), Row(3.0, "a"), End("a", 5.0, 2.0)])
    database.close()
    with closing(sqlite3.connect(path)) as link:
        assert link.execute("SELECT utc, duration FROM calls JOIN ends ON call = calls.id ORDER BY utc").fetchall() == [
            (1.0, 1.0),
            (3.0, 2.0),
        ]


def test_an_end_belongs_to_the_latest_call_of_its_name_once(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    database.write([Row(1.0, "same"), Row(2.0, "same"), End("same", 9.0, 7.0, "caller")])
    database.write([End("same", 99.0, 97.0, "again"), End("unknown", 9.0, 7.0)])
    database.close()
    with closing(sqlite3.connect(path)) as link:
        assert link.execute("SELECT * FROM ends").fetchall() == [(1, 2, 9.0, 7.0, "caller")]


BAD: list[Any] = [
    Row(1.0, "x", score=2**70),
    Row(1.0, "x", trunk=object()),
    Row(1.0, "x", findings=(object(),)),
]  # type: ignore[arg-type]


RETRIED = [Row(1.0, "same", status=407), Row(1.04, "same", status=200)]
"""A call that was challenged, and came again with what was asked for."""


@pytest.mark.parametrize(
    ("rows", "end", "call"),
    [
        (RETRIED, End("same", 9.0, 8.0), 2),  # the seal tells tenths of a second: by the time it might be either
        (RETRIED[:1], End("same", 9.0, 8.0), None),  # what was refused does not end; its successor is not here yet
        ([Row(1.0, "same"), Row(2.0, "same", status=486)], End("same", 9.0, 8.0), 1),
        ([Row(1.0, "same")], End("same", 9.0, 7.5), None),  # another call, of the same name, is over
        ([Row(1.0, "same")], End("same", 1.5, 0.0), None),
        ([Row(1.0, "same")], End("same", 0.5, 0.0), 1),  # the clock was set back while they talked
        ([Row(1_700_000_000.07, "same")], End("same", 1_700_000_009.3, 1_700_000_009.3 - 1_700_000_000.0), 1),
        ([Row(1.0, "same"), *(Row(2.0, "same", status=486) for _ in range(16))], End("same", 9.0, 8.0), None),
        ([Row(1.0, "other")], End("same", 9.0, 8.0), None),
    ],
)
def test_an_end_belongs_to_a_call_that_was_not_refused_and_is_not_older(
    rows: list[Row], end: End, call: int | None, tmp_path: Path
) -> None:
    told: list[End] = []
    database = Database(tmp_path / "calls.db", 0.1)
    assert database.write([*rows, end], rowless=told.append) == 0
    found = database.link.execute("SELECT call FROM ends").fetchall()
    database.close()
    assert (found, told) == (([(call,)], []) if call is not None else ([], [end]))


@pytest.mark.parametrize("bad", BAD)
def test_one_unfit_row_does_not_cost_the_others(tmp_path: Path, bad: Row) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    told: list[End] = []
    batch = [End("c", 9.0, 1.0), End("a", 2.0, 1.0), Row(1.0, "a"), bad, Row(2.0, "b\udcff")]
    assert database.write(batch, rowless=told.append) == 1
    assert database.link.execute("SELECT call, ended FROM ends").fetchall() == [(1, 2.0)] and told == [End("c", 9.0, 1.0)]
    database.close()
    assert counted(path) == 2


def test_a_file_of_another_kind_is_damaged_and_a_lock_is_not(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        Database(path, 0.1)
    assert is_damaged(caught.value)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as link:
        link.execute("CREATE TABLE mine (x)")
        link.commit()
    with pytest.raises(OtherVersion) as caught_version:
        Database(other, 0.1)
    assert is_damaged(caught_version.value)
    assert not is_damaged(sqlite3.OperationalError("database is locked"))
    assert not is_damaged(OSError())


def test_set_aside_files_never_take_each_others_place(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    places = set()
    for count in range(3):
        path.write_text(str(count))
        (tmp_path / "calls.db-wal").write_text("wal")
        places.add(set_aside(path))
    assert len(places) == 3 and {place.read_text() for place in places} == {"0", "1", "2"}
    assert all(place.with_name(place.name + "-wal").exists() for place in places)
    assert not path.exists()
