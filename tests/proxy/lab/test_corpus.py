"""What the corpus promises, of several seeds: the shapes that were asked for, and nothing that gives them away."""

from __future__ import annotations

from collections import defaultdict

import pytest

from policy.told import DAY
from proxy.lab.corpus import CENTRE, DAYS, START, Corpus, corpus
from proxy.lab.people import GOOD_SHARES, SHAPES, SPAN

FRESH = {shape.name for shape in SHAPES if shape.fresh}


@pytest.fixture(scope="module", params=[31, 32])
def made(request: pytest.FixtureRequest) -> Corpus:
    return corpus(request.param, 12_000)


def test_the_same_seed_makes_the_same_month_and_another_another() -> None:
    one, again, other = (corpus(seed, 1000) for seed in (7, 7, 8))
    assert [(call.utc, call.call.caller, call.kind) for call in one.placed] == [
        (call.utc, call.call.caller, call.kind) for call in again.placed
    ]
    assert one.told == again.told
    assert [call.utc for call in one.placed] != [call.utc for call in other.placed]


def test_calls_come_in_order_over_thirty_days(made: Corpus) -> None:
    moments = [one.utc for one in made.placed]
    assert moments == sorted(moments)
    assert START <= moments[0] < START + DAY and START + (DAYS - 2) * DAY < moments[-1] <= START + DAYS * DAY
    assert len({one.call.call_id for one in made.placed}) == len(made.placed) == pytest.approx(12_000, rel=0.02)
    assert all(one.call.utc == one.utc for one in made.placed)


def test_every_kind_of_caller_is_there(made: Corpus) -> None:
    kinds = {one.kind for one in made.placed}
    assert kinds == {"household", *GOOD_SHARES, *(shape.name for shape in SHAPES)}


def test_a_third_of_the_campaigns_take_a_new_number_for_each_call_unsigned_or_with_a(made: Corpus) -> None:
    campaigns = {one.campaign: one.kind for one in made.placed if one.campaign}
    assert sum(kind in FRESH for kind in campaigns.values()) * 3 >= len(campaigns)
    for campaign, kind in campaigns.items():
        mine = [one.call for one in made.placed if one.campaign == campaign]
        if kind in FRESH:
            assert len({call.caller for call in mine}) >= 0.99 * len(mine)
            assert {call.attestation for call in mine} in ({"A"}, {None})


def test_no_campaign_uses_a_number_for_more_than_four_days(made: Corpus) -> None:
    moments = defaultdict(list)
    for one in made.placed:
        if one.campaign and one.kind not in FRESH:
            moments[one.campaign, one.call.caller].append(one.utc)
    assert moments
    assert max(max(times) - min(times) for times in moments.values()) <= SPAN * DAY


def test_campaigns_share_trunk_and_signer_with_good_callers(made: Corpus) -> None:
    good = {(one.call.trunk, one.call.spc) for one in made.placed if not one.campaign}
    bad = {(one.call.trunk, one.call.spc) for one in made.placed if one.campaign}
    assert bad <= good


def test_half_of_the_campaigns_look_like_good_callers() -> None:
    shared = total = 0
    for seed in range(40, 44):
        made = corpus(seed, 2000)
        good = {one.call.print for one in made.placed if not one.campaign}
        looks = {one.campaign: one.call.print for one in made.placed if one.campaign}
        shared, total = shared + sum(look in good for look in looks.values()), total + len(looks)
    assert 0.3 < shared / total < 0.7


def test_good_bursts_come_from_numbers_that_never_called_before(made: Corpus) -> None:
    first: dict[str, str] = {}
    spans = defaultdict(list)
    for one in made.placed:
        if one.kind in ("school notice", "poll", "pharmacy") and one.call.caller is not None:
            assert first.setdefault(one.call.caller, one.kind) == one.kind
            spans[one.kind, one.call.caller].append(one.utc)
        elif one.call.caller is not None:
            first.setdefault(one.call.caller, one.kind)
    assert all(max(times) - min(times) <= 3 * 3600 for times in spans.values())
    notices = [times for (kind, _), times in spans.items() if kind == "school notice"]
    assert notices and all(max(times) - min(times) <= 600 for times in notices)


def test_emergencies_are_marked_as_what_nothing_may_touch(made: Corpus) -> None:
    marked = [one for one in made.placed if one.notice]
    assert {one.kind for one in marked} == {"911", "emergency centre", "school notice"}
    assert all(one.call.callee == "911" and one.call.side == "pbx" for one in marked if one.kind == "911")
    assert all(one.call.caller == CENTRE for one in marked if one.kind == "emergency centre")


def test_nothing_of_the_truth_is_in_the_calls(made: Corpus) -> None:
    for one in made.placed[:2000]:
        assert one.call.recognised is None
        assert one.kind not in one.call.call_id


def test_traced_calls_are_told_of_days_after_they_happened(made: Corpus) -> None:
    assert made.told
    assert all(DAY <= entry.notified - entry.last_seen <= 9 * DAY for entry in made.told)
    assert len(made.told) < 0.1 * sum(bool(one.campaign) for one in made.placed)


def test_a_corpus_is_not_too_small_for_its_kinds() -> None:
    with pytest.raises(ValueError, match="1,000"):
        corpus(1, 999)
