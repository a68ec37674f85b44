"""The signed card of a 608."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shaken import jwscard
from shaken.errors import ParseError, SigningError
from shaken.passport import canonical_json, encode
from shaken.sign import sign_octets

KEY = ec.derive_private_key(7, ec.SECP256R1())
URL = "https://cr.example.net/a.pem"
CARD: list[Any] = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Redress"], ["tel", {}, "uri", "tel:+12025550100"]]]
NOW = 1_767_225_600


@pytest.mark.req("STI-127")
def test_a_card_is_made_as_it_is_read() -> None:
    made = jwscard.make(KEY, URL, CARD, NOW)
    assert b"=" not in made and made.split(b".")[0] == encode(b'{"alg":"ES256","typ":"vcard+json","x5u":"' + URL.encode() + b'"}')
    found = jwscard.read(made, NOW + 1.0)
    assert (found.jcard, found.iat, found.x5u) == (CARD, NOW, URL)
    assert found.signature == sign_octets(KEY, found.signing_input)
    assert jwscard.call_info("https://a.example/card") == b"Call-Info: <https://a.example/card>;purpose=jwscard"


@pytest.mark.req("STI-129")
@pytest.mark.parametrize(("age", "fine"), [(0, True), (60, True), (61, False), (-61, False)])
def test_a_stale_card_is_none(age: int, fine: bool) -> None:
    made = jwscard.make(KEY, URL, CARD, NOW - age)
    if fine:
        assert jwscard.read(made, NOW)
    else:
        with pytest.raises(ParseError):
            jwscard.read(made, NOW)


@pytest.mark.req("STI-127")
@pytest.mark.parametrize("jcard", [[], ["vcard"], ["vcard", []], ["vcard", [["fn", {}, "text", "X"]]], ["vcard", {}], ["vcard", [["tel"]]]])
def test_a_card_says_how_to_reach_somebody(jcard: list[Any]) -> None:
    with pytest.raises(SigningError):
        jwscard.make(KEY, URL, jcard, NOW)
    claims = encode(canonical_json({"iat": NOW, "jcard": jcard}))
    head = jwscard.make(KEY, URL, CARD, NOW).split(b".")[0]
    with pytest.raises(ParseError):
        jwscard.read(b".".join((head, claims, encode(bytes(64)))), NOW)


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example/>;x", "https://a.example/ b", "https://\u00e9.example/"])
def test_a_card_lies_at_an_https_url(url: str) -> None:
    with pytest.raises(SigningError):
        jwscard.call_info(url)


@pytest.mark.req("STI-127")
@pytest.mark.parametrize(
    "header", [{"typ": "passport"}, {"alg": "none"}, {"x5u": 7}, {"crit": ["x"]}]
)
def test_another_kind_of_token_is_no_card(header: dict[str, Any]) -> None:
    head = encode(canonical_json({"alg": "ES256", "typ": "vcard+json", "x5u": URL} | header))
    with pytest.raises(ParseError):
        jwscard.read(b".".join((head, *jwscard.make(KEY, URL, CARD, NOW).split(b".")[1:])), NOW)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    for token in (data, b".".join((jwscard.make(KEY, URL, CARD, NOW).split(b".")[0], data, data))):
        with pytest.raises(ParseError):
            jwscard.read(token, NOW)
