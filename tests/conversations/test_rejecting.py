"""Calls that end with us: refused, answered late, or left alone by the user."""

from __future__ import annotations

import pytest

from policy.emergency import is_emergency_uri
from proxy.sip.endpoint import Arrived, Finished, Plan, Refused, TimedOut
from proxy.sip.parser import parse
from proxy.sip.routing import route
from tests.conversations.wire import Wire


@pytest.mark.req("SIP-068", "SIP-077", "SIP-055")
def test_our_rejection_is_repeated_until_it_is_acknowledged_and_the_ack_goes_nowhere(wire: Wire) -> None:
    wire.acts.mode, wire.acts.lines = "reject", (b'Reason: SIP;cause=603;text="no"',)
    start = wire.now
    invite = wire.caller.invites()
    first = wire.caller.inbox[0][2]
    refused = wire.caller.hears(603)  # at once, so no 100 before it
    assert refused.phrase == b"Network Blocked" and refused.first("reason") == b'SIP;cause=603;text="no"'
    assert refused.to_tag
    wire.advance(12)
    assert {data for _, _, data in wire.caller.inbox} == {first}
    assert wire.caller.times(start) == [0.5, 1.5, 3.5, 7.5, 11.5]  # timer G: doubled, up to T2
    wire.caller.acks(invite, refused)
    wire.advance(4)
    wire.caller.acks(invite, refused)
    wire.caller.says(invite)  # absorbed: it is confirmed
    wire.caller.hears_nothing()
    wire.callee.hears_nothing()
    assert wire.proxy.transactions == 1
    wire.advance(1.1)  # timer I
    assert wire.proxy.transactions == 0
    assert len(wire.told(Arrived)) == len(wire.told(Finished)) == 1


@pytest.mark.req("SIP-077")
def test_without_an_ack_timer_h_ends_it(wire: Wire) -> None:
    wire.acts.mode = "reject"
    wire.caller.invites()
    wire.advance(31.9)
    assert wire.proxy.transactions == 1
    wire.advance(0.2)
    assert wire.proxy.transactions == 0
    assert wire.proxy.next_timer() is None or wire.quiet() is None


@pytest.mark.req("SIP-076")
def test_100_comes_by_itself_when_the_user_takes_his_time(wire: Wire) -> None:
    wire.acts.mode = "hold"
    start = wire.now
    wire.caller.invites()
    wire.caller.hears_nothing()
    wire.advance(1.0)
    assert wire.caller.times(start) == [0.2]
    wire.caller.again()
    trying = wire.caller.hears(100)  # the retransmission brings it again
    assert trying.to_tag is None
    wire.release()
    wire.callee.gets("INVITE")


def test_100_comes_at_once_where_the_user_says_that_a_wait_is_ahead(wire: Wire) -> None:
    wire.acts.mode, wire.acts.trying = "hold", True
    wire.caller.invites(lines=["Timestamp: 54"])
    assert wire.caller.hears(100).first("timestamp") == b"54"
    wire.advance(1.0)
    wire.caller.hears_nothing()  # once is enough


@pytest.mark.req("SIP-076")
def test_100_comes_by_itself_when_the_next_hop_is_slow(wire: Wire) -> None:
    start = wire.now
    wire.caller.invites()
    wire.advance(0.4)
    assert wire.caller.times(start) == [0.2]


@pytest.mark.req("SIP-075")
def test_another_request_has_its_100_after_3_5_seconds_and_not_before(wire: Wire) -> None:
    wire.acts.mode, wire.acts.trying = "hold", True
    start = wire.now
    wire.caller.asks("OPTIONS")
    wire.advance(10)
    assert wire.caller.times(start) == [3.5]


@pytest.mark.req("SIP-067", "TRAP-56")
def test_a_cancel_while_the_user_thinks_ends_the_call(wire: Wire) -> None:
    wire.acts.mode = "hold"
    invite = wire.caller.invites()
    wire.caller.cancels(invite)
    assert wire.caller.hears(200).cseq.method == "CANCEL"
    ended = wire.caller.hears(487)
    wire.release()
    context = wire.told(Arrived)[0].context
    assert context.dead
    # A user who does not look.
    routed = route(parse(invite), wire.me)
    assert wire.proxy.forward(context, Plan(wire.acts.targets, routed, None, None), wire.now) == []
    assert wire.proxy.reply(context, 603, "Decline", wire.now) == []
    wire.proxy.trying(context, wire.now)
    wire.drain()
    wire.callee.hears_nothing()
    wire.caller.acks(invite, ended)
    wire.caller.hears_nothing()
    wire.quiet()


def test_a_user_who_never_comes_back_leaves_nothing_behind(wire: Wire) -> None:
    wire.acts.mode = "hold"
    wire.caller.invites()
    wire.caller.asks("OPTIONS")
    wire.advance(33)
    wire.caller.hears(100)
    wire.caller.hears(100)
    wire.caller.hears(500)
    wire.quiet()
    assert len(wire.told(TimedOut)) == 1  # the OPTIONS: nothing so late (RFC 4320)


def test_no_target_is_480(wire: Wire) -> None:
    wire.acts.targets = ()
    wire.caller.invites()
    wire.caller.hears(480)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        pytest.param({"target": "unknownscheme:abc"}, 416, marks=pytest.mark.req("SIP-003", "SIP-045")),
        pytest.param({"target": "soap.beep://192.0.2.103:3002"}, 416, marks=pytest.mark.req("SIP-003")),
        pytest.param({"max_forwards": 0}, 483, marks=pytest.mark.req("SIP-006")),
        pytest.param({"lines": ["Proxy-Require: foo, bar"]}, 420, marks=pytest.mark.req("SIP-011")),
        ({"lines": ["Max-Breadth: 0"]}, 440),
    ],
)
def test_what_may_go_no_further_is_answered_and_not_sent_on(wire: Wire, how: dict, status: int) -> None:
    wire.caller.invites(**how)
    answer = wire.caller.hears(status)
    assert answer.first("unsupported") == (b"foo, bar" if status == 420 else None)
    wire.callee.hears_nothing()


@pytest.mark.req("EMG-003", "SIP-120")
@pytest.mark.parametrize("faulty", [False, True])
def test_beyond_the_bound_emergency_calls_are_served(faulty: bool) -> None:
    wire = Wire(max_transactions=1, vital=is_emergency_uri)
    wire.acts.mode = "hold"
    wire.caller.invites()
    emergency = wire.caller.request(target="sip:911@pbx.example.com", call="help")
    wire.caller.says(emergency.replace(b"To: <sip:+12025550199@pbx.example.com;user=phone>", b"To: <<<") if faulty else emergency)
    wire.caller.invites(call="second")
    assert [event.request.call_id for event in wire.told(Arrived)] == [b"call-1", b"help"]
    assert [event.error.status for event in wire.told(Refused)] == [503]


@pytest.mark.req("EMG-003", "SIP-120")
def test_who_writes_to_tags_takes_no_place_from_emergency_calls_and_they_have_a_bound_too() -> None:
    wire = Wire(max_transactions=8, vital=is_emergency_uri)
    wire.acts.mode = "hold"
    for number in range(20):
        wire.caller.asks("BYE", to_tag="forged", cseq=2 + number)
    assert len(wire.told(Arrived)) == 10
    for number in range(4):
        wire.caller.invites(target="sip:911@pbx.example.com", call=f"help-{number}")
    assert len(wire.told(Arrived)) == 12


@pytest.mark.req("SIP-120")
def test_beyond_the_bound_new_requests_are_dropped_and_those_of_dialogs_are_served() -> None:
    wire = Wire(max_transactions=4)
    wire.acts.mode = "hold"
    for number in range(6):
        wire.caller.invites(call=f"call-{number}")
    assert len(wire.told(Arrived)) == 4
    assert [event.error.status for event in wire.events if hasattr(event, "error")] == [503, 503]
    wire.caller.hears_nothing()
    wire.caller.asks("BYE", to_tag="callee")
    assert len(wire.told(Arrived)) == 5
    wire.caller.asks("BYE", to_tag="callee")
    assert len(wire.told(Arrived)) == 5  # a To tag is no key to the house
    invite = wire.caller.request("INVITE", branch="z9hG4bKup1", call="call-0")
    wire.caller.cancels(invite)
    wire.caller.hears(200)
    wire.caller.hears(487)
