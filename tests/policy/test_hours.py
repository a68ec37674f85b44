"""Calling hours, to the second, on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.hours import FEDERAL, Hours, Window, closed, parse
from policy.zones import Place
from proxy import zoning

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
HOURS = zoning.load(NOON)
EXCHANGES = {
    "New York": ("1212555", "America/New_York"),
    "Chicago": ("1312555", "America/Chicago"),
    "Arizona": ("1602254", "America/Phoenix"),
    "Navajo Nation": ("1928871", "America/Denver"),
    "Indiana": ("1317232", "America/Indiana/Indianapolis"),
    "Alaska": ("1907276", "America/Anchorage"),
    "Hawaii": ("1808523", "Pacific/Honolulu"),
    "Puerto Rico": ("1787722", "America/Puerto_Rico"),
    "Los Angeles": ("1213555", "America/Los_Angeles"),
}
FORWARD, BACK = (2026, 3, 8), (2026, 11, 1)


@pytest.mark.req("REG-056", "REG-057")
@pytest.mark.parametrize("day", [FORWARD, BACK], ids=["forward", "back"])
@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize(
    ("clock", "allowed"), [("07:59:59", False), ("08:00:00", True), ("21:00:00", True), ("21:00:01", False)]
)
def test_the_edges_hold_on_the_days_of_daylight_saving(
    name: str, day: tuple[int, int, int], clock: str, allowed: bool
) -> None:
    prefix, zone = EXCHANGES[name]
    hour, minute, second = map(int, clock.split(":"))
    # The zone database's own view of that local moment; ours comes from the exchange and our tables.
    utc = datetime(*day, hour, minute, second, tzinfo=ZoneInfo(zone)).timestamp()
    place = HOURS.places.of(f"{prefix}0100")
    said = closed(Place(place.zones), HOURS, utc)
    assert (said is None) is allowed, said
    if said is not None:
        assert clock in str(said)


def test_what_is_still_nine_o_clock_is_allowed() -> None:
    utc = datetime(2026, 6, 1, 21, 0, 0, 900_000, tzinfo=ZoneInfo("America/New_York")).timestamp()
    assert closed(Place(("America/New_York",)), HOURS, utc) is None


@pytest.mark.req("REG-057")
def test_all_zones_that_a_number_may_be_in_must_be_open() -> None:
    both = HOURS.places.of("18505550100")
    for hour, open_ in ((8, False), (9, True), (21, True), (20, True)):
        utc = datetime(2026, 6, 1, hour, tzinfo=ZoneInfo("America/New_York")).timestamp()
        assert (closed(Place(both.zones), HOURS, utc) is None) is open_, hour
    assert closed(Place(), HOURS, NOON) is None
    assert closed(Place(("No/Where",)), HOURS, NOON) is None


@given(st.sampled_from(sorted(HOURS.clocks)), st.floats(NOON - 400 * 86_400, NOON + 700 * 86_400))
def test_our_clocks_say_what_the_zone_database_says(zone: str, utc: float) -> None:
    local = datetime.fromtimestamp(int(utc), UTC).astimezone(ZoneInfo(zone))
    expected = local.hour * 3600 + local.minute * 60 + local.second
    assert HOURS.clocks[zone].seconds(int(utc)) % 86_400 == expected


@pytest.mark.req("REG-058")
def test_a_state_has_narrower_hours_by_day() -> None:
    states = parse("FL,daily,08:00-20:00 # statute\nFL,Sat Sun,closed\nGA,Mon,07:00-23:00\n")
    assert states["FL"] == (*(Window(8 * 3600, 20 * 3600),) * 5, Window(1, 0), Window(1, 0))
    assert states["GA"][0] == FEDERAL  # nothing widens the federal hours
    hours = Hours(HOURS.places, HOURS.clocks, states)
    place = Place(("America/New_York",), "FL")
    start = datetime(2026, 6, 1, 20, tzinfo=ZoneInfo("America/New_York"))  # a Monday
    assert closed(place, hours, start.timestamp()) is None
    said = closed(place, hours, start.timestamp() + 1)
    assert "(FL)" in str(said) and "20:00:01" in str(said)
    sunday = closed(place, hours, (start + timedelta(days=6, hours=-8)).timestamp())
    assert "not at all" in str(sunday)


@pytest.mark.parametrize("bad", ["FL", "Florida,daily,08:00-20:00", "FL,never,08:00-20:00", "FL,daily,8-20"])
def test_a_damaged_line_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse(bad)


def test_the_shipped_windows_are_read_and_narrower() -> None:
    states = parse(resources.files("policy").joinpath("data/hours.csv").read_text(encoding="utf-8"))
    assert {"FL", "OK", "WA"} <= set(states)
    assert all(
        one.opens >= FEDERAL.opens and one.closes <= FEDERAL.closes
        for week in states.values()
        for one in week
        if one.closes
    )
