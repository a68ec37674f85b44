"""What the mutations start from: whole conversations, the torture messages, calls with PASSporTs and with location."""

from __future__ import annotations

import tomllib
from base64 import urlsafe_b64encode
from pathlib import Path

from tests.conversations.test_emergency import BODY, LOCATED, SOS
from tests.conversations.wire import Phone, Wire

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


class Recorded(Wire):
    """A wire that remembers every message, whoever sent it."""

    def __init__(self, callees: int = 1) -> None:
        super().__init__(callees)
        self.heard: list[bytes] = []

    def carry(self, data: bytes, flow: object) -> None:
        self.heard.append(data)
        super().carry(data, flow)  # type: ignore[arg-type]

    def drain(self) -> None:
        super().drain()
        for phone in self.phones.values():
            self.heard += [data for _, _, data in phone.inbox]


def messages() -> list[bytes]:
    """Every message of the corpus once, in an order that is always the same."""
    found: list[bytes] = []
    for talk in (answered, refused, given_up, tried_twice, others, identified, located):
        found += talk()
    found += [path.read_bytes() for path in sorted((VECTORS / "torture").glob("*.sip"))]
    return list(dict.fromkeys(found))


def answered() -> list[bytes]:
    wire = Recorded()
    invite = wire.caller.invites(lines=("Contact: <sip:a@198.51.100.10>", "Supported: timer, 100rel", "Session-Expires: 1800"))
    wire.callee.gets("INVITE")
    wire.callee.answers(180, lines=("RSeq: 1", "Require: 100rel"))
    wire.callee.answers(200, lines=("Contact: <sip:b@192.0.2.20>",), body=b"v=0\r\n")
    routes = ("Route: <sip:203.0.113.5:5060;lr;rw=TOKEN>, <sip:192.0.2.20;lr>",)
    for method in ("PRACK", "UPDATE", "INFO", "REFER", "INVITE", "BYE"):
        wire.caller.asks(method, to_tag="callee", cseq=9, lines=(*routes, "RAck: 1 1 INVITE"))
    wire.caller.says(invite.replace(b"INVITE", b"ACK"))
    return wire.heard


def refused() -> list[bytes]:
    wire = Recorded()
    wire.acts.mode, wire.acts.lines = "reject", (b'Reason: SIP;cause=603;text="v=analytics1;url=https://redress.example.com"',)
    invite = wire.caller.invites()
    wire.caller.acks(invite, wire.caller.hears(603))
    return wire.heard


def given_up() -> list[bytes]:
    wire = Recorded()
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(180)
    wire.caller.cancels(invite, 'Reason: SIP;cause=200;text="Call completed elsewhere"')
    wire.callee.answers(487)
    return wire.heard


def tried_twice() -> list[bytes]:
    wire = Recorded(2)
    wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.callee.answers(503, lines=("Retry-After: 30",))
    wire.callees[1].gets("INVITE")
    wire.callees[1].answers(302, lines=("Contact: <sip:c@192.0.2.40;transport=tcp>;q=0.7, sip:d@192.0.2.41",))
    wire.advance(40)
    return wire.heard


def others() -> list[bytes]:
    wire = Recorded()
    phone = wire.caller
    for method in ("OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH"):
        phone.asks(method, call=f"call-{method}", lines=("Contact: *", "Expires: 3600", "Event: presence", "Accept: */*"))
    for target in ("tel:+1-202-555-0199;phone-context=+1", "sips:[2001:db8::10]:5061;transport=tls", "sip:911", "urn:service:sos.fire"):
        phone.invites(target=target, call=target)
    strange = Phone(wire, "2001:db8::9", 5062)
    wire.phones["2001:db8::9", 5062] = strange
    strange.invites(call="v6", lines=("Max-Breadth: 5", "v: SIP/2.0/TCP [2001:db8::9:1];received=192.0.2.9;branch=z9hG4bKold"))
    strange.asks("OPTIONS", target="sip:203.0.113.5", call="ping", max_forwards=0)
    return wire.heard


def identified() -> list[bytes]:
    wire = Recorded()
    tokens = tomllib.loads((VECTORS / "passport" / "vectors.toml").read_text(encoding="utf-8"))["token"]
    for number, token in enumerate(tokens):
        value = ".".join(
            [*(urlsafe_b64encode(token[part].encode()).rstrip(b"=").decode() for part in ("header", "payload")), token["signature"]]
        )
        lines = (
            f'Identity: {value};info=<https://cr.example.net/sp818h.pem>;alg=ES256;ppt="shaken"',
            "P-Asserted-Identity: \"EXAMPLE\" <sip:+12025550123;verstat=TN-Validation-Passed@carrier.example.net>, <tel:+12025550123>",
            "P-Attestation-Indicator: A", "X-Screen-Verdict: allow", "Privacy: id", "Priority: psap-callback",
            "Diversion: <sip:+12025550150@pbx.example.com>;reason=unconditional", "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        )  # fmt: skip
        wire.caller.invites(call=f"identity-{number}", lines=lines)
    return wire.heard


def located() -> list[bytes]:
    wire = Recorded()
    wire.caller.invites(target=SOS, lines=LOCATED, body=BODY)
    return wire.heard
