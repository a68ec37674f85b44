"""Reading tables of traced calls."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import letter
from policy.letter import Table, moment, parse
from policy.told import DAY
from shaken.number import is_valid_nanp

HEAD = "notified,called,caller,campaign\n"
GOOD = "2023-09-08,2023-09-07,+12025550100,Amazon-Impers-P2\n"


def test_the_letter_of_2023_is_whole(letter_of_2023: Table) -> None:
    assert letter_of_2023.reconciled() == "expected 125, parsed 125"
    assert letter_of_2023.ok
    rows = letter_of_2023.rows
    assert len({row.caller for row in rows}) == 86
    assert len({row.campaign for row in rows}) == 28
    assert Counter(row.origin for row in rows)["seed"] == 81
    assert Counter(row.confidence for row in rows) == {"high": 81, "recovered": 44}
    assert all(is_valid_nanp(row.caller) for row in rows)
    assert all(row.written == row.campaign for row in rows)


def test_the_letter_has_the_properties_that_prove_its_restoration(letter_of_2023: Table) -> None:
    rows = letter_of_2023.rows
    assert all(row.called <= row.notified for row in rows)
    assert all(earlier.notified >= later.notified for earlier, later in zip(rows, rows[1:], strict=False))
    campaigns: dict[str, set[str]] = {}
    for row in rows:
        campaigns.setdefault(row.caller, set()).add(row.campaign)
    assert all(len(names) == 1 for names in campaigns.values())
    lags = sorted((row.notified - row.called) / DAY for row in rows)
    assert (lags[0], lags[62], lags[-1]) == (0, 8, 377)
    assert sum(lag <= 7 for lag in lags) == 61


@pytest.mark.req("TRAP-95")
def test_the_fcc_number_is_among_the_rows(letter_of_2023: Table) -> None:
    assert [row.position for row in letter_of_2023.rows if row.caller == "12024181122"] == [8, 9]


@pytest.mark.parametrize(
    "head",
    [
        "Date of ITG Notification,Date of Call,Caller ID,Robocall Campaign Identifier,"
        "Link to Robocall Recording,Potential Violation",
        "row,itg_notification_date,call_date,caller_id,campaign,recording_url",
        "\ufeffNOTIFIED , Called ,CALLER, Campaign",
    ],
)
def test_the_headings_of_others_are_understood(head: str) -> None:
    cells = {
        "row": "1",
        "potential violation": "16 CFR 310.4(b)(1)(v)",
        "recording_url": "x",
        "link to robocall recording": "x",
    }
    order = [name.strip("\ufeff ").casefold() for name in head.split(",")]
    values = iter(["9/8/2023", "9/7/2023", "2025550100", "Govtlmpers"])
    line = ",".join(cells[name] if name in cells else next(values) for name in order)
    (row,) = parse(f"{head}\r\n{line}\r\n").rows
    assert (row.caller, row.campaign, row.notified - row.called) == ("12025550100", "Govtlmpers", DAY)


@pytest.mark.req("TRAP-33")
@pytest.mark.parametrize(
    "caller", ["2025550100", "12025550100", "+12025550100", "(202) 555-0100", "+1-202-555-0100"]
)
def test_ten_and_eleven_digits_are_one_number(caller: str) -> None:
    (row,) = parse(HEAD + f"2023-09-08,2023-09-07,{caller},X\n").rows
    assert row.caller == "12025550100"


@pytest.mark.req("REG-025")
def test_a_campaign_is_kept_as_written_beside_its_name() -> None:
    (row,) = parse(HEAD + '2023-09-08,2023-09-07,2025550100," Lovtatormensmpers "\n').rows
    assert (row.campaign, row.written) == ("LawEnforcement-Impers", "Lovtatormensmpers")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2023-09-08,2023-09-07,,X", "not a number"),
        ("2023-09-08,2023-09-07,Govt,X", "not a number"),
        ("2023-09-08,2023-09-07,911,X", "no full number"),
        ("2023-09-08,2023-09-07,442079460000,X", "country code"),
        ("2023-09-08,2023-09-07,2025550100,", "no campaign"),
        ("2023-09-08,2023-09-07,2025550100", "no campaign"),
        (",2023-09-07,2025550100,X", "no date"),
        ("0/8/2023,0/7/2023,2025550100,X", "no date"),
        ("2023-02-30,2023-02-01,2025550100,X", "no date"),
        ("1823-09-08,1823-09-07,2025550100,X", "outside this century"),
        ("2023-09-07,2023-09-08,2025550100,X", "later than its notification"),
    ],
)
def test_a_bad_row_is_set_apart_with_its_line(line: str, why: str) -> None:
    table = parse(HEAD + GOOD + line + "\n" + GOOD)
    assert table.parsed == 2
    (fault,) = table.quarantined
    assert fault.line == 3
    assert why in fault.why
    assert not table.ok


def test_an_unknown_confidence_is_set_apart() -> None:
    table = parse(
        "notified,caller,campaign,confidence\n2023-09-08,2025550100,X,surely\n2023-09-08,2025550100,X,\n"
    )
    assert [fault.line for fault in table.quarantined] == [2]
    assert table.rows[0].called == table.rows[0].notified
    assert table.rows[0].confidence == "high"


@pytest.mark.parametrize(
    ("expected", "ok", "said"),
    [
        (1, True, "expected 1, parsed 1"),
        (2, False, "expected 2, parsed 1"),
        (0, False, "expected 0, parsed 1"),
        (None, True, "parsed 1"),
    ],
)
def test_a_table_is_reconciled_with_what_the_letter_promises(
    expected: int | None, ok: bool, said: str
) -> None:
    table = parse(HEAD + GOOD, expected)
    assert (table.ok, table.reconciled()) == (ok, said)


def test_a_head_comment_can_promise_the_number_of_rows() -> None:
    assert parse("# expected 3\n" + HEAD + GOOD).reconciled() == "expected 3, parsed 1"
    assert parse("# expected 3\n" + HEAD + GOOD, 1).ok


def test_a_short_table_says_what_is_set_apart() -> None:
    table = parse(HEAD + GOOD + "nonsense\n", 2)
    assert table.reconciled() == "expected 2, parsed 1, 1 set apart"


def test_a_file_without_a_heading_is_no_table() -> None:
    table = parse(GOOD)
    assert not table.rows
    assert "no heading" in table.quarantined[0].why
    assert parse("").ok
    assert not parse("", 125).ok


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter, "MAX_ROWS", 2)
    table = parse(HEAD + GOOD * 5)
    assert table.parsed == 2
    assert len(table.quarantined) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", None),
        ("2023-09-08", 1694131200.0),
        ("9/8/2023", 1694131200.0),
        ("2023-09-08T01:00:00+01:00", 1694131200.0),
        ("2023-09-08T00:00:30Z", 1694131230.0),
        ("08.09.2023", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_dates_are_read_in_utc(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match="date"):
            moment(text)
    else:
        assert moment(text) == seconds


@given(st.text(max_size=600))
def test_any_text_gives_a_table(text: str) -> None:
    parse(text)


@given(st.lists(st.lists(st.text(alphabet='",\r\n#ab9/-+ \x00', max_size=12), max_size=5), max_size=8))
def test_any_rows_are_parsed_or_set_apart(rows: list[list[str]]) -> None:
    table = parse(HEAD + "\n".join(",".join(cells) for cells in rows))
    assert all(row.caller.isdigit() and row.campaign for row in table.rows)
    assert all(fault.line >= 1 for fault in table.quarantined)


def test_what_is_not_csv_ends_the_table_and_is_said() -> None:
    table = parse(HEAD + GOOD + '2023-09-08,2023-09-07,2025550100,"' + "x" * 200_000 + '"\n')
    assert table.parsed == 1
    assert "not CSV" in table.quarantined[0].why


@pytest.mark.req("REG-053")
@pytest.mark.parametrize(
    ("cites", "kept"),
    [
        ("", ""),
        ("16 CFR 310.4(b)(1)(v)", "16 CFR 310.4(b)(1)(v)"),
        ("16 C.F.R. \u00a7 310.4(b)(1)(v)", "16 CFR 310.4(b)(1)(v)"),
        ("47 cfr 64.1200(c)", "47 CFR 64.1200(c)"),
        ("16 CFR 310.4(b)(1)(vi)", None),
        ("16 CFR 310.4", None),
        ("the law", None),
    ],
)
def test_a_paragraph_that_is_not_known_sets_the_row_apart(cites: str, kept: str | None) -> None:
    table = parse(f"notified,called,caller,campaign,violation\n2023-09-08,2023-09-07,+12025550100,Amazon-Impers-P2,{cites}\n")
    if kept is None:
        assert not table.rows and "no paragraph" in table.quarantined[0].why
    else:
        assert [row.cites for row in table.rows] == [kept] and table.rows[0].entry().cites == kept
