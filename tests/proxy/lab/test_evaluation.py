"""Figures beside a truth that is known; small corpora, so the goals themselves are for the command to show."""

from __future__ import annotations

import pytest

from policy.lists import NumberSet
from policy.rulebook import Rulebook
from proxy.lab.corpus import corpus
from proxy.lab.evaluation import CHECKS, Figures, evaluated, rulebook, together, upper


@pytest.fixture(scope="module")
def figures() -> Figures:
    return evaluated(corpus(51, 25_000))


@pytest.mark.req("REG-018", "TRAP-89", "TRAP-90")
def test_campaigns_are_caught_and_good_callers_are_not(figures: Figures) -> None:
    goals = {name: figure for name, figure, *_ in figures.goals()}
    assert goals["campaign calls flagged, at least"] > 0.5
    assert goals["campaign calls rejected, at least"] > 0.2
    assert goals["good calls flagged, at most (upper bound)"] < 0.01
    assert figures.share(figures.rejected, False)[0] <= 2


def test_no_emergency_and_no_emergency_notice_is_touched(figures: Figures) -> None:
    assert figures.notices > 300
    assert figures.touched == 0
    assert figures.flagged["school notice"] == figures.flagged["emergency centre"] == figures.flagged["911"] == 0


def test_each_campaign_is_followed_from_its_start(figures: Figures) -> None:
    assert len(figures.campaigns) == 21
    assert sum(one.calls for one in figures.campaigns) == figures.share(figures.calls, True)[0]
    for one in figures.campaigns:
        assert one.rejected <= one.flagged <= one.calls
        assert (one.flagged_after is None) is (one.flagged == 0)
        if one.rejected_after is not None:
            assert one.flagged_after is not None and one.flagged_after <= one.rejected_after


def test_a_check_that_is_off_says_nothing() -> None:
    made = corpus(52, 2000)
    silent = evaluated(made, rulebook(made, dict.fromkeys(CHECKS, "off")))
    assert not silent.flagged and not silent.found


def test_a_book_that_refuses_the_school_is_told_of() -> None:
    made = corpus(52, 2000)
    school = {one.call.caller for one in made.placed if one.kind == "school notice"}
    figures = evaluated(made, Rulebook(deny=NumberSet(frozenset(filter(None, school)))))
    assert figures.touched == figures.calls["school notice"] > 0
    assert not [met for name, *_, met in figures.goals() if "touched" in name][0]


def test_figures_of_seeds_add_up(figures: Figures) -> None:
    whole = together((figures, figures))
    assert whole.seeds == (51, 51)
    assert whole.calls["household"] == 2 * figures.calls["household"]
    assert len(whole.campaigns) == 42


@pytest.mark.parametrize(
    ("count", "of", "bound"),
    [(0, 100, 0.029513), (1, 100, 0.046561), (5, 100, 0.102253), (0, 30_000, 0.0000998527), (100, 100, 1.0)],
)
def test_the_upper_bound_is_that_of_clopper_and_pearson(count: int, of: int, bound: float) -> None:
    assert upper(count, of) == pytest.approx(bound, rel=1e-4)
