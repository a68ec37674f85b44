"""The files of the registry: every form, and what does not fit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.lists import ListError, areacodes
from proxy.lists.areacodes import Batch, Reading, batches, columns, size

LIST = '<?xml version="1.0"?>\n<list type="full">\n<ac val="202">\n<ph val="5550100"/>\n<ph val="5550101"/>\n</ac>\n</list>\n'
CHANGES = (
    '<list type="change"><ac val="202"><ph val="5550100" type="A" dt="2026-11-01"/>'
    '<ph val="5550101" type="D" dt="2026-11-01"/></ac></list>'
)


def read(path: Path, reading: Reading | None = None) -> list[tuple[int, list[int], bool, bool]]:
    found = batches(path, reading or Reading())
    return [(area, list(numbers), removed, change) for area, numbers, removed, change in found]


def written(folder: Path, text: str | bytes, name: str = "list.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.req("REG-070")
@pytest.mark.parametrize(
    "text",
    [
        "202,5550100\n202,5550101\n",
        "202,5550100\r\n202,5550101\r\n",
        "202,5550100\n202,5550101",
        "\ufeff202,5550100\n202,5550101\n",
        "2025550100\n2025550101\n",
        "12025550100\n12025550101\n",
        "+12025550100\n 202-555-0101 \n",
        "202,5550100\n\n202,5550101\n\n",
        "202,5550100\n12025550101\n",
        LIST,
        LIST.replace("5550100", "2025550100"),
    ],
)
def test_each_form_of_a_full_list_says_the_same(text: str, tmp_path: Path) -> None:
    plain, packed = written(tmp_path, text), tmp_path / "list.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("202.txt", text.encode())
    for path in (plain, packed):
        reading = Reading()
        found = read(path, reading)
        assert [(area, number, change) for area, numbers, _, change in found for number in numbers] == [
            (202, 5_550_100, False),
            (202, 5_550_101, False),
        ]
        assert reading.refused == 0
        assert size([path]) == len(text.encode())


@pytest.mark.req("REG-072")
@pytest.mark.parametrize(
    "text", ["202,5550100,2026-11-01,A\n202,5550101,2026-11-01,D\n", "2025550100,a\n2025550101,delete\n", CHANGES]
)
def test_changes_come_in_the_order_of_the_file(text: str, tmp_path: Path) -> None:
    assert read(written(tmp_path, text)) == [(202, [5_550_100], False, True), (202, [5_550_101], True, True)]


@pytest.mark.req("REG-070")
def test_what_is_no_number_is_set_apart_with_its_line(tmp_path: Path) -> None:
    reading = Reading()
    text = "202,5550100\narea,number\n102,5550100\n202,555010\n202,5550101,2026\n202,5550102\n"
    assert read(written(tmp_path, text), reading) == [(202, [5_550_100, 5_550_102], False, False)]
    assert [(one.line, one.text) for one in reading.bad] == [
        (2, "area,number"), (3, "102,5550100"), (4, "202,555010"), (5, "202,5550101,2026"),
    ]  # fmt: skip
    assert (reading.refused, reading.lines) == (4, 6)


def test_only_so_many_bad_lines_are_quoted(tmp_path: Path) -> None:
    reading = Reading()
    read(written(tmp_path, "what\n" * 1000), reading)
    assert (len(reading.bad), reading.refused) == (areacodes.KEPT, 1000)


@pytest.mark.req("REG-071")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LIST[:-10].encode(), "XML is damaged"),
        (b"<!DOCTYPE list [<!ENTITY a 'b'>]><list/>", "document type"),
        (b"PK\x03\x04" + bytes(40), "archive is damaged"),
        (b"2" * 5000, "has no end"),
    ],
)
def test_a_file_that_is_broken_serves_nobody(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ListError, match=said):
        read(written(tmp_path, content))


@pytest.mark.req("REG-071")
def test_a_damaged_archive_serves_nobody(tmp_path: Path) -> None:
    path = tmp_path / "list.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("202.txt", "202,5550100\n" * 1000)
    raw = bytearray(path.read_bytes())
    raw[40] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ListError, match="damaged"):
        read(path)
    with pytest.raises(ListError, match="cannot be read"):
        read(tmp_path / "none.txt")


@given(
    st.lists(st.integers(0, 9_999_999), min_size=1, max_size=50), st.integers(200, 999),
    st.sampled_from(["", "1"]), st.sampled_from(["", ","]), st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_columns_find_what_lines_hold(numbers: list[int], area: int, one: str, comma: str, end: str) -> None:
    text = "".join(f"{one}{area}{comma}{number:07}{end}" for number in numbers).encode()
    found = columns(text)
    assert found is not None
    assert (found[0].area, list(found[0].numbers), found[1]) == (area, numbers, len(numbers))


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_columns_take_nothing_that_a_look_at_each_line_would_not(other: bytes, at: int, octet: int) -> None:
    whole = bytearray(b"202,5550100\n202,5550101\n" * 5)
    whole[at % len(whole)] = octet
    for text in (bytes(whole), other):
        found = columns(text)
        if found is not None:
            reading = Reading()
            by_line = list(areacodes._lines(text, 0, reading))
            assert [Batch(one.area, list(one.numbers)) for one in by_line] == [
                Batch(found[0].area, list(found[0].numbers))
            ]
            assert not reading.refused


@given(st.binary(max_size=300))
def test_any_bytes_are_numbers_or_an_error_of_ours(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), text)
    try:
        for area, numbers, _, _ in read(path):
            assert 200 <= area <= 999
            assert all(0 <= number <= 9_999_999 for number in numbers)
    except ListError as error:
        assert str(error)
