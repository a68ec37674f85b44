"""Several workers over made-up calls know as much together as one does alone, also after a restart."""

from __future__ import annotations

import pytest

from policy.call import Call
from policy.rulebook import Rulebook
from proxy.lab.corpus import corpus
from proxy.lab.crew import DAY, Crew
from proxy.lab.evaluation import evaluated

BOOK = Rulebook(checks={"answers": "enforce", "pattern": "enforce"})


def robocalls(crew: Crew, begins: float, count: int) -> list[str]:
    """What becomes of one number's calls to people who hang up, and to numbers that nobody has."""
    return [
        crew.judged(
            Call(caller="13015550100", callee=f"1202555{100 + at * 7 % 99:04}", trunk="t", utc=begins + 40 * at, call_id=f"{begins}{at}"),
            None, 404 if at % 3 else 480, 5.0,
        ).action
        for at in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_robocaller_is_refused_after_as_many_calls_whatever_number_of_workers(workers: int) -> None:
    actions = robocalls(Crew(BOOK, workers=workers), 1e6, 60)
    assert set(actions[:18]) <= {"allow", "tag"} and set(actions[40:]) == {"reject"}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_restart_forgets_none_of_it(workers: int) -> None:
    crew = Crew(BOOK, workers=workers, restart_days=1.0)
    robocalls(crew, 1e6, 60)
    assert set(robocalls(crew, 1e6 + DAY, 3)) == {"reject"} and crew.restarts == 1


def test_several_workers_and_restarts_hurt_no_more_good_callers() -> None:
    made = corpus(53, 6000)
    one, many = evaluated(made), evaluated(made, workers=4, restart_days=5.0)
    assert many.calls == one.calls
    for counter, apart in (("flagged", 0.06), ("rejected", 0.08)):
        (mine, of), (theirs, _) = (part.share(getattr(part, counter), True) for part in (one, many))
        assert abs(mine - theirs) <= apart * of
    assert many.share(many.rejected, False)[0] <= 1 and many.touched == 0
