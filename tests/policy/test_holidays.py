"""Federal holidays by rule, and the ten business days of a request for no more calls."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.holidays import REQUEST_DAYS, business_days_after, holidays, is_business_day

# As the Office of Personnel Management publishes them.
PUBLISHED = {
    2020: "0101 0120 0217 0525 0703 0907 1012 1111 1126 1225",
    2021: "0101 0118 0215 0531 0618 0705 0906 1011 1111 1125 1224 1231",
    2022: "0117 0221 0530 0620 0704 0905 1010 1111 1124 1226",
    2023: "0102 0116 0220 0529 0619 0704 0904 1009 1110 1123 1225",
    2025: "0101 0120 0217 0526 0619 0704 0901 1013 1111 1127 1225",
    2026: "0101 0119 0216 0525 0619 0703 0907 1012 1111 1126 1225",
    2027: "0101 0118 0215 0531 0618 0705 0906 1011 1111 1125 1224 1231",
}


@pytest.mark.req("REG-060")
@pytest.mark.parametrize("year", PUBLISHED)
def test_the_holidays_of_a_year_are_the_published_ones(year: int) -> None:
    assert " ".join(f"{day:%m%d}" for day in holidays(year)) == PUBLISHED[year]


@pytest.mark.req("REG-060")
@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-03-02", "2026-03-16"),  # two weeks where nothing is off
        ("2026-03-07", "2026-03-20"),  # on a Saturday: the Monday after is the first
        ("2026-06-29", "2026-07-14"),  # Independence Day is observed on the Friday before
        ("2026-11-20", "2026-12-07"),  # Thanksgiving
        ("2025-12-18", "2026-01-05"),  # Christmas and New Year
        ("2021-12-20", "2022-01-05"),  # both on a Saturday: the 24th and the 31st are off
        ("2026-11-10", "2026-11-25"),  # Veterans Day
    ],
)
def test_a_request_is_due_ten_business_days_later(asked: str, due: str) -> None:
    assert business_days_after(date.fromisoformat(asked), REQUEST_DAYS) == date.fromisoformat(due)


@pytest.mark.req("REG-060")
@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_so_many_business_days_lie_between(day: date, count: int) -> None:
    due = business_days_after(day, count)
    assert is_business_day(due)
    assert sum(is_business_day(day + timedelta(one)) for one in range(1, (due - day).days + 1)) == count
    assert business_days_after(day, 0) == day


def test_nobody_counts_backwards() -> None:
    with pytest.raises(ValueError, match="forwards"):
        business_days_after(date(2026, 1, 1), -1)
