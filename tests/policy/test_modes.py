"""How far a verdict is acted on: modes and percentages, checks in shadow, diversions, the operator's service."""

from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.decide import decide, overruled, sampled
from policy.rulebook import Profile, Rulebook
from policy.verdict import EMERGENCY
from policy.weights import WEIGHTS
from tests.policy.calls import BOOK, CAMPAIGNS, LENIENT, NUMBERS, call
from tests.policy.conftest import MakeJudgement


@pytest.mark.parametrize(
    ("mode", "percent", "action"),
    [("observe", 100, "allow"), ("tag", 100, "tag"), ("enforce", 100, "reject"), ("enforce", 0, "tag")],
)
def test_the_mode_lowers_what_would_be_done(mode: str, percent: int, action: str) -> None:
    verdict = decide(call("911"), BOOK, LENIENT, mode, percent)  # type: ignore[arg-type]
    assert (verdict.would, verdict.action, verdict.mode) == ("reject", action, mode)
    assert verdict.reason == "dno-n11"


def test_a_tag_stays_a_tag_in_every_mode_but_observe() -> None:
    actions = [decide(call(attempts=31), BOOK, LENIENT, mode, 0).action for mode in ("observe", "tag", "enforce")]
    assert actions == ["allow", "tag", "tag"]


def test_the_percentage_is_drawn_by_call_and_by_secret() -> None:
    ids = [f"{number}@example.com" for number in range(4000)]
    chosen = {one for one in ids if sampled(one, b"k", 25)}
    assert 850 < len(chosen) < 1150
    assert chosen == {one for one in ids if sampled(one, b"k", 25)}
    assert chosen != {one for one in ids if sampled(one, b"other", 25)}
    assert chosen <= {one for one in ids if sampled(one, b"k", 60)}  # raising the percentage keeps those who are in
    assert not any(sampled(one, b"k", 0) for one in ids)
    assert all(sampled(one, b"k", 100) for one in ids)


RUN = Seen(attempts=9, run=9)


@pytest.mark.parametrize(
    ("mode", "would", "rehearsed", "score", "told"),
    [("enforce", "tag", "tag", 45, 1), ("shadow", "allow", "tag", 0, 1), ("off", "allow", "allow", 0, 0)],
)
def test_a_check_is_off_in_shadow_or_enforced(mode: str, would: str, rehearsed: str, score: int, told: int) -> None:
    verdict = decide(call(seen=RUN), Rulebook(checks={"pattern": mode}), LENIENT, "enforce")  # type: ignore[dict-item]
    assert (verdict.would, verdict.action, verdict.rehearsed, verdict.score) == (would, would, rehearsed, score)
    assert len(verdict.findings) == told
    assert all(finding.shadow is (mode == "shadow") for finding in verdict.findings)
    assert decide(call(seen=RUN), Rulebook(), LENIENT).findings[0].shadow  # a fresh install rehearses


def test_a_shadow_adds_to_what_is_rehearsed_only() -> None:
    book = Rulebook(campaigns=CAMPAIGNS, weights={**WEIGHTS, "campaign": 50})
    verdict = decide(call("12025550100", seen=RUN), book, LENIENT, "enforce")
    assert (verdict.would, verdict.rehearsed, verdict.score) == ("tag", "reject", 50)
    assert verdict.reason == "campaign-number"


def test_a_listed_caller_in_shadow_is_not_let_through() -> None:
    book = Rulebook(allow=NUMBERS["allow"], dno=NUMBERS["dno"], checks={"allow": "shadow"})
    verdict = decide(call("12025550166"), book, LENIENT, "enforce")
    assert (verdict.would, verdict.rehearsed) == ("reject", "allow")


DIVERTING = Profile("captcha", divert_at=60, divert_to="sip:captcha@192.0.2.20", divert_by="302")


@pytest.mark.parametrize(
    ("weight", "mode", "would", "action"),
    [
        (59, "enforce", "tag", "tag"),
        (60, "enforce", "divert", "divert"),
        (60, "tag", "divert", "tag"),
        (60, "observe", "divert", "allow"),
        (79, "enforce", "divert", "divert"),
        (80, "enforce", "reject", "reject"),
    ],
)
def test_between_tag_and_reject_a_call_may_go_elsewhere(weight: int, mode: str, would: str, action: str) -> None:
    book = Rulebook(weights={"velocity-caller": weight})
    verdict = decide(call(attempts=31), book, DIVERTING, mode)  # type: ignore[arg-type]
    assert (verdict.would, verdict.action) == (would, action)
    assert verdict.divert_to == ("sip:captcha@192.0.2.20" if would == "divert" else "")
    assert decide(call(attempts=31), book, LENIENT, "enforce").would in ("tag", "reject")


def test_what_may_only_tag_does_not_divert(judged: MakeJudgement) -> None:
    proved = decide(
        call("12025550100", judgement=judged("A")), BOOK, Profile(divert_at=40, divert_to="sip:a@b"), "enforce"
    )
    assert (proved.would, proved.reason, proved.score) == ("tag", "campaign-proved", 50)


@pytest.mark.req("REG-010", "REG-009")
def test_the_operators_service_stays_below_the_mode_and_never_stops_the_allowed() -> None:
    one = call()
    clear = decide(one, BOOK, LENIENT, "enforce")
    assert overruled(clear, "reject", "known", one, BOOK, "enforce").action == "reject"
    assert overruled(clear, "reject", "known", one, BOOK, "tag").action == "tag"
    assert overruled(clear, "reject", "known", one, BOOK, "observe").action == "allow"
    assert overruled(clear, "reject", "", one, BOOK, "enforce", 0).action == "tag"
    assert overruled(clear, "allow", "", one, BOOK, "enforce") is clear
    allowed = decide(call("12025550110"), BOOK, LENIENT, "enforce")
    assert overruled(allowed, "reject", "", one, BOOK, "enforce") is allowed
    assert overruled(EMERGENCY, "reject", "", one, BOOK, "enforce") is EMERGENCY
