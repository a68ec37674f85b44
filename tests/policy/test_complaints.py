"""Complaints as the FTC and the FCC publish them."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.complaints import Complaints, Told, parse, written
from policy.letter import moment
from policy.told import DAY

FTC = (
    "Company_Phone_Number,Created_Date,Violation_Date,Consumer_City,Consumer_State,Consumer_Area_Code,Subject,"
    "Recorded_Message_Or_Robocall\n"
    '2025550140,2024-03-01 09:00:12,2024-02-28 18:00:00,Springfield,Ohio,937,"Medical, other",Y\n'
    "2025550140,2024-03-04 10:10:10,2024-03-03 11:00:00,Dayton,Ohio,937,Reducing debt,N\n"
    ",2024-03-01 09:00:12,2024-02-28 18:00:00,Akron,Ohio,330,Other,Y\n"
    "9999999999,2024-03-01 09:00:12,2024-02-28 18:00:00,Akron,Ohio,330,Other,Y\n"
    "2025550141,yesterday,2024-02-28 18:00:00,Akron,Ohio,330,Other,Y\n"
)
FCC = (
    "Ticket ID,Ticket Created,Date of Issue,Time of Issue,Form,Method,Issue,Caller ID Number,Type of Call or Messge,"
    "Advertiser Business Number,City,State,Zip\n"
    "6712345,03/05/2024 08:29:13 AM +0000,03/04/2024,2:15 P.M.,Phone,Wired,Unwanted Calls,202-555-0140,Prerecorded Voice,,Boston,MA,02108\n"
    "6712346,03/05/2024 08:31:13 AM +0000,03/04/2024,2:15 P.M.,Phone,Wired,Unwanted Calls,None,Live Voice,,Boston,MA,02108\n"
)
FIFTH = moment("2024-03-05")


def test_the_published_tables_are_read_and_added_up() -> None:
    found = parse((FTC, FCC, FTC))
    assert found.told == {"12025550140": Told(3, FIFTH)}, "the same table twice tells nothing twice"
    assert (found.rows, found.nobody) == (12, 3)
    assert [(one.line, one.why) for one in found.quarantined] == [(6, "no date of the form 2023-09-08 or 9/8/2023")]


def test_what_is_written_is_read_again() -> None:
    told = {"12025550140": Told(3, FIFTH), "442079460123": Told(1, FIFTH + DAY)}
    assert parse(("\n".join(written(told)),)).told == told


@pytest.mark.parametrize("heading", ["", "number", "caller,callee", "date,who"])
def test_a_table_of_something_else_is_said(heading: str) -> None:
    with pytest.raises(ValueError, match="heading"):
        parse((heading + "\n1,2\n",))


@pytest.mark.parametrize(
    ("count", "days", "factor"),
    [(1, 0, None), (2, 0, 1.0), (2, 7, 1.0), (2, 18, 12 / 23), (2, 30, None), (900, 31, None), (2, -1, None)],
)
def test_complaints_fade_and_one_says_nothing(count: int, days: int, factor: float | None) -> None:
    found = Complaints({"12025550140": Told(count, FIFTH)}).of("12025550140", FIFTH + days * DAY)
    assert (found[1] if found is not None else None) == (None if factor is None else pytest.approx(factor))


def test_a_caller_without_a_number_was_never_complained_of() -> None:
    assert Complaints({}).of(None, FIFTH) is None and not Complaints({})


@given(st.lists(st.lists(st.text(max_size=12), max_size=4), max_size=6))
def test_no_table_raises_anything_else(rows: list[list[str]]) -> None:
    text = "number,complaints,last\n" + "\n".join(",".join(row) for row in rows)
    try:
        found = parse((text,))
    except (ValueError, csv.Error) as error:
        assert isinstance(error, ValueError)
    else:
        assert all(7 <= len(caller) <= 15 for caller in found.told)
