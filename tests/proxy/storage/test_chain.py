"""The chain: what was written cannot be changed unseen, and what is missing for a known reason is named."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.pastcalls import PastCalls
from proxy.storage import chain
from proxy.storage.database import Database, note
from proxy.storage.find import JournalError, find, latest, notes, since, verified
from proxy.storage.journal import End, Journal, Note, Row
from tests.waiting import SECONDS

Wait = Callable[[Callable[[], bool]], None]


def written(path: Path, batches: int = 4) -> str:
    """A journal of some links; returns its head."""
    database = Database(path, 0.1)
    database.mark(chain.BEGAN)
    for batch in range(batches):
        rows = [Row(100.0 * batch + one, f"c{batch}-{one}", caller=f"1202555010{one}") for one in range(5)]
        database.write([*rows, End(f"c{batch}-0", 100.0 * batch + 9, 9.0, "caller")])
    database.write([Note(5.0, "pardon", "12025550101", "{}")])
    head = database.mark(chain.STOPPED)
    database.close()
    return head


def test_what_was_written_holds(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    head = written(path)
    found = verified(path, head)
    assert (found.faults, found.gaps, found.links, found.calls) == ((), (), 7, 20)
    assert found.head == head and found.known


TAMPERED = {
    "a row is changed": "UPDATE calls SET action = 'allow' WHERE id = 7",
    "a number is changed": "UPDATE calls SET caller = '12025550199' WHERE id = 7",
    "a row is taken away": "DELETE FROM calls WHERE id = 7",
    "the last row is taken away": "DELETE FROM calls WHERE id = 20",
    "a row is added at the end": "INSERT INTO calls (id, utc, call_id) VALUES (21, 1, 'x')",
    "a row is added before the first": "INSERT INTO calls (id, utc, call_id) VALUES (0, 1, 'x')",
    "an end is changed": "UPDATE ends SET duration = 1 WHERE id = 2",
    "a note is taken away": "DELETE FROM notes",
    "a link is taken away": "DELETE FROM chain WHERE seq = 3",
    "the first link is taken away": "DELETE FROM chain WHERE seq = 1",
    "a link is changed": "UPDATE chain SET utc = 1 WHERE seq = 3",
    "a loss is added": "UPDATE chain SET dropped = 5 WHERE seq = 3",
    "a salt is changed": "UPDATE chain SET salt = x'00' WHERE seq = 3",
    "two links change places": "UPDATE chain SET seq = CASE seq WHEN 3 THEN -4 WHEN 4 THEN -3 ELSE seq END",
}


@pytest.mark.parametrize("how", TAMPERED.values(), ids=TAMPERED)
def test_whatever_is_changed_afterwards_is_seen(tmp_path: Path, how: str) -> None:
    path = tmp_path / "calls.db"
    written(path)
    with closing(sqlite3.connect(path)) as link:
        link.execute(how)
        link.execute("UPDATE chain SET seq = abs(seq)")
        link.commit()
    assert verified(path).faults


def test_an_end_that_was_cut_off_is_seen_by_who_noted_the_head(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    head = written(path)
    with closing(sqlite3.connect(path)) as link:
        link.executescript("DELETE FROM chain WHERE seq > 3; DELETE FROM calls WHERE id > 10; DELETE FROM notes;"
                           "DELETE FROM ends WHERE id > 2; UPDATE chain SET notes = 0 WHERE seq > 3")
    assert not verified(path).faults
    assert "cut off" in verified(path, head).faults[0]


DIES = """
import sys
from pathlib import Path
from proxy.storage.journal import Journal, Pace, Row
journal = Journal(Path(sys.argv[1]), pace=Pace(beat=0.005))
for count in range(3000):
    journal.put(Row(float(count), f"call-{count}"))
while journal.written < 1000:
    pass
print("now", flush=True)
sys.stdin.read()
"""


def test_after_a_kill_the_chain_is_accepted_and_the_gap_named(
    tmp_path: Path, journal_at: Callable[..., Journal], wait: Wait
) -> None:
    path = tmp_path / "calls.db"
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
    assert not verified(path).faults
    journal = journal_at(path)
    journal.put(Row(9.0, "after"))
    wait(lambda: journal.written == 1)
    journal.close()
    found = verified(path)
    assert found.faults == () and found.calls > 1000
    ((why, start, end, lost),) = found.gaps
    assert why == "a stop without warning" and start <= end and lost == 0


def test_rows_that_could_not_be_written_are_a_gap_with_their_number(
    tmp_path: Path, lost_between: Callable[[Path], Journal]
) -> None:
    path = tmp_path / "calls.db"
    lost_between(path).close()
    found = verified(path)
    assert not found.faults and [(why, lost) for why, _, _, lost in found.gaps] == [("rows that could not be written", 1)]


def test_somebody_else_may_write_a_note_while_the_journal_is_open(
    tmp_path: Path, journal_at: Callable[..., Journal], wait: Wait
) -> None:
    path = tmp_path / "calls.db"
    with pytest.raises(FileNotFoundError):
        note(path, Note(1.0, "pardon", "x", "{}"))
    journal = journal_at(path)
    for count in range(1, 4):
        journal.put(Row(1.0, f"a{count}"))
        wait(lambda count=count: journal.written == count)  # type: ignore[misc]
        note(path, Note(float(count), "pardon" if count < 3 else "traceback", f"n{count}", "{}"))
    journal.close()
    assert [one.about for one in notes(path)] == ["n3", "n2", "n1"]
    assert [one.about for one in notes(path, "pardon")] == ["n2", "n1"]
    assert [one.kind for one in notes(path, about="n3")] == ["traceback"]
    assert verified(path)[3:5] == ((), ())


FIRST_VERSION = """
CREATE TABLE calls (id INTEGER PRIMARY KEY, utc, call_id, direction, trunk, source, caller, caller_kind, caller_field,
 display, callee, emergency, attest, verstat, verify, facts, detail, orig, dest, origid, iat_age, x5u, spc, signer, cache,
 mode, action, would, reason, score, campaign, list_age, findings, refusal, signed, status, decision_us, forwarded_to,
 utc_offset, ended, duration, cause DEFAULT '');
CREATE INDEX calls_call_id ON calls (call_id);
CREATE INDEX calls_refusal ON calls (refusal) WHERE refusal <> '';
PRAGMA user_version = 1;
"""


@pytest.mark.req("REG-019")
def test_a_journal_of_the_first_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with closing(sqlite3.connect(path)) as link:
        link.executescript(FIRST_VERSION)
        names = [column[1] for column in link.execute("PRAGMA table_info(calls)")]
        for number in range(1, 1203):
            row = Row(float(number), f"c{number}", caller="12025550101", findings=())._asdict()
            row |= {"id": number, "findings": "[]", "emergency": False, "utc_offset": 3600, "cause": ""}
            row |= {"ended": number + 5.0, "duration": 5.0, "cause": "caller"} if number % 2 else {}
            link.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(names))})", [row.get(name) for name in names])
        link.commit()
    before = find(path, "c7"), latest(path, 3), list(since(path, 10.0, 12.0))
    assert before[0][0].duration == 5.0 and before[0][0].row.method == "INVITE" and notes(path) == []
    with pytest.raises(JournalError, match="before the chain"):
        verified(path)
    database = Database(path, 0.1)
    database.write([Row(5000.0, "new"), End("c8", 9.0, 1.0)])
    database.close()
    assert before == (find(path, "c7"), latest(path, 4)[1:], list(since(path, 10.0, 12.0)))
    assert find(path, "c8")[0].duration == 1.0 and find(path, "new")[0].id == 1203
    found = verified(path)
    assert (found.faults, found.calls) == ((), 1203)


@pytest.mark.req("REG-019")
def test_a_journal_of_the_second_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    database.write([Row(float(number), f"c{number}", status=200) for number in range(1, 40)])
    database.write([Row(40.0, "odd", score="none"), End("c7", 20.0, 13.0)])  # type: ignore[arg-type]
    database.close()
    with closing(sqlite3.connect(path)) as link:  # as it was before
        link.executescript("ALTER TABLE calls DROP COLUMN rings; PRAGMA user_version = 2;")
    before = find(path, "c7"), latest(path, 3)
    assert before[0][0].talked == 13.0 and [one.call.call_id for one in PastCalls(path)][:2] == ["c1", "c2"]
    assert verified(path).faults == ()
    database = Database(path, 0.1)
    database.write([Row(41.0, "new", status=200, rings=5.5), End("new", 61.0, 20.0)])
    database.close()
    assert (find(path, "c7"), latest(path, 4)[1:]) == before
    assert find(path, "new")[0].talked == 14.5
    found = verified(path)
    assert (found.faults, found.calls) == ((), 41)
    with closing(sqlite3.connect(path)) as link:
        link.execute("UPDATE calls SET rings = 0.5 WHERE call_id = 'new'")
        link.execute("UPDATE calls SET rings = 0.5 WHERE call_id = 'c3'")
        link.commit()
    assert len(verified(path).faults) == 2  # who changes it is found out, also where there was none
