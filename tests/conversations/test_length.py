"""How long a message is: counted in octets, after what is ours was added, and always said on a stream."""

from __future__ import annotations

import pytest

from proxy.sip.context import Context
from proxy.sip.endpoint import FailedOver, Finished, Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from tests.conversations.wire import OWN, Wire

UDP, TCP = Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN)
THERE = Flow(0, "192.0.2.20", 5060)


def both() -> Wire:
    """A proxy whose callee is reached by UDP, and by TCP with what is too long for a datagram."""
    return Wire(listeners=(UDP, TCP), large={THERE: THERE._replace(listener=1)})


def forwarded(wire: Wire, filling: int) -> tuple[Request, int]:
    """The INVITE that goes on when one came that was made longer by so many octets, and its length."""
    wire.caller.invites(lines=[f"X-Long: {'a' * filling}"])
    length = len(wire.callee.inbox[0][2])
    return wire.callee.gets("INVITE"), length


@pytest.mark.req("SIP-087", "SIP-088", "TRAP-50", "TRAP-51")
@pytest.mark.parametrize(("length", "transport"), [(1299, "UDP"), (1300, "UDP"), (1301, "TCP")])
def test_the_length_that_counts_is_that_of_the_message_as_it_leaves(length: int, transport: str) -> None:
    wire = both()
    _, empty = forwarded(wire, 0)
    filling = length - empty
    invite, found = forwarded(wire, filling)
    assert len(wire.caller.sent) < 1300  # what came was short enough: our own Via and Record-Route made it longer
    assert invite.via.transport == transport
    assert invite.all("via")[0].startswith(b"SIP/2.0/%s " % transport.encode())
    assert found == length if transport == "UDP" else found >= length


@pytest.mark.req("SIP-113", "TRAP-51")
def test_a_cancel_and_an_ack_follow_a_long_invite_by_the_transport_that_it_took() -> None:
    wire = both()
    sent = wire.caller.invites(lines=[f"X-Long: {'a' * 1300}"])
    invite = wire.callee.gets("INVITE")
    wire.callee.flow = THERE._replace(listener=1)
    wire.callee.answers(180)
    wire.caller.cancels(sent)
    cancel = wire.callee.gets("CANCEL")
    wire.callee.answers(487)
    ack = wire.callee.gets("ACK")
    assert cancel.all("via") == ack.all("via") == [invite.all("via")[0]]
    assert cancel.via.transport == "TCP"


@pytest.mark.req("TRAP-75", "SIP-034", "SIP-097")
@pytest.mark.parametrize("text", ["v=0\r\ns=Besprechung über Öl\r\n", "会議 📞", "\u00fc" * 700])
def test_a_body_is_as_long_as_its_octets_and_not_as_its_characters(wire: Wire, text: str) -> None:
    body = text.encode()
    assert len(body) > len(text)
    wire.caller.asks("MESSAGE", body=body)
    message = wire.callee.gets("MESSAGE")
    assert message.body == body and message.all("content-length") == [b"%d" % len(body)]
    wire.callee.answers(200, body=body)
    assert wire.caller.hears(200).body == body
    # Counted in characters it would be cut.
    request = wire.caller.request("MESSAGE", body=body)
    wire.caller.says(request.replace(b"Length: %d" % len(body), b"Length: %d" % len(text)))
    assert wire.callee.gets("MESSAGE").body == body[: len(text)]


@pytest.mark.req("SIP-043", "TRAP-75")
@pytest.mark.parametrize("body", [b"", b"v=0\r\n", "über".encode()])
def test_what_comes_without_a_length_by_udp_gets_one_on_a_stream(body: bytes) -> None:
    wire = Wire(listeners=(UDP, TCP))
    wire.acts.targets = (THERE._replace(listener=1),)
    request = wire.caller.request("MESSAGE", body=body)
    wire.caller.says(request.replace(b"Content-Length: %d\r\n" % len(body), b""))
    message = wire.callee.gets("MESSAGE")
    assert message.all("content-length") == [b"%d" % len(body)] and message.body == body


@pytest.mark.req("SIP-043")
def test_a_response_and_an_ack_without_a_length_get_one_on_a_stream_too() -> None:
    wire = Wire(listeners=(UDP, TCP))
    wire.caller.flow = wire.caller.flow._replace(listener=1, connection=7)
    wire.caller.invites(via="SIP/2.0/TCP 198.51.100.10:5060;branch=z9hG4bKa")
    wire.callee.gets("INVITE")
    wire.callee.says(wire.callee.answers(486).replace(b"Content-Length: 0\r\n", b""))
    wire.callee.gets("ACK")
    assert wire.caller.hears(486).all("content-length") == [b"0"]
    wire.acts.targets = (THERE._replace(listener=1),)
    wire.callee.inbox.clear()
    wire.caller.says(wire.caller.request("ACK", to_tag="x").replace(b"Content-Length: 0\r\n", b""))
    assert wire.callee.gets("ACK").all("content-length") == [b"0"]


@pytest.mark.req("SIP-037", "TRAP-53")
def test_a_record_route_says_nothing_of_a_transport_that_was_forced_by_length() -> None:
    wire = both()
    wire.caller.invites(lines=[f"X-Long: {'a' * 1300}"])
    invite = wire.callee.gets("INVITE")
    assert invite.via.transport == "TCP"
    assert invite.all("record-route") == [b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"]


# What no datagram holds

TOO_LONG = b"x" * 65_000
"""A body that is a datagram with the caller's headers, and with ours no more."""
STREAM = THERE._replace(listener=1)
BESIDE = Flow(0, "192.0.2.30", 5060)


@pytest.mark.req("SIP-087", "SIP-088", "SIP-090")
@pytest.mark.parametrize(("host", "most"), [("203.0.113.5", 65_507), ("2001:db8::5", 65_527)])
@pytest.mark.parametrize("more", [0, 1])
def test_a_request_that_no_datagram_holds_is_refused_and_its_hop_hears_nothing(host: str, most: int, more: int) -> None:
    wire = Wire(listeners=(Listener("UDP", host, 5060, host, 5060),))
    wire.caller.invites(body=b"x" * 60_000)
    length = len(wire.callee.inbox[0][2])
    wire.callee.gets("INVITE")
    wire.caller.invites(body=b"x" * (60_000 + most - length + more), call="call-2")
    if more:
        wire.callee.hears_nothing()
        answer = wire.caller.hears(513)
        assert answer.phrase == b"Message Too Large" and [event.status for event in wire.told(Finished)] == [513]
    else:
        assert len(wire.callee.inbox[0][2]) == most
        wire.caller.hears_nothing()


@pytest.mark.req("SIP-087", "EMG-003")
@pytest.mark.parametrize("insist", [False, True])
def test_what_no_datagram_holds_goes_to_the_first_hop_that_takes_it_and_nobody_is_left_for_that(insist: bool) -> None:
    wire = Wire(callees=2, listeners=(UDP, TCP))
    wire.acts.insist, wire.acts.targets = insist, (THERE, BESIDE._replace(listener=1))
    wire.caller.invites(body=TOO_LONG + b"x" * 500)
    wire.callee.hears_nothing()
    wire.callees[1].gets("INVITE")
    assert wire.told(FailedOver) == []
    wire.advance(0.3)
    wire.caller.hears(100)
    wire.callees[1].answers(486)
    wire.caller.hears(486)


@pytest.mark.req("SIP-089")
def test_what_no_datagram_holds_does_not_go_by_udp_where_tcp_cannot_be_had() -> None:
    wire = both()
    wire.dead.add((THERE.host, THERE.port))
    wire.caller.invites(body=TOO_LONG + b"x" * 500)
    wire.caller.hears(408)
    assert wire.told(FailedOver) == []


@pytest.mark.req("SIP-087")
def test_who_is_tried_next_is_who_takes_it() -> None:
    wire = Wire(callees=3, listeners=(UDP, TCP))
    first, second, third = (one.flow for one in wire.callees)
    wire.acts.targets = (first._replace(listener=1), second, third._replace(listener=1))
    wire.caller.invites(body=TOO_LONG + b"x" * 500)
    wire.callee.gets("INVITE")
    wire.callee.flow = first._replace(listener=1)
    wire.callee.answers(503)
    wire.callees[2].gets("INVITE")
    wire.callees[1].hears_nothing()
    (event,) = wire.told(FailedOver)
    assert isinstance(event, FailedOver) and (event.left, event.taken) == wire.acts.targets[::2]


@pytest.mark.req("SIP-087")
def test_a_silent_hop_is_not_left_for_one_that_does_not_take_it() -> None:
    wire = Wire(callees=2, listeners=(UDP, TCP))
    wire.acts.targets = (STREAM, BESIDE)
    wire.caller.invites(body=TOO_LONG + b"x" * 500)
    wire.callee.gets("INVITE")
    wire.advance(3)
    assert wire.told(FailedOver) == [] and not wire.callees[1].inbox
    wire.caller.hears(100)
    wire.advance(35)
    wire.caller.hears(408)


@pytest.mark.req("SIP-031", "SIP-087")
def test_a_redirection_to_one_who_does_not_take_it_goes_back() -> None:
    wire = Wire(callees=2, listeners=(UDP, TCP))
    wire.acts.targets = (STREAM,)

    def follow(context: Context, response: Response, flow: Flow) -> tuple[bytes, Flow, tuple[bytes, ...]]:
        return b"sip:elsewhere@192.0.2.30", BESIDE, ()

    wire.acts.follow = follow
    wire.caller.invites(body=TOO_LONG + b"x" * 500)
    wire.callee.gets("INVITE")
    wire.callee.flow = STREAM
    wire.callee.answers(302, "Moved", lines=["Contact: <sip:elsewhere@192.0.2.30>"])
    assert wire.caller.hears(302).first("contact") == b"<sip:elsewhere@192.0.2.30>"
    assert not wire.callees[1].inbox


@pytest.mark.req("SIP-087")
def test_a_request_of_a_call_in_progress_that_no_datagram_holds_is_refused_too(wire: Wire) -> None:
    wire.caller.rings(wire.callee)
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.caller.asks("BYE", to_tag="callee", cseq=2, body=TOO_LONG + b"x" * 500)
    wire.caller.hears(513)
    wire.callee.hears_nothing()
