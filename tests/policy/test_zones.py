"""Where a number is: a table that was made by hand, against the data that is shipped."""

from __future__ import annotations

from importlib import resources

import pytest

from policy.zones import PLACELESS, UNKNOWN, Clock, Place, Places, parse

PLACES = parse(resources.files("policy").joinpath("data/zones.csv").read_text(encoding="utf-8"))

BY_HAND = """
    850 222 Tallahassee FL      America/New_York
    850 763 Panama City FL      America/Chicago
    270 442 Paducah KY          America/Chicago
    270 781 Bowling Green KY    America/Chicago
    270 765 Elizabethtown KY    America/New_York
    219 462 Valparaiso IN       America/Chicago
    574 772 Knox IN             America/Chicago
    812 547 Tell City IN        America/Chicago
    812 482 Jasper IN           America/New_York
    423 265 Chattanooga TN      America/New_York
    423 942 Jasper TN           America/Chicago
    931 647 Clarksville TN      America/Chicago
    906 228 Marquette MI        America/New_York
    906 774 Iron Mountain MI    America/Chicago
    906 932 Ironwood MI         America/Chicago
    605 342 Rapid City SD       America/Denver
    701 232 Fargo ND            America/Chicago
    701 483 Dickinson ND        America/Denver
    308 382 Grand Island NE     America/Chicago
    308 632 Scottsbluff NE      America/Denver
    785 232 Topeka KS           America/Chicago
    785 899 Goodland KS         America/Denver
    620 384 Syracuse KS         America/Denver
    208 342 Boise ID            America/Denver
    208 664 Coeur d'Alene ID    America/Los_Angeles
    208 743 Lewiston ID         America/Los_Angeles
    541 889 Ontario OR          America/Denver
    928 774 Flagstaff AZ        America/Phoenix
    928 871 Window Rock AZ      America/Denver
    928 283 Tuba City AZ        America/Denver
    907 276 Anchorage AK        America/Anchorage
    907 592 Adak AK             America/Adak
    807 345 Thunder Bay ON      America/Toronto
    807 468 Kenora ON           America/Winnipeg
    250 426 Cranbrook BC        America/Edmonton
    808 523 Honolulu HI         Pacific/Honolulu
    787 722 San Juan PR         America/Puerto_Rico
    317 232 Indianapolis IN     America/New_York
    602 254 Phoenix AZ          America/Phoenix
    303 825 Denver CO           America/Denver
    206 684 Seattle WA          America/Los_Angeles
    340 774 St. Thomas VI       America/St_Thomas
"""
# Names of zones whose clocks have been alike for decades.
ALIKE = {
    "America/North_Dakota/Center": "America/Chicago",
    "America/Winnipeg": "America/Winnipeg",
    "America/Boise": "America/Denver",
}


@pytest.mark.req("REG-057")
@pytest.mark.parametrize(
    "row", [row.split() for row in BY_HAND.strip().splitlines()], ids=lambda row: "-".join(row[:2])
)
def test_the_town_of_an_exchange_has_its_zone(row: list[str]) -> None:
    place = PLACES.of(f"1{row[0]}{row[1]}0100")
    assert {ALIKE.get(zone, zone) for zone in place.zones} == {row[-1]}


def test_the_hand_made_table_is_long_enough() -> None:
    rows = [row.split() for row in BY_HAND.strip().splitlines()]
    shared = {row[0] for row in rows if len(PLACES.entries["1" + row[0]].zones) > 1}
    assert len(rows) >= 40
    assert sum(row[0] in shared for row in rows) >= 15
    assert len(shared) >= 13


@pytest.mark.req("REG-057")
@pytest.mark.parametrize("area", sorted(PLACELESS)[::6] + ["800", "888", "833", "900", "700", "500"])
def test_numbers_without_a_place_are_unknown(area: str) -> None:
    assert PLACES.of(f"1{area}5550100") == UNKNOWN


@pytest.mark.parametrize("tn", ["", "911", "442079460000", "1202555010", "12345678901234", "19995550100"])
def test_what_is_not_in_the_plan_is_unknown(tn: str) -> None:
    assert PLACES.of(tn) == UNKNOWN


@pytest.mark.req("REG-057")
def test_an_exchange_of_a_divided_area_whose_town_is_unknown_has_both_zones() -> None:
    assert PLACES.of("18505550100") == Place(("America/New_York", "America/Chicago"), "FL")


def test_a_damaged_table_is_refused_by_line() -> None:
    for bad in ("1202", "202,America/New_York,DC", "1202,America/New York,DC", "1202,X,dc", "12025,X,DC"):
        with pytest.raises(ValueError, match="line 2"):
            parse(f"# head\n{bad}\n")
    assert parse("1202,A/B|C,DC\n\n").of("12025550100") == Place(("A/B", "C"), "DC")
    assert Places().of("12025550100") == UNKNOWN


def test_a_clock_is_read_by_whole_seconds() -> None:
    clock = Clock((100.0,), (0, 3600))
    assert [clock.seconds(at) for at in (99.9, 100.0, 100.9)] == [99, 3700, 3700]
