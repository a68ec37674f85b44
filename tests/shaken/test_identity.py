"""The Identity header: its parameters, the old kind, and several values in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import identity
from shaken.errors import ParseError
from tests.linear import linear

ONE = b"eyJh.eyJi.c2ln;info=<https://a.example/b,eyJ;c>;ppt=shaken"
TWO = b'eyJx.eyJy.c2ln;info=<https://a.example/d>;ppt="div"'
COMPACT = b"..c2ln;info=<https://a.example/e>"


@pytest.mark.req("TRAP-23", "TRAP-22")
@pytest.mark.parametrize(
    ("value", "values"),
    [
        (ONE, [ONE]),
        (b"", [b""]),
        (b"," + ONE, [b"", ONE]),
        (b"x," + ONE + b";z=,", [b"x", ONE + b";z=,"]),
        (ONE + b"," + TWO, [ONE, TWO]),
        (ONE + b" ,\t" + TWO + b", " + COMPACT, [ONE, TWO, COMPACT]),
        (ONE + b";note=a,b", [ONE + b";note=a,b"]),
        (ONE + b';note="x,eyJ"', [ONE + b';note="x,eyJ"']),
        (ONE + b';note="x,eyJ', [ONE + b';note="x', b"eyJ"]),
    ],
)
def test_values_that_were_joined_with_commas_come_apart(value: bytes, values: list[bytes]) -> None:
    assert identity.split(value) == values


@given(st.lists(st.sampled_from([ONE, TWO, COMPACT, b'"', b"<", b">", b",", b"eyJ", b"\\", b"a"]), max_size=12))
def test_splitting_loses_nothing(pieces: list[bytes]) -> None:
    value = b"".join(pieces)
    parts = identity.split(value)
    assert b"".join(parts).replace(b",", b"") == value.replace(b",", b"")


def test_splitting_hostile_octets_is_not_quadratic() -> None:
    for hostile in (b'"\\' * 8000, b"<" * 16000, b'<"' * 8000, b"," * 16000):
        identity.split(hostile + b",eyJ")


@pytest.mark.req("TRAP-63")
@pytest.mark.parametrize(("before", "after"), [(b"eyJ.a.b;info=", b"{"), (b"eyJ.a.b;info", b"{"), (b"eyJ.a.b;", b"{"), (b"", b"{"), (b"eyJ.a.b", b"{")])
def test_blanks_cost_what_they_are_and_not_their_square(before: bytes, after: bytes) -> None:
    def parses(size: int) -> None:
        with pytest.raises(ParseError):
            identity.parse(before + b" \t" * (size // 2) + after)

    assert linear(parses)


@pytest.mark.req("TRAP-28")
@pytest.mark.parametrize("value", [b'"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJfzB2a1pxAr3VgrB0SsSAa"', b' "QQ==" ', b'""'])
def test_a_header_of_rfc_4474_is_known_as_such(value: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        identity.parse(value)
    assert caught.value.slug == "identity-legacy"


@pytest.mark.req("STI-018", "STI-021", "STI-022", "TRAP-21")
@pytest.mark.parametrize("value", [b'{"payload":"x"};info=<https://a.example/b>', b'"QQ";info=<https://a.example/b>', b"a b;info=<c>"])
def test_what_is_no_token_is_no_identity(value: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        identity.parse(value)
    assert caught.value.slug == "identity-syntax"


@pytest.mark.req("STI-023", "STI-027", "STI-028", "TRAP-20", "TRAP-27")
@pytest.mark.parametrize("tail", [b";ppt=shaken", b";ppt=\"shaken\"", b" ; PPT = shaken ;foo;bar=1"])
def test_parameters_may_be_quoted_spaced_and_unknown(tail: bytes) -> None:
    found = identity.parse(b"eyJh.eyJi.c2ln;info=<https://a.example/b>" + tail)
    assert (found.ppt, found.info, found.alg) == ("shaken", "https://a.example/b", None)
