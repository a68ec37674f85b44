"""What goes back upstream (RFC 3261 section 16.7, RFC 4320, RFC 6026)."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Finished, Stray, TimedOut
from tests.conversations.wire import Wire


def both(fork: Wire, one: int, other: int, *lines: list[str]) -> None:
    """Two hops answer: the first late, after the second was tried."""
    first, second = fork.callees
    here, there = fork.forked()
    fork.caller.hears(100)
    first.answers(100, to=here)
    first.inbox.clear()
    # The second is still silent: both are alive.
    second.answers(other, to=there, lines=lines[1] if lines else ())
    first.answers(one, to=here, lines=lines[0] if lines else ())


@pytest.mark.req("SIP-050", "SIP-049", "SIP-051")
@pytest.mark.parametrize(
    ("one", "other", "best"),
    [
        (404, 503, 404), (486, 603, 603), (302, 404, 302), (404, 407, 407), (503, 501, 501), (503, 503, 500),
        (500, 503, 500), (480, 484, 484), (603, 401, 603),
    ],
)  # fmt: skip
def test_the_best_response_goes_upstream(fork: Wire, one: int, other: int, best: int) -> None:
    both(fork, one, other)
    fork.caller.hears(best)
    fork.caller.hears_nothing()
    assert [event.status for event in fork.told(Finished)] == [best]
    fork.quiet()


@pytest.mark.req("SIP-053")
def test_all_challenges_go_upstream_together(fork: Wire) -> None:
    both(fork, 407, 401, ["Proxy-Authenticate: Digest realm=a"], ["WWW-Authenticate: Digest realm=b"])
    message = fork.caller.inbox.popleft()[1]
    assert message.status in (401, 407)
    assert message.all("proxy-authenticate") == [b"Digest realm=a"]
    assert message.all("www-authenticate") == [b"Digest realm=b"]


@pytest.mark.req("SIP-051", "TRAP-58")
def test_a_503_is_not_passed_on(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(503, lines=["Retry-After: 120"])
    wire.callee.gets("ACK")
    answer = wire.caller.hears(500)
    assert answer.line("retry-after") is None
    wire.quiet()


@pytest.mark.req("SIP-069", "SIP-082")
def test_we_acknowledge_each_failure_ourselves_as_often_as_it_comes(wire: Wire) -> None:
    wire.caller.invites(lines=["Route: <sip:edge.example;lr>"])
    invite = wire.callee.gets("INVITE")
    answer = wire.callee.answers(486, tag="busy")
    for _ in range(5):
        ack = wire.callee.gets("ACK")
        assert ack.target == invite.target
        assert ack.all("via") == [invite.all("via")[0]]
        assert ack.all("route") == [b"<sip:edge.example;lr>"]
        assert ack.to_tag == "busy" and ack.cseq == (1, "ACK") and ack.max_forwards == 70
        assert ack.line("from") == invite.line("from") and ack.call_id == invite.call_id
        wire.advance(4)
        wire.callee.says(answer)
    wire.callee.gets("ACK")
    wire.caller.hears(486)
    assert len(wire.told(Finished)) == 1
    wire.advance(31)
    wire.quiet()


@pytest.mark.req("SIP-049", "SIP-058")
def test_a_6xx_ends_the_search_and_waits_for_what_it_ends(fork: Wire) -> None:
    first, second = fork.callees
    here, there = fork.forked()
    second.answers(180, to=there)
    fork.caller.hears(100)
    fork.caller.hears(180)
    first.answers(603, to=here)
    first.gets("ACK")
    fork.caller.hears_nothing()
    second.gets("CANCEL")
    second.answers(487, to=there)
    second.gets("ACK")
    fork.caller.hears(603)
    fork.quiet()


@pytest.mark.req("SIP-046", "SIP-092", "TRAP-59")
@pytest.mark.parametrize(
    "change",
    [
        (b"z9hG4bK", b"z9hG4bKf"),  # a branch of nobody's
        (b"203.0.113.5:5060;branch", b"203.0.113.6:5060;branch"),  # another's address
        (b"203.0.113.5:5060;branch", b"203.0.113.5:5061;branch"),  # another's port
        (b"1 INVITE", b"1 BYE"),  # another method
    ],
)
def test_a_response_that_belongs_to_nothing_is_dropped(wire: Wire, change: tuple[bytes, bytes]) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    data = wire.callee.answers(180)
    wire.caller.hears(180)
    wire.callee.says(data.replace(*change, 1))
    wire.caller.hears_nothing()
    assert len(wire.told(Stray)) == 1


@pytest.mark.req("SIP-085", "SIP-019", "SIP-020")
@pytest.mark.parametrize(
    "change",
    [
        (b"Via: SIP/2.0/UDP 203", b"v: SIP / 2.0 / UDP 203"),
        (b"Via: SIP/2.0/UDP 203.0.113.5:5060;", b"VIA:\r\n SIP/2.0/UDP 203.0.113.5:5060 ;received=203.0.113.5;"),
        (b"\r\nVia: SIP/2.0/UDP 198", b", SIP/2.0/UDP 198"),
        (b"Via: SIP/2.0/UDP 203", b"Via:SIP/2.0/UDP 203"),
        (b"CSeq: 1 INVITE", b"cseq :  0001   INVITE"),
        (b"z9hG4bK", b"Z9HG4BK"),
    ],
)
def test_a_response_is_known_however_it_is_spelled(wire: Wire, change: tuple[bytes, bytes]) -> None:
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    wire.callee.says(
        b"\r\n".join(
            [b"SIP/2.0 180 Ringing"]
            + [
                line
                for line, name in zip(invite.lines, invite.names, strict=True)
                if name in ("via", "from", "to", "call-id", "cseq")
            ]
            + [b"", b""]
        ).replace(*change, 1)
    )
    answer = wire.caller.hears(180)
    assert answer.values("via") == [
        b"SIP/2.0/UDP 198.51.100.10:5060;rport=5060;received=198.51.100.10;branch=z9hG4bKup1"
    ]


@pytest.mark.req("SIP-085")
@pytest.mark.parametrize("cseq", [b"CSeq: 1 BYE", b"CSeq: 1 invite", b"CSeq: 1 CANCEL"])
def test_a_response_to_another_method_is_none_of_ours(wire: Wire, cseq: bytes) -> None:
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    kept = [line for line, name in zip(invite.lines, invite.names, strict=True) if name in ("via", "from", "to", "call-id")]
    wire.callee.says(b"\r\n".join([b"SIP/2.0 603 No", *kept, cseq, b"Content-Length: 0", b"", b""]))
    wire.caller.hears_nothing()
    assert len(wire.told(Stray)) == 1
    wire.callee.answers(180)
    wire.caller.hears(180)


@pytest.mark.req("SIP-057")
@pytest.mark.parametrize("change", [(b"", b""), (b"\r\nFrom", b",\r\nFrom")])
def test_a_response_without_another_via_is_not_sent_on(wire: Wire, change: tuple[bytes, bytes]) -> None:
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    lines = [
        line
        for line, name in zip(invite.lines, invite.names, strict=True)
        if name in ("via", "from", "to", "call-id", "cseq")
    ]
    del lines[1]
    wire.callee.says(b"\r\n".join([b"SIP/2.0 180 Ringing", *lines, b"", b""]).replace(*change, 1))
    wire.caller.hears_nothing()


@pytest.mark.req("SIP-059", "SIP-060")
def test_timer_c_is_reset_by_101_to_199_and_not_by_100(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(180)
    wire.advance(170)
    wire.callee.answers(180)
    wire.advance(180)
    wire.callee.answers(100)
    wire.callee.hears_nothing()
    wire.advance(5.2)
    cancel = wire.callee.gets("CANCEL")
    wire.callee.answers(200, to=cancel)
    wire.callee.answers(487)
    wire.callee.gets("ACK")
    for status in (180, 180, 487):
        wire.caller.hears(status)
    wire.quiet()


@pytest.mark.req("SIP-060")
def test_timer_c_without_a_provisional_is_a_timeout() -> None:
    wire = Wire(timer_c=10)  # shorter than Timer B, which is the only way to see it
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.advance(10.1)
    wire.caller.hears(100)
    wire.caller.hears(408)
    wire.quiet()


@pytest.mark.req("SIP-072", "SIP-052")
def test_an_invite_is_repeated_to_a_silent_hop_and_given_up_after_32_seconds(wire: Wire) -> None:
    start = wire.now
    wire.caller.invites()
    wire.advance(31.9)
    assert wire.callee.times(start) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    wire.caller.hears(100)
    wire.caller.hears_nothing()
    wire.advance(0.2)
    wire.caller.hears(408)
    wire.quiet()
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-072")
def test_any_provisional_stops_the_repeating(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(100)
    wire.advance(60)
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-073", "SIP-074")
def test_another_request_is_repeated_up_to_t2_and_its_sender_hears_nothing_in_the_end(wire: Wire) -> None:
    start = wire.now
    wire.caller.asks("OPTIONS")
    wire.advance(33)
    assert wire.callee.times(start) == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    wire.caller.hears(100)
    wire.caller.hears_nothing()
    assert len(wire.told(TimedOut)) == 1 and not wire.told(Finished)
    wire.quiet()


@pytest.mark.req("SIP-073")
def test_in_proceeding_it_is_repeated_every_t2(wire: Wire) -> None:
    start = wire.now
    wire.caller.asks("OPTIONS")
    wire.callee.gets("OPTIONS")
    wire.advance(1.0)
    wire.callee.answers(100)
    wire.advance(12)
    assert wire.callee.times(start) == [0.5, 1.5, 5.5, 9.5]


@pytest.mark.req("SIP-074")
def test_a_late_response_to_another_request_is_not_sent_on(wire: Wire) -> None:
    wire.caller.asks("OPTIONS")
    wire.callee.gets("OPTIONS")
    wire.advance(31.9)
    wire.caller.hears(100)
    late = wire.callee.invite
    wire.advance(0.2)
    wire.callee.inbox.clear()
    wire.callee.answers(200, to=late)
    wire.caller.hears_nothing()
    assert len(wire.told(Stray)) == 1


@pytest.mark.req("SIP-074")
def test_a_408_to_another_request_is_kept_back(wire: Wire) -> None:
    wire.caller.asks("OPTIONS")
    wire.callee.gets("OPTIONS")
    wire.callee.answers(408)
    wire.caller.hears_nothing()
    assert len(wire.told(TimedOut)) == 1
    wire.quiet()


@pytest.mark.req("SIP-075")
def test_a_provisional_to_another_request_goes_no_further(wire: Wire) -> None:
    wire.caller.asks("OPTIONS")
    wire.callee.gets("OPTIONS")
    wire.callee.answers(183)
    wire.caller.hears_nothing()
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.caller.again()
    wire.caller.inbox.clear()
    wire.quiet()


def test_another_request_that_comes_again_has_its_final_again(wire: Wire) -> None:
    asked = wire.caller.asks("BYE")
    wire.callee.gets("BYE")
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.caller.says(asked)
    wire.caller.hears(200)
    wire.callee.hears_nothing()
    wire.advance(33)
    assert wire.proxy.transactions == 0


@pytest.mark.req("SIP-031")
def test_a_redirection_is_the_callers_to_follow(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(302, lines=["Contact: <sip:c@192.0.2.20>", "Contact: <sip:c@192.0.2.20>"])
    assert len(wire.caller.hears(302).all("contact")) == 2
    wire.callee.gets("ACK")
    wire.callee.hears_nothing()
