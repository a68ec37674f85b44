"""Emergency calls whose bytes have faults, through a whole ringwarden: the call, and what belongs to it afterwards."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.app import App
from proxy.parts import prepare
from proxy.settings import load
from proxy.sip.flow import Flow
from tests.proxy.test_customers import CARRIER, PBX, SETTINGS, Ground

PHONE = Flow(0, "127.0.0.3", 40_000)
"""The PBX's address, and another port of it."""
STRANGER = Flow(0, "127.0.0.9", 25060)
TAKER = "sip:taker@127.0.0.2:25060"
"""Whoever answers at the carrier, and where."""

FROM = [
    "CO, EXAMPLE <sip:+12025550100@pbx.example>;tag=caller",
    '"torn <sip:@@>>;tag=caller',
    "<sip:+12025550100@pbx.example>;;tag=caller",
    "CO, EXAMPLE\r\n <sip:+12025550100@pbx.example>\r\n ; TAG = caller;x=",
    "CO, EXAMPLE <sip:+12025550100@pbx.example>",
]
"""Unquoted commas, a quote that never closes, an empty parameter, folds, and no tag at all."""
UNREADABLE = ["sip:911@pbx.example.com;", "sip:911@10.0.0.1:", "sip:911@x;;user=phone", "sip:9 1 1@x"]


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    (tmp_path / "numbers.csv").write_text("number,customer\n")
    text = SETTINGS.format(secret="4c" * 32, folder=tmp_path, mode="shadow")
    (tmp_path / "ringwarden.toml").write_text(text)
    chosen = load(tmp_path / "ringwarden.toml")
    app = App(chosen, prepare(chosen))
    await app.start()
    try:
        yield Ground(app)
    finally:
        await app.stop()


def request(
    method: str, target: str, sender: str, to: str, *lines: str, number: int = 1, host: str = PBX.host, call: str = "torn"
) -> bytes:
    head = [
        f"{method} {target} SIP/2.0", f"Via: SIP/2.0/UDP {host}:25060;branch=z9hG4bK{call}{number}{method}", "Max-Forwards: 70",
        f"From: {sender}", f"To: {to}", f"Call-ID: {call}", f"CSeq: {number} {method}", *lines, "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode()


def only(out: list[tuple[bytes, Flow]], start: bytes) -> tuple[bytes, Flow]:
    """The one thing that left, but for a 100."""
    ((data, to),) = [one for one in out if not one[0].startswith(b"SIP/2.0 100")]
    assert data.startswith(start), data
    return data, to


def copied(data: bytes, name: str) -> str:
    """A header of a message as it stands there, folds and all."""
    found = re.search(rb"\r\n%b: (.*?)\r\n(?![ \t])" % name.encode(), data, re.DOTALL)
    assert found is not None, data
    return found[1].decode()


def answered(
    ground: Ground, sender: str, target: str = "sip:911@127.0.0.1", to: str = "<sip:911@pbx.example>", source: Flow = PBX
) -> tuple[str, str]:
    """A call that the carrier has answered: what leads its later requests through us, and its To."""
    invite = request("INVITE", target, sender, to, f"Contact: <sip:phone@{source.host}:40000>", host=source.host)
    data, flow = only(ground.hears(invite, source), b"INVITE " + target.encode() + b" SIP/2.0\r\n")
    assert flow == CARRIER and f"From: {sender}\r\n".encode() in data
    head = [f"Via: {value.decode()}" for value in re.findall(rb"\r\nVia: ([^\r]*)", data)]
    theirs = f"{to};tag=callee"
    answer = ["SIP/2.0 200 OK", *head, f"From: {sender}", f"To: {theirs}", "Call-ID: torn", "CSeq: 1 INVITE",
              f"Record-Route: {copied(data, 'Record-Route')}", f"Contact: <{TAKER}>", "Content-Length: 0", "", ""]  # fmt: skip
    ok, back = only(ground.hears("\r\n".join(answer).encode(), CARRIER), b"SIP/2.0 200 OK")
    assert back.host == source.host
    return f"Route: {copied(ok, 'Record-Route')}", theirs


@pytest.mark.req("EMG-003")
@pytest.mark.parametrize("sender", FROM)
def test_what_belongs_to_an_emergency_call_that_was_let_in_torn_is_let_in_too(ground: Ground, sender: str) -> None:
    route, theirs = answered(ground, sender)
    data, to = only(ground.hears(request("ACK", TAKER, sender, theirs, route), PBX), b"ACK " + TAKER.encode())
    assert to == CARRIER and f"From: {sender}\r\n".encode() in data and b"\r\nRoute: " not in data
    data, to = only(ground.hears(request("INVITE", TAKER, sender, theirs, route, number=2), PBX), b"INVITE " + TAKER.encode())
    assert to == CARRIER
    data, to = only(ground.hears(request("BYE", TAKER, sender, theirs, route, number=3), PBX), b"BYE " + TAKER.encode())
    assert to == CARRIER and copied(data, "From") == sender


@pytest.mark.req("EMG-003")
def test_so_it_is_where_the_caller_is_nobody_that_we_know(ground: Ground) -> None:
    route, theirs = answered(ground, FROM[0], source=STRANGER)
    for method, number in (("ACK", 1), ("BYE", 2)):
        sent = request(method, TAKER, FROM[0], theirs, route, number=number, host=STRANGER.host)
        assert only(ground.hears(sent, STRANGER), method.encode())[1] == CARRIER


@pytest.mark.req("EMG-003")
@pytest.mark.parametrize("sender", FROM[:4])
@pytest.mark.parametrize("method", ["BYE", "INVITE"])
def test_and_what_the_called_side_sends_in_it(ground: Ground, sender: str, method: str) -> None:
    """Whether it gives the torn line back as it came, or mends it."""
    route, theirs = answered(ground, sender)
    for number, ours in enumerate((sender, '"CO, EXAMPLE" <sip:+12025550100@pbx.example>;tag=caller'), 1):
        back = request(method, "sip:phone@127.0.0.3:40000", theirs, ours, route, host=CARRIER.host, number=number)
        data, to = only(ground.hears(back, CARRIER), method.encode() + b" sip:phone@127.0.0.3:40000")
        assert to == PHONE and f"To: {ours}\r\n".encode() in data


@pytest.mark.req("EMG-003")
def test_the_contact_of_an_emergency_centre_may_be_an_emergency_target_and_is_a_contact_all_the_same(ground: Ground) -> None:
    sender, to = FROM[0], "911, HELP <sip:911@pbx.example>"
    route, theirs = answered(ground, sender, to=to)
    contact = "sip:911@127.0.0.2:25999"
    for method, number in (("ACK", 1), ("INVITE", 2), ("BYE", 3)):
        sent = request(method, contact, sender, theirs, route, "Proxy-Require: nothing-we-know", number=number)
        _, flow = only(ground.hears(sent, PBX), method.encode() + b" " + contact.encode())
        assert flow == CARRIER._replace(port=25999)


@pytest.mark.req("EMG-003")
def test_a_contact_that_cannot_be_read_is_reached_by_the_way_of_the_call(ground: Ground) -> None:
    sender = FROM[0]
    route, theirs = answered(ground, sender)
    for method, number in (("ACK", 1), ("BYE", 2)):
        sent = request(method, "sip:taker@127.0.0.2:", sender, theirs, route, number=number)
        _, flow = only(ground.hears(sent, PBX), method.encode() + b" sip:taker@127.0.0.2: SIP/2.0")
        assert flow == CARRIER


@pytest.mark.req("TRAP-63", "SIP-016")
@pytest.mark.parametrize("flow", [STRANGER, PBX, CARRIER])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"(?m)^Route: .*\r\n", ""),
        (r";rw=....", ";rw=AAAA"),
        (r"Call-ID: torn", "Call-ID: other"),
        (r"tag=caller", "tag=another"),
        (r";tag=caller", ""),
        (r";tag=callee", ""),
        (r"Route: <sip:[^;]*;", "Route: <sip:192.0.2.77:5060;"),
    ],
)
def test_a_torn_request_without_the_token_of_its_call_is_refused_as_ever(ground: Ground, old: str, new: str, flow: Flow) -> None:
    sender = FROM[0]
    route, theirs = answered(ground, sender)
    for method, number in (("ACK", 1), ("BYE", 2), ("INVITE", 3)):
        good = request(method, TAKER, sender, theirs, route, number=number).decode()
        bad = re.sub(old, new, good)
        assert bad != good
        out = ground.hears(bad.encode(), flow)
        if method == "ACK":
            assert out == []
        else:
            assert only(out, b"SIP/2.0 400 ")[1].host == flow.host


@pytest.mark.req("TRAP-63", "SIP-016")
def test_the_token_of_an_ordinary_call_lets_nothing_torn_in(ground: Ground) -> None:
    sender = "<sip:+12125550147@carrier.example>;tag=caller"
    target = "sip:+12025550100@127.0.0.1"
    invite = request("INVITE", target, sender, f"<{target}>", host=CARRIER.host)
    data, to = only(ground.hears(invite, CARRIER), b"INVITE ")
    assert to.host == PBX.host
    route = f"Route: {copied(data, 'Record-Route')}"
    contact = "sip:phone@127.0.0.3:40000"
    torn = "CO, EXAMPLE " + sender
    for method, number in (("ACK", 1), ("BYE", 2)):
        good = request(method, contact, sender, f"<{target}>;tag=callee", route, number=number, host=CARRIER.host)
        assert only(ground.hears(good, CARRIER), method.encode())[1] == PHONE
        bad = request(method, contact, torn, f"<{target}>;tag=callee", route, number=number + 4, host=CARRIER.host)
        out = ground.hears(bad, CARRIER)
        assert out == [] if method == "ACK" else only(out, b"SIP/2.0 400 ")


@pytest.mark.req("EMG-001", "EMG-003")
@pytest.mark.parametrize("to", ["<sip:911@x>", "<sip:911@x>;tag=made-up", "HELP, <sip:911@x>;tag=made-up"])
@pytest.mark.parametrize("target", UNREADABLE)
def test_an_emergency_call_whose_target_cannot_be_read_goes_on_to_the_octet(ground: Ground, target: str, to: str) -> None:
    sent = request("INVITE", target, FROM[0], to, "Proxy-Require: nothing-we-know", "Contact: <sip:phone@127.0.0.3:40000>")
    data, flow = only(ground.hears(sent, PBX), f"INVITE {target} SIP/2.0\r\n".encode())
    assert flow == CARRIER and f"To: {to}\r\n".encode() in data
    out = ground.hears(request("CANCEL", target, FROM[0], to).replace(b"1CANCEL\r\n", b"1INVITE\r\n"), PBX)
    assert [one[:11] for one, _ in out] == [b"SIP/2.0 200"]


@pytest.mark.req("EMG-003")
@pytest.mark.parametrize("target", UNREADABLE)
def test_and_is_answered_acknowledged_and_hung_up(ground: Ground, target: str) -> None:
    route, theirs = answered(ground, FROM[0], target)
    for method, number in (("ACK", 1), ("BYE", 2)):
        _, flow = only(ground.hears(request(method, TAKER, FROM[0], theirs, route, number=number), PBX), method.encode())
        assert flow == CARRIER
    assert [(row.action, row.status) for row in ground.rows if hasattr(row, "action")] == [("emergency", 200)]


@pytest.mark.req("EMG-003")
def test_an_emergency_call_that_may_go_no_further_ends_here_however_its_target_is_written(ground: Ground) -> None:
    for to in ("<sip:911@x>", "<sip:911@x>;tag=made-up"):
        for target in ("sip:911@127.0.0.1", UNREADABLE[0]):
            sent = request("INVITE", target, FROM[0], to, call=f"{len(to)}{len(target)}")
            only(ground.hears(sent.replace(b"Max-Forwards: 70", b"Max-Forwards: 0"), PBX), b"SIP/2.0 483 ")


@pytest.mark.req("EMG-003")
def test_a_phone_of_before_that_writes_no_cookie_is_let_in_torn_too(ground: Ground) -> None:
    """Its transactions are known by From and To (RFC 3261 section 17.2.3)."""
    sent = request("INVITE", "sip:911@127.0.0.1", FROM[0], "HELP, <sip:911@x>").replace(b"z9hG4bK", b"")
    only(ground.hears(sent, PBX), b"INVITE sip:911@127.0.0.1 ")
    assert [data for data, _ in ground.hears(sent, PBX) if data.startswith(b"INVITE ")] == []
