"""What is kept no longer: rows by class, numbers in them; and the chain says so."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.storage.care import DAY, Care, hashed
from proxy.storage.database import Database
from proxy.storage.find import find, since, verified
from proxy.storage.journal import End, Journal, Note, Row

KEY = b"k" * 32
NOW = 100 * DAY

KINDS: dict[str, dict[str, Any]] = {
    "allowed": {"action": "allow"},
    "blocked": {"action": "reject"},
    "outbound": {"action": "reject", "direction": "outbound"},
    "emergency": {"action": "emergency", "direction": "outbound", "emergency": True},
}


def filled(path: Path) -> Database:
    """Of each class a call on each of a hundred days, several days to a link, with ends that come a link later."""
    database = Database(path, 0.1)
    for week in range(0, 100, 5):
        batch: list[Row | End | Note] = []
        for day in range(week, week + 5):
            batch += [
                Row(day * DAY, f"{name}-{day}", caller="12025550101", callee="911" if name == "emergency" else "12025550123",
                    detail="signed for +12025550123 in 2023", **more)
                for name, more in KINDS.items()
            ]  # fmt: skip
            batch += [End(f"{name}-{day - 5}", day * DAY, 5 * DAY) for name in KINDS] if day >= 5 else []
            batch.append(Note(day * DAY, "traceback", "x", "{}"))
        database.write(batch)
    return database


def done(database: Database, care: Care, utc: float = NOW) -> int:
    steps = 1
    while care.once(database.link, utc):
        steps += 1
    return steps


@pytest.mark.req("REG-015", "REG-062")
def test_each_class_is_kept_as_long_as_the_operator_says(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = filled(path)
    assert done(database, Care({"allowed": 10, "blocked": 28, "outbound": 0, "emergency": 50, "notes": 20})) == 1
    kept = {name: sum(one.row.call_id.startswith(name) for one in since(path, 0, NOW)) for name in KINDS}
    assert kept == {"allowed": 10, "blocked": 28, "outbound": 100, "emergency": 50}
    assert database.link.execute("SELECT count(*) FROM notes").fetchone() == (20,)
    found = verified(path)
    assert (found.faults, found.gaps, found.calls) == ((), (), 188) and found.renewed
    # The same again has nothing to do, and the next day a day more goes.
    links = found.links
    done(database, Care({"allowed": 10}))
    assert verified(path).links == links
    done(database, Care({"allowed": 10}), NOW + DAY)
    assert verified(path).calls == 187
    database.close()


def test_a_number_is_hashed_with_a_key_and_can_be_looked_for_with_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = filled(path)
    done(database, Care(mask_days=30, key=KEY))
    old, new = find(path, "allowed-69")[0].row, find(path, "allowed-70")[0].row
    assert new.caller == "12025550101" and old.caller == hashed("12025550101", KEY) != hashed("12025550101", b"other")
    assert old.detail == f"signed for {hashed('12025550123', KEY)} in 2023"
    assert find(path, "emergency-1")[0].row.callee == "911"
    assert find(path, "allowed-1")[0].duration == 5 * DAY
    assert not verified(path).faults
    done(database, Care(mask_days=20, hashed=False), NOW)
    assert find(path, "allowed-75")[0].row.caller == "1202555****"
    assert find(path, "allowed-69")[0].row.caller == hashed("12025550101", KEY)
    found = verified(path)
    assert (found.faults, found.calls) == ((), 400)
    # A number that is put back, or another one, is seen.
    database.link.execute("UPDATE calls SET caller = '12025550101' WHERE call_id = 'allowed-1'")
    assert verified(path).faults
    database.close()


def test_many_rows_are_done_in_steps_and_every_step_leaves_a_whole_chain(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    for count in range(10):
        database.write([Row(float(count), f"{count}-{one}", caller="12025550101") for one in range(300)])
    care, steps = Care({"allowed": 10}, mask_days=5, key=KEY), 0
    while care.once(database.link, NOW):
        steps += 1
        assert not verified(path).faults
    assert steps >= 2 and verified(path).calls == 0
    database.close()


@pytest.mark.parametrize(
    ("number", "hidden"),
    [("911", "911"), ("", ""), ("+12025550101", "+1202555****"), ("Alice", "*"), ("1202555****", "1202555****"),
     ("sip:bob@example.net", "*"), ("anonymous", "*"), ("*6713035550101", "*"), ("*Bob 2025550100", "*"), ("h:2025550100", "*"),
     ("h:12", "*"), ("2025550100 1234", "*"), ("+12025550101;rn=13035550100", "*"), ("2025550101****", "*"), ("*67", "*67"), ("#31#2025550100", "*")],
)  # fmt: skip
def test_what_stands_in_the_place_of_a_number(number: str, hidden: str) -> None:
    assert Care(mask_days=1, hashed=False).veiled(number) == hidden
    assert Care(mask_days=1, key=KEY).veiled(number) == (number if number == hidden else hashed(number, KEY))
    assert hashed("+12025550101", KEY) == hashed("12025550101", KEY)


def test_a_number_with_separators_is_the_same_number() -> None:
    assert Care(mask_days=1, hashed=False).veiled("+1 (202) 555-0101") == "+1202555****"
    assert Care(mask_days=1, key=KEY).veiled("+1 (202) 555-0101") == hashed("12025550101", KEY)


PARTS = st.sampled_from(["*", "h:", "+", "tel:", "Bob ", " ", "-", ".", ":", ",", "****", "2025550100", "13035550101", "911", "a"])
WRITTEN = st.one_of(st.text(), st.lists(PARTS, max_size=6).map("".join), st.from_regex(r"\+?[0-9]{1,20}\*{0,5}", fullmatch=True))


@pytest.mark.req("REG-062")
@given(WRITTEN, st.booleans())
def test_no_whole_number_is_left_and_what_is_masked_stays(written: str, keyed: bool) -> None:
    care = Care(mask_days=1, hashed=keyed, key=KEY)
    once = care.veiled(written)
    assert care.veiled(once) == once
    assert once == written or keyed or re.fullmatch(r"\*|\+?[0-9]{3,9}\*{4}", once)
    for number in re.findall(r"[0-9]{7,}", written):
        assert number not in once or len(number) < 10 and once == written, "but of what looks as if it were masked"


@pytest.mark.req("REG-062")
@pytest.mark.parametrize("keyed", [True, False])
def test_what_a_caller_writes_keeps_no_number_from_being_masked(tmp_path: Path, keyed: bool) -> None:
    path = tmp_path / "calls.db"
    database, care = Database(path, 0.1), Care(mask_days=1, hashed=keyed, key=KEY)
    why = "as told of 12025550101. Or 12025550101: tel:+12025550101, 12025550101-12025550109 \u201412025550101\n12025550101"
    names = ("*Bob 2025550100", "h: 2025550100", "202,555,0100", "Doe, 2025550100")
    database.write([
        Row(0.0, name, caller="*6713035550101", callee="12025550101", display=name, dest="12025550101,12025550102", detail=why,
            findings=(("hook", "analytics", 0, why),))
        for name in names
    ])  # fmt: skip
    columns = "caller, callee, display, dest, detail, findings"
    done(database, care)
    rows = database.link.execute(f"SELECT {columns} FROM calls").fetchall()
    for row in rows:
        text = " ".join((*row[:5], json.loads(row[5])[0][3]))
        assert not re.search(r"[0-9]{10}|0100", re.sub("h:[0-9a-f]{20}", "", text)), row
        assert json.loads(row[5])[0][0] == "hook" and row[3].count(",") == 1 and "Or" in row[4]
    database.link.execute("DELETE FROM cared")
    done(database, care)
    assert database.link.execute(f"SELECT {columns} FROM calls").fetchall() == rows
    assert not verified(path).faults
    database.close()


def test_the_journal_does_it_by_itself(tmp_path: Path, journal_at: Callable[..., Journal], wait: Any) -> None:
    path = tmp_path / "calls.db"
    filled(path).close()
    journal = journal_at(path, care=Care({"blocked": 28}, mask_days=1, key=KEY), utc=lambda: NOW)
    journal.put(Row(NOW, "now"))

    def cared() -> bool:
        with closing(sqlite3.connect(path)) as link:
            return link.execute("SELECT count(*) FROM cared").fetchone() == (2,)

    wait(cared)
    journal.close()
    assert verified(path).calls == 329 and not verified(path).faults
