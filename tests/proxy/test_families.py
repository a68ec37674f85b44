"""The families and the layout that they give the cells."""

from __future__ import annotations

from math import prod

import pytest

from proxy.families import OTHER, Family, families

REASONS = ("none", "campaign")
ALL = families(REASONS, ("passed",))


def test_no_two_families_have_one_name() -> None:
    assert len({family.name for family in ALL}) == len(ALL)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_each_family_says_what_it_counts_and_has_a_cell_for_all_its_values_and_for_others(family: Family) -> None:
    assert family.help.endswith(".")
    series = family.series()
    assert len(set(series)) == prod(len({*values, OTHER}) for values in family.labels.values())
    assert tuple(OTHER for _ in family.labels) in series


def test_the_layout_is_the_same_for_the_same_reasons_and_another_for_others() -> None:
    def layout(*reasons: str) -> list[tuple[str, ...]]:
        return [(family.name, *labels) for family in families(reasons, ("passed",)) for labels in family.series()]

    assert layout(*REASONS) == layout(*REASONS)
    assert layout(*REASONS) != layout(*REASONS, "velocity")


def test_a_family_without_labels_is_one_cell() -> None:
    assert Family("strays", "Strays.").series() == [()]
