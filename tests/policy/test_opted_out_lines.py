"""Lines whose subscriber wants nothing blocked by analytics."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from policy.decide import decide, overruled
from policy.lists import NumberSet
from policy.rulebook import CHECKS, Profile, Rulebook
from tests.policy.calls import CAMPAIGNS, LENIENT, NUMBERS, call

SPARED = MappingProxyType({"campaigns": CAMPAIGNS, "opted_out": NumberSet.of("12025550123", "1202555017*")})


@pytest.mark.req("REG-006")
@pytest.mark.parametrize(
    ("caller", "callee", "facts", "network", "would"),
    [
        ("12025550100", "12025550123", {}, (), "tag"),
        ("12025550100", "12025550177", {}, (), "tag"),
        ("12025550100", "12025550124", {}, (), "reject"),
        ("911", "12025550123", {}, (), "reject"),  # what cannot be is no estimate
        ("12025550191", "12025550123", {}, (), "reject"),  # the subscriber's own list
        ("12025550167", "12025550123", {}, (), "reject"),
        ("12025550100", "12025550123", {}, ("campaign-number",), "reject"),
        ("12025550100", "12025550123", {}, ("campaign-label",), "tag"),
        ("12025550101", "12025550123", {"recognised": "Y"}, ("campaign-number",), "allow"),
    ],
)
@pytest.mark.req("REG-007")
def test_a_line_that_opted_out_is_spared_by_analytics_alone_and_not_by_what_is_sure(
    caller: str, callee: str, facts: Mapping[str, object], network: tuple[str, ...], would: str
) -> None:
    book = Rulebook(
        dno=NUMBERS["dno"], deny=NumberSet.of("12025550191"), network_level=frozenset(network), **SPARED  # type: ignore[arg-type]
    )
    verdict = decide(call(caller, callee=callee, **facts), book, LENIENT, "enforce")
    assert (verdict.would, verdict.action, verdict.rehearsed) == (would, would, would)
    told = [one.slug for one in verdict.findings]
    assert ("line-opted-out" in told) is (would == "tag") and verdict.reason != "line-opted-out"
    assert bool(verdict.id) is (would == "reject")


@pytest.mark.req("REG-006", "REG-007")
def test_the_opt_out_of_a_line_holds_in_rehearsal_for_diversions_and_for_the_operators_service() -> None:
    shadow = Rulebook(checks=MappingProxyType({**CHECKS, "campaign": "shadow"}), **SPARED)  # type: ignore[arg-type]
    one = call("12025550100", callee="12025550123")
    assert decide(one, shadow, LENIENT, "enforce").rehearsed == "tag"
    assert decide(one._replace(callee="12025550124"), shadow, LENIENT, "enforce").rehearsed == "reject"
    book = Rulebook(**SPARED)  # type: ignore[arg-type]
    away = Profile(reject_at=200, divert_at=80, divert_to="sip:voicemail@192.0.2.20")
    assert decide(one._replace(callee="12025550124"), book, away, "enforce").action == "divert"
    assert decide(one, book, away, "enforce").action == "tag"
    fine = call("12025550102", callee="12025550123")
    verdict = decide(fine, book, LENIENT, "enforce")
    assert overruled(verdict, "reject", "we do not like it", fine, book, "enforce") is verdict
    assert overruled(verdict, "tag", "odd", fine, book, "enforce").action == "tag"
    other = fine._replace(callee="12025550124")
    assert overruled(verdict, "reject", "we do not like it", other, book, "enforce").action == "reject"
    out = one._replace(side="pbx")
    assert decide(out, book, LENIENT, "enforce").would == "allow"
