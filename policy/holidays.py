"""Business days: Monday to Friday without the federal holidays (5 U.S.C. 6103).

A request for no more calls is honoured within a reasonable time, ten business days at most (47 CFR 64.1200(d)(3)). Here
it counts from the next call on; what is reckoned is how long anybody else's copy of it may take.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
FIXED = {"New Year": (1, 1), "Juneteenth": (6, 19), "Independence": (7, 4), "Veterans": (11, 11), "Christmas": (12, 25)}
"""By month and day: on a Saturday the Friday before is off, on a Sunday the Monday after."""
MOVING = {
    "Martin Luther King": (1, MONDAY, 3), "Washington": (2, MONDAY, 3), "Memorial": (5, MONDAY, -1),
    "Labor": (9, MONDAY, 1), "Columbus": (10, MONDAY, 2), "Thanksgiving": (11, THURSDAY, 4),
}  # fmt: skip
"""By month, day of the week, and which of them; -1: the last."""
JUNETEENTH_BEGAN = 2021
REQUEST_DAYS = 10
"""Business days within which a request for no more calls is honoured, since 11 April 2025."""


@lru_cache(64)
def holidays(year: int) -> dict[date, str]:
    """The days of a year that are off, by the day that is observed. The New Year of the next one may be among them, and
    its own may not."""
    found = {}
    for ahead in (year, year + 1):
        for name, (month, day) in FIXED.items():
            if name != "Juneteenth" or ahead >= JUNETEENTH_BEGAN:
                found[_observed(date(ahead, month, day))] = name
    for name, (month, weekday, which) in MOVING.items():
        found[_nth(year, month, weekday, which)] = name
    return {day: name for day, name in sorted(found.items()) if day.year == year}


def is_business_day(day: date) -> bool:
    """Neither a weekend nor a federal holiday."""
    return day.weekday() < SATURDAY and day not in holidays(day.year)


def business_days_after(day: date, count: int) -> date:
    """The day that is so many business days after another one, which does not count itself. Raises ValueError below
    0."""
    if count < 0:
        raise ValueError("business days are counted forwards")
    while count:
        day += timedelta(1)
        count -= is_business_day(day)
    return day


def _observed(day: date) -> date:
    return day + timedelta({SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    if which < 0:
        last = date(year, month + 1, 1) - timedelta(1)
        return last - timedelta((last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (which - 1))
