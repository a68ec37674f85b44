"""What caller and callee say: read by the project's own parser, and after a proxy has touched it."""

from __future__ import annotations

import pytest

from proxy.lab.load import words
from proxy.lab.load.plan import Address
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse

ME, TARGET = Address("127.0.0.2", 5070), Address("127.0.0.1", 5060)
IDENTITY = b"Identity: a.b.c;info=<https://127.0.0.1/x.pem>;alg=ES256;ppt=shaken\r\n"


def invite(identity: bytes = IDENTITY, transport: str = "udp") -> bytes:
    script = words.Caller(ME, TARGET, transport, "pbx.example")
    return script.invite(b"0ab1", b"0ab1@lab", b"12025550100", b"12125550101", identity)


def proxied(message: bytes) -> bytes:
    """As a record-routing proxy passes it on."""
    line, rest = message.split(b"\r\n", 1)
    mine = b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK0x\r\nRecord-Route: <sip:127.0.0.1:5060;lr;t=x>\r\n"
    return line + b"\r\n" + mine + rest.replace(b"Max-Forwards: 70", b"Max-Forwards: 69")


def answered(request: bytes) -> bytes:
    return words.Callee(Address("127.0.0.3", 5080), "udp").pick_up(request, b"b1")[1]


def test_an_invite_is_one_that_our_parser_reads() -> None:
    request = parse(invite())
    assert isinstance(request, Request)
    assert request.via.branch == "z9hG4bK0ab1-i"
    assert request.all("identity") == [IDENTITY[10:-2]]
    assert request.body == words.SDP


def test_a_response_repeats_the_vias_and_routes_in_order_and_nothing_else_of_the_request() -> None:
    response = parse(answered(proxied(invite())))
    assert isinstance(response, Response)
    assert [via.split(b"branch=")[1] for via in response.all("via")] == [b"z9hG4bK0x", b"z9hG4bK0ab1-i"]
    assert response.all("record-route") == [b"<sip:127.0.0.1:5060;lr;t=x>"]
    assert not response.all("max-forwards") and not response.all("identity")
    assert response.first("to") == b"<sip:+12125550101@pbx.example;user=phone>;tag=b1"
    assert response.first("contact") == b"<sip:pbx@127.0.0.3:5080>"


def test_headers_in_another_order_and_compact_form_are_found_too() -> None:
    odd = (
        b"INVITE sip:x@y SIP/2.0\r\nm: <sip:a@b>\r\nt: <sip:x@y>\r\nl: 0\r\nCALL-ID: q\r\nf: <sip:a@b>;tag=1\r\n"
        b"v: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    assert words.call_id(odd) == b"q"
    response = parse(answered(odd))
    assert response.all("via") == [b"SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK1"]
    assert len(response.all("content-length")) == 1 and response.first("to") == b"<sip:x@y>;tag=b1"


def test_ack_and_bye_follow_the_routes_backwards_to_the_contact() -> None:
    script = words.Caller(ME, TARGET, "udp", "pbx.example")
    ok = answered(proxied(invite())).replace(
        b"Record-Route: <sip:127.0.0.1:5060;lr;t=x>", b"Record-Route: <sip:p2;lr>, <sip:p1;lr>"
    )
    ack, bye, place = script.dialog(b"0ab1", b"0ab1@lab", b"12025550100", ok)
    request = parse(bye)
    assert isinstance(request, Request) and request.method == "BYE"
    assert request.all("route") == [b"<sip:p1;lr>", b"<sip:p2;lr>"]
    assert bye.startswith(b"BYE sip:pbx@127.0.0.3:5080 SIP/2.0\r\n") and ack.startswith(b"ACK sip:pbx@127.0.0.3:5080 ")
    assert place is None
    assert parse(ack).via.branch != parse(invite()).via.branch


def test_without_a_route_the_rest_of_a_call_goes_to_its_contact() -> None:
    script = words.Caller(ME, TARGET, "udp", "pbx.example")
    assert script.dialog(b"m", b"m@lab", b"1", answered(invite()))[2] == ("127.0.0.3", 5080)


def test_the_ack_of_a_refusal_has_the_branch_and_target_of_its_invite() -> None:
    script = words.Caller(ME, TARGET, "udp", "pbx.example")
    refused = words.Callee(ME, "udp").ended(invite(), b"b1")
    ack = script.refused(b"0ab1", b"0ab1@lab", b"12025550100", b"12125550101", refused)
    assert parse(ack).via.branch == parse(invite()).via.branch
    assert ack.split(b" ")[1] == invite().split(b" ")[1]
    assert parse(ack).first("to").endswith(b";tag=b1")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        (b"sip:pbx@127.0.0.3:5080", ("127.0.0.3", 5080)),
        (b"sip:127.0.0.3;transport=tcp", ("127.0.0.3", 5060)),
        (b"sip:a@[::1]:5081", ("::1", 5081)),
        (b"sip:a@pbx.example", None),
        (b"sip:a@300.1.1.1", None),
        (b"tel:+12025550100", None),
    ],
)
def test_the_place_of_a_uri(uri: bytes, place: tuple[str, int] | None) -> None:
    assert words.peer(uri) == place
