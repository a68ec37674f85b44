"""The normative rows that tests cite exist as data, and the table of what is covered is the generated one."""

from __future__ import annotations

from tests.architecture.coverage_table import ROOT, cited, known, table


def test_each_cited_row_is_known() -> None:
    rows = known(ROOT / "tests" / "requirements.toml")
    unknown = {row: places for row, places in cited(ROOT / "tests").items() if row not in rows}
    assert unknown == {}


def test_coverage_md_is_the_generated_one() -> None:
    assert (ROOT / "tests" / "COVERAGE.md").read_text(encoding="utf-8") == table(ROOT)
