"""A pardon takes a number off every list, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.casebook import Casebook, Trait
from policy.complaints import Complaints, Told
from policy.lists import CampaignList, NumberSet
from policy.told import Entry
from proxy.lists.force import in_force
from proxy.lists.kinds import FOLDER, bring_in
from proxy.lists.pardons import NAME, Pardon, add, cleared, excused, forgiven, kept, spared

ONE, OTHER = "12025550101", "12025550102"
PARDON = {ONE: Pardon(ONE, 1000.0)}


def test_what_was_written_is_read_and_a_torn_line_passed_over(tmp_path: Path) -> None:
    assert kept(tmp_path) == {} and kept(None) == {}
    add(tmp_path, Pardon(ONE, 5.0, "Ann", 'a "clinic",\nnot a robot'))
    add(tmp_path, Pardon(OTHER, 6.0))
    add(tmp_path, Pardon(OTHER, 7.0))
    with (tmp_path / FOLDER / NAME).open("a") as stream:
        stream.write("1202555")
    add(tmp_path, Pardon(OTHER, 7.0))
    assert kept(tmp_path) == {ONE: Pardon(ONE, 5.0, "Ann", 'a "clinic", not a robot'), OTHER: Pardon(OTHER, 7.0)}


@given(st.integers(0, 99), st.sampled_from(["+12025550101", "+1202555*", "+12025550100-+12025550199", "+12025550101-+12025550101"]))
def test_only_the_pardoned_number_leaves_a_list(last: int, item: str) -> None:
    numbers, number = NumberSet.of(item), f"120255501{last:02}"
    after = spared(numbers, PARDON)
    assert (number in after) == (number in numbers and number != ONE)
    assert spared(after, PARDON) == after


def test_of_other_plans_a_prefix_stays() -> None:
    numbers = NumberSet.of("+4420*")
    assert spared(numbers, {"442079460000": Pardon("442079460000", 1.0)}) == numbers


@pytest.mark.req("REG-026", "TRAP-95")
def test_what_was_told_before_the_pardon_is_forgotten_and_what_comes_later_counts() -> None:
    entries = tuple(Entry(number, "A", at) for number in (ONE, OTHER) for at in (999.0, 1001.0))
    left = forgiven(CampaignList(entries), PARDON).entries
    assert [(one.number, one.notified) for one in left] == [(ONE, 1001.0), (OTHER, 999.0), (OTHER, 1001.0)]
    traits = [Trait("A", "number", ONE, 999.0), Trait("A", "number", ONE, 1001.0), Trait("A", "spc", ONE, 999.0)]
    assert cleared(Casebook(traits), PARDON).traits == tuple(traits[1:])
    told = {ONE: Told(3, 999.0), "12025550188": Told(3, 999.0)}
    assert set(excused(Complaints(told), PARDON).told) == {"12025550188"}
    assert excused(Complaints({ONE: Told(3, 1001.0)}), PARDON).told
    assert excused(Complaints(told), {}).told == told


@pytest.mark.req("REG-012")
def test_a_pardon_outlives_the_next_import(tmp_path: Path) -> None:
    file = tmp_path / "deny.txt"
    file.write_text("+12025550101\n+12025550102\n")
    bring_in(tmp_path / FOLDER, "deny", [file], 1.0)
    add(tmp_path, Pardon(ONE, 5.0))
    for _ in range(2):
        assert in_force(tmp_path, 10.0).deny == NumberSet.of("+12025550102")
        bring_in(tmp_path / FOLDER, "deny", [file], 20.0)
    (tmp_path / FOLDER / NAME).unlink()
    (tmp_path / FOLDER / NAME).mkdir()
    found = in_force(tmp_path, 10.0)
    assert len(found.deny) == 2 and "pardons cannot be read" in found.remarks[0]
