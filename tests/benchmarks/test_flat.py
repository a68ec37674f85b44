"""The composed registry of the benchmark: as many numbers as it says, none of them fictional."""

from __future__ import annotations

from pathlib import Path

from benchmarks.flat import brought_in, compose, look, tables
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


def test_the_tables_hold_what_was_asked_and_a_look_finds_it(tmp_path: Path) -> None:
    paths = tables(tmp_path / "tables", 30_000)
    numbers = {row.caller for path in paths for row in import_letter(path).rows}
    assert len(numbers) == 30_000
    assert not any(tn[4:7] == "555" for tn in numbers)
    assert brought_in(tmp_path, paths).startswith("30,000 campaign numbers imported in ")
    assert "where the number is not listed" in look(tmp_path, paths)
