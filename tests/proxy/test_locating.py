"""The steps of RFC 3263 as tables: what is asked, in which order, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.locating import MAX_PLACES, MAX_QUESTIONS, Wanted, locate, of_hop, of_reply, wanted
from proxy.names import Naptr, Record, Srv
from proxy.peers import Hop
from proxy.sip.uri import parse

ALL = ("UDP", "TCP", "TLS")
ZONE: dict[tuple[str, str], list[Record]] = {
    ("full.example", "NAPTR"): [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.full.example"),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.full.example"),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.full.example"),
        Naptr(10, 10, "u", "E2U+sip", ""),
        Naptr(10, 10, "s", "SIP+D2S", "_sip._sctp.full.example"),
    ],
    ("_sip._udp.full.example", "SRV"): [Srv(2, 0, 5070, "b.example"), Srv(1, 0, 5080, "a.example")],
    ("_sip._tcp.full.example", "SRV"): [Srv(1, 0, 5090, "a.example")],
    ("_sips._tcp.full.example", "SRV"): [Srv(1, 0, 5091, "b.example")],
    ("_sip._tcp.srv.example", "SRV"): [Srv(1, 0, 5060, "b.example")],
    ("_sip._udp.gone.example", "SRV"): [Srv(0, 0, 0, "")],
    ("gone.example", "A"): ["192.0.2.66"],
    ("a.example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("b.example", "A"): ["192.0.2.3"],
    ("b.example", "AAAA"): ["2001:db8::3"],
    ("full.example", "A"): ["192.0.2.9"],
    ("odd.example", "A"): ["224.0.0.1", "0.0.0.0", "255.255.255.255", "2001:db8::3", "192.0.2.8"],
}


def run(
    ask: Wanted, speaks: tuple[str, ...] = ALL, versions: tuple[int, ...] = (4,)
) -> tuple[list[str], list[str]]:
    """The targets and the questions of one look-up."""
    asked: list[str] = []
    steps = locate(ask, speaks, versions, lambda: 0.0)
    try:
        question = next(steps)
        while True:
            asked.append(f"{question.kind} {question.name}")
            question = steps.send(ZONE.get((question.name, question.kind), []))
    except StopIteration as end:
        return [str(place.target) for place in end.value], asked


@pytest.mark.req("SIP-030", "SIP-108")
@pytest.mark.parametrize(
    ("uri", "found"),
    [
        (b"sip:a@192.0.2.7", ["udp:192.0.2.7:5060"]),
        (b"sip:a@192.0.2.7:5070", ["udp:192.0.2.7:5070"]),
        (b"sip:a@192.0.2.7;transport=TCP", ["tcp:192.0.2.7:5060"]),
        (b"sips:a@192.0.2.7", ["tls:192.0.2.7:5061"]),
        (b"sips:a@192.0.2.7:5071;transport=tcp", ["tls:192.0.2.7:5071"]),
        (b"sips:a@192.0.2.7;transport=udp", []),
        (b"sip:a@[2001:db8::7]", ["udp:[2001:db8::7]:5060"]),
        (b"sip:a@far.example;maddr=192.0.2.8", ["udp:192.0.2.8:5060"]),
        (b"sip:a@192.0.2.7;transport=sctp", []),
        (b"sip:a@224.0.0.1", []),
        (b"sip:a@192.0.2.999", []),
    ],
)
def test_a_numeric_host_asks_nothing(uri: bytes, found: list[str]) -> None:
    ask = wanted(parse(uri))
    assert ask is not None
    assert run(ask) == (found, [])


def test_a_uri_that_is_no_sip_leads_nowhere() -> None:
    assert wanted(parse(b"tel:+12025550101")) is None


NAMES = [
    # what is asked for, what we speak, the targets, the questions
    ("sip:full.example", ALL, ["tls:192.0.2.3:5091"], ["NAPTR full.example", "SRV _sips._tcp.full.example", "A b.example"]),
    ("sip:full.example", ("UDP", "TCP"), ["tcp:192.0.2.1:5090", "tcp:192.0.2.2:5090"],
     ["NAPTR full.example", "SRV _sip._tcp.full.example", "A a.example"]),
    ("sip:full.example", ("UDP",), ["udp:192.0.2.1:5080", "udp:192.0.2.2:5080", "udp:192.0.2.3:5070"],
     ["NAPTR full.example", "SRV _sip._udp.full.example", "A a.example", "A b.example"]),
    ("sips:full.example", ALL, ["tls:192.0.2.3:5091"], ["NAPTR full.example", "SRV _sips._tcp.full.example", "A b.example"]),
    ("sips:full.example", ("UDP",), [], ["NAPTR full.example"]),
    ("sip:full.example;transport=udp", ALL, ["udp:192.0.2.1:5080", "udp:192.0.2.2:5080", "udp:192.0.2.3:5070"],
     ["SRV _sip._udp.full.example", "A a.example", "A b.example"]),
    ("sip:full.example:5062", ALL, ["udp:192.0.2.9:5062"], ["A full.example"]),
    ("sip:full.example:5062;transport=tcp", ALL, ["tcp:192.0.2.9:5062"], ["A full.example"]),
    ("sips:full.example:5062", ALL, ["tls:192.0.2.9:5062"], ["A full.example"]),
    ("sip:srv.example", ALL, ["tcp:192.0.2.3:5060"],
     ["NAPTR srv.example", "SRV _sip._udp.srv.example", "SRV _sip._tcp.srv.example", "A b.example"]),
    ("sip:b.example", ALL, ["udp:192.0.2.3:5060"],
     ["NAPTR b.example", "SRV _sip._udp.b.example", "SRV _sip._tcp.b.example", "SRV _sips._tcp.b.example", "A b.example"]),
    ("sips:b.example", ALL, ["tls:192.0.2.3:5061"], ["NAPTR b.example", "SRV _sips._tcp.b.example", "A b.example"]),
    ("sip:gone.example", ("UDP",), [], ["NAPTR gone.example", "SRV _sip._udp.gone.example"]),
    ("sip:odd.example:5060", ALL, ["udp:192.0.2.8:5060"], ["A odd.example"]),
    ("sip:B.Example.:5060", ALL, ["udp:192.0.2.3:5060"], ["A b.example"]),
]  # fmt: skip


@pytest.mark.req("SIP-109", "SIP-110", "SIP-111", "SIP-107")
@pytest.mark.parametrize(("uri", "speaks", "found", "asked"), NAMES, ids=[f"{row[0]} {'+'.join(row[1])}" for row in NAMES])
def test_a_name_is_asked_for_in_the_order_of_rfc_3263(
    uri: str, speaks: tuple[str, ...], found: list[str], asked: list[str]
) -> None:
    scheme, _, rest = uri.partition(":")
    ask = wanted(parse(f"{scheme}:{rest}".encode())) if not rest.startswith("B.") else Wanted("B.Example.", 5060)
    assert ask is not None
    assert run(ask, speaks) == (found, asked)


def test_both_families_are_asked_for_in_the_order_of_our_listeners() -> None:
    assert run(Wanted("b.example", 5060), ALL, (6, 4)) == (
        ["udp:[2001:db8::3]:5060", "udp:192.0.2.3:5060"], ["AAAA b.example", "A b.example"],
    )  # fmt: skip


@pytest.mark.req("SIP-105")
def test_a_place_keeps_the_domain_that_was_asked_for_and_not_the_name_in_srv() -> None:
    steps = locate(Wanted("full.example", None, "TLS", True), ALL, (4,), lambda: 0.0)
    try:
        question = next(steps)
        while True:
            question = steps.send(ZONE.get((question.name, question.kind), []))
    except StopIteration as end:
        assert [place.name for place in end.value] == ["full.example"]


@pytest.mark.req("SIP-115", "SIP-096")
@pytest.mark.parametrize(
    ("sent_by", "found", "asked"),
    [
        (("192.0.2.7", None, "UDP"), ["udp:192.0.2.7:5060"], []),
        (("full.example", 5062, "TCP"), ["tcp:192.0.2.9:5062"], ["A full.example"]),
        (("full.example", None, "TCP"), ["tcp:192.0.2.1:5090", "tcp:192.0.2.2:5090"], ["SRV _sip._tcp.full.example", "A a.example"]),
        (("b.example", None, "TLS"), ["tls:192.0.2.3:5061"], ["SRV _sips._tcp.b.example", "A b.example"]),
    ],
)
def test_a_response_goes_to_the_sent_by_with_srv_only_where_no_port_is_given(
    sent_by: tuple[str, int | None, str], found: list[str], asked: list[str]
) -> None:
    assert run(of_reply(*sent_by)) == (found, asked)


def test_a_configured_hop_asks_as_it_is_written() -> None:
    assert run(of_hop(Hop("full.example")))[0] == ["tls:192.0.2.3:5091"]
    assert run(of_hop(Hop("full.example", None, "UDP")))[1][0] == "SRV _sip._udp.full.example"
    assert run(of_hop(Hop("192.0.2.7", None, "TLS"))) == (["tls:192.0.2.7:5061"], [])


RECORDS = st.one_of(
    st.from_regex(r"192\.0\.2\.[1-9]", fullmatch=True), st.text(max_size=9),
    st.builds(Srv, st.integers(0, 65_535), st.integers(0, 65_535), st.integers(-1, 70_000), st.sampled_from(["", "a.example"])),
    st.builds(Naptr, st.integers(0, 3), st.integers(0, 3), st.sampled_from(["s", "a", "", "u"]),
              st.sampled_from(["SIP+D2U", "SIPS+D2T", "SIP+D2T", "X"]), st.sampled_from(["", "x.example"])),
)  # fmt: skip


@given(
    st.builds(Wanted, st.sampled_from(["a.example", "1.2", "::", "[", ""]) | st.text(max_size=12),
              st.none() | st.integers(-1, 70_000), st.none() | st.sampled_from([*ALL, "X"]), st.booleans()),
    st.lists(st.lists(RECORDS, max_size=40), max_size=60),
)  # fmt: skip
def test_whatever_a_zone_says_the_look_up_ends_within_its_bounds(ask: Wanted, answers: list[list[Record]]) -> None:
    steps, asked = locate(ask, ALL, (4, 6), lambda: 0.5), 0
    try:
        next(steps)
        while True:
            asked += 1
            steps.send(answers[asked - 1] if asked <= len(answers) else [])
    except StopIteration as end:
        places = end.value
    assert asked <= MAX_QUESTIONS + 2 and len(places) <= MAX_PLACES
    for place in places:
        assert 0 < place.target.port < 65_536 and place.target.transport in ALL
        assert not ask.secure or place.target.transport == "TLS"
