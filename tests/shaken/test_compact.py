"""The compact form: what the request says, put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import compact
from shaken.errors import ParseError
from shaken.passport import canonical_json, encode

SIGNATURE = encode(bytes(range(64)))
URL = "https://a.example/b"
UTC = 1_767_225_600


def read(token: bytes = b".." + SIGNATURE, info: str = URL, orig: str | None = "1", orig_uri: str | None = None, callees: tuple[str, ...] = ("2",), uris: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    return compact.readings(token, info, orig, orig_uri, callees, uris, UTC)


@pytest.mark.req("STI-067")
def test_header_and_claims_are_canonical() -> None:
    (one,) = read()
    head = {"alg": "ES256", "typ": "passport", "x5u": URL}
    claims = {"dest": {"tn": ["2"]}, "iat": UTC, "orig": {"tn": "1"}}
    assert one.signing_input == encode(canonical_json(head)) + b"." + encode(canonical_json(claims))
    assert one.ppt is None and one.signature == bytes(range(64))


@pytest.mark.req("STI-067")
def test_each_callee_that_may_be_meant_is_a_reading() -> None:
    found = read(callees=("2", "3", "2"), uris=("sip:b@x", "sip:a@x"))
    assert [(one.dest_tns, one.dest_uris) for one in found] == [
        (("2",), ()), (("3",), ()), (("2",), ("sip:a@x", "sip:b@x")), (("3",), ("sip:a@x", "sip:b@x")),
    ]  # fmt: skip
    assert [one.orig_uri for one in read(orig=None, orig_uri="sip:a@x", callees=(), uris=("sip:b@x",))] == ["sip:a@x"]


@pytest.mark.req("STI-019")
@pytest.mark.parametrize(
    ("more", "slug"),
    [
        ({"token": SIGNATURE}, "identity-compact"),
        ({"token": b"..a." + SIGNATURE}, "identity-compact"),
        ({"token": b".."}, "identity-syntax"),
        ({"orig": None}, "identity-compact"),
        ({"orig_uri": "sip:a@x"}, "identity-compact"),
        ({"callees": ()}, "identity-claims"),
        ({"info": "ht\udcb1tps://a.example/b"}, "identity-bad-url"),
        ({"orig": None, "orig_uri": "sip:\udcb1@x"}, "identity-bad-url"),
        ({"uris": ("sip:\udcb1@x",)}, "identity-bad-url"),
    ],
)
def test_a_request_that_says_too_little_or_nonsense_has_no_reading(more: dict[str, object], slug: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(**more)
    assert caught.value.slug == slug


@given(st.binary(max_size=100), st.text(max_size=8), st.text(max_size=8))
def test_anything_is_read_or_refused(token: bytes, info: str, uri: str) -> None:
    try:
        read(b".." + token, info, None, uri, ("2",), (uri,))
    except ParseError:
        pass


def test_a_token_with_a_third_dot_or_with_more_parts_is_none() -> None:
    for one in (b"..." + SIGNATURE, b".." + SIGNATURE + b".", b"..a." + SIGNATURE):
        with pytest.raises(ParseError):
            read(one)


def test_a_third_dot_makes_another_token() -> None:
    with pytest.raises(ParseError) as caught:
        read(b"..." + SIGNATURE)
    assert caught.value.slug == "identity-compact"
