"""How long a message is: counted in octets, after what is ours was added, and always said on a stream."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request
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
