"""What each check is worth on the letter's calls."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from policy.replay import Key, Rule
from proxy.lab.letterchecks import INBOUND, told, worths
from tests.policy.test_replay import CASES


@pytest.mark.parametrize(("rule", "key", "count"), CASES)
def test_only_the_list_of_campaigns_says_anything_of_single_calls(rule: Rule, key: Key, count: int) -> None:
    every, *checks = worths(rule, key)
    assert (every.check, every.alone, every.without) == ("", count, 0)
    assert [one.check for one in checks] == [*INBOUND]
    for one in checks:
        assert (one.alone, one.without) == ((count, 0) if one.check == "campaign" else (0, count))


def test_the_table_names_every_check() -> None:
    out = io.StringIO()
    told(Console(file=out, width=120))
    assert all(check in out.getvalue() for check in INBOUND)
    assert "97 / 0" in out.getvalue()
