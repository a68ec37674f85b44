"""The shipped table is the one that is made."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest

from policy.zones import PLACELESS
from proxy import zoning


def test_the_table_that_is_shipped_is_the_one_that_is_made() -> None:
    shipped = resources.files("policy").joinpath("data/zones.csv").read_text(encoding="utf-8")
    made = zoning.table()
    # A later phonenumbers knows more exchanges; what is ours must stand in both.
    ours = [line for line in made.splitlines() if line[1:4] in zoning.SHARED and len(line.split(",")[0]) == 4]
    assert set(ours) <= set(shipped.splitlines())
    assert len(shipped.splitlines()) > 1500


def test_no_area_code_that_phonenumbers_places_is_left_without_a_place() -> None:
    from phonenumbers.tzdata import TIMEZONE_DATA

    places = zoning.load(0.0).places
    areas = {prefix[1:4] for prefix in TIMEZONE_DATA if prefix.startswith("1") and len(prefix) >= 4}
    assert [area for area in sorted(areas - PLACELESS) if not places.of(f"1{area}5550100").zones] == []


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
