"""Reports are counts over records, and each can be told by hand."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.storage.reports import REPORTS, Report, as_objects, shadow
from proxy.storage.rows import Record, Row


def record(number: int = 1, duration: float | None = None, **more: Any) -> Record:
    row = Row(float(number), f"c{number}", trunk="carrier", caller="12025550101", callee="12025550123", action="allow")
    return Record(number, row._replace(**more), 0, None, duration, "")


def objects(report: Report) -> list[dict[str, Any]]:
    return as_objects(report)


@pytest.mark.req("REG-015")
def test_a_lines_blocked_calls_have_date_time_and_calling_number() -> None:
    (row,) = objects(REPORTS["blocked"]([record(60, action="reject", reason="campaign", status=603, refusal="ab")]))
    assert row == {"time": "1970-01-01T00:01:00.000+00:00", "caller": "12025550101", "action": "reject", "reason": "campaign",
                   "answer": 603, "id": "ab"}  # fmt: skip


@pytest.mark.req("REG-063")
def test_a_campaign_is_told_with_its_numbers_signers_and_upstreams() -> None:
    calls = [
        record(1, campaign="A", action="reject", spc="1"), record(2, campaign="A", action="tag", caller="12025550102", spc="2"),
        record(3), record(4, campaign="B", trunk="other"), record(5, campaign="A", action="reject", spc="1"),
    ]  # fmt: skip
    first, second = objects(REPORTS["campaign"](calls))
    assert (first["campaign"], first["calls"], first["blocked"], first["tagged"], first["numbers"]) == ("A", 3, 2, 1, 2)
    assert (first["signers"], first["upstreams"], second["upstreams"]) == ("1 2", "carrier", "other")


@pytest.mark.req("REG-017", "REG-023")
def test_a_period_shows_each_upstream_and_a_tag_is_no_block() -> None:
    calls = [
        record(1, verify="unsigned", status=200, duration=3.0), record(2, attest="C", verify="passed", status=200, duration=90.0),
        record(3, action="tag", verify="passed", status=486), record(4, action="reject", reason="campaign", verify="unsigned"),
        record(5, direction="outbound", trunk="pbx", emergency=True, action="emergency", status=200),
    ]  # fmt: skip
    made = REPORTS["period"](calls)
    carrier, pbx = objects(made)
    assert (carrier["calls"], carrier["blocked"], carrier["tagged"], carrier["blocked share"]) == (4, 1, 1, 0.25)
    assert (carrier["unsigned share"], carrier["C share"], carrier["short share"]) == (0.5, 0.25, 0.5)
    assert (pbx["emergency"], pbx["unsigned share"]) == (1, 0.0)
    assert made.remarks == ("blocked for campaign: 1",)


@pytest.mark.req("REG-030")
def test_what_our_calls_left_with_is_told_by_customer_and_unsigned_ones_are_counted() -> None:
    calls = [
        record(1, direction="outbound", customer="clinic", trunk="pbx", signed="A"),
        record(2, direction="outbound", customer="clinic", trunk="pbx", signed="B"),
        record(3, direction="outbound", customer="clinic", trunk="pbx"), record(4, direction="outbound", trunk="pbx", orig="12025550101"),
        record(5, direction="outbound", trunk="pbx", emergency=True), record(6, direction="outbound", trunk="pbx", action="reject"),
        record(7),
    ]  # fmt: skip
    made = REPORTS["signing"](calls)
    clinic, other = objects(made)
    assert (clinic["calls"], clinic["A"], clinic["B"], clinic["C"], clinic["unsigned"], clinic["unsigned share"]) == (3, 1, 1, 0, 1, 0.3333)
    assert (other["customer"], other["calls"], other["its own"], other["unsigned"]) == ("not known", 1, 1, 0)
    assert made.remarks == ("1 call(s) left unsigned",)


@pytest.mark.req("REG-016")
def test_what_was_done_on_a_notice_is_told_by_upstream() -> None:
    blocked = (("upstream-blocked", "deterministic", 0, "this upstream is blocked: FCC notice DA-25-1"),)
    calls = [
        record(1, trunk="bad", action="reject", reason="upstream-blocked", findings=blocked),
        record(2, trunk="bad", action="allow", findings=blocked),
        record(3, trunk="carrier", action="reject", campaign="DA 25-123 Utility"), record(4, campaign="Utility"),
        record(5, findings=(("campaign-number", "analytics", 100, "as in DA 25-9"),)),
    ]  # fmt: skip
    first, second = objects(REPORTS["notices"](calls))
    assert (first["notice"], first["upstream"], first["calls"], first["blocked"], first["let through"]) == ("DA 25-123", "carrier", 1, 1, 0)
    assert (second["notice"], second["upstream"], second["calls"], second["blocked"], second["let through"]) == ("DA-25-1", "bad", 2, 1, 1)
    assert second["first"].startswith("1970-01-01T00:00:01") and second["last"].startswith("1970-01-01T00:00:02")


@pytest.mark.req("REG-050")
def test_duties_are_counted_by_customer() -> None:
    dnc = (("dnc-listed", "duty", 50, "on the list"),)
    calls = [
        record(1, direction="outbound", customer="clinic", findings=dnc, action="tag"),
        record(2, direction="outbound", customer="clinic", findings=dnc, shadows="dnc-listed"),
        record(3, direction="outbound"), record(4, findings=dnc),
    ]  # fmt: skip
    made = REPORTS["dnc"](calls)
    (row,) = objects(made)
    assert (row["customer"], row["calls"], row["tagged"], row["stopped"], row["in shadow"]) == ("clinic", 2, 1, 0, 1)
    assert "310.4" in row["stands on"] and made.remarks == ("3 call(s) left in this time",)


def test_emergency_calls_are_all_there_and_those_that_failed_are_counted() -> None:
    calls = [
        record(1, emergency=True, action="emergency", callee="911", status=200), record(2),
        record(3, action="callback", status=486),
    ]  # fmt: skip
    made = REPORTS["e911"](calls)
    assert [(row["kind"], row["dialled"]) for row in objects(made)] == [("emergency", "911"), ("callback", "12025550123")]
    assert made.remarks == ("2 call(s), 1 of them not answered with success",)


def test_a_shadow_is_told_by_what_it_would_have_done_and_who_talked() -> None:
    calls = [
        record(1, shadows="brand-unproved", would="allow", rehearsed="tag"),
        record(2, shadows="brand-unproved answers-caller", would="tag", rehearsed="reject", duration=120.0),
        record(3, shadows="brand-unproved", would="allow", rehearsed="allow"), record(4),
        record(5, shadows="allow-list", would="reject", rehearsed="allow"),
    ]  # fmt: skip
    made = shadow(calls)
    rows = {row["finding"]: row for row in objects(made)}
    brand = rows["brand-unproved"]
    assert (brand["check"], brand["calls"], brand["would tag"], brand["would reject"], brand["talked"]) == ("brand", 3, 1, 1, 1)
    assert rows["allow-list"]["would allow"] == 1 and rows["answers-caller"]["example"] == "c2"
    assert made.remarks == ("3 of 5 call(s) would have ended otherwise",)
