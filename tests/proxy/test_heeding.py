"""A text message that says STOP, and a call of ours that is answered."""

from __future__ import annotations

import pytest

from policy.agreements import Agreements
from policy.call import Call, Side
from policy.decide import decide
from policy.learned import Learned
from policy.rulebook import Profile, Rulebook
from proxy import heeding
from proxy.lists.promises import Promises
from proxy.screening.case import Lane
from proxy.settings import Trunk
from proxy.sip.message import Request
from proxy.sip.parser import parse
from shaken.number import Plan
from shaken.verify import Rules

UTC = 1_767_225_600.0


def promises() -> tuple[Promises, Rulebook]:
    one, book = Promises(None, Learned(90), lambda event, **fields: None), Rulebook(agreements=Agreements(), learned=Learned(90))
    one.take_over(book)
    return one, book


def lane(side: Side = "carrier") -> Lane:
    return Lane(Trunk(side, side, ()), side, Plan("1", "202"), Profile(), "enforce", 100, Rules())


def sent(body: bytes, *lines: str, method: str = "MESSAGE", caller: str = "+12125550147") -> Request:
    head = (
        f"{method} sip:+12025550100@pbx.example.com SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-7f3a9c11",
        f"From: <sip:{caller}@carrier.example.net>;tag=9f2c",
        "To: <sip:+12025550100@pbx.example.com>",
        "Call-ID: 4a1d7e90@198.51.100.10",
        f"CSeq: 1 {method}",
        *lines,
        f"Content-Length: {len(body)}",
    )
    found = parse("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    assert isinstance(found, Request)
    return found


@pytest.mark.req("REG-061")
@pytest.mark.parametrize("request_", [sent(b"STOP"), sent(b" opt out\r\n", "Content-Type: text/plain;charset=UTF-8")])
def test_a_stop_message_stops_telemarketing_to_its_sender(request_: Request) -> None:
    one, book = promises()
    out = Call(side="pbx", caller="12025550100", callee="12125550147", utc=UTC + 1, purpose="telemarketing")
    assert decide(out, book, Profile(), "enforce").action == "allow"
    assert heeding.message(one, request_, lane(), UTC) in ("stop", "opt out")
    assert decide(out, book, Profile(), "enforce").reason == "opt-out"


@pytest.mark.parametrize(
    ("request_", "side"),
    [
        (sent(b"do not stop"), "carrier"), (sent(b""), "carrier"), (sent(b"STOP", method="INFO"), "carrier"),
        (sent(b"STOP", "Content-Type: text/html"), "carrier"), (sent(b"STOP" + b" " * 300), "carrier"), (sent(b"\xff\xfe"), "carrier"),
        (sent(b"STOP", caller="anonymous"), "carrier"), (sent(b"STOP"), "pbx"),
    ],
)  # fmt: skip
def test_other_messages_tell_nothing(request_: Request, side: Side) -> None:
    one, _ = promises()
    assert heeding.message(one, request_, lane(side), UTC) is None
    assert len(one.live) == 0


def test_a_message_that_cannot_be_read_tells_nothing() -> None:
    one, _ = promises()
    broken = sent(b"STOP", "Content-Type: text/plain", 'P-Asserted-Identity: "')
    heeding.message(one, broken, lane(), UTC)  # whatever it says, it raises nothing


def test_an_answered_call_of_ours_teaches_whom_we_know() -> None:
    one, book = promises()
    heeding.answered(one, None, UTC)
    heeding.answered(one, Call(side="carrier", caller="12125550148", callee="12025550100"), UTC)
    heeding.answered(one, Call(side="pbx", caller="12025550100", callee="12125550147"), UTC)
    assert book.learned is not None
    assert list(book.learned.numbers) == ["12125550147"]
