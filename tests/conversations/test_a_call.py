"""Whole calls, as they nearly always go."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Acked, Finished, Retransmitted, Ringing
from proxy.sip.message import Response
from tests.conversations.wire import SDP, Wire


@pytest.mark.req("SIP-036", "SIP-041", "SIP-047", "SIP-070", "SIP-005")
def test_a_call_is_set_up_and_ended_through_us(wire: Wire) -> None:
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    assert invite.lines[0].startswith(b"Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK")
    assert invite.lines[1] == b"Record-Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>"
    assert invite.body == SDP
    wire.callee.answers(100)
    wire.caller.hears_nothing()  # a 100 goes one hop
    wire.callee.answers(180)
    wire.caller.hears(180)
    wire.callee.answers(200, lines=["Contact: <sip:bob@192.0.2.20>"])
    answer = wire.caller.hears(200)
    assert len(answer.all("via")) == 1
    assert answer.all("record-route") == [b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"]

    route = ["Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>"]
    wire.caller.asks("ACK", target="sip:bob@192.0.2.20", to_tag="callee", lines=route)
    ack = wire.callee.gets("ACK")
    assert len(ack.all("via")) == 2 and ack.line("route") is None
    assert ack.target == b"sip:bob@192.0.2.20"

    wire.caller.asks("BYE", target="sip:bob@192.0.2.20", to_tag="callee", cseq=2, lines=route)
    bye = wire.callee.gets("BYE")
    assert bye.line("route") is None and bye.line("record-route") is None
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.callee.hears_nothing()
    wire.caller.hears_nothing()
    assert [event.status for event in wire.told(Finished)] == [200, 200]
    assert len(wire.told(Ringing)) == 1 and len(wire.told(Acked)) == 1
    wire.quiet()
    assert not wire.told(Retransmitted)


@pytest.mark.req("SIP-036")
def test_the_callee_ends_the_call(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(200)
    wire.caller.hears(200)
    route = ["Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>"]
    wire.callee.asks("BYE", target="sip:alice@198.51.100.10", to_tag="caller", lines=route)
    wire.caller.gets("BYE")
    wire.caller.answers(200)
    wire.callee.hears(200)
    wire.quiet()


@pytest.mark.req("SIP-034", "SIP-002", "SIP-012", "SIP-023", "SIP-001")
def test_nothing_that_we_have_no_rule_for_changes_by_one_octet(wire: Wire) -> None:
    odd = ["X-Odd: ;;,,;", "Date: not a date", "Require: nothingSupportsThis", "Subject: \u00fc \u4f60", "y: broken"]
    odd += ["X-Blanks :  two  blanks,\tand \t ", "x-FOLDED: one\r\n\t two", "X-Empty:"]
    body = bytes(range(256))
    sent = wire.caller.asks("FROB", lines=odd, body=body)
    got = wire.callee.inbox[0][2]
    wire.callee.gets("FROB")
    head, _, arrived = got.partition(b"\r\n\r\n")
    assert arrived == body
    theirs = [line for line in sent.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    left = [line for line in theirs if not line.startswith((b"Via", b"Max-Forwards"))]
    ours = head.split(b"\r\n")
    assert [line for line in ours if line in left] == left
    assert [line for line in ours if line not in left] == [
        b"FROB sip:+12025550199@pbx.example.com;user=phone SIP/2.0",
        ours[1],
        b"Record-Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>",
        b"Via: SIP/2.0/UDP 198.51.100.10:5060;rport=5060;received=198.51.100.10;branch=z9hG4bKup1",
        b"Max-Forwards: 69",
        b"Max-Breadth: 60",
    ]


@pytest.mark.req("SIP-056", "SIP-054", "TRAP-68", "TRAP-70")
def test_a_response_loses_our_via_and_nothing_else(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    reasons = [
        'Reason: SIP;cause=603;text="v=analytics1;url=https://x.example;a=b";location=LN',
        'Reason: SIP;cause=603;text="another of the same protocol", STIR;cause=436;text="Bad Identity Info"',
    ]
    sent = wire.callee.answers(603, "Network Blocked", lines=[*reasons, "X-A: ,"])
    got = wire.caller.inbox[0][2]
    wire.caller.hears(603)
    lines = sent.split(b"\r\n")
    assert lines[1].startswith(b"Via: SIP/2.0/UDP 203.0.113.5")
    assert got.split(b"\r\n") == [lines[0], *lines[2:]]


@pytest.mark.req("SIP-079", "SIP-080", "SIP-048")
def test_each_2xx_that_comes_again_goes_upstream_again(wire: Wire) -> None:
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.advance(0.5)
    wire.callee.again()
    wire.caller.hears(200)
    wire.callee.answers(200, tag="another-phone")
    assert wire.caller.hears(200).to_tag == "another-phone"
    wire.caller.hears_nothing()
    wire.callee.hears_nothing()  # no ACK of our own
    wire.quiet()


@pytest.mark.req("SIP-078", "TRAP-55", "TRAP-60")
def test_a_retransmitted_invite_is_absorbed_while_it_is_answered_and_after(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.caller.says(invite)
    wire.callee.answers(180)
    wire.caller.hears(180)
    wire.caller.says(invite)
    wire.caller.hears(180)  # what was last sent
    wire.callee.answers(200)
    wire.caller.hears(200)
    wire.advance(20)
    wire.caller.says(invite)
    wire.caller.hears_nothing()
    wire.callee.hears_nothing()
    assert len(wire.told(Retransmitted)) == 3
    wire.quiet()


@pytest.mark.req("SIP-039")
def test_two_passes_of_one_request_leave_their_record_routes_as_they_came(wire: Wire) -> None:
    """A spiral: the callee sends the INVITE back to us under another name, and it ends at another phone."""
    wire.caller.invites()
    first = wire.callee.gets("INVITE")
    other = wire.phone("192.0.2.90")
    wire.acts.targets, wire.acts.token = (other.flow,), b"SECOND"
    again = [first.start.replace(b"0199", b"0198"), b"Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKspiral", *first.lines]
    wire.callee.says(b"\r\n".join([*again, b"", first.body]))
    second = other.gets("INVITE")
    both = [b"<sip:203.0.113.5:5060;lr;rw=SECOND>", b"<sip:203.0.113.5:5060;lr;rw=TOKEN>"]
    assert second.all("record-route") == both
    other.answers(200)
    assert wire.callee.hears(200).all("record-route") == both
    wire.callee.answers(200, to=first, lines=[f"Record-Route: {both[0].decode()}"])
    assert sorted(wire.caller.hears(200).all("record-route")) == both


@pytest.mark.req("SIP-015")
def test_a_challenge_is_the_pbxs_and_its_answer_the_callers(wire: Wire) -> None:
    """We ask nobody for credentials: what is challenged behind us is answered before us, and no ACK or CANCEL ever is."""
    invite = wire.caller.invites(lines=['Proxy-Authorization: Digest username="x", realm="elsewhere"'])
    assert wire.callee.gets("INVITE").line("proxy-authorization") is not None
    wire.callee.answers(407, lines=['Proxy-Authenticate: Digest realm="pbx", nonce="n1"'])
    wire.callee.gets("ACK")
    challenged = wire.caller.hears(407)
    assert challenged.all("proxy-authenticate") == [b'Digest realm="pbx", nonce="n1"']
    wire.caller.acks(invite, challenged)
    wire.caller.hears_nothing()
    again = wire.caller.invites(lines=['Proxy-Authorization: Digest realm="pbx", nonce="n1", response="r"'], cseq=2)
    assert b"n1" in (wire.callee.gets("INVITE").line("proxy-authorization") or b"")
    wire.callee.answers(180)
    wire.caller.hears(180)
    wire.caller.cancels(again)
    assert wire.caller.hears(200).cseq.method == "CANCEL"
    wire.caller.asks("ACK", to_tag="nobody")
    wire.caller.hears_nothing()


@pytest.mark.req("TRAP-66")
@pytest.mark.parametrize("mode", ["forward", "hold"])
def test_no_provisional_but_100_is_ever_ours(wire: Wire, mode: str) -> None:
    wire.acts.mode = mode
    wire.caller.invites()
    wire.advance(600)
    heard = {message.status for _, message, _ in wire.caller.inbox if isinstance(message, Response)}
    assert heard == {100, 408 if mode == "forward" else 500}


@pytest.mark.req("SIP-014")
def test_merged_requests_both_go_on(wire: Wire) -> None:
    wire.caller.invites(branch="z9hG4bKone")
    wire.caller.invites(branch="z9hG4bKtwo")
    wire.callee.gets("INVITE")
    wire.callee.gets("INVITE")


def test_lines_that_the_user_edits_are_given_back_in_the_responses(wire: Wire) -> None:
    from proxy.sip.edit import Edits

    theirs = b'From: "EXAMPLE CO" <sip:+12025550123@carrier.example.net;user=phone>;tag=caller'
    ours = b'From: "EXAMPLE CO" <sip:+12025550123;verstat=TN-Validation-Passed@carrier.example.net;user=phone>;tag=caller'

    def marked(request: object) -> Edits:
        edits = Edits()
        edits.swap[request.find("from")] = ours  # type: ignore[attr-defined]
        edits.add.append(b"X-Screen-Verdict: allow")
        return edits

    wire.acts.edits, wire.acts.swap = marked, ((ours, theirs),)
    wire.caller.invites()
    invite = wire.callee.gets("INVITE")
    assert invite.line("from") == ours and invite.line("x-screen-verdict") == b"X-Screen-Verdict: allow"
    for status in (180, 200, 200):
        wire.callee.answers(status)
        assert wire.caller.hears(status).line("from") == theirs
