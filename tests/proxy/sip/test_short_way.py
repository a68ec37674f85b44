"""A response that goes on by its bytes alone goes on as the same one does that is taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.message import Response
from proxy.sip.returning import Returning
from tests.conversations.wire import SDP, Wire

LINES = st.lists(
    st.sampled_from(
        [
            b"Contact: <sip:pbx@198.51.100.20>", b"Server: x", b"l: 0", b"Content-Length: 3", b"content-length: 0",
            b"X: \xff", b"Subject: a\r\n b", b"v: SIP/2.0/UDP 192.0.2.1", b"Record-Route: <sip:a;lr>, <sip:b;lr>",
            b"CSeq: 9 INVITE", b"", b"no colon", b"Bad Name: 1", b"Bad : 1", b"A:b", b"\tfold", b"Via: SIP/2.0/UDP h",
        ]
    ),
    max_size=3,
)  # fmt: skip


def outcome(short: bool, status: int, more: list[bytes], body: bytes, cut: int) -> tuple[object, ...]:
    """What leaves and what is told, when the callee answers like this."""
    wire = Wire()
    if not short:
        wire.proxy._returning._plain = (lambda data: None,) * len(wire.proxy._returning._plain)
    wire.caller.invites()
    wire.callee.gets("INVITE")
    head, gap, _ = wire.callee.answers(status).partition(b"\r\nContent-Length")
    assert gap
    length = b"Content-Length: %d" % (len(body) + cut)
    before = len(wire.events)
    wire.callee.says(b"\r\n".join([head, *more, length, b"", body]))
    return [raw for _, _, raw in wire.caller.inbox], [type(event) for event in wire.events[before:]]


@given(st.sampled_from([100, 180, 183, 200, 299, 302, 486, 603]), LINES, st.sampled_from([b"", SDP]), st.integers(-1, 1))
def test_both_ways_come_to_the_same(status: int, more: list[bytes], body: bytes, cut: int) -> None:
    assert outcome(True, status, more, body, cut) == outcome(False, status, more, body, cut)


@pytest.mark.req("SIP-034")
@pytest.mark.parametrize("status", [180, 200])
def test_an_ordinary_answer_is_not_taken_apart(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Response:
        raise AssertionError("it was taken apart")

    wire = Wire()
    wire.caller.invites()
    wire.callee.gets("INVITE")
    answer = wire.callee.answers(status)
    monkeypatch.setattr(Returning, "taken_apart", fails)
    wire.callee.says(answer)
    assert wire.caller.hears(status)
