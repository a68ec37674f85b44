"""The letter against itself: what its own list would have caught, counted and then lived through with the
real `decide`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy.call import Call
from policy.decide import decide
from policy.letter import Row, Table, parse
from policy.lists import CampaignList
from policy.replay import Key, Rule, as_csv, caught, known_at, live, moments
from policy.rulebook import Profile, Rulebook
from policy.verdict import Verdict

CASES = [
    (Rule.AS_NOTIFIED, Key.NUMBER, 0),
    (Rule.ZERO_LAG, Key.NUMBER, 39),
    (Rule.AS_NOTIFIED, Key.CAMPAIGN, 62),
    (Rule.ZERO_LAG, Key.CAMPAIGN, 97),
]


def screened(row: Row, utc: float, known: CampaignList, key: Key) -> Verdict:
    """The unsigned call of this row, judged with this list."""
    call = Call(
        caller=row.caller if key is Key.NUMBER else None,
        caller_kind="number" if key is Key.NUMBER else "uri",
        callee="12025550199",
        recognised=row.campaign if key is Key.CAMPAIGN else None,
        call_id=f"row-{row.position}@example.com",
        utc=utc,
    )
    return decide(call, Rulebook(campaigns=known), Profile(), "enforce")


@pytest.mark.parametrize(("rule", "key", "count"), CASES)
def test_the_letter_catches_so_many_of_its_own_calls(
    rule: Rule, key: Key, count: int, letter_of_2023: Table
) -> None:
    assert sum(caught(letter_of_2023, rule, key)) == count


@pytest.mark.parametrize(("rule", "key", "count"), CASES)
def test_the_order_of_calls_of_one_day_does_not_change_the_count(
    rule: Rule, key: Key, count: int, letter_of_2023: Table
) -> None:
    backwards = replace(
        letter_of_2023, rows=tuple(replace(row, position=126 - row.position) for row in letter_of_2023.rows)
    )
    assert sum(caught(backwards, rule, key)) == count


@pytest.mark.parametrize(("rule", "key", "count"), CASES)
def test_each_row_gets_the_verdict_that_the_list_of_its_day_allows(
    rule: Rule, key: Key, count: int, letter_of_2023: Table
) -> None:
    """`reject` where a known row was read with certainty, `tag` where only restored ones were known, else
    `allow`."""
    expected = caught(letter_of_2023, rule, key)
    stopped = 0
    for row, hit in zip(letter_of_2023.rows, expected, strict=True):
        known = known_at(letter_of_2023, row, rule)
        verdict = screened(row, row.called, known, key)
        sure = any(
            entry.confidence == "high"
            and (entry.number == row.caller if key is Key.NUMBER else entry.campaign == row.campaign)
            for entry in known.entries
        )
        assert verdict.action == ("allow" if not hit else "reject" if sure else "tag"), row
        assert verdict.campaign == (row.campaign if hit else "")
        stopped += verdict.action != "allow"
    assert stopped == count


@pytest.mark.parametrize(("rule", "key", "count"), CASES)
def test_one_list_serves_the_whole_replay(rule: Rule, key: Key, count: int, letter_of_2023: Table) -> None:
    """What a running proxy does: the list is loaded once, the clock goes from call to call."""
    at = moments(letter_of_2023)
    known = live(letter_of_2023, rule).campaigns()
    for row, hit in zip(letter_of_2023.rows, caught(letter_of_2023, rule, key), strict=True):
        assert (screened(row, at[row.position], known, key).action != "allow") is hit, row


@pytest.mark.parametrize("rule", list(Rule))
def test_the_list_of_a_replay_can_be_written_and_read_back(rule: Rule, letter_of_2023: Table) -> None:
    told = live(letter_of_2023, rule)
    again = parse(as_csv(told))
    assert again.reconciled() == "expected 125, parsed 125"
    assert again.campaigns() == told.campaigns()


def test_moments_keep_the_order_of_dates_and_stay_in_their_day(letter_of_2023: Table) -> None:
    at = moments(letter_of_2023)
    assert len(set(at.values())) == 125
    assert all(0 <= at[row.position] - row.called < 86_400 for row in letter_of_2023.rows)


@pytest.mark.req("REG-026", "TRAP-95")
def test_today_the_bundled_rows_inform_and_do_not_block(letter_of_2023: Table) -> None:
    known = letter_of_2023.campaigns()
    newest = max(row.notified for row in letter_of_2023.rows)
    for row in letter_of_2023.rows:
        verdict = screened(row, newest + 600 * 86_400, known, Key.NUMBER)
        assert (verdict.would, verdict.findings[0].slug, verdict.campaign) == (
            "allow",
            "campaign-old",
            row.campaign,
        )
        assert screened(row, newest + 600 * 86_400, known, Key.CAMPAIGN).would == "allow"


def test_a_composed_table_obeys_the_two_rules() -> None:
    day = "2024-01-{:02},2024-01-{:02},2025550100,X\n".format
    table = parse("notified,called,caller,campaign\n" + day(5, 1) + day(5, 5) + day(9, 5))
    assert caught(table, Rule.AS_NOTIFIED, Key.NUMBER) == (False, True, True)
    assert caught(table, Rule.ZERO_LAG, Key.NUMBER) == (False, True, True)
    assert len(known_at(table, table.rows[1], Rule.AS_NOTIFIED)) == 1
    assert len(known_at(table, table.rows[1], Rule.ZERO_LAG)) == 1
    assert len(known_at(table, table.rows[2], Rule.ZERO_LAG)) == 2
