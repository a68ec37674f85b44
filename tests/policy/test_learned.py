"""Numbers that our own people called."""

from __future__ import annotations

from policy.learned import AGAIN, Learned
from policy.told import DAY

THEM = "12125550147"


def test_a_number_is_known_for_so_many_days_after_the_last_call() -> None:
    learned = Learned(90)
    assert not learned.knows(THEM, 0.0)
    assert learned.note(THEM, 0.0)
    assert learned.knows(THEM, 90 * DAY - 1)
    assert not learned.knows(THEM, 90 * DAY)
    assert learned.note(THEM, 10 * DAY)
    assert learned.knows(THEM, 100 * DAY - 1)


def test_only_what_is_new_is_worth_writing_down() -> None:
    learned = Learned(90)
    assert [learned.note(THEM, utc) for utc in (0.0, 1.0, AGAIN - 1, AGAIN)] == [True, False, False, True]


def test_the_one_called_least_recently_is_forgotten_first() -> None:
    learned = Learned(90, most=3)
    for at, tn in enumerate(("1", "2", "3", "1", "4")):
        learned.note(tn, at * DAY)
    assert [tn for tn, _ in learned.entries(5 * DAY)] == ["3", "1", "4"]
    assert len(learned) == 3


def test_what_one_knows_another_can_go_on_with() -> None:
    old, new = Learned(90), Learned(30)
    old.note(THEM, 0.0)
    new.adopt(old)
    assert new.knows(THEM, 29 * DAY) and not new.knows(THEM, 31 * DAY)
    old.note("12125550148", DAY)
    assert new.knows("12125550148", DAY)
