"""Answers of the Reassigned Numbers Database: read with care, kept whole, and for a month only."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.reassigned import BEGAN, DAY, SERVES_DAYS, Query, Reassigned, parse, written

TN = "12125550147"
DAY_OF = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
ASKED = datetime(2026, 6, 20, tzinfo=UTC).timestamp()


@pytest.mark.req("REG-076")
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("+12125550147,2026-03-01,yes,2026-06-20", None),
        ("2125550147,2026-03-01,NO,2026-06-20T12:00:00Z", None),
        ("+12125550147,2021-01-26,no data,2026-06-20", None),
        ("+12125550147,2021-01-26,no_data,2026-06-20", None),
        ("+12125550147,2021-01-27,no data,2026-06-20", "before 2021-01-27 only"),
        ("+12125550147,2021-01-27,no,2026-06-20", None),
        ("+12125550147,2026-03-01,perhaps,2026-06-20", "yes, no or no data"),
        ("+12125550147,2026-06-21,no,2026-06-20", "before the day that it is about"),
        ("+12125550147,2026-06-20,no,2026-06-20", None),
        ("nobody,2026-03-01,no,2026-06-20", ""),
        ("+12125550147,yesterday,no,2026-06-20", "no date"),
        ("+12125550147,2026-03-01,no", "no date"),
    ],
)
def test_an_answer_that_cannot_be_is_set_apart(row: str, said: str | None) -> None:
    found, bad = parse(f"number,date,answer,asked\n{row}\n")
    assert (len(found), len(bad)) == ((1, 0) if said is None else (0, 1))
    if said is not None:
        assert said in bad[0].why and bad[0].line == 2


def test_a_file_without_a_column_and_one_that_is_no_csv_are_said() -> None:
    assert "no column asked" in parse("number,date,answer\n")[1][0].why
    assert "no CSV" in parse('number,date,answer,asked\n"' + "x" * 200_000)[1][0].why
    assert parse("") == ([], []) == parse("# a comment\n\n")


@pytest.mark.req("REG-077")
def test_an_answer_serves_for_a_month_because_new_ones_are_told_each_month() -> None:
    known = Reassigned([Query(TN, DAY_OF, "no", ASKED)])
    assert known.relied(TN, DAY_OF, ASKED + SERVES_DAYS * DAY) is not None
    assert known.relied(TN, DAY_OF, ASKED + SERVES_DAYS * DAY + 1) is None
    assert SERVES_DAYS <= 31 and BEGAN == datetime(2021, 1, 27, tzinfo=UTC).timestamp()


@pytest.mark.req("REG-078")
def test_the_safe_harbour_stands_on_the_latest_answer_before_the_call_and_nothing_is_lost() -> None:
    first, second = Query(TN, DAY_OF, "no", ASKED), Query(TN, DAY_OF, "yes", ASKED + DAY)
    known = Reassigned([second, first])
    assert list(known) == [first, second] and len(known) == 2
    assert known.relied(TN, DAY_OF, ASKED + 3600) == first  # what was said afterwards takes nothing away from that call
    assert known.relied(TN, DAY_OF, ASKED + 2 * DAY) is None
    assert known.relied(TN, DAY_OF, ASKED - 1) is None
    assert known.relied("12125550148", DAY_OF, ASKED) is None
    # An answer about a later day than the agreement says nothing of the time between.
    assert known.relied(TN, DAY_OF - DAY, ASKED + 3600) is None
    assert Reassigned([Query(TN, DAY_OF, "no data", ASKED)]).relied(TN, DAY_OF, ASKED) is None


QUERIES = st.builds(
    Query, st.sampled_from(["12125550147", "442079460000"]), st.integers(19_000, 20_000).map(lambda day: day * DAY),
    st.sampled_from(["yes", "no"]), st.integers(20_000, 21_000).map(lambda day: day * DAY + 3600.0),
)  # fmt: skip


@pytest.mark.req("REG-078")
@given(st.lists(QUERIES, max_size=20))
def test_what_is_written_is_read_again(queries: list[Query]) -> None:
    assert parse("\n".join(written(queries))) == (queries, [])


@given(st.text(max_size=300))
def test_no_file_raises(text: str) -> None:
    parse(text)
    parse("number,date,answer,asked\n" + text)
