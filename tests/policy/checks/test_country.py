from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from policy import countries
from policy.call import Call
from policy.checks.country import check
from policy.countries import Countries, Place, Rule
from policy.decide import decide, rejection
from policy.lint import cautions, lint
from policy.lists import NumberSet
from policy.rulebook import Profile, Redress, Rulebook
from shaken.credential import Credential
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact, Judgement

PLACES = {"1": Place("US"), "1416": Place("CA"), "44": Place("GB"), "881": Place("", "satellite"), "1900": Place("US", "premium")}
IN = Call(trunk="west", caller="442079460123", callee="12025550123")
OUT = Call(side="pbx", trunk="office", caller="12025550123", callee="881612345678")


def book(*rules: Rule, **more: object) -> Rulebook:
    return Rulebook(countries=Countries(rules, PLACES), **more)  # type: ignore[arg-type]


def rule(action: str, *countries: str, **more: object) -> Rule:
    return Rule(action, frozenset(countries), **more)  # type: ignore[arg-type]


US_ONLY = (rule("allow", "US", "CA"), rule("deny", "*"))


@pytest.mark.parametrize(
    ("rules", "call", "slug"),
    [
        (US_ONLY, IN, "country-unwanted"),
        (US_ONLY, IN._replace(caller="14165550123"), None),
        (US_ONLY, IN._replace(caller=None, caller_kind="anonymous"), None),
        ((*US_ONLY, rule("deny", "unknown")), IN._replace(caller=None, caller_kind="anonymous"), "country-unwanted"),
        (US_ONLY, IN._replace(caller="511"), None),
        ((rule("deny", "GB", side="pbx"),), IN, None),
        ((rule("deny", "GB", side="carrier"),), IN, "country-unwanted"),
        ((rule("deny", "GB", peers=frozenset(("east",))),), IN, None),
        ((rule("deny", "GB", peers=frozenset(("east", "west"))),), IN, "country-unwanted"),
        ((rule("deny", "GB", claim="deterministic"),), IN, "country-denied"),
        ((rule("tag", "GB"),), IN, "country-tagged"),
        ((rule("tag", "GB"), rule("deny", "GB")), IN, "country-tagged"),
        ((rule("deny", "satellite", "premium", end="callee"),), OUT, "country-unwanted"),
        ((rule("deny", "satellite", "premium", end="callee"),), OUT._replace(callee="19005550123"), "country-unwanted"),
        ((rule("deny", "satellite", "premium", end="callee"),), OUT._replace(callee="12025550199"), None),
        ((rule("deny", "*", "unknown", end="callee"),), OUT._replace(callee="411"), None),
        ((rule("deny", "*", "unknown", end="callee"),), OUT._replace(callee=None), None),
        ((), IN, None),
    ],
)
def test_the_first_rule_that_fits_decides(rules: tuple[Rule, ...], call: Call, slug: str | None) -> None:
    found = check(call, book(*rules))
    assert (found.slug if found is not None else None) == slug


def test_a_refusal_is_answered_by_its_class_and_a_tag_never_refuses() -> None:
    answers = {}
    for claim in ("subscriber", "deterministic"):
        one = book(rule("deny", "GB", claim=claim))
        verdict = decide(IN, one, Profile(), "enforce")
        answers[claim] = rejection(verdict, one).status
    assert answers == {"subscriber": 607, "deterministic": 603}
    one = book(rule("tag", "GB"), weights={"country": 500})
    assert decide(IN, one, Profile(), "enforce").action == "tag"
    assert decide(IN, book(rule("tag", "GB")), Profile(), "enforce").action == "tag"


def test_allowed_numbers_and_emergency_centres_are_under_no_rule() -> None:
    for more in ({"allow": NumberSet.of("+442079460123")}, {"psap": NumberSet.of("+442079460123")}):
        assert decide(IN, book(*US_ONLY, **more), Profile(), "enforce").action == "allow"


def test_nothing_is_asked_where_there_is_no_rule() -> None:
    assert "country" in Rulebook().off and "country" in book().off
    assert "country" not in book(*US_ONLY).off
    assert check(IN, Rulebook()) is None


def test_the_signer_of_a_proved_call_has_a_country(judged: object) -> None:
    proved: Judgement = judged("A")  # type: ignore[operator]
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    signer = Credential("https://certs.example.net/a.pem", key, "709J", "SHAKEN 709J", None, 0.0, 2.0**40, TNAuthList(("709J",)), "f", country="FR")
    one = book(rule("deny", "FR", end="signer", claim="deterministic"))
    call = IN._replace(judgement=proved._replace(credential=signer))
    found = check(call, one)
    assert found is not None and found.why == "signed in FR: not served"
    for other in (IN, IN._replace(judgement=proved), call._replace(judgement=proved._replace(credential=replace(signer, country="")))):
        assert check(other, one) is None


def test_rules_that_cannot_be_are_said() -> None:
    wrong = lint(book(rule("deny", "UK"), rule("deny", "satellite", end="signer"), rule("tag", "GB", end="signer", side="pbx")))
    assert len(wrong) == 3
    assert "policy.country[1]: no numbers belong to UK" in wrong[0]
    assert not lint(book(*US_ONLY))


def test_roles_bind_what_a_country_may_decide() -> None:
    redress = Redress(email="redress@example.com")
    assert any("no subscribers" in one for one in lint(book(*US_ONLY, role="gateway", redress=redress)))
    strict = book(rule("deny", "GB", claim="deterministic"), role="terminating", redress=redress)
    assert not lint(strict)
    assert any("country alone" in one for one in cautions(strict))
    assert not any("country alone" in one for one in cautions(replace(strict, role="enterprise")))


KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
SIGNER = Credential("https://certs.example.net/a.pem", KEY, "709J", "SHAKEN 709J", None, 0.0, 2.0**40, TNAuthList(("709J",)), "f", country="GB")


def signed(holds: bool) -> Judgement:
    """What is known of a call that was signed in Britain, rightly or not."""
    fact, held = (Fact.PASS if holds else Fact.FAIL), Fact.PASS
    return Judgement(held, held, held, held, held, held, fact, credential=SIGNER)


RULES = st.builds(
    Rule,
    action=st.sampled_from(("allow", "deny", "tag")),
    countries=st.sets(st.sampled_from(("US", "CA", "GB", "satellite", "premium", "unknown", "*"))).map(frozenset),
    end=st.sampled_from(("caller", "callee", "signer")),
    side=st.sampled_from(("carrier", "pbx", "")),
    peers=st.sets(st.sampled_from(("west", "east"))).map(frozenset),
)
NUMBERS = st.sampled_from((None, "", "911", "1416", "14165550123", "12025550123", "19005550123", "442079460123", "881612345678"))
CALLS = st.builds(Call, side=st.sampled_from(("carrier", "pbx")), trunk=st.sampled_from(("west", "north")), caller=NUMBERS, callee=NUMBERS)


@given(st.lists(RULES, max_size=4), st.lists(st.tuples(CALLS, st.sampled_from((None, True, False))), max_size=12))
def test_what_was_found_of_calls_before_changes_no_answer(rules: list[Rule], calls: list[tuple[Call, bool | None]]) -> None:
    known = book(*rules)
    for call, proved in (*calls, *calls[::-1]):
        if proved is not None:
            call = call._replace(judgement=signed(proved))
        assert check(call, known) == check(call, book(*rules))


MIXED = (rule("deny", "premium", end="callee", side="pbx"), rule("deny", "CU", side="carrier"))
OUTSIDE, INSIDE = Call(trunk="west", callee="13105550100"), Call(side="pbx", trunk="office", caller="13105550100")


@pytest.mark.parametrize(
    "calls",
    [
        [
            (INSIDE._replace(caller="12025550100", callee="19005550123"), True), (INSIDE._replace(callee="1900"), False),
            (INSIDE._replace(callee="19005550123"), True), (OUTSIDE._replace(caller="5375550123"), True),
            (OUTSIDE._replace(caller="53755"), False), (OUTSIDE._replace(caller="5375550123"), True),
        ],
        [(INSIDE._replace(callee="19005550123"), True), (INSIDE._replace(callee="190055"), False)],
        [(OUTSIDE._replace(caller="5375550123"), True), (OUTSIDE._replace(caller="537555"), False)],
    ],
)  # fmt: skip
def test_short_numbers_and_full_ones_that_begin_alike_are_told_apart(calls: list[tuple[Call, bool]]) -> None:
    one = Rulebook(countries=Countries(MIXED, {**PLACES, "53": Place("CU")}))
    assert [check(call, one) is not None for call, _ in calls] == [denied for _, denied in calls]


def test_ways_from_place_to_place_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(countries, "WAYS", 3)
    known = book(*US_ONLY)
    for area in (*range(200, 210), *range(200, 210)):
        assert check(IN._replace(caller=f"1{area}5550123"), known) is None
        assert known.countries is not None and len(known.countries.ways) <= 3
