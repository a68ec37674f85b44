"""The demo's table: what a row shows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.lab.cases import Case
from proxy.lab.table import HEADINGS, SPARED, WIDTH, Shown, cells, checks
from proxy.storage.rows import Row

GOOD = "parsed=pass fresh=pass orig=pass dest=pass chain=pass authority=pass signature=pass"
CALL = Case("a name", "13015550101", "allow", "none", 200, "A")
ROW = Row(0.0, "one@lab", facts=GOOD, action="allow", reason="none", status=200, decision_us=321)


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (GOOD, "iat orig dest chain sig"),
        (GOOD.replace("signature=pass", "signature=fail"), "sig FAIL"),
        ("parsed=pass fresh=fail orig=fail dest=pass chain=unknown signature=unknown", "iat FAIL orig FAIL"),
        ("parsed=fail fresh=unknown", "-"),
        ("", "-"),
    ],
)
def test_checks_say_what_held_or_what_failed(facts: str, shown: str) -> None:
    assert checks(ROW._replace(facts=facts)) == shown


def test_a_row_says_who_called_and_why_it_ended_so() -> None:
    assert cells(1, CALL, ROW, None) == (
        "1", "+13015550101", "A", "iat orig dest chain sig", "allow", "a name", "200", "321",
    )  # fmt: skip
    listed = ROW._replace(action="reject", reason="campaign-number", campaign="GovtImpers", status=603, facts="")
    assert cells(9, CALL, listed, None)[5:7] == ("campaign-number GovtImpers", "603")


def test_an_answer_that_offers_redress_is_told_from_a_plain_one() -> None:
    refused = ROW._replace(action="reject", reason="campaign-number", status=603)
    assert cells(1, CALL, refused, 'Q.850;cause=21;text="v=analytics1;url=https://example.com"')[6] == "603+"
    assert cells(1, CALL, refused, 'SIP;cause=603;text="dno-n11"')[6] == "603"


def test_an_emergency_call_has_no_decision_to_time() -> None:
    case = Case("PBX dials 911", "12025550100", "emergency", "emergency", 200, outbound=True, target="911")
    row = ROW._replace(action="emergency", reason="emergency", emergency=True, facts="", decision_us=0)
    shown = cells(1, case, row, None)
    assert (shown[1], shown[3], shown[7]) == ("+12025550100 > 911", "bypass", "-")


@pytest.mark.parametrize(("caller", "shown"), [("911", "911"), ("anonymous", "anonymous")])
def test_only_a_full_number_has_a_plus(caller: str, shown: str) -> None:
    assert cells(1, Case("x", caller, "allow", "none", 200), ROW, None)[1] == shown


def test_plain_lines_are_whole_where_there_is_no_terminal() -> None:
    said = io.StringIO()
    shown = Shown(Console(file=said))
    shown.head([("fake PBX", "sip:127.0.0.1:15080")])
    table = shown.table()
    shown.add(table, 1, CALL, ROW, None, as_expected=True)
    shown.add(table, 2, CALL, ROW, None, as_expected=False)
    shown.console.print(table)
    shown.faults(2, CALL, ["X-Screen-Verdict: ['tag'], expected 'allow' " + "and so on " * 20 + "to the end"])
    text = said.getvalue()
    assert "\x1b" not in text and "…" not in text
    assert all(heading in text for heading in HEADINGS)
    assert text.count("+13015550101") == 2 and text.count("UNEXPECTED") == 1
    assert "call 2, a name: X-Screen-Verdict: ['tag'], expected 'allow' and so on" in text and "to the end" in text


@pytest.mark.parametrize("width", [80, 100, WIDTH])
def test_a_terminal_of_any_width_shows_verdict_code_and_time(width: int) -> None:
    said = io.StringIO()
    shown = Shown(Console(file=said, width=width, force_terminal=True, color_system=None))
    case = Case("PBX calls, other number", "13125550188", "allow", "none", 200, outbound=True, target="12125550147")
    table = shown.table()
    shown.add(table, 19, case, ROW._replace(signed="B", decision_us=14_405), None, as_expected=True)
    shown.add(table, 20, CALL, ROW, None, as_expected=False)
    shown.console.print(table)
    text = said.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    for word in ("19", "+13125550188 > 12125550147", "ALLOW", "UNEXPECTED", "200", "14405"):
        assert word in text
    head = text.splitlines()[0]
    assert all((heading in head) == (heading not in SPARED or width == WIDTH) for heading in HEADINGS)
