"""The letter's 125 calls as real calls: what a list of numbers would have stopped of them, and what a campaign's label would."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.replay import Key, Rule
from proxy.lab.letter import replay
from tests.policy.test_replay import CASES


@pytest.mark.req("REG-026", "TRAP-95")
@pytest.mark.parametrize(("rule", "key", "count"), CASES)
async def test_the_letter_catches_so_many_of_its_own_calls(rule: Rule, key: Key, count: int, tmp_path: Path) -> None:
    placed = await replay(rule, key, tmp_path)
    assert len(placed) == 125
    assert [one for one in placed if one.caught != one.expected] == []
    assert sum(one.caught for one in placed) == count
