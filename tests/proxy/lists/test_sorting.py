"""Records come out in order, however few are held."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.lists.sorting import READ, Sorter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sorting")


@settings(deadline=None)
@given(records=st.lists(st.binary(min_size=3, max_size=3), max_size=40), run=st.integers(1, 50))
def test_records_come_in_order(folder: Path, records: list[bytes], run: int) -> None:
    with closing(Sorter(3, folder, run)) as sorter:
        for one in records:
            sorter.add(one)
        assert list(sorter.ordered()) == sorted(records)
    assert not list(folder.iterdir())


def test_runs_longer_than_what_is_read_of_them_at_a_time_are_whole(folder: Path) -> None:
    records = [(number * 7919 % 20_011).to_bytes(4, "big") for number in range(2 * READ + 5)]
    with closing(Sorter(4, folder, READ + 1)) as sorter:
        for one in records:
            sorter.add(one)
        assert list(sorter.ordered()) == sorted(records)
