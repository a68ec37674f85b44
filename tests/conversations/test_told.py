"""What the user of the endpoint is told of each thing that happens, and what our own answers say of themselves."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import (
    Acked,
    Arrived,
    Cancelled,
    FailedOver,
    Finished,
    Listener,
    Refused,
    Retransmitted,
    Ringing,
    TimedOut,
)
from proxy.sip.flow import Flow
from proxy.sip.message import Response
from proxy.sip.parser import parse
from tests.conversations.wire import OWN, Wire

LISTENERS = (Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN))


@pytest.mark.parametrize("body", [b"", b"careful"])
def test_each_event_names_the_call_and_the_hop_that_it_is_about(wire: Wire, body: bytes) -> None:
    # A turned response is taken apart, an ordinary one is not: both say the same.
    wire.acts.swap = ((b"X-Never: there", b"X-Never: was"),) if body else ()
    wire.caller.invites()
    arrived = wire.told(Arrived)[0]
    assert arrived.flow == wire.caller.flow and arrived.context.flow == wire.caller.flow
    wire.callee.gets("INVITE")
    wire.callee.answers(180, body=body)
    assert [one.context for one in wire.told(Ringing)] == [arrived.context]
    wire.callee.answers(200, body=body)
    assert [(one.context, one.status, one.flow) for one in wire.told(Finished)] == [(arrived.context, 200, wire.callee.flow)]


def test_a_failure_of_a_hop_is_told_with_the_hop_and_one_of_ours_without(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(486)
    wire.caller.invites(branch="z9hG4bKother", call="other")
    wire.advance(33)
    assert [(one.status, one.flow) for one in wire.told(Finished)] == [(486, wire.callee.flow), (408, None)]


def test_a_caller_who_gives_up_and_a_request_without_an_answer_are_named(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.caller.cancels(invite)
    wire.caller.asks("OPTIONS", call="other")
    wire.advance(40)
    first, second = (one.context for one in wire.told(Arrived))
    assert [one.context for one in wire.told(Cancelled)] == [first]
    assert [one.context for one in wire.told(TimedOut)] == [second]


@pytest.mark.req("EMG-003")
def test_a_refusal_that_makes_us_try_the_next_hop_is_told_with_its_response(fork: Wire) -> None:
    fork.acts.insist = True
    fork.caller.invites()
    fork.callees[0].gets("INVITE")
    fork.callees[0].answers(403)
    (one,) = fork.told(FailedOver)
    assert isinstance(one.response, Response) and (one.why, one.response.status) == ("refused", 403)


def test_who_repeats_a_message_is_told(wire: Wire) -> None:
    wire.caller.invites()
    wire.caller.again()
    wire.advance(0.6)
    assert [one.ours for one in wire.told(Retransmitted)] == [False, True]


@pytest.mark.req("SIP-016", "SIP-120")
def test_what_is_refused_is_told_with_its_fault_and_where_it_came_from() -> None:
    wire = Wire(max_transactions=1)
    wire.caller.says(b"nonsense\r\n\r\n")
    wire.caller.invites()
    wire.caller.invites(call="other")
    torn, late = wire.told(Refused)
    assert (torn.flow, torn.error.status, torn.partial) == (wire.caller.flow, 400, None)
    assert (late.flow, late.error.status) == (wire.caller.flow, 503) and late.partial is not None


@pytest.mark.parametrize(
    ("act", "phrase"),
    [
        ("silence", b"Request Timeout"), ("leave", b"Server Internal Error"), ("cancel", b"Request Terminated"), ("503", b"Server Internal Error"),
        ("hops", b"Too Many Hops"), ("scheme", b"Unsupported URI Scheme"), ("extension", b"Bad Extension"), ("breadth", b"Max-Breadth Exceeded"),
        ("torn", b"Bad Request"), ("loop", b"Loop Detected"), ("nowhere", b"Temporarily Unavailable"),
    ],
)  # fmt: skip
def test_our_own_finals_say_what_they_are(wire: Wire, act: str, phrase: bytes) -> None:
    """RFC 3261 section 21: the phrases are for people, and people read them in traces."""
    how = {
        "hops": {"max_forwards": 0}, "scheme": {"target": "x:y"}, "extension": {"lines": ["Proxy-Require: foo"]},
        "breadth": {"lines": ["Max-Breadth: 0"]}, "torn": {"lines": ["Call-ID: again"]},
    }  # fmt: skip
    if act == "leave":
        wire.acts.mode = "hold"
    if act == "nowhere":
        wire.acts.targets = ()
    if act == "loop":
        wire.acts.targets = (wire.caller.flow,)
    invite = wire.caller.invites(**how.get(act, {}))
    if act == "503":
        wire.callee.gets("INVITE")
        wire.callee.answers(503)
    elif act == "cancel":
        wire.caller.cancels(invite)
        wire.callee.gets("INVITE")
        wire.callee.answers(180)
        wire.callee.answers(503)
    elif act == "loop":
        wire.caller.says(wire.caller.inbox.popleft()[2])
    elif act in ("silence", "leave"):
        wire.advance(33)
    heard = [message for _, message, _ in wire.caller.inbox if isinstance(message, Response) and message.status >= 300]
    assert heard[0].phrase == phrase


@pytest.mark.req("SIP-016", "SIP-068")
def test_the_ack_of_an_answer_without_state_ends_here_and_another_goes_on(wire: Wire) -> None:
    bad = wire.caller.request().replace(b"1 INVITE", b"1 OPTIONS")
    wire.caller.says(bad)
    refused = wire.caller.hears(400)
    assert refused.to_tag
    wire.caller.acks(bad, refused)
    assert [type(one) for one in wire.events] == [Refused]
    wire.callee.hears_nothing()
    # One that only looks like ours is somebody else's business: of another caller, or with another tag.
    other = bad.replace(b"tag=caller", b"tag=other").replace(b"up1", b"up2")
    wire.caller.acks(other, refused)
    assert len(wire.told(Acked)) == 1
    wire.caller.says(wire.caller._after(bad, b"ACK", to=b"To: <sip:a@b>;tag=theirs"))
    assert len(wire.told(Acked)) == 2


@pytest.mark.req("SIP-076")
def test_a_call_too_many_is_answered_503_without_a_transaction(wire: Wire) -> None:
    behind = Flow(0, "198.51.100.99", 6000)
    wire.proxy.busy(wire.caller.request(), behind, 7)
    ((data, to),) = wire.proxy.to_send()
    answer = parse(data)
    assert isinstance(answer, Response) and (answer.status, answer.phrase) == (503, b"Service Unavailable")
    assert answer.first("retry-after") == b"7" and answer.to_tag and answer.via.branch == "z9hG4bKup1"
    assert to == behind and answer.via.received == "198.51.100.99"
    assert wire.proxy.transactions == 0
    for bad in (b"nonsense", b"SIP/2.0 200 OK\r\n\r\n", wire.caller.request(lines=["Call-ID: again"])):
        wire.proxy.busy(bad, behind, 7)
    assert wire.proxy.to_send() == []


def test_a_hop_is_written_into_record_route_as_it_is_reached_whatever_comes_after_it() -> None:
    wire = Wire(callees=2, listeners=LISTENERS)
    second = wire.phone("192.0.2.30", listener=1)
    wire.acts.targets = (wire.callee.flow, second.flow)
    wire.caller.invites()
    assert wire.callee.gets("INVITE").all("record-route") == [b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"]
    wire.callee.answers(503)
    assert second.gets("INVITE").all("record-route") == [
        b"<sip:203.0.113.5:5060;transport=tcp;lr;rw=TOKEN>", b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"
    ]  # fmt: skip


@pytest.mark.req("SIP-008")
def test_a_request_with_two_ways_to_go_bears_the_mark_that_ends_its_loop(fork: Wire) -> None:
    fork.acts.token = None
    fork.caller.invites()
    invite = fork.callees[0].gets("INVITE")
    assert "." in invite.via.branch
    fork.acts.targets = fork.acts.targets[:1]
    fork.caller.invites(branch="z9hG4bKother", call="other")
    assert "." not in fork.callees[0].gets("INVITE").via.branch


@pytest.mark.req("SIP-118")
def test_a_breadth_that_stands_twice_goes_on_once(wire: Wire) -> None:
    wire.caller.invites(lines=["Max-Breadth: 5", "Max-Breadth: 5"])
    assert wire.callee.gets("INVITE").all("max-breadth") == [b"5"]


@pytest.mark.req("EMG-003", "SIP-017")
def test_another_version_of_sip_is_refused_whoever_is_called() -> None:
    wire = Wire(vital=lambda uri: b"911" in uri)
    wire.caller.says(wire.caller.request(start="INVITE sip:911@pbx.example.com SIP/3.0"))
    assert wire.caller.hears(505)
    wire.callee.hears_nothing()
    for name in (b"From", b"To"):
        lines = wire.caller.request(target="sip:911@pbx.example.com").split(b"\r\n")
        wire.caller.says(b"\r\n".join(line for line in lines if not line.startswith(name + b":")))
        wire.caller.hears(400)
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-063")
def test_a_branch_is_cancelled_once_however_often_it_rings(wire: Wire) -> None:
    invite = wire.caller.invites()
    ringing = wire.callee.gets("INVITE")
    wire.callee.answers(180)
    wire.caller.cancels(invite)
    wire.callee.gets("CANCEL")
    wire.callee.answers(183, to=ringing)
    wire.caller.cancels(invite)
    wire.callee.answers(180, to=ringing)
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-053")
@pytest.mark.parametrize("statuses", [(401, 401), (401, 407), (407, 401), (407, 407)])
def test_a_challenge_goes_up_with_those_of_all_the_others_and_of_nobody_else(statuses: tuple[int, int]) -> None:
    wire = Wire(callees=3)
    wire.acts.insist = True
    wire.caller.invites()
    for number, (status, callee) in enumerate(zip((*statuses, 403), wire.callees, strict=True)):
        callee.gets("INVITE")
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        callee.answers(status, "Say Who", lines=(f'{name}: Digest realm="{number}"', f"X-Of: {number}"))
    (challenge,) = (one for _, one, _ in wire.caller.inbox if isinstance(one, Response) and one.status >= 300)
    assert challenge.status == statuses[0] and challenge.phrase == b"Say Who"
    assert sorted(challenge.all("www-authenticate") + challenge.all("proxy-authenticate")) == [b'Digest realm="0"', b'Digest realm="1"']
    assert challenge.all("x-of") == [b"0"]
