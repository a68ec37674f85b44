"""A torn text table, composed: every kind of damage, and what becomes of it. Its numbers are from 555-0100 to 0199."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.told import DAY
from policy.torn import distance, looks_torn, parse

HEAD = """NOTICE OF TRACED CALLS

These campaigns were seen:

Parcel-Impers
Parcel-Impers-P2
Bank-AccountLocked-G2
Govtlmpers

Solar Offers-North
Very-Long/And/Broken-Impers

In all 20 recorded calls were traced.
Seven days are given to answer this notice.

CHART

Told Called Number Campaign Link Rule
"""
INLINE = """0/8/2025 0/7/2025 12025550101 Parcel-Impers-P2 https://calls.example.org/at 16 C.F.R.
tachments/100001 § 310.4(b)(1)(v)
9/8/2025 9/7/2025 12025550102 Very-Long/And/Broken-  |https://calls.example.org/at 16 C.F.R.

Tmpers tachments/100002 § 310.4(b)(1)(v)
9/5/2025 9/1/2025 2025550103 Govtlmpers § 3104(b)
9/1/2025 8/30/2025 2025550104 Solar Offers-North OIS
§ 310.4(b)(1)(v)
8/30/2025 8/29/2025 2025550105 Parsel-Impers-P2 16 C.F.R.
8/29/2025 8/30/2025 2025550106 Parcel-Impers 16 C.F.R.
8/28/2025 8/27/2025 2025550107 Ao 16 C.F.R.
8/27/2025 8/26/2025 12021110100 Parcel-Impers 16 C.F.R.
"""
COLUMNS = """
7/9/2025 7/8/2025
7/8/2025 7/7/2025
7/8/2025 7/6/2025
7/7/2025 7/1/2025
7/2/2025 7/1/2025
7/1/2025 6/30/2025

2025550110

2025550111

2025550111

2025550113

2025550114
2025550115

Parcel-Impers-P2

16 C.F.R.

§ 310.4(b)(1)(v)
"""
SPLIT = COLUMNS + """\
Al -I -P2
16 C.F.R.
"""
SPLIT_CELLS = COLUMNS + """\
16 C.F.R.
Pl -I -P2
arcel-Impers § 310.4(b)(1)(V)
Parcel-Impers-P2 § 3.11 g,
.. 16 C.F.R.
Bank-AccountLocked-G2 tachments/100010 § 310.4(b)(1)(v)
ank-AccountLocked § 310.4
Solar -N
olar Offers-North § 3104(b)(1)(v)
Lorem § 310.4(b)(1)(v)
"""
SHORT = """
6/9/2025 6/8/2025
6/8/2025 6/7/2025
6/7/2025 6/6/2025

2025550120

2025550121
Parcel-Impers § 310.4(b)(1)(v)
"""
LOST = """
5/9/2025 5/8/2025
5/8/2025 5/7/2025

2025550130

2025550131
 Parcel-Impers § 310.4(b)(1)(v)
"""


def rows(text: str) -> dict[str, tuple[str, str]]:
    return {row.caller: (row.campaign, row.confidence) for row in parse(text).rows}


@pytest.mark.req("REG-025")
def test_rows_that_stand_whole_are_read_and_their_slips_mended() -> None:
    table = parse(HEAD + INLINE)
    assert rows(HEAD + INLINE) == {
        "12025550101": ("Parcel-Impers-P2", "medium"),
        "12025550102": ("Very-Long/And/Broken-Impers", "medium"),
        "12025550103": ("GovtImpers", "high"),
        "12025550104": ("Solar Offers-North", "high"),
        "12025550105": ("Parcel-Impers-P2", "medium"),
    }
    assert (table.rows[0].notified, table.rows[0].called) == (table.rows[1].notified, table.rows[1].called)
    assert "dates read from 0/8/2025 0/7/2025" in table.rows[0].origin
    assert [(one.line, one.why) for one in table.quarantined] == [
        (28, "the call is later than its notification"),
        (29, "its campaign cannot be read"),
        (30, "no such number: an exchange begins with 2 to 9"),
    ]
    assert table.expected == 20


def test_columns_of_one_length_are_put_together_by_position() -> None:
    table = parse(HEAD + SPLIT_CELLS)
    assert [(row.caller, row.campaign, row.confidence) for row in table.rows] == [
        ("12025550110", "Parcel-Impers-P2", "high"),
        ("12025550111", "Parcel-Impers-P2", "medium"),
        ("12025550111", "Parcel-Impers-P2", "high"),
        ("12025550113", "Bank-AccountLocked-G2", "high"),
        ("12025550114", "Solar Offers-North", "medium"),
    ]
    assert [(one.line, one.why) for one in table.quarantined] == [(25, "its campaign cannot be read")]
    assert table.rows[0].called == table.rows[0].notified - DAY


@pytest.mark.parametrize(
    ("page", "why", "count"),
    [
        (SPLIT, "its page has 6 rows and 2 campaigns: which belong together is unknown", 6),
        (SHORT, "its page has 3 dates and 2 numbers: which belong together is unknown", 3),
        (LOST, "its page has 2 rows and 1 campaigns: which belong together is unknown", 2),
    ],
)
def test_columns_of_different_length_are_set_apart(page: str, why: str, count: int) -> None:
    table = parse(HEAD + page)
    assert table.rows == ()
    assert {one.why for one in table.quarantined} == {why}
    assert len(table.quarantined) == count
    whole = parse(HEAD + INLINE + page + SPLIT_CELLS + LOST)
    assert len(whole.rows) == 10
    assert not whole.ok


def test_a_number_that_stands_with_two_campaigns_shows_that_columns_are_off() -> None:
    off = SPLIT_CELLS.replace("2025550113\n", "2025550110\n")
    table = parse(HEAD + off)
    assert [row.caller for row in table.rows] == ["12025550111", "12025550111", "12025550114"]
    assert [one.why for one in table.quarantined][:2] == ["its number stands with two campaigns"] * 2


def test_a_torn_name_without_its_end_is_nobodys() -> None:
    assert len(parse(HEAD + SPLIT_CELLS.replace("Pl -I -P2", "Pl -I")).rows) == 4


def test_a_name_between_two_is_nobodys_and_phases_are_not_confused() -> None:
    line = "9/5/2025 9/1/2025 2025550103 {} § 3104(b)\n"
    for cell in ("Parcel-Impers-P3", "Bank-AccountLocked-G1", "Parcel", "Impers-P2", "§"):
        assert parse(HEAD + line.format(cell)).rows == (), cell
    two = "These campaigns were seen:\nAcme-Impera\nAcme-Impero\n\n"
    assert parse(two + line.format("Acme-Imperu")).rows == ()
    assert len(parse(two + line.format("Acme-Impero")).rows) == 1


def test_a_date_that_its_neighbours_do_not_bound_is_not_mended() -> None:
    damaged = "0/8/2025 0/7/2025 12025550101 Parcel-Impers § 310\n"
    assert parse(HEAD + damaged).rows == ()
    two = parse(HEAD + damaged + "6/5/2025 6/1/2025 2025550103 Parcel-Impers § 3\n")
    assert [row.caller for row in two.rows] == ["12025550103"]


def test_without_a_list_of_names_only_known_ones_count() -> None:
    line = "9/5/2025 9/1/2025 2025550103 Parcel-Impers § 3104(b)\n"
    assert parse(line).rows == ()
    assert [row.campaign for row in parse(line, known=["Parcel-Impers"]).rows] == ["Parcel-Impers"]


def test_what_is_no_such_table_is_told_apart() -> None:
    assert looks_torn(HEAD + INLINE) and not looks_torn(HEAD)
    assert not looks_torn("notified,called,caller,campaign\n9/8/2025,9/7/2025,2025550101,Parcel-Impers\n")


@pytest.mark.parametrize(("one", "other", "far"), [("", "", 0), ("a", "", 1), ("abc", "abd", 1), ("kitten", "sitting", 3)])
def test_letters_between_two_words(one: str, other: str, far: int) -> None:
    assert distance(one, other) == distance(other, one) == far


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*HEAD.split("\n"), *INLINE.split("\n"), *SPLIT_CELLS.split("\n"), "x" * 999, "\x00", "0/0/0000 0/0/0000"]) | st.text(max_size=40)))
def test_any_text_is_rows_or_set_apart(lines: list[str]) -> None:
    table = parse("\n".join(lines))
    assert all(row.confidence in ("high", "medium") and row.called <= row.notified for row in table.rows)
