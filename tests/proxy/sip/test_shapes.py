"""The shape of a message: what is written as nearly all write it is found by its place, anything else has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.shapes import MAX_ROWS, Shapes

LINES = (b"Via: SIP/2.0/UDP 192.0.2.1", b"Via: SIP/2.0/UDP 192.0.2.2", b"CSeq: 1 BYE", b"X-More:none", b"Content-Length: 0")


def head(*lines: bytes) -> bytes:
    return b"".join(b"\r\n" + line for line in lines)


def test_lines_are_found_by_their_places_again_and_again() -> None:
    shapes = Shapes(b"CSeq", b"Content-Length")
    for number in (b"1", b"2"):
        made = shapes.rows(head(*LINES[:2], b"CSeq: %b BYE" % number, *LINES[3:]))
        assert made is not None
        rows, shape = made
        assert shape.pick(rows) == (b"CSeq: %b BYE" % number, b"Content-Length: 0")
        assert dict(shape.places) == {b"via": [1, 2], b"cseq": [3], b"x-more": [4], b"content-length": [5]}
        assert rows == [b"", *LINES[:2], b"CSeq: %b BYE" % number, *LINES[3:]]


def test_another_order_of_as_many_lines_is_another_shape() -> None:
    shapes = Shapes(b"CSeq", b"Content-Length")
    for lines in (LINES, LINES[::-1], LINES):
        made = shapes.rows(head(*lines))
        assert made is not None and made[1].pick(made[0]) == (b"CSeq: 1 BYE", b"Content-Length: 0")


@pytest.mark.parametrize(
    "line",
    [
        b"l: 0", b" folded", b"\tfolded", b"no colon", b"", b"Bad : 1", b": 1", b"X: a\rb", b"Xx: a\nb", b"CSeq: 2 BYE", b"content-length: 0",
        b"X" * 65 + b": 1",
    ],
)  # fmt: skip
def test_what_is_written_otherwise_has_no_shape(line: bytes) -> None:
    shapes = Shapes(b"CSeq", b"Content-Length")
    for known in (False, True):
        assert shapes.rows(head(*LINES[:3], line, LINES[4])) is None
        if not known:
            assert shapes.rows(head(*LINES)) is not None  # of as many lines


@pytest.mark.parametrize("lines", [(), LINES[:1], LINES[:2], (b"CSeq:1 BYE", b"Content-Length: 0"), (*LINES, *[b"X-More: 1"] * MAX_ROWS)])
def test_too_few_lines_too_many_and_a_wanted_one_without_its_blank_have_none(lines: tuple[bytes, ...]) -> None:
    assert Shapes(b"CSeq", b"Content-Length").rows(head(*lines)) is None


@given(st.lists(st.sampled_from([*LINES, b"\r", b"\n", b"", b" x", b"a: b", b"Cseq: 1"]), max_size=8), st.binary(max_size=9))
def test_what_has_a_shape_is_its_rows_joined_and_each_of_them_a_header_line(lines: list[bytes], more: bytes) -> None:
    octets = head(*lines) + more
    shapes = Shapes(b"CSeq", b"Content-Length")
    shapes.rows(head(*LINES))
    if (made := shapes.rows(octets)) is not None:
        rows, shape = made
        assert b"\r\n".join(rows) == octets and rows[0] == b""
        assert all(row[: row.index(b":")].lower() in shape.places for row in rows[1:])
