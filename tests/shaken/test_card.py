"""The card of a 608: made again byte for byte, read, and refused where it is stale or no card."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shaken.card import FRESH_SECONDS, card, parse
from shaken.errors import ParseError, SigningError
from shaken.passport import MAX_IAT, canonical_json, encode
from shaken.sign import Signer

VECTOR: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "card" / "card.toml").read_text(encoding="utf-8")
)
KEY = ec.derive_private_key(int(VECTOR["key"], 16), ec.SECP256R1())
SIGNER = Signer(KEY, VECTOR["x5u"])
MADE = card(SIGNER, VECTOR["iat"] + 0.9, VECTOR["name"], VECTOR["url"], VECTOR["tel"], VECTOR["email"])


@pytest.mark.req("STI-127")
def test_the_vector_is_made_again_and_another_library_believes_it() -> None:
    head, body, signature = MADE.decode().split(".")
    assert head == encode(VECTOR["header"].encode()).decode() and "=" not in MADE.decode()
    assert body == encode(VECTOR["payload"].encode()).decode()
    assert signature == VECTOR["signature"]
    read = jwt.decode(MADE, KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert read["jcard"][0] == "vcard"


@pytest.mark.req("STI-127", "STI-129")
def test_a_card_is_read_back_and_is_fresh_for_a_minute() -> None:
    found = parse(MADE + b"\n")
    assert [found.ways[way] for way in ("fn", "url", "tel", "email")] == [
        VECTOR[way] for way in ("name", "url", "tel", "email")
    ]
    assert found.x5u == VECTOR["x5u"]
    assert found.fresh(VECTOR["iat"] + FRESH_SECONDS) and found.fresh(VECTOR["iat"] - FRESH_SECONDS)
    assert not found.fresh(VECTOR["iat"] + FRESH_SECONDS + 1) and not found.fresh(VECTOR["iat"] - FRESH_SECONDS - 1)


@pytest.mark.req("STI-127")
def test_a_card_that_names_no_way_to_complain_is_not_made() -> None:
    with pytest.raises(SigningError, match="at least one"):
        card(SIGNER, 1.0, "Example Company")


def token(header: object, claims: object, signature: bytes = bytes(range(64))) -> bytes:
    return b".".join(encode(part) for part in (canonical_json(header), canonical_json(claims), signature))


HEAD = {"alg": "ES256", "typ": "vcard+json", "x5u": VECTOR["x5u"]}


def claims(*properties: object, **more: object) -> dict[str, object]:
    return {"iat": 1, "jcard": ["vcard", [["version", {}, "text", "4.0"], *properties]], **more}


URL = ["url", {}, "uri", "https://redress.example.com"]


@pytest.mark.req("STI-127")
@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "no signed card"),
        (b"a.b", "no signed card"),
        (b"A" * 20_000 + b"..", "no signed card"),
        (token({**HEAD, "alg": "none"}, claims(URL)), "not ES256"),
        (token({**HEAD, "typ": "passport"}, claims(URL)), "not ES256"),
        (token({"alg": "ES256", "typ": "vcard+json"}, claims(URL)), "not ES256"),
        (token(HEAD, claims(URL, iat="1")), "no time"),
        (token(HEAD, claims(URL, iat=True)), "no time"),
        (token(HEAD, {"iat": 1}), "no jCard"),
        (token(HEAD, {"iat": 1, "jcard": ["vcard"]}), "no jCard"),
        (token(HEAD, claims(["url", {}, "uri"])), "four parts"),
        (token(HEAD, claims(["fn", {}, "text", "Nobody"])), "none of"),
        (token(HEAD, claims(URL), b"short"), "64 octets"),
        (token(HEAD, claims(URL, deep=[[[[[[[[[[1]]]]]]]]]])), "nested"),
    ],
)
def test_what_is_no_card_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        parse(octets)


def test_an_address_alone_is_a_way_to_complain() -> None:
    post = ["adr", {}, "text", ["", "", "1 Example Street", "Washington", "DC", "20001", ""]]
    assert parse(token(HEAD, claims(post))).ways["adr"] == "1 Example Street Washington DC 20001"


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(max_size=5), lambda kids: st.lists(kids)).map(json.dumps).map(str.encode))
def test_hostile_octets_raise_a_parse_error_and_nothing_else(octets: bytes) -> None:
    for tried in (octets, encode(canonical_json(HEAD)) + b"." + encode(octets) + b"." + encode(bytes(64))):
        try:
            parse(tried)
        except ParseError:
            pass


def test_one_way_to_complain_suffices() -> None:
    for way, text in (("url", "https://redress.example.com"), ("tel", "+12025550100"), ("email", "redress@example.com")):
        assert parse(card(SIGNER, 1.0, "Example Company", **{way: text})).ways[way] == text


def test_a_time_lies_between_the_first_second_and_the_last() -> None:
    properties = ["vcard", [["url", {}, "uri", "https://redress.example.com"]]]
    for iat, fine in ((0, True), (-1, False), (MAX_IAT - 1, True), (MAX_IAT, False)):
        octets = token(HEAD, {"iat": iat, "jcard": properties})
        if fine:
            assert parse(octets).iat == iat
        else:
            with pytest.raises(ParseError, match="no time"):
                parse(octets)


def test_the_parts_of_a_card_are_its_own() -> None:
    found = parse(MADE)
    assert MADE == found.signing_input + b"." + encode(found.signature)
    # Only an address is a list of its parts.
    with pytest.raises(ParseError, match="none of url"):
        parse(token(HEAD, {"iat": 1, "jcard": ["vcard", [["url", {}, "uri", ["https://redress.example.com"]]]]}))
