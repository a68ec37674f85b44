"""The shipped table is the one that is made."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest

from policy.zones import PLACELESS
from proxy import zoning

PLACES = zoning.load(0.0).places
OURS = PLACES.entries


def test_the_table_that_is_shipped_is_the_one_that_is_made() -> None:
    shipped = resources.files("policy").joinpath("data/zones.csv").read_text(encoding="utf-8")
    made = zoning.table()
    # A later phonenumbers knows more exchanges; what is ours must stand in both.
    areas = {*zoning.SHARED, *zoning.OVERLAYS}
    ours = [line for line in made.splitlines() if line[1:4] in areas and len(line.split(",")[0]) == 4]
    assert set(ours) <= set(shipped.splitlines())
    assert len(shipped.splitlines()) > 1500


def test_no_area_code_that_phonenumbers_places_is_left_without_a_place() -> None:
    from phonenumbers.tzdata import TIMEZONE_DATA

    areas = {prefix[1:4] for prefix in TIMEZONE_DATA if prefix.startswith("1") and len(prefix) >= 4}
    assert [area for area in sorted(areas - PLACELESS) if not PLACES.of(f"1{area}5550100").zones] == []


@pytest.mark.req("REG-057", "REG-058")
def test_an_overlay_is_where_the_area_code_is_that_it_was_laid_over() -> None:
    assert OURS.keys() >= {"1" + area for area in (*zoning.OVERLAYS, *zoning.OVERLAYS.values())}
    assert [(new, old) for new, old in zoning.OVERLAYS.items() if OURS["1" + new] != OURS["1" + old]] == []
    assert [new for new in zoning.OVERLAYS if not OURS["1" + new].state] == []
    assert zoning.OVERLAYS.keys().isdisjoint(zoning.OVERLAYS.values())
    laid = {*zoning.OVERLAYS, *zoning.OVERLAYS.values()}
    inside = {prefix: place for prefix, place in OURS.items() if prefix[1:4] in laid}
    assert [prefix for prefix, place in inside.items() if not set(place.zones) <= set(OURS[prefix[:4]].zones)] == []


@pytest.mark.req("REG-058")
def test_an_overlay_is_in_the_state_that_phonenumbers_names_its_area_code_for() -> None:
    from phonenumbers.geodata import GEOCODE_DATA

    def name(area: str) -> str:
        return GEOCODE_DATA.get("1" + area, {}).get("en", "").partition(",")[0].replace("Colombia", "Columbia")

    pairs = [(name(new), name(old)) for new, old in zoning.OVERLAYS.items()]
    both = [(new, old) for new, old in pairs if new and old]
    assert len(both) > 100
    assert [(new, old) for new, old in both if new != old] == []


@pytest.mark.req("REG-057")
@pytest.mark.parametrize(
    ("area", "zones"),
    [
        ("689", {"America/New_York"}), ("474", {"America/Regina", "America/Edmonton"}),
        *((area, {"America/Vancouver", "America/Edmonton", "America/Fort_Nelson"}) for area in ("778", "672", "257", "236")),
        *((area, {"America/Toronto", "America/Halifax"}) for area in ("581", "367", "273")), ("457", {"America/Chicago"}),
        ("483", {"America/Chicago"}), ("729", {"America/New_York", "America/Chicago"}),
    ],
)  # fmt: skip
def test_overlays_are_in_all_zones_of_their_area(area: str, zones: set[str]) -> None:
    assert set(PLACES.of(f"1{area}5550100").zones) == zones


NARROW = {
    "AL": "205 251 256 334 483 659 938",
    "CT": "203 475 860 959",
    "FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
    "LA": "225 318 337 457 504 985",
    "MD": "227 240 301 410 443 667",
    "OK": "405 539 572 580 918",
    "WA": "206 253 360 425 509 564",
}
"""All area codes of the states that have narrower hours than the federal ones (NANPA, January 2026)."""


@pytest.mark.req("REG-058")
def test_all_area_codes_of_a_state_with_hours_of_its_own_are_known_to_be_there() -> None:
    assert set(NARROW) == set(zoning.load(0.0).states)
    found = {
        state: {prefix[1:] for prefix, place in OURS.items() if place.state == state and len(prefix) == 4}
        for state in NARROW
    }
    assert found == {state: set(areas.split()) for state, areas in NARROW.items()}


@pytest.mark.req("REG-058")
def test_only_area_codes_of_other_countries_are_in_no_state() -> None:
    from phonenumbers import parse, region_code_for_number

    stateless = {prefix for prefix, place in OURS.items() if not place.state}
    regions = {region_code_for_number(parse(f"+{prefix}2345678")) for prefix in stateless}
    assert regions.isdisjoint({None, "US", "CA", "PR", "GU", "MP", "AS", "VI"})


def test_every_town_of_ours_is_written_with_its_state_and_lies_in_one_zone_only() -> None:
    towns = zoning.known_towns()
    assert all(len(name.rpartition(", ")[2]) == 2 for name in towns)
    listed = sum(text.count(",") for text in zoning.TOWNS.values())
    assert len(towns) >= listed * 0.9


def test_a_clock_changes_when_the_zone_does() -> None:
    utc = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    eastern = zoning.clock("America/New_York", utc)
    assert datetime(2026, 3, 8, 7, tzinfo=UTC).timestamp() in eastern.changes
    assert datetime(2026, 11, 1, 6, tzinfo=UTC).timestamp() in eastern.changes
    assert zoning.clock("America/Phoenix", utc).changes == ()
    with pytest.raises(KeyError):
        zoning.clock("America/Nowhere", utc)
