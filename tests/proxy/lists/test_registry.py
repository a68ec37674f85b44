"""The bitmap of the registry: built from its files, mapped, and asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.dnc import BLOCKS_AT, Bitmap
from proxy.lists import ListError
from proxy.lists.areacodes import Reading
from proxy.lists.registry import Built, build, mapped

DAY = 20_000


def made(folder: Path, *files: tuple[str, int], base: Bitmap | None = None, name: str = "one.dnc") -> tuple[Bitmap, Built]:
    paths = []
    for at, (text, day) in enumerate(files):
        (path := folder / f"{name}.{at}.txt").write_text(text)
        paths.append((path, day))
    built = build(paths, folder / name, base, Reading())
    return mapped(folder / name), built


@pytest.mark.req("REG-073", "REG-074")
def test_a_list_is_built_and_asked(tmp_path: Path) -> None:
    found, built = made(tmp_path, ("202,5550100\n202,5550199\n202,0000000\n", DAY), ("12125550147\n", DAY + 1))
    assert (built.numbers, built.areas, built.blocks, len(found)) == (4, 2, 4, 4)
    assert all(found.listed(tn) for tn in ("12025550100", "12025550199", "12020000000", "12125550147"))
    assert not any(found.listed(tn) for tn in ("12025550101", "12125550100", "13125550100", "12026660100"))
    assert (found.covers("12025550101"), found.covers("13125550100")) == (True, False)
    assert (found.day("12025550100"), found.day("12125550100")) == (DAY, DAY + 1)


@pytest.mark.parametrize(
    "other",
    ["", "911", "2025550100", "2025550147", "+12025550100", "442079460000", "22025550100", "72025550100", "1202555010",
     "120255501000", "anonymous", "1202555010x", "-2025550100", "0" * 40, "9" * 40],
)  # fmt: skip
def test_what_is_no_number_of_the_plan_is_on_no_list(other: str, tmp_path: Path) -> None:
    found, _ = made(tmp_path, ("202,5550100\n", DAY))
    if other not in ("+12025550100",):  # one with its plus is the same number
        assert not found.listed(other)
    assert not found.covers(other)


@pytest.mark.req("REG-071")
def test_a_full_list_replaces_its_areas_and_no_others(tmp_path: Path) -> None:
    before, _ = made(tmp_path, ("202,5550100\n212,5550100\n212,5550101\n", DAY))
    found, built = made(tmp_path, ("202,5550177\n", DAY + 5), base=before, name="two.dnc")
    assert built.numbers == 3
    assert [tn for tn in ("12025550100", "12025550177", "12125550100", "12125550101") if found.listed(tn)] == [
        "12025550177", "12125550100", "12125550101",
    ]  # fmt: skip
    assert (found.day("12025550100"), found.day("12125550100")) == (DAY + 5, DAY)


@pytest.mark.req("REG-072")
def test_changes_are_applied_in_order_and_absent_ones_are_no_errors(tmp_path: Path) -> None:
    before, _ = made(tmp_path, ("202,5550100\n202,5550101\n", DAY))
    changes = "202,5550102,A\n202,5550101,D\n202,5550199,D\n202,5550100,A\n202,5550102,D\n202,5550103,A\n202,5550101,A\n"
    found, built = made(tmp_path, (changes, DAY + 1), base=before, name="two.dnc")
    assert built.refused == 0
    assert [line for line in range(100, 200) if found.listed(f"1202555{line:04}")] == [100, 101, 103]
    assert found.day("12025550100") == DAY + 1


@pytest.mark.req("REG-072")
@pytest.mark.parametrize(("area", "day", "why"), [(202, DAY - 1, "newer"), (212, DAY, "no full list")])
def test_a_change_list_that_does_not_fit_the_base_is_refused(area: int, day: int, why: str, tmp_path: Path) -> None:
    before, _ = made(tmp_path, ("202,5550100\n", DAY))
    path = tmp_path / "changes.txt"
    path.write_text(f"{area},5550101,A\n{area},5550102,A\n")
    reading = Reading()
    build([(path, day)], tmp_path / "two.dnc", before, reading)
    assert [why in one.why for one in reading.bad] == [True]
    assert not mapped(tmp_path / "two.dnc").listed(f"1{area}5550101")


def test_areas_may_come_in_any_order_and_leave_no_holes(tmp_path: Path) -> None:
    mixed = "".join(f"{202 + at % 3},{300 + at % 5}01{at:02}\n" for at in range(60))
    found, built = made(tmp_path, (mixed, DAY))
    assert built.numbers == 60
    assert all(found.listed(f"1{202 + at % 3}{300 + at % 5}01{at:02}") for at in range(60))
    fewer, built = made(
        tmp_path, ("".join(f"202,{300 + at % 5}01{at:02},D\n" for at in range(0, 60, 3)), DAY), base=found, name="two.dnc"
    )
    assert (built.numbers, built.blocks) == (40, 11)
    assert (tmp_path / "two.dnc").stat().st_size == BLOCKS_AT + 11 * 1250
    assert not any(fewer.listed(f"1202{300 + at % 5}01{at:02}") for at in range(60))
    assert all(fewer.listed(f"1{202 + at % 3}{300 + at % 5}01{at:02}") for at in range(60) if at % 3)


@pytest.mark.req("REG-072")
@settings(max_examples=8, deadline=None)
@given(
    st.sets(st.integers(0, 99), max_size=20), st.sets(st.integers(0, 99), max_size=20), st.permutations(range(4))
)
def test_base_and_changes_are_the_next_full_list(
    tmp_path_factory: pytest.TempPathFactory, old: set[int], new: set[int], order: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("dnc")
    written = ["202,6660100\n", *(f"202,55501{line:02}\n" for line in sorted(old))]
    before, _ = made(folder, ("".join(written), DAY))
    changes = [f"202,55501{line:02},D\n" for line in old - new] + [f"202,55501{line:02},A\n" for line in new - old]
    after, _ = made(folder, ("".join(changes) or "202,6660100,A\n", DAY + 1), base=before, name="two.dnc")
    assert {line for line in range(100) if after.listed(f"120255501{line:02}")} == new


@pytest.mark.req("REG-071")
def test_a_damaged_file_is_not_mapped(tmp_path: Path) -> None:
    made(tmp_path, ("202,5550100\n", DAY))
    whole = (tmp_path / "one.dnc").read_bytes()
    for damage, said in (
        (b"", "cannot be mapped"),
        (whole[:1000], "too short"),
        (whole[:-1], "should be"),
        (b"\0" * 4 + whole[4:], "no do-not-call bitmap"),
        (whole[:5000] + b"\xff" + whole[5001:], "index is damaged"),
    ):
        (path := tmp_path / "bad.dnc").write_bytes(damage)
        with pytest.raises(ListError, match=said):
            mapped(path)
    with pytest.raises(ListError, match="cannot be mapped"):
        mapped(tmp_path / "none.dnc")
