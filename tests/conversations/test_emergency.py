"""911 on the wire: every way is tried, nothing of the call is changed but what a proxy must, and location is not looked at."""

from __future__ import annotations

import hashlib

import pytest

from policy.emergency import is_emergency_uri
from proxy.screening.marks import strip
from proxy.sip.edit import Edits
from proxy.sip.endpoint import FailedOver, Refused
from proxy.sip.message import Request
from tests.conversations.wire import Phone, Wire

SOS = "urn:service:sos"

PIDF_LO = b"""<?xml version="1.0" encoding="UTF-8"?>\r
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"\r
 xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="pres:+12025550177@pbx.example.com">\r
<tuple id="loc77"><status><gp:geopriv><gp:location-info><cl:civicAddress>\r
<cl:country>US</cl:country><cl:A1>DC</cl:A1><cl:A3>Washington</cl:A3><cl:FLR>3</cl:FLR><cl:ROOM>3127</cl:ROOM>\r
</cl:civicAddress></gp:location-info><gp:usage-rules/></gp:geopriv></status></tuple></presence>\r
"""

BODY = (
    b"preamble that nobody reads\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\n"
    b"c=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n\r\n--b1\r\nContent-Type: application/pidf+xml\r\n"
    b"Content-ID: <loc77@pbx.example.com>\r\n\r\n" + PIDF_LO + b"\r\n--b1--\r\n\0\xff\r\n\r\ntrailer"
)

LOCATED = (
    "P-Asserted-Identity: <sip:+12025550177@pbx.example.com;user=phone>",
    "Geolocation: <cid:loc77@pbx.example.com>,\r\n <https://lis.example.com/loc/77>;x=\"%20\"",
    "geolocation:<sips:loc@lis.example.com>",
    "Geolocation-Routing: yes",
    "Resource-Priority: esnet.1, ets.0",
    "resource-priority: wps.2",
    "Accept-Resource-Priority: esnet.0",
    "Content-Type: multipart/mixed;boundary=b1",
)  # fmt: skip

OURS = {"via", "max-forwards", "record-route", "max-breadth"}


def vital(uri: bytes) -> bool:
    return is_emergency_uri(uri)


@pytest.fixture
def exits() -> Wire:
    """A caller and three ways to the emergency service."""
    return Wire(callees=3, vital=vital)


def gone_on(phone: Phone) -> tuple[Request, bytes]:
    """The request that a phone got, and its bytes."""
    data = phone.inbox[0][2]
    return phone.gets("INVITE"), data


def untouched(sent: bytes, got: bytes) -> None:
    """Line for line and octet for octet, but for the headers that a proxy writes."""
    (head, _, body), (other, _, rest) = sent.partition(b"\r\n\r\n"), got.partition(b"\r\n\r\n")
    assert body == rest
    names = [line.partition(b":")[0].strip().lower().decode() for line in other.split(b"\r\n")]
    kept = [line for line, name in zip(other.split(b"\r\n"), names, strict=True) if name not in OURS]
    before = [line for line in head.split(b"\r\n") if line.partition(b":")[0].strip().lower().decode() not in OURS]
    assert kept == before


@pytest.mark.req("EMG-007", "EMG-008", "EMG-010", "EMG-014")
@pytest.mark.parametrize("target", ["sip:911@pbx.example.com", "sip:9911@pbx.example.com", "sip:933@pbx.example.com", SOS, SOS + ".fire"])
def test_location_headers_and_bodies_pass_to_the_octet(exits: Wire, target: str) -> None:
    sent = exits.caller.invites(target=target, lines=LOCATED, body=BODY)
    request, got = gone_on(exits.callee)
    untouched(sent, got)
    assert hashlib.sha256(request.body).digest() == hashlib.sha256(BODY).digest()
    assert request.all("geolocation") == [
        b'<cid:loc77@pbx.example.com>, <https://lis.example.com/loc/77>;x="%20"', b"<sips:loc@lis.example.com>",
    ]  # fmt: skip
    assert request.all("resource-priority") == [b"esnet.1, ets.0", b"wps.2"]


@pytest.mark.req("EMG-008", "EMG-009", "EMG-014")
def test_an_ordinary_call_keeps_them_too_when_it_is_screened(exits: Wire) -> None:
    def stripped(request: Request) -> Edits:
        return strip(request, prefix="x-screen-", keep_verdicts=False, keep_asserted=True).edits

    exits.acts.edits = stripped
    odd = ("Geolocation: ;;<not a location", "Geolocation-Routing: no", "Geolocation-Error: 100", *LOCATED)
    sent = exits.caller.invites(lines=(*odd, "X-Screen-Verdict: forged"), body=BODY)
    request, got = gone_on(exits.callee)
    untouched(sent.replace(b"\r\nX-Screen-Verdict: forged", b""), got)
    assert request.first("x-screen-verdict") is None


@pytest.mark.req("EMG-011")
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("Geolocation: <cid:nowhere@x>", "Content-Type: multipart/mixed;boundary=b1"), b"--b1\r\nno end"),
        (("Geolocation: <cid:loc77@x>", "Content-Type: application/pidf+xml"), b"<presence><broken"),
        (("Geolocation: ", "Geolocation-Routing: perhaps"), b""),
    ],
)
def test_bad_location_goes_on_and_is_no_424_of_ours(exits: Wire, lines: tuple[str, ...], body: bytes) -> None:
    sent = exits.caller.invites(target=SOS, lines=lines, body=body)
    untouched(sent, gone_on(exits.callee)[1])
    exits.caller.hears_nothing()


@pytest.mark.req("EMG-003", "EMG-004")
@pytest.mark.parametrize(
    "lines",
    [
        ("Contact: ;;,",),
        ("Date: never", "Require: nothing-we-know"),
        ("Max-Forwards: many",),
        ("From: again <<<",),
        ("Content-Length: 7", "Content-Length: 9"),
    ],
)
def test_faults_that_stop_other_calls_do_not_stop_this_one(exits: Wire, lines: tuple[str, ...]) -> None:
    exits.caller.invites(target="sip:911@pbx.example.com", lines=lines)
    assert exits.callee.inbox[0][2].startswith(b"INVITE sip:911@")


@pytest.mark.req("EMG-003", "TRAP-63")
@pytest.mark.parametrize(
    "lengths", [("Content-Length: 0", "Content-Length: 99"), ("l: 9999",), ("Content-Length: 0",), ("Content-Length: none",)]
)
def test_an_emergency_call_with_a_length_that_is_not_its_own_goes_on_with_its_own(exits: Wire, lengths: tuple[str, ...]) -> None:
    """On a connection a next hop would take what follows for a request, or wait for more."""
    sent = exits.caller.request("INVITE", "sip:911@pbx.example.com", body=BODY)
    own = b"Content-Length: %d" % len(BODY)
    assert own in sent
    exits.caller.says(sent.replace(own, "\r\n".join(lengths).encode()))
    taken = exits.callee.gets("INVITE")
    assert taken.all("content-length") == [b"%d" % len(taken.body)]
    assert taken.body == (b"" if lengths == ("Content-Length: 0",) else BODY)


@pytest.mark.req("EMG-003", "SIP-041")
@pytest.mark.parametrize("first", ["refuses", "is silent", "is dead"])
@pytest.mark.parametrize("second", ["refuses", "is silent", "is dead"])
def test_every_way_of_the_emergency_route_is_tried(exits: Wire, first: str, second: str) -> None:
    for phone, how in zip(exits.callees, (first, second), strict=False):
        if how == "is dead":
            exits.dead.add((phone.flow.host, phone.flow.port))
    start = exits.now
    sent = exits.caller.invites(target=SOS, lines=LOCATED, body=BODY)
    for phone, how in zip(exits.callees, (first, second), strict=False):
        if how == "is dead":
            continue
        phone.gets("INVITE")
        if how == "refuses":
            phone.answers(503)
        else:
            exits.advance(2.0)
    last = exits.callees[2]
    request, got = gone_on(last)
    untouched(sent, got)
    assert exits.now - start <= 4.0
    assert len(exits.told(FailedOver)) == 2
    last.answers(200, to=request)
    answers = [message.start for _, message, _ in exits.caller.inbox]
    assert answers[-1] == b"SIP/2.0 200 Phrase"


@pytest.mark.req("EMG-003")
@pytest.mark.parametrize("first", [300, 403, 404, 486, 488, 500, 503, 603])
@pytest.mark.parametrize("second", [404, 603])
def test_a_carrier_that_refuses_an_emergency_call_does_not_end_it(exits: Wire, first: int, second: int) -> None:
    exits.acts.insist = True
    exits.caller.invites(target=SOS)
    for phone, status in zip(exits.callees, (first, second), strict=False):
        phone.gets("INVITE")
        phone.answers(status)
    last = exits.callees[2]
    request = last.gets("INVITE")
    last.answers(200, to=request)
    assert [message.start for _, message, _ in exits.caller.inbox] == [b"SIP/2.0 200 Phrase"]
    assert [event.why for event in exits.told(FailedOver)] == ["503" if first == 503 else "refused", "refused"]


@pytest.mark.req("EMG-003")
def test_when_every_carrier_has_refused_an_emergency_call_the_caller_hears_the_best_answer(exits: Wire) -> None:
    exits.acts.insist = True
    exits.caller.invites(target=SOS)
    for phone, status in zip(exits.callees, (500, 404, 486), strict=True):
        phone.gets("INVITE")
        phone.answers(status)
    assert exits.caller.hears(404)


@pytest.mark.req("EMG-003")
def test_a_caller_who_gives_up_an_emergency_call_is_not_called_for_elsewhere(exits: Wire) -> None:
    exits.acts.insist = True
    sent = exits.caller.invites(target=SOS)
    exits.callee.gets("INVITE")
    exits.callee.answers(180)
    exits.caller.hears(180)
    exits.caller.cancels(sent)
    exits.callee.gets("CANCEL")
    exits.callee.answers(487)
    assert not exits.callees[1].inbox


@pytest.mark.req("EMG-002")
@pytest.mark.parametrize("dialled", ["911", "9911"])
def test_911_works_with_the_outside_line_prefix_and_without(exits: Wire, dialled: str) -> None:
    exits.caller.invites(target=f"sip:{dialled}@pbx.example.com")
    assert exits.callee.gets("INVITE").target == f"sip:{dialled}@pbx.example.com".encode()
    exits.callee.answers(200)
    assert exits.caller.hears(200)


@pytest.mark.req("EMG-003", "SIP-120")
def test_a_caller_who_gives_up_and_calls_again_is_not_held_up_by_the_first_call(exits: Wire) -> None:
    first = exits.caller.invites(target=SOS, call="first")
    exits.callee.gets("INVITE")
    exits.callee.answers(180)
    exits.caller.hears(180)
    exits.caller.cancels(first)
    exits.caller.invites(target=SOS, call="second")
    exits.callee.gets("CANCEL")
    assert exits.callee.gets("INVITE").call_id == b"second"


# What belongs to a call that was let in with faults

TORN, WHOLE = b"EXAMPLE, CO <sip:+12025550123@carrier.example.net>;tag=caller", b'"EXAMPLE CO" <sip:+12025550123@carrier.example.net;user=phone>;tag=caller'
WAY = "Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>"


def ours(request: Request) -> bool:
    return request.to_tag is not None and b";rw=TOKEN>" in (request.line("route") or b"")


def torn(phone: Phone, method: str, target: str, *lines: str, **how: object) -> bytes:
    """A request with a comma in a display name that nothing quotes."""
    data = phone.request(method, target, lines=lines, **how).replace(WHOLE, TORN)  # type: ignore[arg-type]
    phone.says(data)
    return data


@pytest.fixture
def line() -> Wire:
    """A caller and a callee, and an emergency call may have any fault."""
    return Wire(vital=vital, belongs=ours)


@pytest.mark.req("EMG-003")
def test_a_torn_emergency_call_is_answered_acknowledged_and_ended_by_its_caller(line: Wire) -> None:
    torn(line.caller, "INVITE", "sip:911@pbx.example.com")
    line.callee.gets("INVITE")
    line.callee.answers(200)
    assert line.caller.hears(200).first("from") == TORN
    for method, number in (("ACK", 1), ("INVITE", 2), ("BYE", 3)):
        torn(line.caller, method, "sip:taker@192.0.2.20", WAY, to_tag="callee", cseq=number)
        assert line.callee.gets(method).first("from") == TORN
    line.callee.answers(200)
    assert line.caller.hears(200)


@pytest.mark.req("EMG-003")
def test_and_its_callee_may_end_it(line: Wire) -> None:
    torn(line.caller, "INVITE", "sip:911@pbx.example.com")
    line.callee.gets("INVITE")
    line.callee.answers(200)
    line.caller.hears(200)
    bye = line.callee.request("BYE", "sip:phone@198.51.100.10", lines=[WAY])
    swapped = bye.replace(b"From: " + WHOLE, b"From: <sip:911@pbx.example.com>;tag=callee")
    swapped = swapped.replace(b"To: <sip:+12025550199@pbx.example.com;user=phone>", b"To: " + TORN)
    line.callee.says(swapped)
    assert line.caller.gets("BYE").first("to") == TORN


@pytest.mark.req("EMG-003", "SIP-048")
def test_the_refusal_of_a_torn_emergency_call_is_acknowledged_and_not_sent_again(line: Wire) -> None:
    invite = torn(line.caller, "INVITE", "sip:911@pbx.example.com")
    line.callee.gets("INVITE")
    line.callee.answers(486)
    line.callee.gets("ACK")
    line.caller.acks(invite, line.caller.hears(486))
    line.advance(10)
    line.caller.hears_nothing()
    assert not line.told(Refused)


@pytest.mark.req("TRAP-63", "SIP-016")
@pytest.mark.parametrize("lines", [(), (WAY.replace("TOKEN", "GUESS"),)])
@pytest.mark.parametrize("tag", ["callee", ""])
def test_a_torn_request_that_does_not_prove_that_it_belongs_to_one_is_refused(line: Wire, lines: tuple[str, ...], tag: str) -> None:
    torn(line.caller, "ACK", "sip:taker@192.0.2.20", *lines, to_tag=tag)
    line.caller.hears_nothing()
    for method in ("BYE", "INVITE", "INFO"):
        torn(line.caller, method, "sip:taker@192.0.2.20", *lines, to_tag=tag)
        line.caller.hears(400)
    line.callee.hears_nothing()
    assert len(line.told(Refused)) == 4 and line.proxy.transactions == 0


@pytest.mark.req("TRAP-63", "SIP-016")
@pytest.mark.parametrize("length", ["Content-Length: 3\r\nContent-Length: 4", "Content-Length: 4", "Content-Length: three"])
def test_of_a_torn_request_every_reader_sees_the_end_where_we_do(line: Wire, length: str) -> None:
    """On a connection what comes after its end would be a request of its own, and nobody has looked at that."""
    data = line.caller.request("BYE", "sip:taker@192.0.2.20", lines=[WAY], to_tag="callee", body=b"BYE").replace(WHOLE, TORN)
    line.caller.says(data.replace(b"Content-Length: 3", length.encode()))
    line.caller.hears(400)
    line.callee.hears_nothing()
    for fault in (b"Content-Length: 3", b"Content-Length: 3\r\nContent-Length: 3", b"No-Colon\r\nContent-Length: 2", b"No-Length: 3"):
        line.caller.says(data.replace(b"z9hG4bK", b"z9hG4bK%d" % len(fault)).replace(b"Content-Length: 3", fault))
        assert line.callee.gets("BYE").body == (b"BY" if fault[-1:] == b"2" else b"BYE")


def test_what_cannot_be_answered_is_not_let_in_by_any_token(line: Wire) -> None:
    data = line.caller.request("ACK", "sip:taker@192.0.2.20", lines=[WAY], to_tag="callee").replace(WHOLE, TORN)
    for missing in (b"Call-ID: call-1\r\n", b"From: " + TORN + b"\r\n", b"CSeq: 1 ACK\r\n"):
        assert missing in data
        line.caller.says(data.replace(missing, b""))
    line.caller.says(data.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"))
    line.callee.hears_nothing()
    assert len(line.told(Refused)) == 4
