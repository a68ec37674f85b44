"""Via values, rport, received and the cookie."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.via import first_of_line, parse, parse_first


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (b"SIP/2.0/UDP h", {"transport": "UDP", "host": "h", "port": None, "branch": "", "cookie": False}),
        (b"SIP/2.0/tcp h:5070;branch=z9hG4bKx", {"transport": "TCP", "port": 5070, "branch": "z9hG4bKx", "cookie": True}),
        (b"SIP / 2.0 / UDP  h : 5070 ; branch = z9hG4bKx ; rport", {"port": 5070, "wants_rport": True, "cookie": True}),
        (b"sip/2.0/UDP h;BRANCH=Z9HG4BKa", {"branch": "Z9HG4BKa", "cookie": True}),
        (b"SIP/2.0/UDP h;branch=z9hG4bK", {"branch": "z9hG4bK", "cookie": False}),
        (b"SIP/2.0/UDP h;rport=9;branch=x", {"wants_rport": False, "rport": 9}),
        (b"SIP/2.0/UDP h;rport;RPORT", {"wants_rport": False, "rport": None}),
        (b"SIP/2.0/UDP h;RPORT;rport=5", {"wants_rport": False, "rport": None}),
        (b"SIP/2.0/UDP h;rport;xrport=1", {"wants_rport": True}),
        (b"SIP/2.0/UDP h;rport=99999", {"rport": None}),
        (b"SIP/2.0/UDP [2001:DB8::1]:5070", {"host": "2001:DB8::1", "port": 5070, "sent_by": "[2001:db8::1]:5070"}),
        (b"SIP/2.0/UDP H.Example", {"host": "H.Example", "sent_by": "h.example"}),
        (b"SIP/2.0/UDP h;received=[2001:db8::9]", {"received": "2001:db8::9"}),
        (b"SIP/2.0/UDP h;received=192.0.2.1;ttl=1", {"received": "192.0.2.1"}),
        (b'SIP/2.0/UDP h;x="a;rport;b,";branch=y', {"branch": "y", "wants_rport": False}),
        (b"SIP/7.0/UDP h", {"version": "7.0"}),
        (b"SIP/2.0/UNKNOWN h", {"transport": "UNKNOWN"}),
    ],
)
@pytest.mark.req("SIP-094", "SIP-095", "TRAP-73", "V-05", "T-33")
def test_a_via_says_which_way_the_response_goes(value: bytes, facts: dict[str, Any]) -> None:
    for via in (parse(value), first_of_line(b"Via: " + value), parse_first(value + b" , SIP/2.0/UDP other")):
        assert {name: getattr(via, name) for name in facts} == facts


@pytest.mark.req("T-14")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"SIP/2.0/UDP", b"SIP/2.0 h", b"HTTP/1.1/TCP h", b"SIP/2.0/UDP h;", b"SIP/2.0/UDP h;;rport", b"SIP/2.0/UDP h;=x",
        b"SIP/2.0/UDP h;branch=", b"SIP/2.0/UDP h:0", b"SIP/2.0/UDP h:65536", b"SIP/2.0/UDP 2001:db8::1", b"SIP/2.0/UDP h;x=\"",
        b"SIP/2.0/UDP h i", b"SIP/2.0/UDP <h>", b"SIP/2.0/UDP \xd0\xb1",
    ],
)  # fmt: skip
def test_a_via_that_nobody_can_answer_by_is_refused(value: bytes) -> None:
    for read in (lambda: parse(value), lambda: first_of_line(b"v:" + value)):
        with pytest.raises(ParseError):
            read()


PIECES = st.sampled_from(["SIP/2.0/UDP ", "h", "[::1]", ":5060", ";", "rport", "branch=z9hG4bKx", ",", '"', " ", "=", "\r\n ", "é"])


@given(st.binary(max_size=60) | st.lists(PIECES, max_size=10).map(lambda all: "".join(all).encode()))
def test_any_bytes_are_a_via_or_a_parse_error(value: bytes) -> None:
    with contextlib.suppress(ParseError):
        via = first_of_line(b"Via:" + value)
        assert via.branch is not None and via.sent_by
        assert via.rport is None or via.rport < 65536
        assert via.wants_rport in (True, False) and via.cookie in (True, False)
        assert via.received is None or "[" not in via.received[:1]
