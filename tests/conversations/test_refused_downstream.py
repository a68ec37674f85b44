"""A call that somebody behind us refuses: his words go back as they came, and nobody else is asked."""

from __future__ import annotations

import pytest

from policy.refusal import recognised
from tests.conversations.wire import SDP, Wire

REASON = 'Reason: SIP;cause=603;text="v=analytics1;url=https://redress.example.com;tel=+12025550100;id=c-8842_1";location=RPN'


@pytest.mark.req("STI-121", "SIP-056", "TRAP-68")
@pytest.mark.parametrize("phrase", ["Network Blocked", "network  BLOCKED", "Decline"])
@pytest.mark.parametrize(
    "lines",
    [
        (REASON,),
        ('reason : Q.850;cause=21;text="v=analytics1;url=https://r.example.com";location=LN', "X-Odd: ;;,"),
        ('Reason: Q.850 ;cause=21, SIP;cause=603;\r\n  text="v=analytics1;url=https://r.example.com"',),
    ],
)
def test_a_603_from_behind_arrives_octet_for_octet(fork: Wire, phrase: str, lines: tuple[str, ...]) -> None:
    fork.caller.invites()
    fork.callee.gets("INVITE")
    sent = fork.callee.answers(603, phrase, lines=lines, body=SDP)
    arrived = fork.caller.inbox[0][2]
    fork.caller.hears(603)
    # But for our own Via, which is the first line after the status line.
    status, ours, rest = sent.split(b"\r\n", 2)
    assert ours.startswith(b"Via: SIP/2.0/UDP 203.0.113.5")
    assert arrived == status + b"\r\n" + rest


@pytest.mark.req("STI-122", "STI-121")
def test_a_603_plus_is_never_advanced_to_another_hop(fork: Wire) -> None:
    invite = fork.caller.invites()
    first, second = fork.callees
    first.gets("INVITE")
    first.answers(603, "Network Blocked", lines=[REASON])
    refused = fork.caller.hears(603)
    assert recognised(603, refused.phrase.decode(), [value.decode() for value in refused.all("reason")]) is not None
    first.gets("ACK")
    fork.caller.acks(invite, refused)
    fork.advance(40)
    second.hears_nothing()
    fork.quiet()


@pytest.mark.req("STI-122")
def test_a_603_plus_of_one_hop_stops_the_other_that_rings_and_beats_its_answer(fork: Wire) -> None:
    fork.caller.invites()
    first, second = fork.callees
    first.gets("INVITE")
    fork.advance(2)  # the first says nothing, so the second is tried
    second.gets("INVITE")
    second.answers(180)
    fork.caller.hears(100)
    fork.caller.hears(180)
    first.inbox.clear()  # what was sent again meanwhile
    first.answers(603, "Network Blocked", lines=[REASON])
    second.gets("CANCEL")
    second.answers(486, "Busy Here")
    assert fork.caller.hears(603).phrase == b"Network Blocked"


@pytest.mark.req("STI-125")
@pytest.mark.parametrize("status", [603, 607, 608])
def test_the_other_fork_is_told_why_it_stops_ringing(fork: Wire, status: int) -> None:
    fork.caller.invites()
    first, second = fork.callees
    first.gets("INVITE")
    fork.advance(2)
    second.gets("INVITE")
    second.answers(180)
    first.answers(status, "Unwanted")
    assert second.gets("CANCEL").first("reason") == b"SIP;cause=%d" % status


def test_whoever_cancelled_says_why_himself(fork: Wire) -> None:
    invite = fork.caller.invites()
    fork.callee.gets("INVITE")
    fork.callee.answers(180)
    fork.caller.cancels(invite, "Reason: SIP;cause=487")
    assert fork.callee.gets("CANCEL").first("reason") == b"SIP;cause=487"
