"""Rich call data: which digests bind what, and what is told of a proved token."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import rcd
from shaken.digest import digest, matches, well_formed
from shaken.passport import Passport, canonical_json

# A card of the form of RFC 7095, with two URLs in it; its digest was worked out apart from our code.
CARD = [
    "vcard",
    [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", "Q Branch"],
        ["org", {}, "text", "MI6;Q Branch Spy Gadgets"],
        ["photo", {}, "uri", "https://example.com/photos/q-256x256.png"],
        ["logo", {}, "uri", "https://example.com/logos/mi6-256x256.jpg"],
        ["logo", {}, "uri", "https://example.com/logos/mi6-64x64.jpg"],
    ],
]
CARD_DIGEST = "sha256-qCn4pEH6BJu7zXndLFuAP6DwlTv5fRmJ1AFkqftwnCs"
PICTURE = digest(b"the octets of a picture")
LINKS = {"/jcd/1/3/3": PICTURE, "/jcd/1/4/3": PICTURE, "/jcd/1/5/3": PICTURE}


def token(ppt: str = "rcd", **claims: Any) -> Passport:
    return Passport({}, b"", b"", "ES256", "passport", ppt, None, 0, "1", None, ("2",), (), None, None, (), claims)


@pytest.mark.req("STI-105", "STI-106", "TRAP-17")
@pytest.mark.parametrize(
    ("data", "rcdi", "slug"),
    [
        ({"nam": "X"}, None, None),
        ({"nam": "X"}, {"/nam": digest(b'"X"')}, None),
        ({"nam": "X"}, {"/nam": digest(b'"X"', "sha384")}, None),
        ({"nam": "X"}, {"/nam": digest(b'"X"', "sha512")}, None),
        ({"nam": "X"}, {"/nam": digest(b"X")}, "identity-rcdi-mismatch"),  # the quotes belong to it
        ({"nam": "Caf\u00e9"}, {"/nam": digest('"Caf\u00e9"'.encode())}, None),
        ({"nam": "Cafe\u0301"}, {"/nam": digest('"Caf\u00e9"'.encode())}, "identity-rcdi-mismatch"),  # as it was sent
        ({"nam": "X", "apn": "12025550123"}, {"/nam": digest(b'"X"'), "/apn": digest(b'"12025550123"')}, None),
        ({"jcd": CARD}, {"/jcd": CARD_DIGEST, **LINKS}, None),
        ({"jcd": CARD}, {"/jcd": digest(b"[]"), **LINKS}, "identity-rcdi-mismatch"),
        ({"jcd": CARD}, {"/jcd": CARD_DIGEST, "/jcd/1/3/3": PICTURE}, "identity-rcdi-mismatch"),  # a logo is left free
        ({"jcd": CARD}, LINKS, "identity-rcdi-mismatch"),
        ({"jcd": CARD}, {"/jcd": CARD_DIGEST, **LINKS, "/jcd/1/9/3": PICTURE}, "identity-rcdi-mismatch"),
        ({"nam": "X", "icn": "https://a.example/i.png"}, {"/icn": PICTURE}, None),
        ({"nam": "X", "icn": "https://a.example/i.png"}, {"/nam": digest(b'"X"')}, "identity-rcdi-mismatch"),
        ({"nam": "X"}, {"/icn": PICTURE}, "identity-rcdi-mismatch"),
        ({"nam": "X", "jcl": "https://a.example/c.json"}, {"/jcl": PICTURE, "/jcl/1/2/3": PICTURE}, None),
        ({"nam": "X"}, {"nam": digest(b'"X"')}, "identity-rcdi-mismatch"),
        ({"nam": "X"}, {}, "identity-claims"),
        ({"nam": "X"}, {"/nam": "md5-AAAA"}, "identity-claims"),
        ({"nam": "X"}, {"/nam": "SHA256-" + digest(b'"X"')[7:]}, "identity-claims"),
        ({"nam": "X"}, {"/nam": "sha-256-" + digest(b'"X"')[7:]}, "identity-claims"),
        ({"nam": "X"}, {"/nam": 7}, "identity-claims"),
        ({"nam": "X"}, [], "identity-claims"),
    ],
)  # fmt: skip
def test_a_digest_binds_what_it_points_at(data: Any, rcdi: Any, slug: str | None) -> None:
    found = rcd.fault(token(rcd=data) if rcdi is None else token(rcd=data, rcdi=rcdi))
    assert (found[0] if found is not None else None) == slug


@pytest.mark.req("STI-104")
@pytest.mark.parametrize(
    "claims",
    [
        {}, {"rcd": []}, {"rcd": "X"}, {"rcd": {"nam": 7}}, {"rcd": {"icn": None}}, {"rcd": {"jcd": {}}}, {"crn": 7, "rcd": {"nam": "X"}},
        {"rcd": {"nam": "X", "jcd": CARD, "jcl": "https://a.example/"}},
    ],
)  # fmt: skip
def test_data_of_another_form_is_none(claims: dict[str, Any]) -> None:
    found = rcd.fault(token(**claims))
    assert found is not None and found[0] == "identity-claims"


def test_a_shaken_token_without_rich_data_is_without_fault() -> None:
    assert rcd.fault(token("shaken")) is None and not rcd.present(token("shaken"))
    assert rcd.fault(token("shaken", rcdi={"/nam": PICTURE})) is not None


@pytest.mark.req("STI-106", "STI-108")
def test_what_lies_behind_a_url_is_only_noted() -> None:
    found = rcd.card(token(rcd={"nam": "X", "icn": "https://a.example/i.png", "jcd": CARD}, rcdi={"/icn": PICTURE, "/jcd": CARD_DIGEST, **LINKS}), "")
    assert found.name == "X" and found.icon == "https://a.example/i.png" and found.jcard == CARD and found.agrees is None
    assert found.remote == (
        rcd.Remote("https://a.example/i.png", PICTURE),
        *(rcd.Remote(CARD[1][at][3], PICTURE) for at in (3, 4, 5)),  # type: ignore[index,arg-type]
    )
    assert rcd.card(token(rcd={"nam": "X", "icn": "https://a.example/i.png"}), "X").remote == (rcd.Remote("https://a.example/i.png", None),)


@pytest.mark.req("STI-107")
@pytest.mark.parametrize(("shown", "agrees"), [("X", True), (" X ", True), ("Y", False), ("", None)])
def test_the_name_is_compared_with_the_one_that_is_shown(shown: str, agrees: bool | None) -> None:
    assert rcd.card(token(rcd={"nam": "X"}), shown).agrees == agrees


@pytest.mark.req("STI-105", "TRAP-17")
@given(st.binary(max_size=40), st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_digest_is_standard_base64_without_padding(octets: bytes, kind: str) -> None:
    raw = getattr(hashlib, kind)(octets).digest()
    text = f"{kind}-{b64encode(raw).decode()}"
    assert digest(octets, kind) == text.rstrip("=") and well_formed(text)
    assert matches(text, octets) and matches(text.rstrip("="), octets) and not matches(text, octets + b"x")
    other = f"{kind}-{urlsafe_b64encode(raw).decode()}"
    assert matches(other, octets) == (other == text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["nam", "icn", "jcd", "uri", "/", "~"]), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON, JSON, st.text(max_size=10))
def test_whatever_a_token_says_is_judged_without_an_exception(data: Any, rcdi: Any, crn: Any, pointer: str) -> None:
    one = token(rcd=data, rcdi=rcdi, crn=crn)
    if rcd.fault(one) is None:
        rcd.card(one, "X")
    rcd.resolved(data, pointer)
    rcd.links(data)
    if isinstance(data, dict):
        assert rcd.octets(data) == canonical_json(data)


@pytest.mark.parametrize(("claims", "there"), [({"rcd": {"nam": "X"}}, True), ({"crn": "Delivery"}, True), ({"attest": "A"}, False)])
def test_a_name_or_a_reason_alone_is_rich_data(claims: dict[str, Any], there: bool) -> None:
    assert rcd.present(token("shaken", **claims)) == there


@pytest.mark.parametrize(
    ("pointer", "found"),
    [("/a/0", 1), ("/a/1", None), ("/a/00000", None), ("/a/x", None), ("/b~1c", 2), ("/d~0e", 3), ("a", None), ("/f", None), ("/a/0/0", None)],
)
def test_a_pointer_points_at_one_thing_or_nothing(pointer: str, found: Any) -> None:
    assert rcd.resolved({"a": [1], "b/c": 2, "d~e": 3}, pointer) == found


def test_only_urls_that_show_something_are_links() -> None:
    card = ["vcard", [["logo", {}, "uri", "https://a.example/x", "http://a.example/y", "tel:+1"], ["note", {}, "text", "https://a.example/"], ["uri"], "uri", {}]]
    assert rcd.links(card) == {"/jcd/1/0/3": "https://a.example/x", "/jcd/1/0/4": "http://a.example/y"}
    assert rcd.links(["vcard"]) == rcd.links(None) == rcd.links(["vcard", {}]) == {}
