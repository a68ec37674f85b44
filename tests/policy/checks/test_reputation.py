from __future__ import annotations

import pytest

from policy.call import Call
from policy.checks.reputation import check
from policy.decide import decide
from policy.reputation import Standing
from policy.rulebook import Profile, Rulebook


@pytest.mark.req("REG-018", "TRAP-89")
@pytest.mark.parametrize(("bad", "found"), [(0.0, False), (0.099, False), (0.1, True), (1.0, True)])
@pytest.mark.parametrize("kind", ["signer", "trunk", "print"])
def test_a_bad_past_is_told_by_one_rule_for_all_and_tags_at_most(kind: str, bad: float, found: bool) -> None:
    call = Call(caller="12025550100", standing=Standing(kind, "x", 100.0, bad, 0.0))
    finding = check(call, Rulebook())
    assert (finding is not None) is found
    heavy = Rulebook(weights={f"reputation-{kind}": 10_000}, checks={"reputation": "enforce"})
    assert decide(call, heavy, Profile(), "enforce").action == ("tag" if found else "allow")


@pytest.mark.req("TRAP-90")
def test_nobody_without_a_past_is_judged() -> None:
    assert check(Call(caller="12025550100"), Rulebook()) is None
