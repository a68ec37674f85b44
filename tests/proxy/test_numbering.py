"""The table of countries: read with the operator's rows over it, and made as it is shipped."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from policy.countries import Rule
from proxy.lists.files import ListError
from proxy.numbering import NO_COUNTRY, load

RULES = (Rule("deny", frozenset(("GB",))),)


def test_without_a_rule_nothing_is_read(tmp_path: Path) -> None:
    assert load((), (tmp_path / "nowhere.csv",)) is None


def test_the_operators_rows_stand_over_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "ranges.csv"
    own.write_text("4420,GB,premium\n999,,satellite\n")
    found = load(RULES, (own,))
    assert found is not None and found.rules == RULES
    assert [str(found.of(n)) for n in ("442079460123", "441514960123", "999123456789")] == ["GB premium", "GB", "satellite"]


@pytest.mark.parametrize("text", ["nonsense\n", None])
def test_a_file_that_cannot_be_read_is_said(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ranges.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ListError, match="ranges.csv"):
        load(RULES, (path,))


def test_the_shipped_table_has_every_code_and_says_nothing_twice() -> None:
    lines = resources.files("policy").joinpath("data/countries.csv").read_text(encoding="utf-8").splitlines()
    rows = {cells[0]: tuple(cells[1:]) for line in lines if not line.startswith("#") for cells in [line.split(",")]}
    assert len(rows) == len(lines) - 2 > 250
    assert set(NO_COUNTRY) < set(rows)
    for prefix, row in rows.items():
        above = next((rows[prefix[:length]] for length in range(len(prefix) - 1, 0, -1) if prefix[:length] in rows), None)
        assert row != above, prefix
