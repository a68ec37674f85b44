"""What the rules ask of each role, and what a configuration does about it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from policy.attest import CRITERIA_VERSION
from policy.duties import DAY, DUTIES, NAMES, Answer, Facts, answers, requested
from policy.rulebook import PROVIDERS, TRANSIT, Role
from policy.upstreams import recertify_by


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-21")
WELL = Facts(
    role="originating", utc=NOW, verifies=True, signs=True, rmd_age=DAY, certified=at("2026-02-20"), journal=True, redress=True,
    telemarketing=True, reassigned_age=DAY,
)  # fmt: skip


def duty(name: str, **more: Any) -> Answer:
    (found,) = (one for one in answers(WELL._replace(**more)) if one.name == name)
    return found


@pytest.mark.parametrize("role", sorted(PROVIDERS))
def test_a_provider_that_does_what_it_can_has_nothing_open(role: Role) -> None:
    told = answers(WELL._replace(role=role))
    assert [one for one in told if one.state == "open"] == []
    assert all(one.ground and one.said and "unlawful" not in one.said and "illegal" not in one.said for one in told)


def test_an_enterprise_owes_what_providers_owe_to_nobody_and_telemarketing_owes_by_itself() -> None:
    assert answers(Facts()) == []
    told = [one.name for one in answers(Facts(telemarketing=True))]
    assert told == ["records", "prerecorded", "abandoned", "requests", "reassigned", "registry"]
    assert len(set(NAMES)) == len(DUTIES)


@pytest.mark.req("REG-030", "REG-032")
@pytest.mark.parametrize(
    ("name", "facts", "state", "said"),
    [
        ("sign", {}, "kept", "ringwarden_sign_total"),
        ("sign", {"unsigned": ("pbx", "branch")}, "open", "calls of pbx, branch leave unsigned"),
        ("verify", {}, "kept", "each Identity header"),
        ("verify", {"verifies": False}, "open", "identity.anchors"),
        ("sign-unsigned", {"role": "gateway"}, "kept", "signed"),
        ("sign-unsigned", {"role": "gateway", "unsigned": ("upstream",)}, "open", "upstream leave unsigned"),
    ],
)
def test_signing_and_verifying_are_asked_of_those_who_must(name: str, facts: dict[str, Any], state: str, said: str) -> None:
    found = duty(name, **facts)
    assert found.state == state and said in found.said and found.ground.startswith("47 CFR 64.630")


@pytest.mark.req("REG-031")
def test_between_two_providers_headers_pass() -> None:
    for role in sorted(TRANSIT):
        found = duty("pass-on", role=role)
        assert (found.ground, found.state) == ("47 CFR 64.6302(a)", "kept") and "as they came" in found.said


@pytest.mark.req("REG-033")
def test_who_has_somebody_else_sign_decides_itself_and_names_its_own_certificate() -> None:
    assert duty("third-party").said.startswith("we sign with our own key")
    assert duty("third-party", signs=False).said == "nobody signs for us"
    found = duty("third-party", third=True)
    assert found.state == "open" and "signing.certificate_url" in found.said
    found = duty("third-party", third=True, third_named=True)
    assert found.state == "yours" and "decided here" in found.said and "agreement" in found.said


@pytest.mark.req("REG-034", "REG-035", "REG-036")
def test_what_only_the_operator_can_do_is_said_and_not_claimed() -> None:
    assert duty("not-ip").state == "yours" and "loses its signature" in duty("not-ip").said
    assert duty("no-charge").state == "yours" and duty("no-charge").ground == "47 CFR 64.6307"
    assert CRITERIA_VERSION in duty("criteria").said


@pytest.mark.req("REG-040", "REG-042")
@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, "kept", "911 never"),
        ({"upstreams": ("carrier",)}, "open", "no filing number is known of carrier"),
        ({"rmd_age": None}, "open", "lists.rmd"),
        ({"rmd_age": 7 * DAY}, "kept", ""),
        ({"rmd_age": 7 * DAY + 1}, "open", "7 days old and refuses nobody"),
    ],
)
def test_upstreams_are_to_be_listed_and_the_copy_fresh(facts: dict[str, Any], state: str, said: str) -> None:
    found = duty("accept-listed", **facts)
    assert found.state == state and said in found.said


@pytest.mark.req("REG-041")
@pytest.mark.parametrize(
    ("certified", "due"),
    [
        ("2026-02-20", "2027-03-01"),
        ("2026-02-01", "2027-03-01"),
        ("2026-01-31", "2026-03-01"),  # before this year's window: this year's is due yet
        ("2026-03-01", "2027-03-01"),
        ("2026-03-02", "2027-03-01"),
        ("2025-12-31", "2026-03-01"),
    ],
)
def test_the_certification_is_due_on_the_first_of_march(certified: str, due: str) -> None:
    assert recertify_by(at(certified)) == at(due) + DAY  # to the end of that day


@pytest.mark.req("REG-041")
@pytest.mark.parametrize(
    ("now", "state", "said"),
    [
        ("2026-11-21", "kept", "due on 2027-03-01"),
        ("2027-01-30", "kept", "10 business days"),
        ("2027-02-01", "open", "in 29 days"),
        ("2027-03-01T23:59:59", "open", "in 0 days"),
        ("2027-03-02T00:00:01", "open", "was due on"),
    ],
)
def test_a_certification_is_open_a_month_before_it_is_due(now: str, state: str, said: str) -> None:
    found = duty("certify", utc=at(now))
    assert found.state == state and said in found.said
    assert duty("certify", certified=None).state == "open"


@pytest.mark.req("REG-012", "REG-015", "REG-016", "REG-020")
def test_what_is_answered_to_callers_lines_and_authorities_names_its_command() -> None:
    for name, command in (
        ("redress", "list open"), ("blocked-list", "report blocked"), ("traceback", "trace"), ("notice", "report notices"),
    ):  # fmt: skip
        assert duty(name).state == "yours" and command in duty(name).said
    assert duty("redress", redress=False).state == "open"
    for name in ("blocked-list", "traceback", "records"):
        assert duty(name, journal=False).state == "open"
    assert duty("blocked-list", keep_days=MappingProxyType({"blocked": 27})).state == "open"
    assert duty("blocked-list", keep_days=MappingProxyType({"blocked": 28})).state == "yours"
    assert "bad (FCC notice DA-25-1)" in duty("notice", blocked=("bad (FCC notice DA-25-1)",)).said


@pytest.mark.req("REG-007", "REG-006")
def test_what_is_blocked_without_a_way_out_is_to_be_disclosed() -> None:
    assert "opt out free of charge" in duty("disclose").said
    assert "campaign-number stop calls to those lines too" in duty("disclose", network_level=("campaign-number",)).said


@pytest.mark.req("REG-053", "REG-054", "REG-059", "REG-062", "REG-077")
def test_what_telemarketing_owes_is_told_to_whoever_telemarkets() -> None:
    assert "X-Screen-Purpose: prerecorded" in duty("prerecorded").said and "within 2 s" in duty("prerecorded").said
    assert "ringwarden_outbound_ends_total" in duty("abandoned").said and "3 %" in duty("abandoned").said
    assert duty("records", keep_days=MappingProxyType({"outbound": 1829})).state == "open"
    assert duty("records", keep_days=MappingProxyType({"outbound": 1830})).state == "yours"
    unsold = duty("records", unsold=("clinic",))
    assert unsold.state == "open" and "seller and offers" in unsold.said and "clinic" in unsold.said
    assert duty("reassigned").state == "kept"
    assert duty("reassigned", reassigned_age=31 * DAY + 1).state == "open"
    assert duty("reassigned", reassigned_age=None).state == "yours"
    assert "written procedures" in duty("registry").said


@pytest.mark.req("REG-060")
def test_a_request_runs_for_ten_business_days_from_the_earliest_day_that_it_was_anywhere() -> None:
    def at(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    # 3 July 2026 is off. At 8 in the morning of UTC it is still the day before in Hawaii.
    asked = (at("2026-06-30T08:00"), at("2026-06-01T12:00"))
    said = requested(asked, at("2026-07-14T20:00"))
    assert "2 request(s)" in said and "1 of them" in said and "of 2026-06-29, by 2026-07-14" in said
    assert "0 of them" in requested(asked, at("2026-07-15T20:00"))
    assert "nobody asked" in requested(asked, at("2026-05-01T00:00")) and "nobody asked" in requested((), 0.0)
    assert "2 request(s)" in duty("requests", requests=asked, utc=at("2026-07-14T20:00")).said
    assert duty("requests").state == "kept"
    open_one = duty("requests", lenient=("pbx",))
    assert open_one.state == "open" and "let pbx enforce" in open_one.said
