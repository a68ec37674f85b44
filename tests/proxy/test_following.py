"""What outlives the process does so whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.behaviour import Behaviour
from policy.call import Call
from policy.reputation import Memory, Reputation
from policy.sources import Sources
from policy.verdict import Verdict
from proxy.following import Following, keep, kept

ROW = Memory("trunk", "carrier", 1000.0, 80.0, 4.0, 60.0)


def test_reputations_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "reputation.json"
    assert kept(path) == []
    keep(path, [ROW])
    assert kept(path) == [ROW] and [one.name for one in tmp_path.iterdir()] == ["reputation.json"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[["trunk","a","x",1,1,1]]', "[[1]]", "\xff"])
def test_a_damaged_file_is_a_clear_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "reputation.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises((ValueError, TypeError)):
        kept(path)


def test_a_call_is_looked_up_judged_and_ended() -> None:
    following = Following(Behaviour(), Sources(), Reputation())
    call = Call(caller="12025550123", callee="12025550199", trunk="carrier", utc=1000.0)
    for turn in range(3):
        found = following.looked_up(call, 10.0 + turn)
        following.judged(found, Verdict())
        following.ended(found, None, 486, 11.0 + turn)
    assert found.seen is not None and (found.seen.attempts, found.seen.unanswered) == (3, 2)
    assert [(row.kind, row.calls) for row in following.reputation.rows()] == [("trunk", 3.0)]
