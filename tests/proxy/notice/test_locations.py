"""Where a line is: numbers before networks, narrow networks before wide ones, and no slip that takes the table down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.files import FileError
from proxy.notice.locations import SHOWN, Place, load, parse

TABLE = """\
match,location,callback
# the hotel
+1 202 555 0177,"Floor 3, room 3127"
2177,"Floor 3, room 3128",+12025550100
192.0.2.0/24,Main building
192.0.2.128/25,"Main building, east wing"
192.0.2.200,Loading dock
2001:db8:7::/48,Annex
"""


@pytest.mark.parametrize(
    ("lines", "addresses", "place"),
    [
        (["12025550177"], ["192.0.2.200"], Place("Floor 3, room 3127", "number")),
        (["2177"], [], Place("Floor 3, room 3128", "number", "+12025550100")),
        (["12025550199", "2177"], [], Place("Floor 3, room 3128", "number", "+12025550100")),
        (["12025550199"], ["192.0.2.200"], Place("Loading dock", "subnet")),
        ([], ["192.0.2.201"], Place("Main building, east wing", "subnet")),
        ([], ["192.0.2.20"], Place("Main building", "subnet")),
        ([], ["::ffff:192.0.2.20"], Place("Main building", "subnet")),
        ([], ["[2001:db8:7::5]"], Place("Annex", "subnet")),
        ([], ["pbx.example.com", "198.51.100.1", "192.0.2.20"], Place("Main building", "subnet")),
        (["12025550199"], ["198.51.100.1"], None),
        ([], [], None),
    ],
)
def test_a_line_is_found_by_number_then_by_the_narrowest_network(
    lines: list[str], addresses: list[str], place: Place | None
) -> None:
    table = parse(TABLE)
    assert len(table) == 6
    assert table.remarks == ()
    assert table.find(lines, addresses) == place


def test_a_line_that_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "locations.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TABLE.encode() + b"2178\n192.0.2.1/24,Bits\nroom 7,Nowhere\n2179,Here,12\n\n")
    table = load(path)
    assert len(table) == 6
    assert [remark.partition(": line ")[2] for remark in table.remarks] == [
        "9 is left out: it has no location",
        "10 is left out: '192.0.2.1/24' is no number, address or network",
        "11 is left out: 'room 7' is no number, address or network",
        "12 is left out: '12' is no number to call back",
    ]
    assert len(parse("2178\n" * 50).remarks) == SHOWN + 1
    with pytest.raises(FileError):
        load(tmp_path / "absent.csv")


@given(st.text())
def test_any_text_is_a_table(text: str) -> None:
    table = parse(text)
    assert table.find(["12025550177"], ["192.0.2.1"]) is None or len(table)
