"""Keys of server transactions (RFC 3261 section 17.2.3)."""

from __future__ import annotations

import pytest

from proxy.sip.matching import server_key
from proxy.sip.message import Request
from proxy.sip.parser import parse


def request(
    method: str = "INVITE", via: str = "192.0.2.1:5060;branch=z9hG4bKa", to: str = "", cseq: int = 1, tag: str = "f"
) -> Request:
    message = parse(
        f"{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:x@y>;tag={tag}\r\nTo: <sip:a@b>{to}\r\n"
        f"Call-ID: c\r\nCSeq: {cseq} {method}\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


@pytest.mark.req("SIP-083", "SIP-086")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (request(), request("ACK"), True),
        (request(), request("CANCEL"), False),
        (request(), request("BYE"), False),
        (request(), request(via="192.0.2.1:5060;branch=Z9HG4BKA"), True),
        (request(), request(via="192.0.2.1:5061;branch=z9hG4bKa"), False),
        (request(), request(via="192.0.2.2:5060;branch=z9hG4bKa"), False),
        (request(via="HOST.example;branch=z9hG4bKa"), request(via="host.example;branch=z9hG4bKa"), True),
        (request(), request(cseq=2), True),  # the branch alone decides
    ],
)
def test_branch_sent_by_and_method_decide(one: Request, other: Request, same: bool) -> None:
    assert (server_key(one) == server_key(other)) is same


@pytest.mark.req("SIP-084")
@pytest.mark.parametrize("branch", ["", ";branch=z9hG4bK", ";branch=old-1"])
def test_without_the_cookie_the_fields_decide(branch: str) -> None:
    via = "192.0.2.1" + branch
    key = server_key(request(via=via))
    assert server_key(request(via=via)) == key
    assert server_key(request("ACK", via=via, to=";tag=ours")) == key
    assert server_key(request(via=via, cseq=2)) != key
    assert server_key(request(via=via, tag="other")) != key
    assert server_key(request(via=via + ";x=1", cseq=2)) != key
    assert server_key(request("CANCEL", via=via), "INVITE") == key
    assert server_key(request("BYE", via=via, to=";tag=1")) != server_key(request("BYE", via=via, to=";tag=2"))


@pytest.mark.req("SIP-086")
def test_a_cancel_asks_for_the_invite_of_its_branch() -> None:
    assert server_key(request("CANCEL"), "INVITE") == server_key(request())
