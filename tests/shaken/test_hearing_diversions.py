"""Forwarded calls: diversions that lead from the number dialled to where the call has arrived, or do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shaken.hearing import MAX_TOKENS, conclude, open_hearing
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact
from shaken.verify import Claim, Rules
from tests.shaken.tokens import (
    CALLER,
    CREDENTIAL,
    DIALLED,
    ELSEWHERE,
    FORWARDED,
    IAT,
    LAST,
    NEXT,
    ORIGINAL,
    OTHER,
    URL,
    bare,
    diverted,
    heard,
    made,
    nested,
    slugs,
    vector,
)


@pytest.mark.req("STI-098", "STI-099", "STI-100", "TRAP-30", "LAB-21")
def test_a_forwarded_call_is_proved_by_its_diversion() -> None:
    alone = heard(vector("VEC-1"), claim=FORWARDED)
    assert slugs(alone) == ["identity-dest-mismatch"] and alone.diversions is Fact.UNKNOWN
    for values in ((vector("VEC-1"), vector("VEC-4")), (vector("VEC-4"), vector("VEC-1"))):
        found = heard(*values, claim=FORWARDED)
        assert slugs(found) == [None, None]
        assert found.judgement is not None and found.judgement.attestation == "A"
        assert found.diversions is Fact.PASS and found.via == (DIALLED,)
    kept = heard(vector("VEC-1"), vector("VEC-4"), claim=Claim(CALLER, None, (DIALLED, NEXT)))  # To is as it was dialled
    assert slugs(kept) == [None, None] and kept.diversions is Fact.PASS


@pytest.mark.req("STI-099")
def test_diversions_form_a_chain() -> None:
    first, second = diverted(DIALLED, NEXT), diverted(NEXT, LAST, IAT + 4)
    claim = Claim(CALLER, None, (LAST,))
    found = heard(second, vector("VEC-1"), first, claim=claim)
    assert slugs(found) == [None, None, None] and found.via == (NEXT, DIALLED)
    assert slugs(heard(first, second, vector("VEC-1"), claim=claim)) == [None, None, None]
    broken = heard(second, vector("VEC-1"), claim=claim)
    assert slugs(broken) == ["identity-div-incomplete", "identity-dest-mismatch"] and broken.diversions is Fact.FAIL


INCOMPLETE = "identity-div-incomplete"


@pytest.mark.req("STI-099", "STI-100", "TRAP-30", "LAB-21")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([vector("VEC-4")], [INCOMPLETE]),  # nothing that it leads back to
        ([vector("VEC-1"), diverted(DIALLED, NEXT, orig="12025550124")], ["identity-dest-mismatch", "identity-orig-mismatch"]),
        ([vector("VEC-1"), diverted(DIALLED, LAST)], ["identity-dest-mismatch", INCOMPLETE]),  # leads elsewhere
        ([vector("VEC-1"), diverted(LAST, NEXT)], ["identity-dest-mismatch", INCOMPLETE]),  # comes from elsewhere
        ([vector("VEC-1"), diverted(DIALLED, NEXT, key=OTHER)], ["identity-dest-mismatch", "identity-bad-signature"]),
        ([made("shaken", ORIGINAL, OTHER), vector("VEC-4")], ["identity-bad-signature", INCOMPLETE]),
        ([vector("VEC-1"), diverted(DIALLED, NEXT, iat=IAT - 300)], ["identity-dest-mismatch", "identity-stale-iat"]),
        ([vector("VEC-1"), made("div", {**ORIGINAL, "dest": {"tn": [NEXT]}})], ["identity-dest-mismatch", "identity-claims"]),
        ([vector("VEC-1"), vector("VEC-4"), diverted(NEXT, LAST, orig="12025550124")],
         ["identity-dest-mismatch", INCOMPLETE, "identity-orig-mismatch"]),  # one wrong caller voids the chain
    ],
)  # fmt: skip
def test_each_broken_rule_breaks_the_chain(values: list[bytes], expected: list[str]) -> None:
    found = heard(*values, claim=FORWARDED)
    assert slugs(found) == expected
    assert found.diversions is Fact.FAIL and found.via == ()
    assert found.judgement is not None and not found.judgement.proved


@pytest.mark.req("STI-099", "TRAP-88")
@pytest.mark.parametrize(("age", "proved"), [(59, True), (10_000, True), (11_000, False), (-100, False)])
def test_what_was_signed_before_a_diversion_may_be_hours_old(age: int, proved: bool) -> None:
    old = made("shaken", {**ORIGINAL, "iat": IAT - age})
    found = heard(old, diverted(DIALLED, NEXT), claim=FORWARDED)
    assert found.judgement is not None and found.judgement.proved == proved
    # Without a diversion nothing is older than the rules say.
    assert heard(made("shaken", {**ORIGINAL, "iat": IAT - 100})).judgement.slug == "identity-stale-iat"  # type: ignore[union-attr]


def test_a_diversion_by_a_delegate_is_one_of_its_own_number() -> None:
    mine = replace(CREDENTIAL, spc=None, authority=TNAuthList(numbers=(DIALLED,)), url=ELSEWHERE, key=OTHER.public_key())
    value = diverted(DIALLED, NEXT, key=OTHER, url=ELSEWHERE)
    for holder, proved in ((mine, True), (replace(mine, authority=TNAuthList(numbers=(CALLER,))), False)):
        hearing = open_hearing([vector("VEC-1"), value], FORWARDED, Rules(), IAT)
        assert set(hearing.urls) == {URL, ELSEWHERE}
        found = conclude(hearing, {URL: CREDENTIAL, ELSEWHERE: holder}, IAT)
        assert found.judgement is not None and found.judgement.proved == proved


def test_a_circle_of_diversions_ends() -> None:
    found = heard(diverted(DIALLED, NEXT), diverted(NEXT, DIALLED), diverted(NEXT, NEXT), claim=FORWARDED)
    assert slugs(found) == [INCOMPLETE] * 3


def test_a_wrong_destination_without_a_diversion_fetches_nothing() -> None:
    assert open_hearing([vector("VEC-1")], FORWARDED, Rules(), IAT).urls == ()
    assert open_hearing([vector("VEC-1"), vector("VEC-4")], FORWARDED, Rules(), IAT).urls == (URL,)


@pytest.mark.req("STI-101")
def test_a_token_inside_a_diversion_is_one_of_the_call() -> None:
    found = heard(nested(bare(vector("VEC-1"))), claim=FORWARDED)
    assert slugs(found) == [None] and found.diversions is Fact.PASS
    assert found.judgement is not None and found.judgement.attestation == "A"
    twice = heard(nested(bare(nested(bare(vector("VEC-1")))), LAST, NEXT), claim=Claim(CALLER, None, (LAST,)))
    assert slugs(twice) == [None] and twice.via == (NEXT, DIALLED)


@pytest.mark.req("STI-101")
@pytest.mark.parametrize(
    "opt",
    [
        None, 7, "", "x", "a.b.c",
        ".." + bare(vector("VEC-1")).rpartition(".")[2],  # the compact form is not allowed inside
        bare(made("shaken", ORIGINAL, OTHER)),
        bare(made("shaken", {**ORIGINAL, "dest": {"tn": [LAST]}})),
        bare(made("shaken", {**ORIGINAL, "orig": {"tn": LAST}})),
        bare(nested(bare(nested(bare(nested(bare(nested(bare(nested(bare(vector("VEC-1"))))))))))),),
    ],
)  # fmt: skip
def test_a_diversion_is_worth_no_more_than_the_token_inside_it(opt: Any) -> None:
    found = heard(nested(opt), claim=FORWARDED)
    assert slugs(found)[0] in ("identity-claims", INCOMPLETE, "identity-syntax", "identity-compact")
    assert found.judgement is not None and not found.judgement.proved and found.diversions is Fact.FAIL


def layers(count: int) -> bytes:
    """A call that was forwarded so often, each token inside the next."""
    inside, was = vector("VEC-1"), DIALLED
    for number in range(count):
        became = NEXT if number == count - 1 else f"1202555{110 + number:04}"
        inside, was = nested(bare(inside), became, was), became
    return inside


@pytest.mark.req("STI-101")
@pytest.mark.parametrize(("count", "proved"), [(1, True), (2, True), (4, True), (5, False), (6, False)])
def test_tokens_are_nested_as_deep_as_calls_are_forwarded_and_no_deeper(count: int, proved: bool) -> None:
    found = heard(layers(count), claim=FORWARDED)
    assert found.judgement is not None and found.judgement.proved == proved
    assert len(found.via) == (count if proved else 0) and found.diversions is (Fact.PASS if proved else Fact.FAIL)


@pytest.mark.req("STI-099", "STI-101")
def test_a_diversion_with_a_bad_token_in_it_proves_nothing_for_others_either() -> None:
    for bad in (made("shaken", ORIGINAL, OTHER), made("shaken", {**ORIGINAL, "orig": {"tn": LAST}})):
        found = heard(vector("VEC-1"), nested(bare(bad)), claim=FORWARDED)
        assert slugs(found) == ["identity-dest-mismatch", INCOMPLETE]
        assert found.results[1].detail == "the token inside it does not hold"
    deep = heard(nested(bare(nested(bare(made("shaken", ORIGINAL, OTHER)))), NEXT, LAST), claim=FORWARDED)
    assert slugs(deep) == [INCOMPLETE]


@pytest.mark.req("STI-099")
def test_the_last_diversion_leads_to_the_request_uri_and_not_to_whom_to_names() -> None:
    kept = Claim(CALLER, None, (DIALLED, NEXT))  # To, Request-URI
    back = diverted(LAST, DIALLED)  # leads to To, where the call no longer is
    found = heard(vector("VEC-1"), back, claim=kept)
    assert slugs(found) == [None, INCOMPLETE] and found.diversions is Fact.FAIL
    assert found.results[1].dest is Fact.FAIL and found.results[0].proved
    other = heard(vector("VEC-1"), made("zzz", ORIGINAL), claim=kept)  # To alone suffices for the first token (STI-060)
    assert slugs(other)[0] is None


@pytest.mark.req("STI-023")
def test_the_kind_may_stand_in_the_token_alone() -> None:
    plain = vector("VEC-4").replace(b";ppt=div", b"")
    found = heard(vector("VEC-1"), plain, claim=FORWARDED)
    assert slugs(found) == [None, None] and found.kinds == ("shaken", "div")


@pytest.mark.req("STI-099", "TRAP-88")
def test_the_age_that_is_excused_ends_on_the_second() -> None:
    rules = Rules(diverted=600.0)
    for age, proved in ((600, True), (601, False)):
        found = heard(made("shaken", {**ORIGINAL, "iat": IAT - age}), diverted(DIALLED, NEXT, IAT), claim=FORWARDED, rules=rules, utc=float(IAT))
        assert found.judgement is not None and found.judgement.proved == proved
    for ahead, proved in ((60, True), (61, False)):
        found = heard(made("shaken", {**ORIGINAL, "iat": IAT + ahead}), diverted(DIALLED, NEXT, IAT), claim=FORWARDED, rules=rules, utc=float(IAT))
        assert found.judgement is not None and found.judgement.proved == proved


@pytest.mark.req("TRAP-18")
def test_tokens_inside_others_count_among_those_that_are_heard() -> None:
    values = [nested(bare(vector("VEC-1")))] * (MAX_TOKENS - 1)
    hearing = open_hearing(values, FORWARDED, Rules(), IAT)
    assert len(hearing.parts) == MAX_TOKENS and len(hearing.values) == MAX_TOKENS - 1
    assert len(open_hearing([*values, values[0]], FORWARDED, Rules(), IAT).parts) == MAX_TOKENS
    assert len(open_hearing([layers(4)] * 7, FORWARDED, Rules(), IAT).parts) == MAX_TOKENS


@pytest.mark.req("STI-099", "TRAP-30")
def test_a_diversion_ends_where_the_call_has_arrived_and_nowhere_before() -> None:
    # To names where an earlier diversion sent the call; the Request-URI is another number.
    found = heard(made("shaken", ORIGINAL), diverted(DIALLED, LAST), claim=Claim(CALLER, None, (LAST, NEXT)))
    assert not any(one.proved for one in found.results) and found.diversions is Fact.FAIL and found.via == ()
    assert found.results[1].dest is Fact.FAIL
    there = made("div", {"dest": {"uri": ["sip:a@example.net"]}, "div": {"tn": DIALLED}, "iat": IAT + 2, "orig": {"tn": CALLER}})
    claim = Claim(CALLER, None, (), None, ("sip:a@example.net", "sip:b@example.net"))
    found = heard(made("shaken", ORIGINAL), there, claim=claim)
    assert found.diversions is Fact.FAIL and found.results[1].dest is Fact.FAIL
    assert heard(made("shaken", ORIGINAL), there, claim=claim._replace(callee_uris=claim.callee_uris[:1])).diversions is Fact.PASS


@pytest.mark.req("STI-099", "TRAP-88")
def test_no_diversion_excuses_an_old_token_of_another_caller() -> None:
    old = {**ORIGINAL, "iat": IAT - 400, "orig": {"tn": "12025550124"}}
    found = heard(made("shaken", old), diverted(DIALLED, NEXT), claim=FORWARDED)
    assert not any(one.proved for one in found.results)
    assert slugs(heard(made("shaken", {**ORIGINAL, "iat": IAT - 400}), diverted(DIALLED, NEXT), claim=FORWARDED)) == [None, None]
