"""Contacts that are sealed in ours: they come back octet for octet, lead where they were registered from, and cannot be made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.emergency import is_emergency_uri
from proxy.registration import MARK, MAX_CONTACT, Bindings
from proxy.sip.edit import rebuilt
from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.uri import parse as parse_uri
from shaken.number import Plan, party

SECRET = b"a secret of the test suite"
LISTENERS = (
    Listener("UDP", "192.0.2.10", 5060, "203.0.113.5", 5060),
    Listener("TCP", "192.0.2.10", 5060, "203.0.113.5", 5060),
    Listener("TLS", "2001:db8::10", 5061, "2001:db8::10", 5061),
)
HERE = Flow(0, "192.0.2.20", 5060)
BEHIND = Flow(0, "198.51.100.9", 41_234)


def register(*contacts: str, more: str = "") -> Request:
    lines = "".join(f"{line}\r\n" for line in contacts)
    message = parse(
        (
            "REGISTER sip:carrier.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKr1;rport\r\n"
            "From: <sip:pbx@carrier.example.net>;tag=a\r\nTo: <sip:pbx@carrier.example.net>\r\nCall-ID: r1\r\n"
            f"CSeq: 2 REGISTER\r\nAuthorization: Digest username=\"pbx\", uri=\"sip:carrier.example.net\"\r\n{lines}{more}"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


def contacts(message: Request | Response, data: bytes) -> list[bytes]:
    return parse(data).all("contact")


def sealed(bindings: Bindings, request: Request, flow: Flow = HERE, outlet: int = 0) -> bytes:
    return rebuilt(request, request.start, (), bindings.hidden(request, flow, outlet))


def answered(value: bytes) -> Response:
    message = parse(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKr1\r\nFrom: <sip:p@x>;tag=a\r\n"
        b"To: <sip:p@x>;tag=b\r\nCall-ID: r1\r\nCSeq: 2 REGISTER\r\n" + value + b"\r\nContent-Length: 0\r\n\r\n"
    )
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("<sip:pbx@192.0.2.20:5060>", b""),
        ("<sip:pbx@192.0.2.20;rinstance=4a1d7e90>;expires=300", b";rinstance=4a1d7e90"),
        ("<sip:pbx@192.0.2.20:5060;line=sr6ahzp;transport=udp;ob>", b";line=sr6ahzp;ob"),
        ('"The PBX" <sip:pbx@192.0.2.20;user=phone>;q=0.7;+sip.instance="<urn:uuid:0>"', b";user=phone"),
        ("<sips:pbx@[2001:db8::20]:5061;rinstance=x>", b";rinstance=x"),
        ("<sip:pbx:secret@192.0.2.20>", b""),
        ("<sip:192.0.2.20>", b""),
    ],
)
def test_a_contact_goes_out_as_ours_with_its_own_parameters_and_comes_back_octet_for_octet(contact: str, shown: bytes) -> None:
    bindings = Bindings(SECRET, LISTENERS)
    request = register(f"Contact: {contact}")
    data = sealed(bindings, request)
    (value,) = contacts(request, data)
    start, uri = value.index(b"<"), value[value.index(b"<") + 1 : value.index(b">")]
    assert uri.partition(b":")[2].startswith(MARK)
    assert uri.partition(b"@")[2] == b"203.0.113.5:5060" + shown
    was = contact.encode()
    assert value[:start] == was[: was.index(b"<")] and value[value.index(b">") :] == was[was.index(b">") :]
    found = bindings.opened(uri)
    assert found is not None and found.contact == was[was.index(b"<") + 1 : was.index(b">")]
    # The registrar's answer is turned back, with what it says of the binding.
    answer = answered(b"Contact: <" + uri + b">;expires=120")
    back = rebuilt(answer, answer.start, (), bindings.shown(answer))
    assert contacts(answer, back) == [b"<" + found.contact + b">;expires=120"]


def test_nothing_of_a_register_changes_but_the_contact() -> None:
    request = register("Contact: <sip:pbx@192.0.2.20>;expires=60", more="X-Odd: ;;,\r\nExpires: 60\r\n")
    after = sealed(Bindings(SECRET, LISTENERS), request).split(b"\r\n")
    before = rebuilt(request, request.start, (), None).split(b"\r\n")
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == 1 and changed[0][0].startswith(b"Contact:")


def test_the_same_contact_is_always_sealed_alike_also_by_the_next_start() -> None:
    request = register("Contact: <sip:pbx@192.0.2.20:5062>")
    first = sealed(Bindings(SECRET, LISTENERS), request)
    assert first == sealed(Bindings(SECRET, LISTENERS), request)
    # Without address translation the port that it happened to come from makes no other binding.
    assert first == sealed(Bindings(SECRET, LISTENERS), request, HERE._replace(port=50_001))
    assert first != sealed(Bindings(b"another secret altogether", LISTENERS), request)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (HERE, None),
        (BEHIND, BEHIND),
        (Flow(1, "198.51.100.9", 40_000, connection=7), Flow(1, "198.51.100.9", 40_000)),
        (Flow(2, "2001:db8::9", 40_000), Flow(2, "2001:db8::9", 40_000)),
    ],
)
def test_a_binding_leads_to_where_it_was_registered_from(flow: Flow, expected: Flow | None) -> None:
    bindings = Bindings(SECRET, LISTENERS)
    (value,) = contacts(request := register("Contact: <sip:pbx@192.0.2.20>"), sealed(bindings, request, flow))
    found = bindings.opened(value[1:-1])
    assert found is not None and found.flow == expected
    assert found.uri == parse_uri(b"sip:pbx@192.0.2.20")


def test_several_contacts_in_one_line_and_in_several_are_each_sealed() -> None:
    bindings = Bindings(SECRET, LISTENERS)
    request = register("Contact: <sip:a@192.0.2.20>;q=1, sip:b@192.0.2.21;expires=60", "m: <sip:c@192.0.2.22>")
    data = sealed(bindings, request, outlet=1)
    values = parse(data).values("contact")
    found = [bindings.opened(value[value.index(b"<") + 1 : value.index(b">")]) for value in values]
    assert [one.contact for one in found if one is not None] == [b"sip:a@192.0.2.20", b"sip:b@192.0.2.21", b"sip:c@192.0.2.22"]
    assert values[1].endswith(b">;expires=60"), "what stood behind a bare URI is the header's"
    assert all(b"@203.0.113.5:5060;transport=tcp>" in value for value in values)


@pytest.mark.parametrize(
    "contact", ["*", "<tel:+12025550100>", "<sip:pbx@192.0.2.20", "<sip:" + "a" * MAX_CONTACT + "@192.0.2.20>"]
)
def test_what_is_no_sip_uri_or_cannot_be_read_stays_as_it_is(contact: str) -> None:
    request = register(f"Contact: {contact}", more="Expires: 0\r\n")
    assert not Bindings(SECRET, LISTENERS).hidden(request, HERE, 0).swap


def test_a_hundred_contacts_cost_no_more_than_sixteen() -> None:
    request = register("Contact: " + ", ".join(f"<sip:a{number}@192.0.2.20>" for number in range(100)))
    assert sealed(Bindings(SECRET, LISTENERS), request).count(MARK) == 16


def test_a_sealed_contact_is_no_number_and_no_emergency_call() -> None:
    (value,) = contacts(request := register("Contact: <sip:911@192.0.2.20>"), sealed(Bindings(SECRET, LISTENERS), request))
    uri = parse_uri(value[1:-1])
    assert not is_emergency_uri(uri.raw)
    assert party(uri.scheme, uri.user or "", uri.host, uri.params, Plan("1", "202")).tn is None


def test_every_changed_character_breaks_the_seal() -> None:
    bindings = Bindings(SECRET, LISTENERS)
    (value,) = contacts(request := register("Contact: <sip:pbx@192.0.2.20>"), sealed(bindings, request))
    uri = value[1:-1]
    for place in range(len(b"sip:") + len(MARK), uri.index(b"@")):
        other = b"A" if uri[place : place + 1] != b"A" else b"B"
        found = bindings.opened(uri[:place] + other + uri[place + 1 :])
        # The last character may carry bits that stand for nothing.
        assert found is None or uri[place + 1 : place + 2] == b"@"


@given(st.binary(max_size=200))
def test_any_octets_are_a_contact_of_ours_or_nothing(octets: bytes) -> None:
    bindings = Bindings(SECRET, LISTENERS)
    assert bindings.opened(octets) is None
    assert bindings.opened(b"sip:" + MARK + octets + b"@203.0.113.5") is None


@given(
    st.from_regex(r"[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,40}", fullmatch=True),
    st.sampled_from(["192.0.2.20", "[2001:db8::7]", "pbx.example.com"]),
    st.lists(st.from_regex(r"[a-z]{1,8}(=[A-Za-z0-9-]{1,12})?", fullmatch=True), max_size=3),
)
def test_whatever_contact_is_sealed_is_found_again(user: str, host: str, params: list[str]) -> None:
    bindings = Bindings(SECRET, LISTENERS)
    uri = "".join((f"sip:{user}@{host}", *(f";{one}" for one in params)))
    request = register(f"Contact: <{uri}>")
    (value,) = request.values("contact")
    (ours,) = parse(sealed(bindings, request, BEHIND)).values("contact")
    found = bindings.opened(ours[1:-1])
    assert found is not None and found.contact == uri.encode() and found.flow == BEHIND


def test_a_path_leads_back_to_the_flow() -> None:
    bindings = Bindings(SECRET, LISTENERS)
    line = bindings.path(BEHIND, 1)
    assert line.startswith(b"Path: <sip:203.0.113.5:5060;transport=tcp;lr;rw=rwc-") and line.endswith(b">")
    token = line[line.index(b"rw=") + 3 : -1].decode()
    assert bindings.path_of(("x", token)) == BEHIND
    assert bindings.path_of(("x", token[:-2])) is None
    # It is no contact: a Request-URI made of it leads nowhere.
    found = bindings.opened(f"sip:{token}@203.0.113.5".encode())
    assert found is not None and found.uri is None
