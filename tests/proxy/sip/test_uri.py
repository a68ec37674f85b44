"""URIs: what is taken apart, what is refused, and when two are the same (RFC 3261 section 19.1)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.uri import Uri, equal, parse, unescaped


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("sip:biloxi.example", {"scheme": "sip", "user": None, "host": "biloxi.example", "port": None}),
        ("SIPS:bob@Biloxi.example:5061", {"scheme": "sips", "user": "bob", "host": "Biloxi.example", "port": 5061}),
        ("sip:a:secret@h", {"user": "a", "password": "secret"}),
        ("sip:@h", {"user": "", "host": "h"}),
        ("sip:+1-202-555-0123;isub=1@h;user=phone", {"user": "+1-202-555-0123;isub=1", "params": {"user": "phone"}}),
        ("sip:a@h;LR;Transport=TCP;lr=no", {"params": {"lr": None, "transport": "TCP"}}),
        ("sip:a@h;p=", {"params": {"p": ""}}),
        ("sip:a@h?Subject=x&Priority=y", {"headers": "Subject=x&Priority=y"}),
        ("sip:[2001:db8::10]:5070;lr", {"host": "2001:db8::10", "port": 5070, "params": {"lr": None}}),
        ("sip:#31#@under_score.example", {"user": "#31#", "host": "under_score.example"}),
        ("sip:\u0431@h", {"user": "\u0431"}),
        ("tel:+1-202-555-0123;phone-context=x", {"scheme": "tel", "user": "+1-202-555-0123", "host": ""}),
        ("tel:555-0123;phone-context=+1202", {"params": {"phone-context": "+1202"}}),
        ("tel:+12025550123;isub=1;ext=22", {"user": "+12025550123", "params": {"isub": "1", "ext": "22"}, "opaque": "+12025550123;isub=1;ext=22"}),
        ("sip:h:1", {"port": 1}),
        ("sip:h:65535", {"port": 65535}),
        ("urn:service:sos.fire", {"scheme": "urn", "opaque": "service:sos.fire", "user": None}),
        ("soap.beep://192.0.2.103:3002", {"scheme": "soap.beep", "opaque": "//192.0.2.103:3002"}),
        ("*:x", None),
        ("sip:", None),
        ("sip:a@", None),
        ("sip:a@b@c", None),
        ("sip:a b@c", None),
        ("<sip:a@b>", None),
        ("sip:%zz@h", None),
        ("sip:%4@h", None),
        ("sip:h:0", None),
        ("sip:h:65536", None),
        ("sip:h:123456", None),
        ("sip:h:", None),
        ("sip:2001:db8::10", None),
        ("sip:[2001:db8::10", None),
        ("sip:a@h;;lr", None),
        ("sip:a@\u212aelvin", None),
        ("", None),
        ("bob", None),
    ],
)
def test_a_uri_is_taken_apart_or_refused(raw: str, parts: dict[str, Any] | None) -> None:
    data = raw.encode()
    if parts is None:
        with pytest.raises(ParseError):
            parse(data)
        return
    uri = parse(data)
    assert {name: getattr(uri, name) for name in parts} == parts
    assert uri.raw == data and str(uri) == raw


SAME = [
    ("sip:%61lice@atlanta.example;transport=TCP", "sip:alice@AtlanTa.example;Transport=tcp"),
    ("sip:carol@chicago.example", "sip:carol@chicago.example;newparam=5"),
    ("sip:carol@chicago.example", "sip:carol@chicago.example;security=on"),
    ("sip:a@h;transport=tcp?to=sip:b%40h&method=x", "sip:a@h;transport=TCP?method=x&to=sip:b%40h"),
    ("sip:alice@h?subject=project%20x&priority=urgent", "sip:alice@h?priority=urgent&subject=project%20x"),
    ("sip:[2001:DB8::1]", "sip:[2001:db8::1]"),
    ("tel:+12025550123", "tel:+12025550123"),
]
OTHER = [
    ("sip:a@h?x=1", "sip:a@h?x=2"),
    ("sip:a@h?x=1", "sip:a@h?y=1"),
    ("SIP:ALICE@h", "sip:alice@h"),
    ("sip:bob@h", "sip:bob@h:5060"),
    ("sip:bob@h", "sip:bob@h;transport=udp"),
    ("sip:bob@h", "sips:bob@h"),
    ("sip:carol@h", "sip:carol@h?Subject=next%20meeting"),
    ("sip:bob@phone21.example", "sip:bob@192.0.2.4"),
    ("sip:c@h;security=on", "sip:c@h;security=off"),
    ("sip:a@h", "sip:h"),
    ("sip:a@h", "sip:a:b@h"),
    ("sip:a%3Bb@h", "sip:a;b@h"),
    ("sip:a%2525@h", "sip:a%25@h"),
    ("sip:a@h;maddr=1.2.3.4", "sip:a@h"),
    ("sip:a@h;user=phone", "sip:a@h"),
    ("urn:service:sos", "urn:service:sos.fire"),
]


@pytest.mark.req("SIP-032")
@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_two_are_one_uri(one: str, other: str) -> None:
    assert equal(parse(one.encode()), parse(other.encode()))
    assert equal(parse(other.encode()), parse(one.encode()))


@pytest.mark.req("SIP-032")
@pytest.mark.parametrize(("one", "other"), OTHER)
def test_these_two_are_two_uris(one: str, other: str) -> None:
    assert not equal(parse(one.encode()), parse(other.encode()))
    assert not equal(parse(other.encode()), parse(one.encode()))


@given(st.text("%0123456789abcdefABCDEF@;x", max_size=20))
def test_an_escape_is_resolved_once_and_the_rest_is_spelled_in_one_way(text: str) -> None:
    once = unescaped(text)
    assert len(once) <= len(text)
    assert once.count("@") == text.count("@") and once.count(";") == text.count(";")


@given(st.binary(max_size=80) | st.text("sipSIP:@[]%20;=?&a.<>\" ", max_size=40).map(str.encode))
def test_any_bytes_are_a_uri_or_a_parse_error(raw: bytes) -> None:
    with contextlib.suppress(ParseError):
        uri = parse(raw)
        assert isinstance(uri, Uri)
        assert str(uri).encode("utf-8", "surrogateescape") == raw
        assert equal(uri, uri)
