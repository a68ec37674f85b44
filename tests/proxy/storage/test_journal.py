"""The journal when all is well, and when nothing is: no call ever notices."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.storage.journal import MAX_ASIDE, End, Journal, Row, find
from tests.proxy.storage.conftest import locked

Wait = Callable[[Callable[[], bool]], None]
Make = Callable[..., Journal]

pytestmark = pytest.mark.req("EMG-004")


def test_rows_are_written_in_batches_and_found_again(
    tmp_path: Path, journal_at: Make, whole: Row, wait: Wait
) -> None:
    journal = journal_at(tmp_path / "calls.db")
    for count in range(1200):
        journal.put(Row(float(count), f"call-{count}"))
    whole = whole._replace(status=200)
    journal.put(whole)
    journal.put(End(whole.call_id, whole.utc + 9, 9.0, "caller"))
    wait(lambda: journal.written == 1202)
    (found,) = find(journal.path, whole.call_id)
    assert found.row == whole and (found.duration, found.cause) == (9.0, "caller")
    assert journal.health().well and journal.dropped == 0


def test_an_end_that_comes_before_its_row_is_kept_for_it(tmp_path: Path, journal_at: Make, wait: Wait) -> None:
    """Of several workers one tells of the end, another of the answer, and each takes its time."""
    journal = journal_at(tmp_path / "calls.db")
    journal.put(End("a", 3.0, 2.0, "callee"))
    journal.put(Row(9.0, "b"))
    wait(lambda: journal.written == 1)
    journal.put(Row(1.0, "a", status=200))
    wait(lambda: journal.written == 3)
    (found,) = find(journal.path, "a")
    assert (found.ended, found.duration, found.cause) == (3.0, 2.0, "callee")
    journal.put(End("nobody", 3.0, 2.0))
    journal.close()
    assert (journal.written, journal.rowless, journal.dropped) == (3, 1, 0)


def test_a_stop_writes_what_waits(tmp_path: Path, journal_at: Make) -> None:
    journal = journal_at(tmp_path / "calls.db")
    for count in range(700):
        journal.put(Row(1.0, str(count)))
    journal.close()
    assert journal.health().written == 700 and journal.health().waiting == 0
    journal.close()  # a second stop is none


def test_a_full_queue_drops_and_counts(tmp_path: Path, journal_at: Make) -> None:
    (tmp_path / "file").write_text("")
    journal = journal_at(tmp_path / "file" / "calls.db", bound=10)
    for count in range(100_000):
        journal.put(Row(1.0, str(count)))
    assert journal.dropped > 90_000
    assert journal.health().waiting <= 10


def test_a_folder_that_cannot_be_is_said_once_and_the_rows_are_given_up(
    tmp_path: Path, journal_at: Make, said: Any, wait: Wait
) -> None:
    (tmp_path / "file").write_text("")
    journal = journal_at(tmp_path / "file" / "calls.db")
    for _ in range(3):
        before = journal.dropped
        journal.put(Row(1.0, "a"))
        wait(lambda before=before: journal.dropped > before)  # type: ignore[misc]
    assert not journal.health().well and "File exists" in journal.health().why
    assert said.events() == ["journal-down"]
    # The obstacle goes away: the next row finds a journal.
    (tmp_path / "file").unlink()
    journal.put(Row(1.0, "b"))
    wait(lambda: journal.written == 1)
    assert journal.health().well and said.events() == ["journal-down", "journal-well"]


def test_a_damaged_file_is_set_aside_and_nothing_is_lost(
    tmp_path: Path, journal_at: Make, said: Any, wait: Wait
) -> None:
    path = tmp_path / "calls.db"
    path.write_bytes(b"\x00not a database\xff" * 1000)
    journal = journal_at(path)
    journal.put(Row(1.0, "a"))
    wait(lambda: journal.written == 1)
    assert journal.dropped == 0 and find(path, "a")
    (aside,) = [item for item in tmp_path.iterdir() if ".damaged-" in item.name]
    assert aside.read_bytes().startswith(b"\x00not a database")
    assert said.events() == ["journal-down", "journal-set-aside", "journal-well"]


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside(
    tmp_path: Path, journal_at: Make, wait: Wait
) -> None:
    path = tmp_path / "calls.db"
    journal = journal_at(path)
    for count in range(2000):
        journal.put(Row(1.0, f"first-{count}", detail="x" * 200))
    wait(lambda: journal.written == 2000)
    for name in ("calls.db", "calls.db-wal"):
        if (tmp_path / name).exists():
            size = (tmp_path / name).stat().st_size
            with (tmp_path / name).open("r+b") as stream:
                stream.write(b"\xa5" * size)
    for count in range(2000):
        journal.put(Row(1.0, f"second-{count}"))
    wait(lambda: journal.health().waiting == 0 and journal.written + journal.dropped == 4000)
    journal.put(Row(1.0, "last"))
    wait(lambda: journal.written + journal.dropped == 4001)
    journal.close()
    assert find(path, "last")


def test_damage_without_end_ends_the_setting_aside(
    tmp_path: Path, journal_at: Make, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.db"

    class Broken:
        def __init__(self, path: Path, *_: object) -> None:
            path.write_bytes(b"broken")
            error = sqlite3.DatabaseError("file is not a database")
            error.sqlite_errorcode = 26
            raise error

    monkeypatch.setattr("proxy.storage.journal.Database", Broken)
    journal = journal_at(path)
    for count in range(20):
        journal.put(Row(1.0, str(count)))
        wait(lambda count=count: journal.dropped > count)  # type: ignore[misc]
    assert len([item for item in tmp_path.iterdir() if ".damaged-" in item.name]) == MAX_ASIDE


def test_a_locked_database_is_waited_for_a_little_and_then_written_again(
    tmp_path: Path, lost_between: Callable[[Path], Journal]
) -> None:
    path = tmp_path / "calls.db"
    journal = lost_between(path)
    assert find(path, "after") and not find(path, "during") and journal.health().well


def test_a_folder_that_is_taken_away_is_made_anew(tmp_path: Path, journal_at: Make, wait: Wait) -> None:
    path = tmp_path / "state" / "calls.db"
    journal = journal_at(path)
    journal.put(Row(1.0, "a"))
    wait(lambda: journal.written == 1)
    shutil.rmtree(path.parent)
    journal.put(Row(1.0, "b"))
    wait(lambda: journal.written == 2)
    assert find(path, "b") and not find(path, "a")


FULL = """
import resource, signal, sys, time
from pathlib import Path
from proxy.storage.journal import Journal, Pace, Row
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
journal = Journal(Path(sys.argv[1]), pace=Pace(beat=0.005, patience=0.02, pauses=(0.001,)))
end = time.monotonic() + 20
count = 0
while not journal.dropped and time.monotonic() < end:
    journal.put(Row(1.0, f"call-{count}", detail="x" * 1000))
    count += 1
    while journal.health().waiting > 100 and time.monotonic() < end:
        pass
health = journal.health()
journal.close(2.0)
print(health.dropped > 0, health.well, health.written > 0)
"""


def test_a_full_disk_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: SQLite cannot write the next page."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "calls.db")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("True False True", 0), done.stderr


def test_a_stop_keeps_its_deadline_when_the_file_is_locked(
    tmp_path: Path, journal_at: Make, wait: Wait
) -> None:
    path = tmp_path / "calls.db"
    journal = journal_at(path)
    journal.put(Row(1.0, "a"))
    wait(lambda: journal.written == 1)
    with locked(path):
        for count in range(5000):
            journal.put(Row(1.0, str(count)))
        began = time.monotonic()
        journal.close(0.2)
        assert time.monotonic() - began < 2
        assert journal.written + journal.dropped == 5001 and journal.health().waiting == 0


def test_a_fault_of_ours_does_not_end_the_writer(
    tmp_path: Path, journal_at: Make, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_at(tmp_path / "calls.db")
    with monkeypatch.context() as patched:
        patched.setattr("proxy.storage.journal.Journal._opened", lambda self: 1 / 0)
        journal.put(Row(1.0, "a"))
        wait(lambda: journal.dropped == 1)
    journal.put(Row(1.0, "b"))
    wait(lambda: journal.written == 1)


def test_put_serves_many_threads(tmp_path: Path, journal_at: Make) -> None:
    journal = journal_at(tmp_path / "calls.db")
    threads = [
        threading.Thread(target=lambda: [journal.put(Row(1.0, "a")) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert journal.written == 2000
