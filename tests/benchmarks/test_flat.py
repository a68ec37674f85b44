"""The composed registry of the benchmark: as many numbers as it says, none of them fictional."""

from __future__ import annotations

from pathlib import Path

from benchmarks.flat import compose, tables
from proxy.lists import import_letter
from proxy.lists.registry import mapped
from proxy.lists.shelf import Shelf


def test_the_registry_holds_an_eighth_of_its_exchanges_and_no_number_of_fiction(tmp_path: Path) -> None:
    numbers = compose(tmp_path, 400)
    registry = mapped(Shelf(tmp_path / "lists", "dnc").snapshot(1))
    assert 480_000 < numbers < 520_000
    assert not any(registry.listed(f"120155501{last:02}") for last in range(100))
    listed = sum(registry.listed(f"1201556{last:04}") for last in range(10_000))
    assert 1100 < listed < 1400


def test_the_tables_hold_what_was_asked_and_can_be_read(tmp_path: Path) -> None:
    paths = tables(tmp_path, 1234)
    assert sum(len(import_letter(path).rows) for path in paths) == 1234
