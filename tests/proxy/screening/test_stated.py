"""The verdict that a carrier states: read in its own form from whoever is trusted for it, and taken off all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.rulebook import Profile, Rulebook
from proxy.screening.case import Case, Lane, judge, open_case
from proxy.screening.marks import strip
from proxy.screening.stated import FORMS, HEADERS
from proxy.settings import Trunk
from shaken.number import Plan
from shaken.verify import Rules
from tests.proxy.screening.test_case import UTC, request

PAI = "P-Asserted-Identity: <sip:+12025550123;verstat={}@carrier.example.net>"
BEHIND = "P-Asserted-Identity: <sip:+12025550123@carrier.example.net>;verstat={}"
TEL = "P-Asserted-Identity: <tel:+12025550123;verstat={}>"
PASSED, FAILED, NOT = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"


def judged(carrier: str, *lines: str, trust: str = "verdicts", caller: str = "+12025550123") -> Case:
    trunk = Trunk("carrier", "carrier", (), trust=trust, verdicts=carrier)
    case = open_case(request(lines=lines, caller=caller), Lane(trunk, "carrier", Plan(), Profile(), "enforce", 100, Rules()), UTC)
    judge(case, {}, Rulebook(), UTC, 0)
    return case


@pytest.mark.req("STI-076", "STI-077")
@pytest.mark.parametrize(
    ("carrier", "lines", "verstat", "level"),
    [
        ("3gpp", (PAI.format(PASSED), "P-Attestation-Indicator: B"), PASSED, "B"),
        ("3gpp", (PAI.format(PASSED), "Attestation-Info: C", "Origination-Id: 123e4567-e89b-42d3-a456-426655440000"), PASSED, "C"),
        ("3gpp", (TEL.format(PASSED.lower()),), PASSED, None),
        ("3gpp", (BEHIND.format(FAILED),), FAILED, None),
        ("3gpp", (PAI.format(FAILED + "-A"),), FAILED + "-A", None),
        ("3gpp", (PAI.format("yes"), "P-Attestation-Indicator: A"), None, None),
        ("3gpp", (PAI.format(PASSED), "P-Attestation-Indicator: A", "P-Attestation-Indicator: B"), PASSED, None),
        ("bandwidth", (PAI.format(PASSED), "P-Attestation-Indicator: A"), PASSED, "A"),
        ("bandwidth", ("P-Attestation-Indicator: A",), None, None),  # no verstat: no Identity came
        ("telnyx", (PAI.format(PASSED),), PASSED, "A"),
        ("telnyx", (PAI.format(PASSED + "-B"),), PASSED + "-B", "B"),
        ("telnyx", (PAI.format(PASSED + "-C"),), PASSED + "-C", "C"),
        ("telnyx", (PAI.format(NOT),), NOT, None),
        ("telnyx", (PAI.format(PASSED + "-B"), "P-Attestation-Indicator: A"), PASSED + "-B", "B"),  # that header is nobody's here
        ("twilio", ("X-Twilio-VerStat: TN-Validation-Passed-A",), PASSED + "-A", "A"),
        ("twilio", ("X-Twilio-VerStat: TN-Validation-Failed",), FAILED, None),
        ("twilio", (PAI.format(PASSED),), None, None),  # whoever called through them wrote that
        ("twilio", ("X-Twilio-VerStat: TN-Validation-Passed", "X-Twilio-VerStat: No-TN-Validation"), None, None),
        ("plivo", ("X-Plivo-Stir-Verification: Verified",), PASSED, None),
        ("plivo", ("X-Plivo-Stir-Verification: Not Verified",), NOT, None),
        ("plivo", ("X-Twilio-VerStat: TN-Validation-Passed-A",), None, None),
    ],
)
def test_each_carrier_is_read_in_its_own_form(carrier: str, lines: tuple[str, ...], verstat: str | None, level: str | None) -> None:
    case = judged(carrier, *lines)
    assert case.call is not None and (case.verstat, case.call.attestation) == (verstat, level)


@pytest.mark.req("STI-076")
def test_a_verstat_may_stand_in_from_where_nothing_else_has_one() -> None:
    assert judged("3gpp", "P-Asserted-Identity: <sip:+12025550123@c.example>", caller=f"+12025550123;verstat={FAILED}").verstat == FAILED


@pytest.mark.req("STI-075", "STI-077")
@pytest.mark.parametrize("trust", ["none", "identity"])
@pytest.mark.parametrize("carrier", FORMS)
def test_who_is_not_trusted_for_verdicts_states_none(trust: str, carrier: str) -> None:
    case = judged(carrier, PAI.format(PASSED), *(f"{name}: TN-Validation-Passed-A" for name in sorted(HEADERS)), trust=trust)
    assert case.verstat is None and case.attested is None


def left(carrier: str, keep: bool) -> list[str]:
    message = request(lines=(PAI.format(PASSED), *(f"{name.title()}: A" for name in sorted(HEADERS)), "X-Screen-Verdict: allow"))
    edits = strip(message, prefix="x-screen-", keep_verdicts=keep, keep_asserted=True, carrier=carrier).edits
    lines = [edits.swap.get(place, line).decode() for place, line in enumerate(message.lines) if place not in edits.drop]
    return [line for line in lines if "verstat" in line.lower() or line.partition(":")[0].lower() in HEADERS or line.startswith("X-Screen")]


@pytest.mark.req("STI-075", "STI-077")
def test_every_form_but_that_of_a_trusted_carrier_is_taken_off() -> None:
    assert left("3gpp", False) == left("twilio", False) == []
    assert left("telnyx", True) == [PAI.format(PASSED)]
    assert left("twilio", True) == ["X-Twilio-Verstat: A"]
    assert left("plivo", True) == ["X-Plivo-Stir-Verification: A"]
    assert [line.partition(":")[0] for line in left("bandwidth", True)] == ["P-Asserted-Identity", "P-Attestation-Indicator", "P-Origination-Id"]


@pytest.mark.req("STI-077")
@pytest.mark.parametrize("name", ["X-Twilio-VerStat", "x-plivo-stir-verification", "X-Plivo%2DStir-Verification", "P-Attestation-Indicator"])
def test_one_header_alone_is_found(name: str) -> None:
    message = request(lines=(f"{name}: Verified",))
    assert strip(message, prefix="x-screen-", keep_verdicts=False, keep_asserted=True).stripped == 1


@given(st.sampled_from(sorted(FORMS)), st.sampled_from(["X-Twilio-VerStat", "X-Plivo-Stir-Verification", "P-Attestation-Indicator"]), st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=40))
def test_no_text_states_what_is_no_verdict(carrier: str, name: str, text: str) -> None:
    case = judged(carrier, f"{name}: {text}")
    assert case.verstat in (None, *(word + level for word in (PASSED, FAILED, NOT) for level in ("", "-A", "-B", "-C")))
