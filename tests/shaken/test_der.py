"""DER: lengths in their shortest form, elements that end where they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken.der import IA5, SEQUENCE, Reader, alone, ascii_text, element
from shaken.errors import ParseError


@pytest.mark.req("STI-079")
@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"\x16\x00", 0), (b"\x16\x7f", 127), (b"\x16\x81\x80", 128), (b"\x16\x81\xff", 255), (b"\x16\x82\x01\x00", 256),
        (b"\x16\x82\xff\xff", 65_535), (b"\x16\x83\x01\x00\x00", 65_536),
        (b"\x16\x81\x7f", None), (b"\x16\x81\x00", None), (b"\x16\x82\x00\x80", None), (b"\x16\x82\x00\xff", None), (b"\x16\x83\x00\x01\x00", None),
        (b"\x16\x84\x00\x01\x00\x00", None), (b"\x16\x84\x01\x00\x00\x00", None), (b"\x16\x80", None),
        (b"\x30\x00", None),
    ],
)  # fmt: skip
def test_a_length_has_one_spelling(head: bytes, size: int | None) -> None:
    data = head + bytes(size if size is not None else 300)
    if size is None:
        with pytest.raises(ParseError):
            Reader(data).take(IA5)
    else:
        reader = Reader(data)
        assert reader.take(SEQUENCE, IA5) == (IA5, bytes(size)) and reader.done
        assert element(IA5, bytes(size)) == data and alone(data, IA5) == bytes(size)
        with pytest.raises(ParseError):
            alone(data + b"\0", IA5)
        if size:
            with pytest.raises(ParseError, match="cut off"):
                Reader(data[:-1]).take(IA5)


@pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x82\x01", b"\x16\x01"])
def test_what_is_cut_off_is_nothing(data: bytes) -> None:
    with pytest.raises(ParseError):
        Reader(data).take(IA5)


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_elements_follow_each_other(values: list[bytes]) -> None:
    reader = Reader(b"".join(element(IA5, value) for value in values))
    assert [reader.take(IA5)[1] for _ in values] == values and reader.done


def test_an_ia5string_is_ascii() -> None:
    assert ascii_text(b"709J") == "709J"
    with pytest.raises(ParseError):
        ascii_text(b"\xe9")
