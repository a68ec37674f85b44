"""Nothing that is published here holds registry data or anybody's number: every number of the North American plan in the project
is of the block for fiction (555-0100 to 555-0199), of the public table of traced calls, or cannot be anybody's.
"""

from __future__ import annotations

import csv
import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from shaken.number import is_valid_nanp

ROOT = Path(__file__).resolve().parents[2]
SEEN = (".py", ".md", ".toml", ".csv", ".xml", ".cfg", ".txt", ".json", ".hex", ".sip", ".dat")
"""What is looked at; captures and keys are not text."""
NUMBER = re.compile(r"(?<![\w.+-])\+?1?([2-9]\d{2})[-. )]{0,2}([2-9]\d{2})[-. ]?(\d{4})(?![\w.])")
FICTION = re.compile(r"\d{3}55501\d\d")
ARITHMETIC = {"2147483648", "4294967295", "4294967296", "4294967301"}
"""Ends of 31 and 32 bits, which look like numbers."""
EDGES = {
    "2025550000", "2025550080", "2025550099", "2025550240", "2025559999", "2025560100", "2022550123", "2026660100",
    "3612345678", "8495123456", "2025549999", "2025560000",
}  # fmt: skip
"""Ends of ranges, neighbouring exchanges and other lengths, in tests of just that. A new one is to be thought about."""


def published() -> list[Path]:
    """Every file that is kept in the repository and is text."""
    try:
        out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout of the repository")
    return [Path(line) for line in out.splitlines() if line.endswith(SEEN)]


def traced() -> set[str]:
    """The numbers of the public table, as they stand in it."""
    text = resources.files("policy").joinpath("data/ftc-2023.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["caller"].removeprefix("+1") for row in rows}


def strangers(text: str, known: set[str]) -> set[str]:
    """Numbers that could be somebody's."""
    found = {"".join(parts) for parts in NUMBER.findall(text)}
    return {tn for tn in found if is_valid_nanp("1" + tn) and not FICTION.fullmatch(tn) and tn not in known}


def test_the_scan_finds_what_it_looks_for() -> None:
    for real in ("+12024181122", "202-418-1122", "(202) 418-1122", "2024181122", "202,4181122".replace(",", "")):
        assert strangers(f"a {real} b", set()) == {"2024181122"}
    assert strangers("+12025550123 0.2024181122 12024181122345 2024181122", {"2024181122"}) == set()


@pytest.mark.req("REG-075", "TRAP-92")
def test_no_file_holds_a_number_that_could_be_somebodys() -> None:
    known = traced() | ARITHMETIC | EDGES
    found = {str(path): some for path in published() if (some := strangers((ROOT / path).read_text(encoding="utf-8", errors="replace"), known))}
    assert found == {}


@pytest.mark.req("REG-075")
def test_no_list_of_the_registry_is_published() -> None:
    lines = re.compile(r"^[2-9]\d{2},(?!55501)\d{7}\s*$", re.MULTILINE)
    assert [str(path) for path in published() if lines.search((ROOT / path).read_text(encoding="utf-8", errors="replace"))] == []
