"""Tokens at the edges of what is read: times, numbers, nesting, and what is only a defect."""

from __future__ import annotations

from typing import Any

import pytest

from shaken import passport
from shaken.errors import ParseError
from shaken.passport import MAX_DEPTH, MAX_DESTINATIONS, MAX_IAT, canonical_json, deep, encode

HEAD = encode(canonical_json({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://a.example/b"}))
SIGNATURE = encode(bytes(range(64)))
CLAIMS: dict[str, Any] = {"dest": {"tn": ["12025550199"]}, "iat": 1, "orig": {"tn": "12025550123"}}


def read(**more: Any) -> passport.Passport:
    return raw(canonical_json(CLAIMS | more))


def raw(payload: bytes) -> passport.Passport:
    return passport.parse(b".".join((HEAD, encode(payload), SIGNATURE)))


@pytest.mark.req("STI-007", "TRAP-03", "TRAP-13")
@pytest.mark.parametrize(
    ("iat", "read_as", "defects"),
    [
        (0, 0, ()), (1, 1, ()), (MAX_IAT - 1, MAX_IAT - 1, ()), ("1", 1, ("iat-string",)), ("0", 0, ("iat-string",)),
        ("9999999999999", None, ()), ("1767225600", 1767225600, ("iat-string",)), (1.5, 1, ("iat-float",)), (0.0, 0, ("iat-float",)),
        (MAX_IAT, None, ()), (-1, None, ()), (-0.5, None, ()), (float(MAX_IAT), None, ()), (True, None, ()), (None, None, ()),
        ("", None, ()), ("-1", None, ()), ("1x", None, ()), ("\u0661", None, ()), ([1], None, ()), ({}, None, ()),
    ],
)  # fmt: skip
def test_a_time_is_seconds_within_reason(iat: Any, read_as: int | None, defects: tuple[str, ...]) -> None:
    if read_as is None:
        with pytest.raises(ParseError) as caught:
            read(iat=iat)
        assert caught.value.slug == "identity-claims"
    else:
        found = read(iat=iat)
        assert (found.iat, found.defects) == (read_as, defects)


@pytest.mark.req("STI-004", "STI-005", "TRAP-04", "TRAP-18")
@pytest.mark.parametrize(
    ("dest", "tns", "uris", "defects"),
    [
        ({"tn": ["1", "2"]}, ("1", "2"), (), ()),
        ({"tn": "1"}, ("1",), (), ("dest-tn-string",)),
        ({"uri": ["sip:a@x"]}, (), ("sip:a@x",), ()),
        ({"tn": ["+1-202-555-0199", "+1"]}, ("12025550199", "1"), (), ("tn-not-canonical",)),
        ({"tn": ["x"]}, ("x",), (), ("tn-not-canonical",)),
        ({"tn": [str(at) for at in range(MAX_DESTINATIONS)]}, tuple(map(str, range(MAX_DESTINATIONS))), (), ()),
        ({"tn": [str(at) for at in range(MAX_DESTINATIONS + 1)]}, None, (), ()),
        ({"tn": []}, None, (), ()), ({"tn": [1]}, None, (), ()), ({"tn": 1}, None, (), ()), ({}, None, (), ()), ([], None, (), ()),
        ({"tn": ["1"], "uri": []}, None, (), ()),
    ],
)  # fmt: skip
def test_destinations_are_lists_of_text(dest: Any, tns: tuple[str, ...] | None, uris: tuple[str, ...], defects: tuple[str, ...]) -> None:
    if tns is None:
        with pytest.raises(ParseError):
            read(dest=dest)
    else:
        found = read(dest=dest)
        assert (found.dest_tns, found.dest_uris, found.defects) == (tns, uris, defects)


@pytest.mark.req("STI-004")
@pytest.mark.parametrize("orig", [{}, {"tn": "1", "uri": "a:b"}, {"tn": ["1"]}, {"uri": 7}, [], "1", None])
def test_there_is_one_caller(orig: Any) -> None:
    with pytest.raises(ParseError):
        read(orig=orig)
    assert read(orig={"uri": "sip:a@x"}).orig_uri == "sip:a@x"
    assert read(orig={"tn": "+1 (202) 555-0123"}).orig_tn == "12025550123"


@pytest.mark.req("STI-002", "STI-066")
def test_json_that_is_not_canonical_is_told_and_read() -> None:
    good = canonical_json(CLAIMS)
    for payload in (good.replace(b",", b", "), good.replace(b'"iat"', b'"\\u0069at"'), b" " + good):
        found = raw(payload)
        assert found.defects == ("not-canonical",) and dict(found.claims) == CLAIMS
    assert raw(good).defects == () and raw(good)._replace(payload=None).claims == CLAIMS


@pytest.mark.req("TRAP-18")
def test_nesting_ends_where_no_claim_goes() -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for at in range(depth):
            value = [value] if at % 2 else {"a": value}
        return value

    assert not deep(nested(MAX_DEPTH)) and deep(nested(MAX_DEPTH + 1)) and deep([1, nested(MAX_DEPTH)])
    assert deep({"a": 1}, 0) and deep([], 0) and not deep("x", 0)
    # A short token has no room to do harm; a long one is looked at, and no token has many brackets.
    long = "x" * 3000
    assert read(a=nested(MAX_DEPTH - 1), b=long)
    with pytest.raises(ParseError, match="nested"):
        read(a=nested(MAX_DEPTH + 1), b=long)
    with pytest.raises(ParseError, match="nested"):
        raw(b'{"a":' + b"[" * 70 + b"]" * 70 + b"}")
    assert raw(canonical_json(CLAIMS | {"a": [[]] * 59})) and canonical_json(CLAIMS | {"a": [[]] * 59}).count(b"[") == 61


@pytest.mark.req("STI-003", "TRAP-12", "TRAP-13")
@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"1" * 5000])
def test_a_number_that_no_two_readers_agree_on_is_none(number: bytes) -> None:
    with pytest.raises(ParseError):
        raw(canonical_json(CLAIMS)[:-1] + b',"x":' + number + b"}")


@pytest.mark.parametrize("lone", [b'"\\ud800"', b'"\\udfff\\ud800"'])
def test_half_a_character_is_no_reason_to_fail_otherwise(lone: bytes) -> None:
    found = raw(canonical_json(CLAIMS)[:-1] + b',"x":' + lone + b"}")
    assert found.iat == 1 and "not-canonical" in found.defects


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}', b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":{"b":{"c":1,"c":2}}}', b'{"a":[{"b":1,"b":2}]}',
        b'{"a":"x:y","a":1}', b'{"x5u":"https://a.example/b","a":{"b":1},"a":{"b":1}}',
    ],
)  # fmt: skip
def test_no_name_stands_twice_however_deep(text: bytes) -> None:
    with pytest.raises(ParseError, match="twice"):
        passport.json_object(text)


def test_the_same_name_in_two_objects_stands_once_in_each() -> None:
    assert passport.json_object(b'{"a":{"a":1},"b":{"a":"x:y"},"c":[{"a":1},{"a":2}]}')["b"] == {"a": "x:y"}


@pytest.mark.parametrize("text", [b"AAAA    ", b"AAAA++++", b"AAAA////", b"AA\n\nAA\n\n", b"AAAA====", b"!!!!", b"AAAA\xff\xff\xff\xff"])
def test_what_is_no_base64url_is_not_passed_over(text: bytes) -> None:
    with pytest.raises(ParseError, match="base64url"):
        passport.decode(text)
