"""The health of one target: the table, the counting, and what is old news."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.peers import machine
from proxy.peers.machine import (
    DOWN,
    EVENTS,
    FAILING,
    HELD,
    IGNORED,
    MAX_GOOD,
    MAX_HOLD,
    RISING,
    STATES,
    TABLE,
    UNKNOWN,
    UP,
    Health,
    Rules,
)

RULES = Rules(down_after=3, up_after=2)


def test_each_pair_of_state_and_event_is_in_the_table_or_ignored_on_purpose() -> None:
    assert set(TABLE) | IGNORED == set(product(STATES, EVENTS))
    assert not set(TABLE) & IGNORED
    assert all(after != before for (before, _), after in TABLE.items())


# g: a ping is answered; b: one is not; G, B: the same of calls; x: the network refuses it; h: 503 with Retry-After 20;
# a figure: so many seconds pass. After each step the state.
STORIES = [
    ("one answer makes it up", "g", [UP]),
    ("one failure is doubt, an answer ends it", "gbg", [UP, FAILING, UP]),
    ("three unanswered pings take it down", "gbbb", [UP, FAILING, FAILING, DOWN]),
    ("three failed calls take it down", "gBBB", [UP, FAILING, FAILING, DOWN]),
    ("two answers bring it back", "bbbgg", [FAILING, FAILING, DOWN, RISING, UP]),
    ("a failure while rising begins anew", "bbbgbgg", [FAILING, FAILING, DOWN, RISING, DOWN, RISING, UP]),
    ("a refusal by the network is enough", "gx", [UP, DOWN]),
    ("a ping's answer takes no failed call back", "GBgBgB", [UP, FAILING, FAILING, FAILING, FAILING, DOWN]),
    ("an answered call does", "GBBGBB", [UP, FAILING, FAILING, UP, FAILING, FAILING]),
    ("failed calls are forgotten after a while", "GBB9999gB", [UP, FAILING, FAILING, *[FAILING] * 4, UP, FAILING]),
    ("who asks for rest gets it", "gh9g9gg9", [UP, HELD, HELD, HELD, HELD, HELD, HELD, UNKNOWN]),
    ("who is down is brought back by pings, not by a rest", "bbbh999", [FAILING, FAILING, DOWN, DOWN, DOWN, DOWN, DOWN]),
]


def told(health: Health, step: str, now: float) -> float:
    if step.isdigit():
        now += int(step)
        health.tick(now)
        return now
    now += 0.25
    if step in "gG":
        health.well(now, step == "G")
    elif step in "bB":
        health.ill("silence", now, now, step == "B")
    elif step == "x":
        health.ill(machine.TRANSPORT, now, now)
    else:
        health.hold(20.0, now)
    return now


@pytest.mark.parametrize(("name", "steps", "states"), STORIES, ids=[name for name, _, _ in STORIES])
def test_a_story_of_health(name: str, steps: str, states: list[str]) -> None:
    health, now, seen = Health(RULES, 0.0), 100.0, []
    for step in steps:
        now = told(health, step, now)
        seen.append(health.state)
    assert seen == states


def test_a_failure_that_began_before_the_last_answer_is_old_news() -> None:
    health = Health(RULES, 0.0)
    health.well(10.0)
    for _ in range(5):
        assert not health.ill("silence", 11.0, since=9.0)
    assert health.state == UP


def test_without_pings_a_call_tries_it_once_in_a_rest_and_an_answer_is_enough() -> None:
    health = Health(RULES, 0.0, pinged=False)
    for _ in range(3):
        health.ill("silence", 10.0, 8.0)
    assert health.state == DOWN and health.trial() == 20.0 and health.wakes() is None
    assert not health.tick(30.0)
    health.tried(30.0)
    assert health.trial() == 40.0
    health.ill("silence", 32.0, 30.0)
    assert health.state == DOWN and health.trial() == 40.0
    assert health.well(41.0) and health.state == UP and health.trial() is None


def test_who_falls_again_and_again_must_prove_more_up_to_a_bound() -> None:
    health, now, needed = Health(RULES, 0.0), 100.0, []
    for _ in range(6):
        for _ in range(3):
            now += 0.1
            health.ill("silence", now, now)
        answers = 0
        while health.state != UP:
            now, answers = now + 0.1, answers + 1
            health.well(now, call=False)
        needed.append(answers)
    assert needed == [2, 4, 8, 16, 16, MAX_GOOD]
    now += RULES.flap + 1
    for _ in range(3):
        now += 0.1
        health.ill("silence", now, now)
    assert health.needed == 2


def test_nobody_can_send_us_away_for_longer_than_the_bound() -> None:
    health = Health(RULES, 0.0)
    health.hold(1e9, 10.0)
    assert health.wakes() == 10.0 + MAX_HOLD
    # And asking again while it rests moves nothing.
    health.hold(1e9, 20.0)
    assert health.wakes() == 10.0 + MAX_HOLD
    assert health.tick(10.0 + MAX_HOLD) and health.state == UNKNOWN


@given(st.lists(st.sampled_from("gGbBxh39"), max_size=60), st.booleans())
def test_whatever_happened_it_can_come_back(steps: list[str], pinged: bool) -> None:
    health, now = Health(RULES, 0.0, pinged), 100.0
    for step in steps:
        before = health.state
        now = told(health, step, now)
        assert health.state in STATES
        # Nothing but a rest that ended, or answers, makes it usable again.
        if health.usable and before not in machine.USABLE:
            assert step in "gG39"
    now += MAX_HOLD
    health.tick(now)
    for _ in range(MAX_GOOD):
        now += 1
        health.well(now)
    assert health.usable
