"""The wall clock that a lab may move, and what the system says of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import Clock, Discipline, LabClock, discipline, errors, iso
from proxy.settings import kinds
from proxy.settings.errors import Wrong


def test_the_machine_has_two_clocks() -> None:
    clock = Clock()
    assert abs(clock.utc() - time.time()) < 5
    assert clock.now() <= clock.now()


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [("+2d", 172_800), ("-3h", -10_800), ("+1d12h", 129_600), ("-90s", -90), ("+5m", 300), ("+0s", 0)],
)
def test_an_offset_runs_beside_the_real_time(spec: str, seconds: float) -> None:
    assert LabClock(spec).utc() - time.time() == pytest.approx(seconds, abs=5)


def test_a_fixed_clock_stands_still_until_it_is_moved() -> None:
    clock = LabClock("2023-09-07T12:00:00Z")
    assert clock.utc() == clock.utc() == 1_694_088_000.0
    assert iso(clock.utc()) == "2023-09-07T12:00:00.000Z"
    clock.set("2023-09-07T12:00:00+02:00")
    assert clock.utc() == 1_694_080_800.0
    clock.set("+0s")
    assert clock.utc() == pytest.approx(time.time(), abs=5)


BAD = [
    "",
    "2d",
    "+2",
    "+2w",
    "2023-09-07",
    "2023-09-07T12:00:00",
    "now",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
]


@pytest.mark.parametrize("spec", [*BAD, "-999999d", "+999999999d"])
def test_a_bad_clock_is_refused_and_the_old_one_stays(spec: str) -> None:
    clock = LabClock("2023-09-07T12:00:00Z")
    with pytest.raises(ValueError, match=r"clock|years"):
        clock.set(spec)
    assert (clock.utc(), clock.spec) == (1_694_088_000.0, "2023-09-07T12:00:00Z")


@given(st.text(max_size=30))
def test_any_text_sets_the_clock_or_is_a_value_error(spec: str) -> None:
    clock = LabClock()
    try:
        clock.set(spec)
    except ValueError:
        return
    iso(clock.utc())


@pytest.mark.parametrize("spec", [*BAD, "2023-09-07T12:00:00Z", "+2d", "-1d12h"])
def test_the_settings_take_what_the_clock_takes(spec: str) -> None:
    try:
        LabClock(spec)
        taken = True
    except ValueError:
        taken = False
    try:
        kinds.clock(spec, Path())
        allowed = True
    except Wrong:
        allowed = False
    assert allowed == taken


@pytest.mark.req("REG-024", "TRAP-87")
def test_the_system_says_how_well_it_keeps_its_clock() -> None:
    found = discipline()
    assert found is None or isinstance(found, Discipline)
    if found is not None:
        assert abs(found.offset) < 10 and found.bound >= 0
    assert set(errors()) in (set(), {"offset", "bound"})
