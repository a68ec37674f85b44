from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from policy.agreements import Agreements, Consent, Relation
from policy.call import Call
from policy.checks.hours import SIDES, check
from policy.rulebook import Rulebook, Thresholds
from proxy import zoning

AT = datetime(2026, 3, 4, 22, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()
HOURS = zoning.load(AT)
STRICT = Rulebook(hours=HOURS, telemarketing=True)


def call(callee: str | None = "12125550100", **facts: object) -> Call:
    return Call(side="pbx", caller="12025550100", callee=callee, utc=AT, **facts)  # type: ignore[arg-type]


@pytest.mark.req("REG-056", "REG-057")
def test_a_call_of_telemarketing_after_hours_is_a_duty_unfulfilled() -> None:
    finding = check(call(), STRICT)
    assert finding is not None and finding.slug == "hours-closed"
    assert "22:30:00" in finding.why and "08:00:00 to 21:00:00" in finding.why
    assert check(call("14155550100"), STRICT) is None  # half past seven in San Francisco
    assert SIDES == ("pbx",)


@pytest.mark.req("REG-064")
def test_only_telemarketing_owes_it_and_consent_excuses() -> None:
    told = Rulebook(hours=HOURS)
    assert check(call(), told) is None
    assert check(call(purpose="telemarketing"), told) is not None
    for record, excused in ((Consent("*", "12125550100", 0.0), True), (Relation("*", "12125550100", AT), False)):
        book = Rulebook(hours=HOURS, telemarketing=True, agreements=Agreements([record]))
        assert (check(call(), book) is None) is excused
    assert check(call(), Rulebook(telemarketing=True)) is None


@pytest.mark.parametrize("callee", ["18005550100", "19005550100", "442079460000", "911", "12"])
def test_where_a_number_without_a_place_is_closed_is_a_setting(callee: str) -> None:
    assert check(call(callee), STRICT) is None
    finding = check(
        call(callee), Rulebook(hours=HOURS, telemarketing=True, limits=Thresholds(unknown_zone_is_open=False))
    )
    assert finding is not None and finding.slug == "hours-unknown"
    assert check(call(None), STRICT) is None
