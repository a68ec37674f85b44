"""Past calls out of journals, JSON lines and CSV; what cannot be read is left out and counted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from proxy.lab.corpus import corpus
from proxy.pastcalls import PastCall, PastCalls, PastError, past, written
from proxy.storage.database import Database
from proxy.storage.find import latest
from proxy.storage.rows import End, Row
from proxy.storage.telling import flat, lines

PLAIN = {"utc": 1000.0, "caller": "12025550123", "callee": "12025550199"}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    month = [
        PastCall(one.call, one.duration, one.status, one.rings, one.kind == "911") for one in corpus(61, 1000).placed
    ]
    rows = [written(one) for one in month]
    objects, table = tmp_path / "calls.jsonl", tmp_path / "calls.csv"
    objects.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for path in (objects, table):
        read = PastCalls(path)
        found = list(read)
        assert (read.unread, len(found)) == (0, len(month))
        assert read.done == read.size
        for one, was in zip(found, month, strict=True):
            now, then = one.call, was.call
            assert (now.caller, now.callee, now.side, now.trunk, now.print, now.display_name) == (
                then.caller, then.callee, then.side, then.trunk, then.print, then.display_name,
            )  # fmt: skip
            assert (now.attestation, now.spc, now.host) == (then.attestation, then.spc, then.host)
            assert one.status == was.status and one.emergency == was.emergency
            assert one.talked == (None if was.talked is None else pytest.approx(was.talked, abs=0.1))


def test_what_records_writes_is_read_as_the_journal_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = Database(path, 1.0)
    database.write(
        [
            Row(1_800_000_000.0, "a", caller="12025550123", caller_kind="number", callee="12025550199", status=200, rings=15.0,
                attest="B", verify="passed", spc="709J", x5u="https://a.example/x.pem", trunk="west", action="allow"),
            End("a", 1_800_000_095.0, 95.0),
            Row(1_800_000_010.0, "b", caller="alice", caller_kind="uri", status=480, verify="unsigned", action="tag"),
            Row(1_800_000_020.0, "c", caller="12025550123", caller_kind="number", action="reject", status=603),
            Row(1_800_000_030.0, "d", direction="outbound", callee="911", emergency=True, action="emergency", status=200),
        ]
    )  # fmt: skip
    database.close()
    kept = list(PastCalls(path))
    assert kept[0].talked == 80.0  # it rang for fifteen seconds
    records = [flat(one) for one in latest(path, 10)][::-1]
    for form in ("jsonl", "csv"):
        told = tmp_path / f"records.{form}"
        told.write_text("".join(line + "\n" for line in lines(records, form)))
        read = PastCalls(told)
        found = list(read)
        assert (read.unread, read.kind) == (0, form)
        for one, was in zip(found, kept, strict=True):
            assert (one.talked, one.status, one.emergency) == (was.talked, was.status, was.emergency)
            now, then = one.call, was.call
            assert (now.utc, now.side, now.trunk, now.caller, now.caller_kind, now.callee) == (
                then.utc, then.side, then.trunk, then.caller, then.caller_kind, then.callee,
            )  # fmt: skip
            assert (now.attestation, now.spc, now.host) == (then.attestation, then.spc, then.host)


def test_a_journal_is_read_in_the_order_of_its_calls(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = Database(path, 1.0)
    database.write(
        [
            Row(utc=1010.0, call_id="b", caller="12025550123", caller_kind="number", status=480),
            Row(utc=1000.0, call_id="a", caller="alice", caller_kind="uri", status=200, verify="identity-bad-signature"),
            End("a", 1100.0, 100.0),
            Row(utc=1020.0, call_id="c", action="reject", status=603, caller_kind="anonymous"),
            Row(utc=1030.0, call_id="d", direction="outbound", callee="911", emergency=True, status=200),
        ]
    )
    database.close()
    one, two, three, four = PastCalls(path)
    assert (one.call.call_id, one.talked, one.status, one.call.caller) == ("a", 100.0, 200, None)
    assert one.call.judgement is not None and one.call.judgement.slug == "identity-bad-signature"
    assert (two.call.caller, two.talked, two.status) == ("12025550123", None, 480)
    assert (three.status, three.talked, three.call.caller_kind) == (0, None, "anonymous")
    assert four.emergency and four.call.side == "pbx"


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"utc": 1}\n{"utc": "yesterday"}\nnothing\n[1]\n\n{"caller": "1"}\n{"utc": 2, "status": "x"}\n{"utc": 3}\n')
    read = PastCalls(path)
    assert [one.call.utc for one in read] == [1.0, 3.0]
    assert read.unread == 5 and read.first_fault


def test_calls_out_of_order_are_refused_but_seconds_are_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(PLAIN | {"utc": utc}) + "\n" for utc in (1000, 990, 1001)))
    assert [one.call.utc for one in PastCalls(path)] == [1000, 1000, 1001]
    path.write_text("".join(json.dumps(PLAIN | {"utc": utc}) + "\n" for utc in (1000, 900)))
    with pytest.raises(PastError, match="order"):
        list(PastCalls(path))


@pytest.mark.parametrize("octets", [b"hello\n1\n", b"", b"SQLite format 3\x00rest"])
def test_what_is_no_file_of_calls_is_said(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    path.write_bytes(octets)
    with pytest.raises(PastError):
        list(PastCalls(path))
    with pytest.raises(PastError):
        PastCalls(tmp_path / "none")


@given(st.dictionaries(st.sampled_from([*written(PastCall(Call(), None, 0, 0.0, False))]), st.one_of(
    st.none(), st.text(max_size=20), st.floats(), st.integers(), st.booleans())))  # fmt: skip
def test_any_row_is_a_call_or_a_fault(row: dict[str, object]) -> None:
    try:
        found = past(row)
    except (ValueError, TypeError, KeyError, OverflowError):
        return
    assert found.call.caller is None or found.call.caller.isdigit()
