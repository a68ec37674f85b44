"""Campaigns by their traits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import casebook
from policy.call import Call
from policy.casebook import KINDS, MOST, Casebook, Trait
from policy.told import DAY
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Judgement

UTC = 20_000 * DAY
NAME = "Parcel-Impers"


def trait(kind: str, value: str, source: str = "itg", days: float = 1, **more: object) -> Trait:
    return Trait(NAME, kind, value, UTC - days * DAY, source, **more)  # type: ignore[arg-type]


CALL = Call(
    caller="12025550150", callee="12025550199", trunk="carrier", display_name="Your Parcel Desk", print="pjsip/2.1",
    utc=UTC,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "12025550150"), ("block", "1202555015*"), ("block", "12025550100-12025550199"), ("print", "pjsip/2.1"),
        ("words", "parcel"), ("words", "desk parcel"), ("trunk", "carrier"),
    ],
)  # fmt: skip
def test_each_trait_recognises_by_itself(kind: str, value: str) -> None:
    match = Casebook([trait(kind, value)]).recognise(CALL)
    assert match is not None
    assert (match.campaign, match.weight, match.kinds, match.firm) == (NAME, KINDS[kind], (kind,), False)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "12025550151"), ("block", "1202555016*"), ("block", "12025550160-12025550199"), ("print", "pjsip"),
        ("words", "parcels"), ("words", "parcel office"), ("trunk", "other"), ("spc", "818H"), ("host", "cr.example.net"),
    ],
)  # fmt: skip
def test_what_a_call_does_not_bear_says_nothing(kind: str, value: str) -> None:
    assert Casebook([trait(kind, value)]).recognise(CALL) is None
    assert Casebook().recognise(CALL) is None
    assert Casebook([trait(kind, value)]).recognise(Call(caller=None, utc=UTC)) is None


def test_the_signer_and_the_host_of_a_proved_call_count(judged: Callable[[str], Judgement]) -> None:
    @dataclasses.dataclass
    class Signer:
        spc: str = "818H"
        authority: TNAuthList | None = None

    proved = judged("A")._replace(credential=Signer())  # type: ignore[arg-type]
    match = Casebook([trait("spc", "818H"), trait("host", "certs.example.com")]).recognise(CALL._replace(judgement=proved))
    assert match is not None and (match.kinds, match.weight) == (("host", "spc"), 50)


@pytest.mark.parametrize(
    ("traits", "firm"),
    [
        ([trait("number", "12025550150")], False),
        ([trait("number", "12025550150"), trait("number", "12025550150", "honeypot")], True),
        ([trait("number", "12025550150"), trait("number", "12025550151", "user-report")], True),  # of the same campaign
        ([trait("number", "12025550150"), trait("number", "12025550150", "complaint")], False),
        ([trait("number", "12025550150"), trait("number", "12025550150", "honeypot", -1)], False),  # told tomorrow
        ([trait("number", "12025550150"), trait("number", "12025550150", "honeypot", confidence="medium")], False),
        ([trait("print", "pjsip/2.1"), trait("print", "pjsip/2.1", "honeypot")], False),  # one kind alone
        ([trait("print", "pjsip/2.1"), trait("words", "parcel", "honeypot")], True),
        ([trait("print", "pjsip/2.1"), trait("words", "parcel")], False),
    ],
)
def test_a_refusal_needs_two_sources_and_two_kinds_or_a_number(traits: list[Trait], firm: bool) -> None:
    match = Casebook(traits).recognise(CALL)
    assert match is not None and match.firm is firm


@pytest.mark.req("REG-026")
@pytest.mark.parametrize(
    ("kind", "value", "days", "weight"),
    [
        ("number", "12025550150", 7, 100), ("number", "12025550150", 23, 30), ("number", "12025550150", 30, None),
        ("block", "1202555015*", 30, None), ("print", "pjsip/2.1", 30, 40), ("print", "pjsip/2.1", 548, 40),
        ("print", "pjsip/2.1", 549, None), ("number", "12025550150", -1, None),
    ],
)  # fmt: skip
def test_traits_fade_each_in_its_time(kind: str, value: str, days: int, weight: int | None) -> None:
    match = Casebook([trait(kind, value, days=days)]).recognise(CALL)
    assert (None if match is None else round(match.weight)) == weight


def test_a_last_call_refreshes_and_an_end_ends() -> None:
    old = trait("number", "12025550150", days=29, last_seen=UTC - DAY)
    assert (match := Casebook([old]).recognise(CALL)) is not None and match.weight == 100
    assert Casebook([old._replace(until=UTC)]).recognise(CALL) is None
    assert Casebook([old._replace(until=UTC + 1)]).recognise(CALL) is not None


def test_kinds_add_up_to_a_fresh_number_and_the_heaviest_campaign_is_named() -> None:
    book = Casebook([trait("block", "1202555015*"), trait("print", "pjsip/2.1"), trait("words", "parcel"), trait("trunk", "carrier")])
    match = (book | Casebook([Trait("Other", "print", "pjsip/2.1", UTC - DAY)])).recognise(CALL)
    assert match is not None and (match.campaign, match.weight) == (NAME, 100)
    assert len(book) == 4
    same = Casebook([trait("print", "pjsip/2.1", days=3), trait("print", "pjsip/2.1")]).recognise(CALL)
    assert same is not None and same.weight == 40


def test_a_trait_of_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of"):
        Casebook([trait("audio", "x")])


@pytest.mark.req("REG-016")
def test_a_notice_of_the_fcc_needs_nobody_else_to_tell_of_it() -> None:
    for source, firm in (("itg", False), ("fcc", True)):
        match = Casebook([trait("number", "12025550150", source)]).recognise(CALL)
        assert match is not None and match.firm is firm
    # Still no single trait that good callers share refuses a call.
    match = Casebook([trait("trunk", "carrier", "fcc")]).recognise(CALL)
    assert match is not None and not match.firm


TOLD = st.builds(
    Trait,
    campaign=st.sampled_from((NAME, "Bank-Impers")),
    kind=st.sampled_from(("number", "block", "print", "words", "trunk")),
    value=st.just(""),
    notified=st.floats(UTC - 40 * DAY, UTC + 3 * DAY),
    source=st.sampled_from(("itg", "honeypot", "complaint")),
    family=st.just(""),
    aliases=st.just(()),
    first_seen=st.just(0.0),
    last_seen=st.just(0.0) | st.floats(UTC - 40 * DAY, UTC + 3 * DAY),
    until=st.none() | st.floats(UTC, UTC + 3 * DAY),
    confidence=st.sampled_from(("high", "medium")),
    evidence=st.just(""),
)
VALUES = {"number": "12025550150", "block": "1202555015*", "print": "pjsip/2.1", "words": "parcel", "trunk": "carrier"}


@given(st.lists(TOLD, max_size=8), st.floats(UTC - 41 * DAY, UTC + 45 * DAY))
def test_a_campaign_weighs_what_its_freshest_traits_weigh(told: list[Trait], utc: float) -> None:
    traits = [one._replace(value=VALUES[one.kind]) for one in told]
    weights: dict[str, dict[str, float]] = {}
    for one in traits:
        kinds = weights.setdefault(one.campaign, {})
        kinds[one.kind] = max(kinds.get(one.kind, 0.0), KINDS[one.kind] * one.factor(utc))
    heaviest = max((min(MOST, sum(kinds.values())) for kinds in weights.values()), default=0.0)
    match = Casebook(traits).recognise(CALL._replace(utc=utc))
    assert (0.0 if match is None else match.weight) == pytest.approx(heaviest)


@given(st.lists(TOLD, max_size=8), st.lists(st.floats(UTC - 41 * DAY, UTC + 45 * DAY), min_size=2, max_size=6))
def test_what_was_recognised_before_changes_no_answer(told: list[Trait], moments: list[float]) -> None:
    traits = [one._replace(value=VALUES[one.kind]) for one in told]
    moments += [one.notified for one in traits] + [one.until for one in traits if one.until is not None]
    book = Casebook(traits)
    for utc in (*moments, *moments[::-1]):
        call = CALL._replace(utc=utc)
        assert book.recognise(call) == Casebook(traits).recognise(call)


def test_ways_to_bear_traits_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casebook, "MATCHES", 3)
    book = Casebook([trait("number", f"1202555{line:04}") for line in range(10)])
    for line in (*range(10), *range(10)):
        match = book.recognise(CALL._replace(caller=f"1202555{line:04}"))
        assert match is not None and match.kinds == ("number",)
        assert len(book._matches) <= 3
