"""name-addr and addr-spec, with whose parameters are whose (RFC 3261 section 20.10)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.address import parse, shape, shape_of_line, tag_of
from proxy.sip.errors import ParseError


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        (b"<sip:a@b>", "", b"sip:a@b", {}),
        (b"sip:a@b;tag=1", "", b"sip:a@b", {"tag": "1"}),
        (b"<sip:a@b;lr>;tag=1", "", b"sip:a@b;lr", {"tag": "1"}),
        (b'"A. G. Bell" <sip:a@b>;tag=1;x', "A. G. Bell", b"sip:a@b", {"tag": "1", "x": None}),
        (rb'"say \"hi\", <you>; @" <sip:a@b>', 'say "hi", <you>; @', b"sip:a@b", {}),
        (b"Mr Watson  <sip:a@b>", "Mr Watson", b"sip:a@b", {}),
        (b"caller<sip:a@b>", "caller", b"sip:a@b", {}),
        ("Жанна <sip:a@b>".encode(), "Жанна", b"sip:a@b", {}),
        (b'"\xff" <sip:a@b>', "\udcff", b"sip:a@b", {}),
        (b'"" <tel:+12025550123>', "", b"tel:+12025550123", {}),
        (b"<sip:a@b> ; TAG = x ; p = \"a;tag=2\"", "", b"sip:a@b", {"tag": "x", "p": "a;tag=2"}),
        (b"<sip:a@b?Route=%3Csip:c%3E>", "", b"sip:a@b?Route=%3Csip:c%3E", {}),
        (b"<sip:a,b@c>;q=0.5", "", b"sip:a,b@c", {"q": "0.5"}),
    ],
)
def test_an_address_has_a_name_a_uri_and_the_parameters_of_its_header(
    value: bytes, display: str, uri: bytes, params: dict[str, str | None]
) -> None:
    address = parse(value)
    assert (address.display, address.uri.raw, dict(address.params), address.raw) == (display, uri, params, value)
    # The way over the received line comes to the same.
    assert tag_of(shape_of_line(b"From: " + value)[2]) == params.get("tag") == address.tag


@pytest.mark.req("T-19", "T-26", "T-27", "T-28")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"<>", b"<sip:a@b", b"sip:a@b>", b'"a <sip:a@b>', b"Bell, A <sip:a@b>", b"< sip:a@b >", b"sip:a@b?x=y",
        b"sip:a,b@c", b"<sip:a@b>;", b"<sip:a@b>;;x", b"<sip:a@b>;=x", b"<sip:a@b>x", b"<sip:a@b>, <sip:c@d>",
        b'"a" "b" <sip:a@b>', b"a@b <sip:a@b>", b"<sip:a@b>;x=\"y",
    ],
)  # fmt: skip
def test_what_two_readers_could_read_in_two_ways_is_refused(value: bytes) -> None:
    for read in (lambda: shape(value), lambda: shape_of_line(b"To: " + value), lambda: parse(value)):
        with pytest.raises(ParseError):
            read()


def test_a_malformed_uri_is_found_when_the_uri_is_asked_for() -> None:
    assert shape(b"<sip:a@b@c>")[1] == b"sip:a@b@c"
    with pytest.raises(ParseError):
        parse(b"<sip:a@b@c>")


PIECES = st.sampled_from(['"', "\\", "<", ">", "sip:a@b", ";", "tag=", "x", ",", " ", "=", "\t", "\r\n ", "\0", "é"])


@given(st.binary(max_size=80) | st.lists(PIECES, max_size=12).map(lambda all: "".join(all).encode()))
def test_any_bytes_are_an_address_or_a_parse_error(value: bytes) -> None:
    with contextlib.suppress(ParseError):
        parse(value)
    with contextlib.suppress(ParseError):
        tag_of(shape_of_line(b"From:" + value)[2])


def test_a_long_line_of_quotes_and_brackets_takes_no_time() -> None:
    for part in (b'"', b"<", b'"\\"', b";a=", b" ", b'";"', b"<>", b"a "):
        value = part * (40_000 // len(part))
        with contextlib.suppress(ParseError):
            parse(value)
        with contextlib.suppress(ParseError):
            shape_of_line(b"From: " + value)
