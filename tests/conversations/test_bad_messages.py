"""Requests with faults, strange spellings and old ways, through the whole machine."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Acked, Arrived, Endpoint, Refused, Retransmitted
from proxy.sip.flow import Flow
from tests.conversations.wire import CountedTokens, Wire


@pytest.mark.req("SIP-016")
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_a_request_without_what_it_must_have_is_answered_400(wire: Wire, name: str) -> None:
    lines = wire.caller.request().split(b"\r\n")
    wire.caller.says(b"\r\n".join(line for line in lines if not line.startswith(name.encode() + b":")))
    wire.caller.hears(400)
    wire.callee.hears_nothing()
    assert len(wire.told(Refused)) == 1 and wire.proxy.transactions == 0


@pytest.mark.req("SIP-016")
@pytest.mark.parametrize("method", ["BYE", "OPTIONS"])
def test_a_request_with_too_long_a_head_goes_no_further_also_where_it_is_plain(wire: Wire, method: str) -> None:
    via = "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK"
    wire.caller.asks("OPTIONS", via=f"{via}1")  # from now on its Via is known
    wire.callee.gets("OPTIONS")
    wire.caller.asks(method, via=f"{via}2", to_tag="callee", lines=[f"X-Long: {'y' * 50_000}"])
    wire.callee.hears_nothing()
    assert [event.error.status for event in wire.told(Refused) if isinstance(event, Refused)] == [513]
    wire.quiet()


@pytest.mark.req("SIP-016")
def test_without_a_via_there_is_nobody_to_answer(wire: Wire) -> None:
    wire.caller.invites(via="")
    wire.caller.hears_nothing()
    assert len(wire.told(Refused)) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param((b"SIP/2.0\r\n", b"SIP/7.0\r\n"), 505, marks=pytest.mark.req("SIP-017")),
        pytest.param((b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"), 400, marks=pytest.mark.req("SIP-018")),
        pytest.param((b"Call-ID: call-1", b"Call-ID: a\r\nCall-ID: b"), 400, marks=pytest.mark.req("SIP-022")),
        pytest.param((b"Content-Length: ", b"Content-Length: 9"), 400, marks=pytest.mark.req("SIP-097")),
        ((b"Via: SIP/2.0/UDP 198.51.100.10:5060;", b"Via: SIP/2.0/UDP 198.51.100.10:5060;;,;,,"), 400),
        ((b"To: <", b'To: "Mr. J. User <'), 400),
        ((b"INVITE sip", b"INVITE  sip"), 400),
        ((b"sip:+12025550199@pbx.example.com;user=phone SIP", b"sip:a@pbx.example.com?Route=x SIP"), 400),
    ],
)
def test_a_fault_is_answered_without_state(wire: Wire, change: tuple[bytes, bytes], status: int) -> None:
    data = wire.caller.request(body=b"v=0\r\n")
    bad = data.replace(*change, 1)
    assert bad != data
    wire.caller.says(bad)
    first = wire.caller.inbox[0][2]
    wire.caller.hears(status)
    wire.caller.says(bad)
    assert wire.caller.inbox[0][2] == first  # the same tag for the same request (section 8.2.7)
    assert wire.proxy.transactions == 0
    wire.callee.hears_nothing()


def test_a_faulty_ack_and_a_faulty_response_are_never_answered(wire: Wire) -> None:
    wire.caller.says(wire.caller.request("ACK").replace(b"CSeq: 1 ACK", b"CSeq: x"))
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.says(wire.callee.answers(180).replace(b"CSeq: 1 INVITE", b"CSeq: 4294967296 INVITE"))
    wire.caller.hears(180)
    wire.callee.hears_nothing()
    wire.caller.hears_nothing()
    assert len(wire.told(Refused)) == 2


@pytest.mark.req("SIP-101", "SIP-102")
@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"\0\1\0\0!\x12\xa4B" + bytes(12), b"\1\1abc"])
def test_keep_alives_and_stun_are_no_sip(wire: Wire, data: bytes) -> None:
    wire.caller.says(data)
    assert wire.events == [] and wire.lost == []
    wire.caller.hears_nothing()


@pytest.mark.req("SIP-100")
def test_line_ends_before_a_message_are_passed_over(wire: Wire) -> None:
    wire.caller.says(b"\r\n\r\n" + wire.caller.request())
    wire.callee.gets("INVITE")


@pytest.mark.req("SIP-083", "TRAP-73")
def test_matching_is_by_branch_without_case_and_by_host_and_port(wire: Wire) -> None:
    data = wire.caller.invites(branch="z9hG4bKAb", via=None)
    wire.caller.says(data.replace(b"z9hG4bKAb", b"Z9HG4bkaB"))
    assert len(wire.told(Retransmitted)) == 1
    wire.caller.says(data.replace(b"198.51.100.10:5060;", b"198.51.100.10:5061;"))
    wire.caller.says(data.replace(b"198.51.100.10:5060;", b"198.51.100.11:5060;"))
    assert len(wire.told(Arrived)) == 3


@pytest.mark.req("SIP-084", "SIP-004")
@pytest.mark.parametrize("branch", ["", ";branch=z9hG4bK", ";branch=1"])
def test_a_client_of_rfc_2543_is_matched_by_its_fields(wire: Wire, branch: str) -> None:
    via = f"SIP/2.0/UDP 198.51.100.10:5060{branch}"
    wire.acts.mode = "reject"
    data = wire.caller.invites(via=via, max_forwards=None)
    refused = wire.caller.hears(603)
    wire.caller.says(data)
    wire.caller.hears(603)
    assert len(wire.told(Arrived)) == 1
    wire.caller.acks(data, refused)
    assert not wire.told(Acked)
    wire.caller.invites(via=via, cseq=2)
    wire.caller.hears(603)
    wire.caller.invites(via=via, call="call-2")
    wire.caller.hears(603)
    wire.caller.cancels(data)
    assert wire.caller.hears(200).cseq.method == "CANCEL"
    wire.acts.mode = "forward"
    wire.caller.asks("BYE", via=via, to_tag="x", max_forwards=None)
    assert wire.callee.gets("BYE").max_forwards == 70
    wire.caller.again()
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-005", "SIP-007", "TRAP-72")
@pytest.mark.parametrize(
    ("given", "sent"),
    [("1", "0"), ("255", "254"), ("0068", "67"), ("256", "70"), ("99999999999999999999", "70"), ("-1", "70"), ("abc", "70")],
)
def test_max_forwards_counts_down_and_never_wraps(wire: Wire, given: str, sent: str) -> None:
    wire.caller.invites(max_forwards=None, lines=[f"Max-Forwards: {given}"])
    assert wire.callee.gets("INVITE").all("max-forwards") == [sent.encode()]


@pytest.mark.req("SIP-070")
def test_an_ack_that_may_go_no_further_is_dropped(wire: Wire) -> None:
    wire.caller.asks("ACK", to_tag="x", max_forwards=0)
    wire.callee.hears_nothing()
    wire.caller.hears_nothing()


@pytest.mark.req("SIP-093", "SIP-094", "SIP-095")
@pytest.mark.parametrize(
    ("via", "stamped", "port"),
    [
        ("198.51.100.10:5070;branch=z9hG4bKa", ";branch=z9hG4bKa", 5070),
        ("198.51.100.10;branch=z9hG4bKa", ";branch=z9hG4bKa", 5060),
        ("10.0.0.1:5070;branch=z9hG4bKa", ";branch=z9hG4bKa;received=198.51.100.10", 5070),
        ("phone.example:5070;branch=z9hG4bKa", ";branch=z9hG4bKa;received=198.51.100.10", 5070),
        ("10.0.0.1;rport;branch=z9hG4bKa", ";rport=41000;received=198.51.100.10;branch=z9hG4bKa", 41000),
        ("10.0.0.1;branch=z9hG4bKa;rport", ";branch=z9hG4bKa;rport=41000;received=198.51.100.10", 41000),
        ("10.0.0.1;branch=z9hG4bKa;RPORT", ";branch=z9hG4bKa;rport=41000;received=198.51.100.10", 41000),
        ("10.0.0.1:5070;rport=9;branch=z9hG4bKa", ";rport=9;branch=z9hG4bKa;received=198.51.100.10", 5070),
        ("10.0.0.1:5070;rport;rport;branch=z9hG4bKa", None, 5070),
        ("10.0.0.1:5070;received=192.0.2.66;branch=z9hG4bKa", ";branch=z9hG4bKa;received=198.51.100.10", 5070),
        ("198.51.100.10:5070;maddr=192.0.2.66;branch=z9hG4bKa", ";maddr=192.0.2.66;branch=z9hG4bKa", 5070),
        ("198.51.100.10:5070;maddr=224.0.1.75;branch=z9hG4bKa", ";maddr=224.0.1.75;branch=z9hG4bKa", 5070),
    ],
)
def test_a_response_goes_to_where_the_request_came_from(wire: Wire, via: str, stamped: str | None, port: int) -> None:
    source = wire.phone("198.51.100.10", 41000)
    wire.phone("198.51.100.10", 5070)
    wire.acts.mode = "hold"
    data = wire.caller.request("OPTIONS", via="SIP/2.0/UDP " + via)
    source.says(data)
    wire.acts.mode = "forward"
    wire.release()
    forwarded = wire.callee.gets("OPTIONS")
    if stamped is not None:
        assert forwarded.all("via")[1] == ("SIP/2.0/UDP " + via.partition(";")[0] + stamped).encode()
    wire.callee.answers(200)
    heard = {flow[1]: len(phone.inbox) for flow, phone in wire.phones.items() if phone.inbox}
    assert heard == {port: 1} and not wire.lost


@pytest.mark.req("SIP-107")
def test_a_via_below_ours_aims_nothing(wire: Wire) -> None:
    """Broadcast, a group, or our own address in the next Via: the way back is the one that the request came."""
    wire.caller.rings(wire.callee, via="SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKa;rport")
    wire.callee.answers(180, to=None)
    answer = wire.caller.hears(180)
    assert answer.via.host == "255.255.255.255" and not wire.lost


@pytest.mark.req("EMG-003")
def test_a_vital_request_is_let_in_with_any_fault_but_an_unanswerable_one() -> None:
    wire = Wire(vital=lambda uri: b"911" in uri)
    bad = ["Max-Forwards: 70", 'P-Odd: "', "Call-ID: again"]
    wire.caller.invites(target="sip:911@pbx.example.com", lines=bad)
    assert wire.callee.gets("INVITE").all("call-id") == [b"call-1", b"again"]
    wire.callee.answers(486)
    wire.callee.gets("ACK")
    wire.caller.hears(486)
    wire.caller.invites(lines=bad)
    wire.caller.hears(400)
    lines = wire.caller.request(target="sip:911@pbx.example.com").split(b"\r\n")
    wire.caller.says(b"\r\n".join(line for line in lines if not line.startswith(b"Call-ID")))
    wire.caller.hears(400)


@pytest.mark.req("SIP-008", "SIP-009", "SIP-010", "TRAP-61")
@pytest.mark.parametrize(
    ("change", "loops"),
    [
        ((b"", b""), True),
        ((b"INVITE sip:+12025550199", b"INVITE sip:+12025550198"), False),
        ((b"Identity: a", b"Identity: b"), False),
        ((b"From: \"EXAMPLE CO\" <sip:+12025550123", b"From: \"EXAMPLE CO\" <sip:+12025550124"), False),
        ((b"Subject: a", b"Subject: b"), True),  # nothing is decided by it
    ],
)  # fmt: skip
def test_a_request_that_comes_back_unchanged_is_a_loop_and_else_a_spiral(
    fork: Wire, change: tuple[bytes, bytes], loops: bool
) -> None:
    fork.caller.invites(lines=["Identity: a", "Subject: a"])
    fork.callee.gets("INVITE")
    one = fork.caller  # so that the inbox of the callee is the loop's
    fork.advance(0.1)
    data = fork.callee.invite
    assert data is not None
    back = b"\r\n".join([data.start, b"Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKb", *data.lines, b"", data.body])
    fork.callee.says(back.replace(*change, 1) if change[0] else back)
    if loops:
        fork.callee.hears(482)
    else:
        fork.callee.gets("INVITE")
    one.hears_nothing()


def test_one_hop_that_leads_back_to_us_is_a_loop_too(wire: Wire) -> None:
    mirror = wire.phone("203.0.113.5", 5060)
    wire.acts.targets = (mirror.flow,)
    wire.caller.invites()
    mirror.gets("INVITE")
    data = mirror.invite
    assert data is not None
    mirror.says(b"\r\n".join([data.start, *data.lines, b"", data.body]))
    mirror.hears(482)


def test_a_server_name_is_only_in_our_own_answers() -> None:
    wire = Wire(server_name="ringwarden")
    wire.acts.mode = "reject"
    wire.caller.invites()
    assert wire.caller.hears(603).first("server") == b"ringwarden"
    wire.acts.mode = "forward"
    wire.caller.invites()
    assert wire.callee.gets("INVITE").line("server") is None
    wire.callee.answers(180)
    assert wire.caller.hears(180).line("server") is None


@pytest.mark.req("SIP-037")
def test_where_the_two_sides_of_us_differ_both_are_named() -> None:
    from proxy.sip.endpoint import Listener

    wire = Wire(
        listeners=(
            Listener("UDP", "203.0.113.5", 5060, "203.0.113.5", 5060),
            Listener("UDP", "10.0.0.5", 5062, "10.0.0.5", 5062),
        )
    )
    pbx = wire.phone("10.0.0.20", 5060, listener=1)
    wire.acts.targets = (pbx.flow,)
    wire.caller.invites()
    invite = pbx.gets("INVITE")
    assert invite.all("record-route") == [
        b"<sip:10.0.0.5:5062;lr;rw=TOKEN>", b"<sip:203.0.113.5:5060;lr;rw=TOKEN>",
    ]
    assert invite.via.host == "10.0.0.5" and invite.via.port == 5062
    pbx.answers(200)
    wire.caller.hears(200)
    route = ["Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>, <sip:10.0.0.5:5062;lr;rw=TOKEN>"]
    wire.caller.asks("BYE", target="sip:bob@10.0.0.20", to_tag="callee", lines=route)
    assert pbx.gets("BYE").line("route") is None


@pytest.mark.req("SIP-038")
def test_a_sips_request_is_record_routed_by_sips(wire: Wire) -> None:
    wire.caller.invites(target="sips:bob@pbx.example.com")
    assert wire.callee.gets("INVITE").all("record-route") == [b"<sips:203.0.113.5:5060;lr;rw=TOKEN>"]


@pytest.mark.req("SIP-042")
def test_our_branches_are_tokens(wire: Wire) -> None:
    import string

    allowed = set(string.ascii_letters + string.digits + "-.!%*_+`'~")
    for number in range(500):
        wire.caller.invites(call=f"call-{number}")
        assert set(wire.callee.gets("INVITE").via.branch) <= allowed


@pytest.mark.req("TRAP-74", "V-05")
def test_ipv6_goes_both_ways() -> None:
    from proxy.sip.endpoint import Listener

    wire = Wire(listeners=(Listener("UDP", "2001:db8::5", 5060, "2001:db8::5", 5060),))
    caller, callee = wire.phone("2001:db8::10"), wire.phone("2001:db8::20")
    wire.acts.targets = (callee.flow,)
    caller.invites()
    invite = callee.gets("INVITE")
    assert invite.all("via")[0].startswith(b"SIP/2.0/UDP [2001:db8::5]:5060;branch=")
    assert b"received=2001:db8::10;" in invite.all("via")[1]  # without brackets
    callee.answers(200)
    assert caller.hears(200).all("record-route") == [b"<sip:[2001:db8::5]:5060;lr;rw=TOKEN>"]


def test_a_fresh_endpoint_has_nothing_to_do() -> None:
    proxy = Endpoint(Wire().options, CountedTokens())
    assert proxy.next_timer() is None and proxy.to_send() == [] and proxy.handle_timer(5.0) == []
    assert proxy.transport_error(Flow(0, "192.0.2.1", 5060), 1.0) == [] and proxy.transactions == 0


@pytest.mark.req("SIP-016")
@pytest.mark.parametrize("name", ["Max-Forwards", "Subject", "Route", "Via", "Content-Length", "To", "Nobody-Knows-It"])
def test_a_header_line_without_a_colon_is_refused_and_nothing_of_it_stays(wire: Wire, name: str) -> None:
    lines = [line for line in wire.caller.request(body=b"").split(b"\r\n") if not line.startswith(name.encode() + b":")]
    lines.insert(3, name.encode())
    wire.caller.says(b"\r\n".join(lines))
    wire.callee.hears_nothing()
    assert wire.proxy.transactions == 0
    assert len(wire.told(Refused)) == 1


@pytest.mark.req("SIP-057")
@pytest.mark.parametrize("status", [200, 404, 603])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_final_that_lost_the_callers_via_does_not_go_on_and_the_caller_is_not_left_without_one(
    wire: Wire, method: str, status: int
) -> None:
    request = wire.caller.request(method)
    wire.caller.says(request)
    got = wire.callee.gets(method)
    ours = [line for line, name in zip(got.lines, got.names, strict=True) if name == "via"][0]
    lines = [line for line, name in zip(got.lines, got.names, strict=True) if name in ("from", "to", "call-id", "cseq")]
    wire.callee.says(b"\r\n".join([b"SIP/2.0 %d Phrase" % status, ours, *lines, b"Content-Length: 0", b"", b""]))
    answer = wire.caller.hears(500)
    if method == "INVITE":
        wire.caller.acks(request, answer)
    wire.quiet()
