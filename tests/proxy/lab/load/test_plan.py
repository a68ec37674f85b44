"""Plans and outcomes: values."""

from __future__ import annotations

import pytest

from proxy.lab.load.plan import Address, Answered, Outcome, Plan, Seen


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5061", "127.0.0.1", 5061),
        ("127.0.0.1", "127.0.0.1", 5060),
        ("[::1]:5062", "::1", 5062),
        ("::1", "::1", 5060),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", ":5060", "host:99999", "host:x"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        Address.parse(text)


def outcome(placed: int, completed: int, again: int = 0, late: float = 0.0) -> Outcome:
    seen = Seen(placed=placed, completed=completed, again=again, began=1.0, ended=2.0)
    for _ in range(100):
        seen.late.add(late)
    return Outcome(Plan(Address("127.0.0.1", 5060)), seen)


def test_a_rate_is_carried_while_less_than_one_in_a_thousand_fails_or_is_sent_twice() -> None:
    assert outcome(1000, 1000).carried and outcome(1000, 999).carried and outcome(10_000, 10_000, 10).carried
    assert not outcome(1000, 998).carried
    assert not outcome(10_000, 10_000, 11).carried
    assert not outcome(0, 0).carried


def test_a_generator_that_does_not_keep_its_schedule_has_measured_nothing() -> None:
    assert not outcome(1000, 1000, late=0.2).carried


def test_what_several_processes_saw_is_added() -> None:
    both = Seen(placed=2, completed=1, began=5.0, ended=6.0) + Seen(placed=1, completed=1, began=4.0, ended=5.5)
    assert (both.placed, both.completed, both.began, both.ended) == (3, 2, 4.0, 6.0)
    assert (Answered(calls=3, ended=2) + Answered(calls=1)) - Answered(calls=1) == Answered(calls=3, ended=2)
