"""The steps of the judgement at their edges: what just passes, what just fails, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shaken import identity, passport
from shaken.credential import Credential, CredentialFailure
from shaken.passport import canonical_json, encode
from shaken.tnauthlist import TNAuthList
from shaken.verdict import FAILURES, Fact, Judgement, best
from shaken.verify import MAX_URL, Claim, Rules, acceptable, examine, examined, judge, limited
from tests.shaken.tokens import CALLED, CREDENTIAL, IAT, KEY, ORIGINAL, URL, made, vector

GOOD = vector("VEC-1")
PASS, FAIL, UNKNOWN = Fact.PASS, Fact.FAIL, Fact.UNKNOWN


@pytest.mark.req("STI-062", "STI-063", "LAB-07", "LAB-08")
@pytest.mark.parametrize(("utc", "fresh"), [(60.0, PASS), (60.001, FAIL), (-60.0, PASS), (-60.001, FAIL)])
def test_freshness_ends_on_the_second_to_either_side(utc: float, fresh: Fact) -> None:
    exam = examine(GOOD, CALLED, Rules(), IAT + utc)
    assert exam.fresh is fresh and (exam.url is None) == (fresh is FAIL)
    assert exam.detail == ("" if fresh is PASS else f"signed {utc:+.0f} s ago")


@pytest.mark.req("TRAP-87")
def test_a_clock_that_is_off_is_told_by_how_much_and_may_be_forgiven() -> None:
    exam = examine(GOOD, CALLED, Rules(), IAT + 61.0)
    assert exam.detail == "signed +61 s ago" and examine(GOOD, CALLED, Rules(freshness=120.0), IAT + 61.0).failure is None


@pytest.mark.req("STI-065", "LAB-11")
@pytest.mark.parametrize(
    ("begin", "end", "held"),
    [
        (IAT, IAT + 10, True),
        (IAT + 0.5, IAT + 10, False),  # made before the certificate began
        (IAT - 10, IAT + 10, True),
        (IAT - 10, IAT + 9.5, False),  # judged after it has ended
        (IAT - 10, IAT - 0.5, False),
        (IAT + 10.5, IAT + 20, False),
    ],
)
def test_token_and_judgement_lie_within_the_life_of_the_certificate(begin: float, end: float, held: bool) -> None:
    found = judge(examine(GOOD, CALLED, Rules(), IAT + 10.0), replace(CREDENTIAL, not_before=begin, not_after=end), IAT + 10.0)
    assert found.slug == (None if held else "identity-expired")
    if not held:
        assert (found.chain, found.authority, found.signature) == (FAIL, UNKNOWN, UNKNOWN)
    early = judge(examine(GOOD, CALLED, Rules(), IAT - 10.0), replace(CREDENTIAL, not_before=IAT - 10.0, not_after=float(IAT)), IAT - 10.0)
    assert early.proved  # signed by a clock that goes ahead of ours, to the second of its end


@pytest.mark.req("STI-060")
@pytest.mark.parametrize(
    ("claim", "facts"),
    [
        (Claim("12025550123", None, ("12025550199",)), (PASS, PASS)),
        (Claim("12025550124", None, ("12025550199",)), (FAIL, PASS)),
        (Claim(None, "sip:a@x", ("12025550199",)), (FAIL, PASS)),
        (Claim(None, None, ("12025550199",)), (UNKNOWN, PASS)),
        (Claim("12025550123", None, ()), (PASS, FAIL)),
        (Claim("12025550123", None, ("1", "12025550199")), (PASS, PASS)),
        (Claim("12025550123", None, ("1",), None, ("sip:x@y",)), (PASS, FAIL)),  # a URI of the call that the token does not name
        (Claim(None, None, ()), (UNKNOWN, FAIL)),
    ],
)
def test_caller_and_callee_are_facts_of_their_own(claim: Claim, facts: tuple[Fact, Fact]) -> None:
    exam = examine(GOOD, claim, Rules(), IAT)
    assert (exam.parsed, exam.fresh, exam.orig, exam.dest) == (PASS, PASS, *facts)
    assert (exam.failure is None) == (facts == (PASS, PASS)) == (exam.url == URL)
    found = judge(exam, CREDENTIAL, IAT)
    assert found[:4] == exam[2:6] and found.failure is exam.failure and found.detail == exam.detail and found.passport is exam.passport
    assert found.proved == (exam.failure is None)


@pytest.mark.req("STI-071", "LAB-12", "LAB-14")
@pytest.mark.parametrize(
    ("credential", "slug", "chain"),
    [
        (None, "identity-unreachable", UNKNOWN),
        (CredentialFailure("identity-unreachable", "unreachable", "late", URL), "identity-unreachable", UNKNOWN),
        (CredentialFailure("what-is-that", "unreachable", "late", URL), "identity-unreachable", UNKNOWN),
        (CredentialFailure("identity-expired", "invalid", "old", URL), "identity-expired", FAIL),
        (CredentialFailure("what-is-that", "invalid", "odd", URL), "identity-untrusted-chain", FAIL),
    ],
)
def test_without_a_certificate_the_rest_stays_open(credential: CredentialFailure | None, slug: str, chain: Fact) -> None:
    found = judge(examine(GOOD, CALLED, Rules(), IAT), credential, IAT)
    assert (found.slug, found.chain, found.authority, found.signature) == (slug, chain, UNKNOWN, UNKNOWN)
    assert found[:4] == (PASS,) * 4 and found.passport is not None and found.credential is None
    assert found.detail == (credential.detail if credential is not None else "the certificate is not at hand")


@pytest.mark.req("STI-081", "LAB-19")
def test_a_certificate_speaks_for_the_caller_or_for_the_number_that_it_must() -> None:
    mine = replace(CREDENTIAL, spc=None, authority=TNAuthList(numbers=("12025550123",)))
    theirs = replace(CREDENTIAL, spc=None, authority=TNAuthList(numbers=("12025550199",)))
    exam = examine(GOOD, CALLED, Rules(), IAT)
    assert judge(exam, mine, IAT).proved and judge(exam, theirs, IAT, "12025550199").proved
    for credential, number in ((theirs, None), (mine, "12025550199")):
        found = judge(exam, credential, IAT, number)
        assert (found.slug, found.chain, found.authority, found.signature) == ("identity-no-authority", PASS, FAIL, PASS)
        assert found.credential is credential and found.passport is exam.passport
    assert limited(exam.passport, mine) is None  # type: ignore[arg-type]


@pytest.mark.req("STI-073", "LAB-15")
@pytest.mark.parametrize(
    ("url", "rules", "fine"),
    [
        ("https://a.example/b.pem", Rules(), True),
        ("https://a.example:443/b", Rules(), True),
        ("https://a.example:8443/b", Rules(), True),
        ("https://a.example:8444/b", Rules(), False),
        ("https://a.example:8444/b", Rules(lab=True), True),
        ("https://a.example", Rules(), True),
        ("https://[2001:db8::1]/b", Rules(), True),
        ("https://A.Example/b", Rules(hosts=frozenset(("a.example",))), True),
        ("https://b.example/b", Rules(hosts=frozenset(("a.example",))), False),
        ("https://[2001:DB8::1]:443/b", Rules(hosts=frozenset(("2001:db8::1",))), True),
        ("http://a.example/b", Rules(), False),
        ("https://u@a.example/b", Rules(), False),
        ("https://a.example/b?c", Rules(), False),
        ("https://a.example/b#c", Rules(), False),
        ("https:///b", Rules(), False),
        ("", Rules(), False),
        ("https://a.example/" + "b" * (MAX_URL - 18), Rules(), True),
        ("https://a.example/" + "b" * (MAX_URL - 17), Rules(), False),
    ],
)
def test_which_certificate_urls_may_be_fetched(url: str, rules: Rules, fine: bool) -> None:
    assert (acceptable(url, rules) is None) == fine


def padded(size: int) -> tuple[bytes, bytes]:
    """A token of just so many octets, and what follows it in its header."""
    for more in ("", "a", "aa"):  # not every length can be one of base64
        short = len(made("shaken", {**ORIGINAL, "x": ""}, url=URL + more).partition(b";")[0])
        for fill in range((size - short) * 3 // 4 - 2, size):
            token, _, tail = made("shaken", {**ORIGINAL, "x": "a" * fill}, url=URL + more).partition(b";")
            if len(token) == size:
                return token, b";" + tail
            if len(token) > size:
                break
    raise AssertionError


@pytest.mark.req("TRAP-18")
def test_what_is_too_long_is_not_read() -> None:
    longest, tail = padded(passport.MAX_TOKEN)
    for token, slug in ((longest, None), (longest + b"a", "identity-too-large")):
        exam = examine(token + tail, CALLED, Rules(), IAT)
        assert (exam.failure.slug if exam.failure is not None else None) == slug and (exam.url is None) == (slug is not None)
    whole = GOOD + b";x=" + b"y" * (identity.MAX_VALUE - len(GOOD) - 3)
    assert examine(whole, CALLED, Rules(), IAT).failure is None
    too_long = examine(whole + b"y", CALLED, Rules(), IAT)
    assert too_long.failure is FAILURES["identity-too-large"] and too_long.parsed is FAIL


@pytest.mark.req("STI-061")
def test_the_failure_that_came_furthest_speaks_where_nothing_is_proved() -> None:
    slugs = ["identity-syntax", "identity-stale-iat", "identity-bad-signature", "identity-unreachable"]
    failed = [Judgement(failure=FAILURES[slug]) for slug in slugs]
    assert best(failed) is failed[2] and best(failed[:2]) is failed[1]
    open_ = Judgement()  # neither proved nor failed: less than any failure
    assert best([open_, failed[0]]) is failed[0] and best([failed[0], open_]) is failed[0]
    assert open_.verstat == "No-TN-Validation" and open_.code is None and open_.attestation is None


def test_only_what_held_in_every_step_is_proved() -> None:
    whole = judge(examine(GOOD, CALLED, Rules(), IAT), CREDENTIAL, IAT)
    assert whole.proved and whole.attestation == "A"
    for step in ("parsed", "fresh", "orig", "dest", "chain", "authority", "signature"):
        for fact in (FAIL, UNKNOWN):
            one = whole._replace(**{step: fact})
            assert not one.proved and one.attestation is None and one.verstat == "No-TN-Validation"
    assert not whole._replace(failure=FAILURES["identity-syntax"]).proved


@pytest.mark.req("STI-052")
@pytest.mark.parametrize("missing", ["attest", "origid"])
def test_both_claims_of_shaken_must_be_there(missing: str) -> None:
    claims: dict[str, Any] = {name: value for name, value in ORIGINAL.items() if name != missing}
    exam = examine(made("shaken", claims), CALLED, Rules(), IAT)
    assert exam.failure is FAILURES["identity-claims"] and exam.url is None


def test_a_token_whose_header_names_no_kind_is_refused_for_what_it_lacks() -> None:
    head = encode(canonical_json({"alg": "ES256", "typ": "passport", "x5u": URL}))
    value = head + GOOD[GOOD.index(b".") :]
    assert examine(value, CALLED, Rules(), IAT).failure is FAILURES["identity-header-claims"]
    assert isinstance(CREDENTIAL, Credential) and KEY.curve.name == "secp256r1"


@pytest.mark.req("STI-059", "STI-071")
def test_a_forged_flood_makes_nobody_fetch_anything() -> None:
    """Stale, for another call, or with a bad URL: none of them leaves a URL to fetch."""
    forged = [
        made("shaken", {**ORIGINAL, "iat": IAT - 61 - number % 900, "dest": {"tn": [f"1202555{number % 10_000:04}"]}})
        if number % 3 == 0
        else made("shaken", {**ORIGINAL, "dest": {"tn": [f"1212555{number % 10_000:04}"]}}, url=f"https://h{number}.example/a.pem")
        if number % 3 == 1
        else made("shaken", ORIGINAL, url=f"https://h{number}.example/a.pem?x={number}")
        for number in range(300)
    ]
    assert [examine(value, CALLED, Rules(), IAT).url for value in forged] == [None] * 300


def test_a_token_of_another_kind_is_told_by_the_kind_that_it_should_have() -> None:
    value = made("shaken", ORIGINAL)
    header = identity.parse(value)
    for kind, words in (("", "without a name"), ("rcd", "rcd")):
        exam = examined(header, kind, CALLED, Rules(), IAT)
        assert exam.failure is not None and exam.failure.slug == "identity-ppt-mismatch" and exam.detail.endswith(words)
