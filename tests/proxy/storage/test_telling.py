"""A call's record as others read it."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from proxy.storage.rows import Record, Row
from proxy.storage.telling import FIELDS, cell, flat, lines, told

ONE = Record(7, Row(0.0, "a,b\"c", shown="+12025550101", findings=(("x", "note", 0, "w"), ("y", "note", 0, "w"))), 3600, 9.5, 9.5, "caller")


@pytest.mark.req("REG-019")
def test_a_moment_is_told_with_its_zone() -> None:
    assert told(0.0) == "1970-01-01T00:00:00.000+00:00" and flat(ONE)["start"] == "1970-01-01T01:00:00.000+01:00"


def test_both_forms_say_the_same() -> None:
    (line,) = lines([flat(ONE)], "jsonl")
    (row,) = csv.DictReader(StringIO("\n".join(lines([flat(ONE)], "csv"))))
    assert tuple(row) == tuple(FIELDS) and json.loads(line)["rules"] == ["x", "y"] and row["rules"] == "x y"
    assert row["call_id"] == json.loads(line)["call_id"] == ONE.row.call_id and row["duration"] == "9.5"


@pytest.mark.parametrize(("value", "shown"), [("=x", "'=x"), ("+12025550101", "+12025550101"), ("@a", "'@a"), (7, 7), (["a", "b"], "a b")])
def test_a_cell_is_no_formula(value: object, shown: object) -> None:
    assert cell(value) == shown
