"""What is written on a call that goes on: priority that is not proved comes off, and a diversion says so."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.attest import Terms
from policy.verdict import Verdict
from proxy.marking import _strip, counted, marked, stripped, unscreened
from proxy.settings.network import Trunk
from proxy.settings.values import MarkingSettings
from proxy.sip.message import Request
from shaken.sign import Signer
from tests.proxy.screening.test_case import OLD, judged, request
from tests.proxy.screening.test_signing import INVENTORY, ORIGID
from tests.shaken.tokens import KEY, OTHER, PRIORITY, URL, made, rph, vector


class Counts:
    """Metrics that remember what they were told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.seen.append((name, *told))


def world(*, signing: bool = True) -> Any:
    return SimpleNamespace(
        settings=SimpleNamespace(marking=MarkingSettings(), trunks=(), signing=None),
        book=SimpleNamespace(psap=()),
        shows=None,
        metrics=Counts(),
        inventory=INVENTORY,
        signers={"pbx": (Signer(KEY, URL), Terms(ORIGID)), "": (Signer(KEY, URL), Terms(ORIGID))} if signing else {},
        utc=lambda: 1_767_225_602.0,
        bypass=False,
        tap=None,
    )


def gone(message: Request, verdict: Verdict = Verdict("allow")) -> tuple[set[str], list[bytes]]:  # noqa: B008
    case = judged(message)
    marks = marked(world(), message, case, verdict, case.lane)
    return {message.names[at] for at in marks.edits.drop}, marks.edits.add


@pytest.mark.req("STI-102")
@pytest.mark.parametrize(
    ("value", "stays"),
    [(rph(["ets.0"]), True), (rph(["ets.1"]), False), (made("rph", {**PRIORITY, "rph": {"auth": ["ets.0"]}}, OTHER), False)],
)
def test_priority_that_its_token_does_not_prove_comes_off(value: bytes, stays: bool) -> None:
    names, _ = gone(request(vector("VEC-1"), value, lines=("Resource-Priority: ets.0",)))
    assert ("resource-priority" not in names) == stays


@pytest.mark.req("TRAP-67")
def test_priority_of_which_no_token_speaks_is_left() -> None:
    names, _ = gone(request(vector("VEC-1"), lines=("Resource-Priority: ets.0",)))
    assert names == set()


@pytest.mark.req("STI-103")
@pytest.mark.parametrize("proved", [True, False])
def test_a_call_back_of_an_emergency_centre_keeps_its_mark_only_with_proof(proved: bool) -> None:
    value = made("rph", {**PRIORITY, "rph": {"auth": ["esnet.0"]}, "sph": "psap-callback"}, KEY if proved else OTHER)
    lines = ("Resource-Priority: esnet.0", "Priority: psap-callback")
    names, _ = gone(request(vector("VEC-1"), value, lines=lines))
    assert ("priority" not in names) == proved


@pytest.mark.req("STI-097", "STI-098")
def test_a_call_that_is_diverted_says_from_where() -> None:
    away = Verdict("divert", divert_to="sip:+12025550177@pbx.example.com")
    assert b"Identity: " + vector("VEC-4") in gone(request(vector("VEC-1")), away)[1]


@pytest.mark.req("TRAP-28")
def test_an_old_header_is_counted_as_such() -> None:
    here = world()
    counted(here, judged(request(lines=(OLD,))), Verdict("allow"), 0.001)
    counted(here, judged(request()), Verdict("allow"), 0.001)
    assert [told for told in here.metrics.seen if told[0] == "verified"] == [
        ("verified", "identity-legacy", "none"),
        ("verified", "unsigned", "none"),
    ]


PASSED, FAILED, NOT_DONE = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"


@pytest.mark.req("STI-075", "TRAP-40")
@pytest.mark.parametrize("in_from", [False, True])
@pytest.mark.parametrize(
    ("asserted", "caller", "of_asserted", "of_from"),
    [
        ("+12025550123", "+12025550123", PASSED, PASSED),
        ("+12025550123", "12025550123", PASSED, PASSED),
        ("+12025550100", "+12025550123", NOT_DONE, PASSED),  # signed for From, and not for who is asserted
        ("+12025550123", "+12025550100", PASSED, NOT_DONE),
        ("+12025550100", "+12025550101", FAILED, NOT_DONE),
        ("+12025550123", "anonymous", PASSED, NOT_DONE),
    ],
)
def test_no_number_is_called_validated_but_the_one_that_was_signed_for(
    asserted: str, caller: str, of_asserted: str, of_from: str, in_from: bool
) -> None:
    message = request(vector("VEC-1"), caller=caller, lines=(f"P-Asserted-Identity: <sip:{asserted}@carrier.example.net>",))
    here = world()
    here.settings.marking = MarkingSettings(verstat_in_from=in_from)
    case = judged(message)
    swap = marked(here, message, case, Verdict("allow"), case.lane).edits.swap
    said = {message.names[at]: line.partition(b";verstat=")[2].partition(b"@")[0].decode() for at, line in swap.items()}
    assert said == {"p-asserted-identity": of_asserted} | ({"from": of_from} if in_from else {})


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_call_that_there_was_no_time_to_judge_says_that_it_was_not_validated(mode: str) -> None:
    message = request(lines=("P-Asserted-Identity: <sip:+12025550123@carrier.example.net>", "X-Screen-Verdict: forged"))
    lane = dataclasses.replace(judged(request()).lane, mode=mode)
    marks = unscreened(world(), message, lane)
    if mode == "observe":
        assert not marks.edits.swap and not marks.edits.drop and not marks.edits.add
        return
    assert any(b"verstat=No-TN-Validation" in line for line in marks.edits.swap.values())
    assert {message.names[at] for at in marks.edits.drop} == {"x-screen-verdict"}


ASSERTED = "P-Asserted-Identity: <sip:+12025550123@carrier.example.net>"


@pytest.mark.req("SIP-126", "SIP-128", "SIP-129")
@pytest.mark.parametrize(
    ("privacy", "trust", "seen"),
    [
        ("Privacy: id", "none", False), ("Privacy: header; ID", "none", False), ("Privacy: id;critical", "identity", True),
        ("Privacy: none", "none", True), ("Privacy: user", "none", True),
    ],
)  # fmt: skip
def test_privacy_hides_who_calls_from_a_side_that_nobody_trusts_and_never_identity(privacy: str, trust: str, seen: bool) -> None:
    message = request(vector("VEC-1"), lines=(ASSERTED, privacy))
    around = world()
    around.settings.trunks = (Trunk("pbx", "pbx", (), trust=trust),)
    case = judged(message)
    marks = marked(around, message, case, Verdict("allow"), case.lane)
    dropped = {message.names[at] for at in marks.edits.drop}
    assert ("p-asserted-identity" not in dropped) == seen
    assert not dropped & {"identity", "privacy", "from"}
    # While only observing nothing is hidden.
    lane = dataclasses.replace(case.lane, mode="observe")
    assert not marked(around, message, case, Verdict("allow"), lane).edits.drop


@pytest.mark.req("SIP-127")
def test_a_preferred_identity_is_of_no_use_to_us_and_stays_for_whom_it_is_meant() -> None:
    names, _ = gone(request(vector("VEC-1"), lines=("P-Preferred-Identity: <sip:+12025550123@pbx.example.com>",)))
    assert "p-preferred-identity" not in names


NOT_THEIRS = (
    ("P-Asserted-Identity", "<sip:+12025550100@carrier.example.net>"), ("Priority", "psap-callback"), ("Priority", "%70sap-callback;x"),
    ("P-Attestation-Indicator", "A"), ("Attestation-Info", "A"), ("P-Origination-ID", "1"), ("Origination-ID", "1"),
    ("X-Twilio-Verstat", "TN-Validation-Passed-A"), ("X-Plivo-Stir-Verification", "Verified"), ("X-Screen-Verdict", "allow"),
    ("P-Preferred-Identity", "<sip:+12025550100;verstat=TN-Validation-Passed@carrier.example.net>"),
    ("Contact", "<sip:a@carrier.example.net>;verst%61t=TN-Validation-Passed"),
)  # fmt: skip
THEIRS = (("Priority", "urgent"), ("Subject", "Priority: psap-callback"), ("P-Asserted-Service", "x"), ("Identity", "x"), ("y", "x"))
COMPACT = {"Contact": "m"}


def spelled(draw: st.DrawFn, name: str, value: str) -> str:
    """A header line in one of the ways in which it may be written (RFC 3261 sections 7.3.1, 7.3.3 and 25.1)."""
    name = COMPACT.get(name, name) if draw(st.booleans()) else name
    name = "".join(one.upper() if draw(st.booleans()) else one.lower() for one in name)
    between = st.text(" \t", max_size=2)
    fold = draw(st.sampled_from(["", "\r\n ", " \r\n\t"]))
    return name + draw(between) + ":" + draw(between) + fold + value


@st.composite
def lines_of(draw: st.DrawFn) -> tuple[str, ...]:
    chosen = draw(st.lists(st.sampled_from(NOT_THEIRS + THEIRS), max_size=4))
    return tuple(spelled(draw, name, value) for name, value in chosen)


@pytest.mark.req("SIP-126", "EMG-013")
@given(lines_of(), st.sampled_from(["none", "identity", "verdicts"]))
def test_the_quick_look_misses_nothing_that_comes_off(lines: tuple[str, ...], trust: str) -> None:
    case = judged(request())
    lane = dataclasses.replace(case.lane, trunk=dataclasses.replace(case.lane.trunk, trust=trust))
    message, here = request(method="BYE", lines=lines), world()
    quick, whole = stripped(here, message, lane).edits, _strip(here, message, lane).edits
    assert (quick.drop, quick.swap, quick.add) == (whole.drop, whole.swap, whole.add)


@pytest.mark.req("SIP-126", "EMG-013")
@pytest.mark.parametrize(("line", "name"), [("P-Asserted-Identity : <sip:+12025550100@x>", "p-asserted-identity"), ("PRIORITY\t: psap-callback", "priority")])
def test_a_blank_before_the_colon_keeps_nothing_on_a_request_that_is_not_screened(line: str, name: str) -> None:
    case, message = judged(request()), request(method="BYE", lines=(line,))
    lane = dataclasses.replace(case.lane, trunk=dataclasses.replace(case.lane.trunk, trust="none"))
    assert [message.names[at] for at in stripped(world(), message, lane).edits.drop] == [name]
