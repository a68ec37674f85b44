"""Verdicts as values."""

from __future__ import annotations

import pytest

from policy.verdict import EMERGENCY, Class, Finding, Verdict


def test_the_reason_is_the_slug_of_the_deciding_finding() -> None:
    assert Verdict().reason == "none"
    assert Verdict(deciding=Finding("dno-n11", Class.DETERMINISTIC, 0, "")).reason == "dno-n11"


@pytest.mark.req("REG-009")
def test_the_emergency_verdict_lets_everything_through() -> None:
    assert (EMERGENCY.action, EMERGENCY.would, EMERGENCY.reason) == ("allow", "allow", "emergency")
    assert EMERGENCY.emergency
    assert EMERGENCY.allowed


def test_a_verdict_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Verdict().action = "reject"  # type: ignore[misc]
