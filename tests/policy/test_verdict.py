"""Verdicts as values."""

from __future__ import annotations

import pytest

from policy.verdict import EMERGENCY, Class, Finding, Verdict, analytics, note


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


def test_a_sentence_is_put_together_when_it_is_read() -> None:
    read: list[int] = []

    def put(times: int) -> str:
        read.append(times)
        return f"{times} complaints"

    found = analytics("complaints", 15, (put, 3))
    assert not read and found.kind is Class.ANALYTICS
    assert found.why == "3 complaints" and read == [3]
    assert note("anonymous", "no number").why == "no number"
