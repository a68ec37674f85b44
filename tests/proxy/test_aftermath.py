"""What follows an emergency call: who is told what, and which lines may be called back unscreened."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from policy.protected import CELLS, Protected
from policy.rulebook import Profile
from proxy.aftermath import STRANGERS, Aftermath
from proxy.notice.content import Notice
from proxy.notice.locations import Locations, parse
from proxy.screening.case import Lane
from proxy.settings import Source, Trunk
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse as parse_message
from proxy.sip.uri import parse as parse_uri
from shaken.number import Plan
from shaken.verify import Rules

UTC = 1_795_000_000.0
FLOW = Flow(0, "192.0.2.20", 5060)
TABLE = parse("2177,Room 3127,+12025550177\n+12025550178,Front door\n192.0.2.0/24,Main building\n198.51.100.0/24,Annex\n")


def lane(side: str, trust: str = "identity") -> Lane:
    trunk = Trunk(side, side, (Source(ip_network("192.0.2.20")),), trust=trust, area="202")
    return Lane(trunk, side, Plan("1", "202"), Profile(), "observe", 100, Rules())  # type: ignore[arg-type]


PBX, CARRIER = lane("pbx"), lane("carrier")


def request(
    target: str = "sip:911@pbx.example.com",
    caller: str = '"Room 3127" <sip:2177@pbx.example.com>',
    *lines: str,
    method: str = "INVITE",
    call: str = "e9-77",
    via: str = "192.0.2.20",
    to: str = "",
) -> Request:
    head = [
        f"{method} {target} SIP/2.0", f"Via: SIP/2.0/UDP {via}:5060;branch=z9hG4bKa", f"From: {caller};tag=a",
        f"To: {to or f'<{target}>'}", f"Call-ID: {call}", f"CSeq: 1 {method}", *lines, "", "",
    ]  # fmt: skip
    message = parse_message("\r\n".join(head).encode())
    assert isinstance(message, Request)
    return message


class Desk:
    """An aftermath whose notices, log lines and turns a test reads."""

    def __init__(self, locations: Locations = TABLE) -> None:
        self.told: list[tuple[Notice, bool]] = []
        self.turns: list[Callable[[], None]] = []
        self.said: list[dict[str, Any]] = []
        self.kept: list[float] = []
        self.protected = Protected(memoryview(bytearray(CELLS * 8)).cast("Q"))
        self.aftermath = Aftermath(
            self.protected, soon=self.turns.append, say=self.say, callback=self, sending=self,  # type: ignore[arg-type]
            locations=locations, key=b"secret",
        )  # fmt: skip

    def say(self, event: str, **fields: Any) -> None:
        self.said.append({"event": event, **fields})

    def put(self, notice: Notice, *, scarce: bool = False) -> None:
        self.told.append((notice, scarce))

    def keep(self, utc: float) -> None:
        self.kept.append(utc)

    def happened(self, message: Request, of: Lane | None = PBX, flow: Flow = FLOW, utc: float = UTC) -> None:
        self.aftermath.happened(message, of, flow, utc)
        while self.turns:
            self.turns.pop(0)()

    def notice(self, message: Request, of: Lane | None = PBX, flow: Flow = FLOW) -> Notice:
        before = len(self.told)
        self.happened(message, of, flow)
        assert len(self.told) == before + 1
        return self.told[-1][0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.req("EMG-005")
def test_the_notice_is_a_later_turns_business(desk: Desk) -> None:
    desk.aftermath.happened(request(), PBX, FLOW, UTC)
    assert desk.told == [] and len(desk.turns) == 1
    desk.turns.pop()()
    assert len(desk.told) == 1


@pytest.mark.req("EMG-006", "EMG-016")
def test_an_extension_is_told_with_its_number_to_call_back_and_its_room(desk: Desk) -> None:
    notice = desk.notice(request())
    assert (notice.caller, notice.name, notice.callback) == ("2177", "Room 3127", "+12025550177")
    assert (notice.location, notice.location_by) == ("Room 3127", "number")
    assert (notice.dialled, notice.call_id, notice.trunk, notice.source) == ("911", "e9-77", "pbx", "192.0.2.20")
    assert not notice.test and not notice.conveyed


@pytest.mark.req("EMG-006", "EMG-016")
@pytest.mark.parametrize(
    ("caller", "lines", "trust", "callback", "location"),
    [
        ("<sip:+12025550178@pbx.example.com>", (), "none", "+12025550178", "Front door"),
        ("<sip:202-555-0178@pbx.example.com>", (), "none", "+12025550178", "Front door"),
        ("<sip:2199@pbx>", ("P-Asserted-Identity: <sip:+12025550178@pbx>",), "identity", "+12025550178", "Front door"),
        ("<sip:2199@pbx>", ("P-Asserted-Identity: <sip:+12025550178@pbx>",), "none", "", "Main building"),
        ("<sip:2199@pbx>", ("P-Asserted-Identity: <<<",), "identity", "", "Main building"),
        ("<sip:alice@pbx>", (), "identity", "", "Main building"),
        ("<<<", (), "identity", "", "Main building"),
    ],
)
def test_the_number_to_call_back_is_one_that_can_be_dialled(
    desk: Desk, caller: str, lines: tuple[str, ...], trust: str, callback: str, location: str
) -> None:
    notice = desk.notice(request("sip:911@pbx", caller, *lines), lane("pbx", trust))
    assert (notice.callback, notice.location) == (callback, location)


def test_a_phone_behind_the_pbx_is_found_by_the_network_in_its_own_via(desk: Desk) -> None:
    notice = desk.notice(request(caller="<sip:2199@pbx>", via="198.51.100.77"))
    assert (notice.location, notice.location_by) == ("Annex", "subnet")
    assert desk.notice(request(caller="<sip:2199@pbx>", via="phone.example.com", call="2")).location == "Main building"


@pytest.mark.req("EMG-009")
def test_location_of_the_call_is_said_to_be_there_and_not_read(desk: Desk) -> None:
    where = "https://lis.example.com/secret-place"
    notice = desk.notice(request("sip:911@pbx", "<sip:2177@pbx>", f"Geolocation: <{where}>", "Geolocation-Routing: no"))
    assert notice.conveyed
    assert "secret-place" not in f"{notice} {desk.said}"
    assert notice.location not in str(desk.said)


@pytest.mark.req("EMG-018")
@pytest.mark.parametrize("target", ["sip:933@pbx", "urn:service:test.sos"])
def test_a_test_is_told_as_a_test_and_opens_no_window(desk: Desk, target: str) -> None:
    notice = desk.notice(request(target))
    assert notice.test and notice.event == "911_test"
    assert desk.told[-1][1]
    assert not desk.protected.asks(UTC) and desk.kept == []


def test_a_call_is_told_once_however_often_it_is_sent(desk: Desk) -> None:
    for _ in range(3):
        desk.happened(request())
    desk.happened(request(method="OPTIONS", call="o"))
    assert len(desk.told) == 1
    other = desk.notice(request(call="e9-78"))
    assert other.key != desk.told[0][0].key
    assert Desk().notice(request()).key == desk.told[0][0].key  # another worker says the same


def test_strangers_are_told_of_but_cannot_flood(desk: Desk) -> None:
    for number in range(40):
        desk.happened(request(call=f"c{number}"), None if number % 2 else CARRIER)
    assert len(desk.told) == STRANGERS and all(scarce for _, scarce in desk.told)
    assert desk.told[0][0].location == ""
    desk.happened(request(call="real"))
    assert desk.told[-1][1] is False
    desk.happened(request(call="later"), None, FLOW, UTC + 61)
    assert len(desk.told) == STRANGERS + 2


@pytest.mark.req("EMG-012")
@pytest.mark.parametrize("dialled", ["sip:+12025550177@pbx.example.com", "sip:2025550177@x", "tel:+1-202-555-0177", "sip:2177@x"])
def test_calls_to_the_line_come_back_for_half_an_hour_however_it_is_written(desk: Desk, dialled: str) -> None:
    back = request(dialled, "<sip:+13015550101@carrier.example.net>")
    assert not desk.aftermath.comes_back(back, CARRIER, UTC)
    desk.happened(request())
    assert desk.kept == [UTC]
    for after, open_ in ((1, True), (1799, True), (1800, False)):
        assert desk.aftermath.comes_back(back, CARRIER, UTC + after) is open_
    assert not desk.aftermath.comes_back(request("sip:+12025550179@x"), CARRIER, UTC)
    assert not desk.aftermath.comes_back(back, PBX, UTC)


@pytest.mark.req("EMG-012")
@pytest.mark.parametrize("of", [None, CARRIER])
def test_nobody_from_outside_opens_the_window_of_a_line(desk: Desk, of: Lane | None) -> None:
    desk.happened(request("sip:911@pbx", "<sip:+12025550177@pbx.example.com>"), of)
    assert not desk.protected.asks(UTC)
    assert not desk.aftermath.comes_back(request("sip:+12025550177@pbx"), CARRIER, UTC)


@pytest.mark.req("EMG-012")
def test_to_counts_only_where_the_call_goes_to_a_registered_contact(desk: Desk) -> None:
    sealed, contact = "sip:rwc-x@us.example.com", parse_uri(b"sip:pbx@192.0.2.20")
    desk.happened(request())

    def to(value: str) -> Request:
        return request(sealed, to=value)

    assert desk.aftermath.comes_back(to("<sip:+12025550177@carrier.example.net>"), CARRIER, UTC, contact)
    assert desk.aftermath.comes_back(to("<sip:2177@carrier.example.net>"), CARRIER, UTC, contact)
    assert desk.aftermath.comes_back(to("<sip:pbx@x>"), CARRIER, UTC, parse_uri(b"sip:2177@192.0.2.20"))
    assert not desk.aftermath.comes_back(to("<sip:+12025550177@carrier.example.net>"), CARRIER, UTC)
    assert not desk.aftermath.comes_back(to("<sip:+12025550179@carrier.example.net>"), CARRIER, UTC, contact)
    assert not desk.aftermath.comes_back(to("<sip:+12025550177@x>"), PBX, UTC, contact)
    assert not desk.aftermath.comes_back(to("<sip:@@>"), CARRIER, UTC, contact)


def test_a_target_that_cannot_be_read_comes_back_to_nobody(desk: Desk) -> None:
    desk.happened(request())
    assert not desk.aftermath.comes_back(request("sip:@@"), CARRIER, UTC)


def test_a_fault_of_ours_is_said_and_costs_nothing(desk: Desk) -> None:
    desk.aftermath.locations = None  # type: ignore[assignment]
    desk.happened(request())
    assert [line["event"] for line in desk.said] == ["aftermath-fault"]


def test_the_log_line_names_no_place(desk: Desk) -> None:
    desk.happened(request())
    assert desk.said == [
        {"event": "emergency-call", "level": "warning", "call_id": "e9-77", "test": False, "caller": "2177", "trunk": "pbx"}
    ]
