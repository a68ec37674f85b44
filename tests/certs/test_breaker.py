"""When a host rests, for how long, and what it takes to be asked again: a clock that the test moves."""

from __future__ import annotations

import pytest

from certs.breaker import ILL, Breaker, Rules
from certs.fetch import SLUGS

HOST = "cr.example.net"


class Day:
    def __init__(self, rules: Rules | None = None) -> None:
        self.now = 1_000.0
        self.breaker = Breaker(lambda: self.now, rules or Rules())

    def fails(self, times: int, slug: str = "timeout", host: str = HOST) -> None:
        for _ in range(times):
            self.breaker.asked(host)
            self.breaker.ended(host, slug)


def test_what_speaks_against_a_host_can_happen() -> None:
    assert set(SLUGS) > ILL


def test_four_failures_are_a_hiccup_and_the_fifth_closes() -> None:
    day = Day()
    day.fails(4)
    assert not day.breaker.rests(HOST) and len(day.breaker) == 1
    day.fails(1)
    assert day.breaker.rests(HOST) and not day.breaker.rests("other.example.net")


def test_a_file_or_a_plain_no_wipes_the_slate() -> None:
    for slug in (None, "status", "size", "type", "redirect"):
        day = Day()
        day.fails(4)
        day.breaker.ended(HOST, slug)
        day.fails(4)
        assert not day.breaker.rests(HOST)


def test_rests_grow_to_a_minute_and_end_with_one_answer() -> None:
    day = Day()
    day.fails(5)
    for seconds in (5, 10, 20, 40, 60, 60):
        day.now += seconds - 0.1
        assert day.breaker.rests(HOST)
        day.now += 0.1
        assert not day.breaker.rests(HOST)
        day.breaker.asked(HOST)
        assert day.breaker.rests(HOST)  # one trial, and the others wait for it
        day.breaker.ended(HOST, "timeout")
    day.now += 60
    day.breaker.asked(HOST)
    day.breaker.ended(HOST, None)
    assert not day.breaker.rests(HOST) and len(day.breaker) == 0


def test_what_was_under_way_when_the_rest_began_does_not_prolong_it() -> None:
    day = Day()
    day.fails(5)
    for _ in range(3):
        day.breaker.ended(HOST, "timeout")
    day.now += 5
    assert not day.breaker.rests(HOST)


def test_a_trial_that_never_ends_is_forgotten() -> None:
    day = Day()
    day.fails(5)
    day.now += 5
    day.breaker.asked(HOST)
    day.now += 10
    assert not day.breaker.rests(HOST)


@pytest.mark.req("TRAP-79")
def test_the_memory_is_bounded_whatever_fails() -> None:
    day = Day(Rules(hosts=10))
    for number in range(1_000):
        day.fails(5, host=f"h{number}.example")
    assert len(day.breaker) == 10 and day.breaker.resting == 10
