"""Lists are asked the fast way, and say what they say the slow way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import rulebook
from policy.decide import decide
from policy.lists import NumberSet
from policy.membership import LONG, SECOND, WRITTEN_OUT, either, marked, member
from policy.rulebook import Rulebook
from tests.policy.calls import BOOK, CAMPAIGNS, LENIENT, NUMBERS, TODAY, call
from tests.policy.test_packed import packed

LONG_BOOK = Rulebook(
    **{**NUMBERS, "deny": NUMBERS["deny"] | NumberSet(frozenset(str(19_000_000_000 + at) for at in range(60_000)))},
    campaigns=CAMPAIGNS,
    dnc=BOOK.dnc,
    key=b"secret",
)
EXACT, RANGE = NumberSet.of("12025550111", "12025550166"), NumberSet.of("12025550120-12025550129")
WIDE = NumberSet(ranges=(("19000000000", f"{19_000_000_000 + WRITTEN_OUT:011}"),))
PREFIX = NumberSet.of("1202555017*")


@pytest.mark.parametrize("numbers", [EXACT, RANGE, WIDE, PREFIX, EXACT | RANGE, RANGE | PREFIX, NumberSet()])
@pytest.mark.parametrize("asked", ["12025550111", "12025550125", "12025550171", "19000000007", "12025550199", "", None])
def test_a_list_says_the_same_whichever_way_it_is_asked(numbers: NumberSet, asked: str | None) -> None:
    assert member(numbers)(asked) is (asked in numbers)
    assert either(numbers, EXACT)(asked) is (asked in numbers or asked in EXACT)


def test_two_lists_of_which_one_is_long_are_asked_one_after_the_other() -> None:
    long = NumberSet(frozenset(str(19_000_000_000 + at) for at in range(LONG)))
    ask = either(long, RANGE)
    assert ask("19000000001") and ask("12025550120") and not ask("12025550111")


@given(st.lists(st.frozensets(st.text("0123456789", min_size=1), max_size=30), max_size=4))
def test_every_number_on_a_list_has_both_marks(lists: list[frozenset[str]]) -> None:
    marks = marked(lists)
    mask = 8 * len(marks) - 1
    assert len(marks) & (len(marks) - 1) == 0
    for number in frozenset().union(*lists):
        for at in (hash(number) & mask, hash(number) >> SECOND & mask):
            assert marks[at >> 3] >> (at & 7) & 1


@given(st.sampled_from(sorted(NUMBERS)), st.integers(0, 300))
def test_long_lists_say_what_short_ones_say(name: str, line: int) -> None:
    assert LONG_BOOK.marks is not None and BOOK.marks is None
    one = call(f"12025550{100 + line % 100}" if line < 200 else f"1212555{line:04}")
    assert decide(one, LONG_BOOK, LENIENT, "enforce")[:8] == decide(one, BOOK, LENIENT, "enforce")[:8]


def test_a_packed_table_beside_long_lists_says_what_it_says_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = packed(tmp_path, CAMPAIGNS.entries)
    alone, beside = replace(BOOK, campaigns=table), replace(LONG_BOOK, campaigns=table)
    assert beside.unlisted.campaigns.unlisted and not alone.campaigns.unlisted
    monkeypatch.setattr(rulebook, "MOST_ROWS", 0)
    longer = replace(LONG_BOOK, campaigns=table)  # asked itself, for it is too long for marks
    assert not longer.unlisted.campaigns.unlisted
    listed = 0
    for line in range(1000):
        one = call(f"1202555{line:04}")
        wanted = decide(one, alone, LENIENT, "enforce")
        assert decide(one, beside, LENIENT, "enforce") == decide(one, longer, LENIENT, "enforce") == wanted
        listed += wanted.reason == "campaign-number"
    assert listed
    known = beside.unlisted.campaigns
    name = CAMPAIGNS.entries[0].campaign
    assert known.recognise(name, TODAY) == table.recognise(name, TODAY) is not None
