"""Who need not wait is known by what he cannot have written himself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.lists import NumberSet
from policy.protected import CELLS, Protected
from proxy.aftermath import Aftermath
from proxy.registration import Bindings
from proxy.seal import Sealer
from proxy.sip.edit import rebuilt
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.triage import Triage
from shaken.number import NANP, canonical

SECRET = b"a secret of sixteen octets"
UTC = 1_800_000_000.0
CARRIER, PBX, STRANGER = Flow(0, "192.0.2.1", 5060), Flow(0, "192.0.2.2", 5060), Flow(0, "198.51.100.9", 5060)
LINE, CENTRE = "12025550177", "12125550111"
SEALER = Sealer(SECRET)
LISTENERS = (Listener("UDP", "203.0.113.5", 5060, "203.0.113.5", 5060),)
BINDINGS = Bindings(SECRET, LISTENERS)


def triage(*, trust: str = "numbers", psap: tuple[str, ...] = (), utc: float = UTC) -> Triage:
    protected = Protected(memoryview(bytearray(CELLS * 8)).cast("Q"))
    protected.note(LINE, UTC)
    lanes = {
        name: SimpleNamespace(side=name, plan=NANP, trunk=SimpleNamespace(trust=trust if name == "carrier" else "numbers"))
        for name in ("carrier", "pbx")
    }
    trunks = {CARRIER.host: SimpleNamespace(name="carrier"), PBX.host: SimpleNamespace(name="pbx")}
    world: Any = SimpleNamespace(
        sealer=SEALER, bindings=BINDINGS, trunks=SimpleNamespace(find=lambda host, port: trunks.get(host)), lanes=lanes, utc=lambda: utc,
        aftermath=Aftermath(protected, soon=lambda work: None, say=lambda event, **fields: None),
        book=SimpleNamespace(psap=NumberSet.of(*psap)),
    )  # fmt: skip
    return Triage(world)


def invite(user: str, *lines: str, call_id: str = "a1@carrier", tags: tuple[str, str] = ("f1", "t1")) -> bytes:
    return "\r\n".join(
        (
            f"INVITE sip:{user}@203.0.113.5;user=phone SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", *lines,
            f'From: "Joe" <sip:+13015550101@carrier.example>;tag={tags[0]}', f"To: <sip:+{LINE}@pbx.example>;tag={tags[1]}",
            f"Call-ID: {call_id}", "CSeq: 2 INVITE", "Content-Length: 0", "", "",
        )
    ).encode()  # fmt: skip


def registered(user: str, bindings: Bindings = BINDINGS) -> str:
    """The user part of the contact that a registrar holds for one of the PBX."""
    request = parse(
        f"REGISTER sip:carrier.example SIP/2.0\r\nVia: SIP/2.0/UDP {PBX.host};branch=z9hG4bKr\r\nFrom: <sip:pbx@carrier.example>;tag=a\r\n"
        f"To: <sip:pbx@carrier.example>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{PBX.host}>\r\n\r\n".encode()
    )
    assert isinstance(request, Request)
    shown = parse(rebuilt(request, request.start, (), bindings.hidden(request, PBX, 0))).first("contact") or b""
    return shown.partition(b"@")[0].partition(b":")[2].decode()


def route(token: bytes) -> str:
    return f"Route: <sip:203.0.113.5;lr;rw={token.decode()}>"


@pytest.mark.req("TRAP-63")
def test_a_token_counts_with_the_call_and_the_tag_that_it_was_made_for() -> None:
    ask = triage().ours
    token = SEALER.close(b"a1@carrier", "f1", UTC, "allow")
    assert ask(invite("bob", route(token)))
    assert ask(invite("bob", route(token), tags=("t1", "f1"))), "the called side writes it too"
    assert ask(invite("bob", route(b"A" * 24), route(token)))
    assert not ask(invite("bob", route(token), call_id="a2@carrier"))
    assert not ask(invite("bob", route(token), tags=("other", "t1")))
    assert not ask(invite("bob", route(b"A" * 24)))
    assert not ask(invite("bob", route(Sealer(b"another secret of octets").close(b"a1@carrier", "f1", UTC, "allow"))))
    assert not ask(invite("bob", *[route(b"A" * 24)] * 5, route(token))), "a bound on what one message costs"
    assert not ask(b"INVITE sip:x SIP/2.0\r\n" + route(token).encode())


@pytest.mark.req("EMG-012")
@pytest.mark.parametrize("user", [f"+{LINE}", LINE, LINE[1:], "+1-202-555-0177", f"{LINE};npdi"])
def test_a_call_from_outside_to_a_line_that_called_911_may_be_the_centres(user: str) -> None:
    assert triage().awaited(invite(user), CARRIER)
    assert not triage(utc=UTC + 1801).awaited(invite(user), CARRIER)
    assert not triage().awaited(invite(user), PBX)
    assert not triage().awaited(invite(user), STRANGER)


@pytest.mark.req("EMG-012")
def test_the_number_in_to_counts_where_the_call_goes_to_a_contact_that_we_sealed() -> None:
    path = BINDINGS.path(PBX, 0).partition(b": ")[2].decode()
    other = Bindings(b"another secret of octets", LISTENERS)
    foreign = other.path(PBX, 0).partition(b": ")[2].decode()
    for flow, expected in ((CARRIER, True), (PBX, False), (STRANGER, False)):
        assert triage().awaited(invite(registered("pbx")), flow) is expected
        assert triage().awaited(invite("pbx", f"Route: {path}"), flow) is expected
    assert not triage(utc=UTC + 1801).awaited(invite(registered("pbx")), CARRIER)
    assert triage().awaited(invite(registered("pbx")).replace(b"To: <sip:+1", b't : "A, b" <tel:'), CARRIER)
    assert triage().awaited(invite(registered(f"+{LINE}")).replace(b"To: <sip:+12025550177", b"To: <sip:+12025550178"), CARRIER)
    for data in (invite(registered("pbx")), invite("pbx", f"Route: {path}")):
        assert not triage().awaited(data.replace(b"To: <sip:+12025550177", b"To: <sip:+12025550178"), CARRIER)
    assert not triage().awaited(invite("pbx"), CARRIER), "anybody can write a To"
    assert not triage().awaited(invite("rwc-" + "A" * 40), CARRIER)
    assert not triage().awaited(invite(registered("pbx", other)), CARRIER)
    assert not triage().awaited(invite("pbx", f"Route: {foreign}"), CARRIER)
    assert not triage().awaited(invite("rwc-" + path.partition("rw=rwc-")[2].rstrip(">")), CARRIER), "a Path is no contact"


@given(st.from_regex(r"\+?[0-9]{0,3}2025550177(;[a-z]{1,6}(=[+0-9]{1,3})?)?", fullmatch=True), st.sampled_from(("sip", "SIP", "sips", "tel")))
def test_the_line_is_the_one_that_screening_will_find(user: str, scheme: str) -> None:
    data = f"INVITE {scheme}:{user}{'' if scheme == 'tel' else '@203.0.113.5'} SIP/2.0\r\n\r\n".encode()
    assert triage().awaited(data, CARRIER) is (canonical(user, NANP) == LINE)


def test_no_other_call_may() -> None:
    assert not triage().awaited(invite("+12025550178"), CARRIER)
    assert not triage().awaited(b"INVITE urn:service:sos SIP/2.0\r\n\r\n", CARRIER)
    assert not triage().awaited(b"INVITE ", CARRIER)


@pytest.mark.parametrize(("trust", "listed", "expected"), [("numbers", True, True), ("none", True, False), ("numbers", False, False)])
def test_a_number_of_a_centre_counts_where_the_trunk_is_believed_about_numbers(trust: str, listed: bool, expected: bool) -> None:
    data = invite("+12025550178", f"P-Asserted-Identity: <sip:+{CENTRE}@psap.example;user=phone>")
    assert triage(trust=trust, psap=(CENTRE,) if listed else ()).awaited(data, CARRIER) is expected
    assert not triage(trust=trust, psap=(CENTRE,)).awaited(invite("+12025550178"), CARRIER)


def test_whom_we_know_we_know_by_his_address() -> None:
    assert [triage().known(flow) for flow in (CARRIER, PBX, STRANGER)] == [True, True, False]


@given(st.binary(max_size=120))
def test_any_octets_are_borne(data: bytes) -> None:
    one = triage(psap=(CENTRE,))
    for octets in (data, b"INVITE " + data, b"INVITE sip:" + data + b"\r\nCall-ID: a\r\nFrom: a;tag=\xff\r\nRoute: <;rw=" + data + b">\r\n"):
        assert not one.ours(octets)
        one.awaited(octets, CARRIER)
