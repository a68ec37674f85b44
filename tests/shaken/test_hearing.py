"""All Identity headers of a request together: each its own result, then one judgement."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shaken.hearing import LEGACY, MAX_TOKENS, Circumstances, conclude, open_hearing
from shaken.passport import canonical_json, encode
from shaken.sign import sign_octets, token
from shaken.verify import Claim, Rules
from tests.shaken.tokens import (
    CALLED,
    CALLER,
    DIALLED,
    FORWARDED,
    IAT,
    KEY,
    ORIGID,
    ORIGINAL,
    OTHER,
    PAIR,
    STIR,
    URL,
    VECTORS,
    bare,
    heard,
    made,
    nested,
    rph,
    slugs,
    vector,
)

# --- several headers


@pytest.mark.req("STI-059", "STI-061", "STI-069", "TRAP-29", "TRAP-31", "LAB-23")
def test_each_header_has_its_own_result_and_one_good_one_speaks_for_the_call() -> None:
    bad = made("shaken", ORIGINAL, OTHER)
    found = heard(made("zzz", ORIGINAL), bad, vector("VEC-1"))
    assert slugs(found) == ["identity-unsupported-ppt", "identity-bad-signature", None]
    assert found.judgement is found.results[2] and found.judgement.attestation == "A"
    assert found.kinds == ("zzz", "shaken", "shaken") and found.unknown == ("zzz",)


@pytest.mark.req("STI-059")
def test_a_kind_that_is_not_known_fetches_nothing_and_a_call_with_nothing_else_is_answered_428() -> None:
    hearing = open_hearing([made("msec", ORIGINAL)], CALLED, Rules(), IAT)
    assert hearing.urls == ()
    found = conclude(hearing, {}, IAT)
    assert found.judgement is not None and (found.judgement.code, found.judgement.slug) == (428, "identity-no-known-ppt")
    assert found.results[0].code == 438 and found.unknown == ("msec",)


@pytest.mark.req("TRAP-28")
def test_an_old_header_is_counted_and_the_call_is_as_unsigned() -> None:
    old = b'"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJfzB2a1pxAr3VgrB0SsSAa"'
    found = heard(old)
    assert found.judgement is None and found.legacy == 1 and found.kinds == (LEGACY,)
    both = heard(old, vector("VEC-1"))
    assert both.judgement is not None and both.judgement.proved and both.legacy == 1


@pytest.mark.req("TRAP-23")
def test_headers_that_were_joined_are_heard_apart() -> None:
    found = heard(made("shaken", ORIGINAL, OTHER) + b"," + vector("VEC-1"))
    assert slugs(found) == ["identity-bad-signature", None] and found.judgement is not None and found.judgement.proved


@pytest.mark.req("TRAP-18")
def test_no_more_tokens_are_heard_than_a_call_can_have() -> None:
    hearing = open_hearing([vector("VEC-1") + b"," + vector("VEC-4")] * 20, CALLED, Rules(), IAT)
    assert len(hearing.parts) == MAX_TOKENS


@pytest.mark.req("STI-064", "STI-062")
@pytest.mark.parametrize(("date", "iat", "slug"), [(None, 0, None), (-400, 0, None), (-400, -400, "identity-stale-iat")])
def test_the_full_form_has_its_own_time(date: float | None, iat: int, slug: str | None) -> None:
    claim = CALLED._replace(date=None if date is None else IAT + date)
    found = heard(made("shaken", {**ORIGINAL, "iat": IAT + iat}), claim=claim)
    assert slugs(found) == [slug]


# --- numbers, URIs and forms


@pytest.mark.req("STI-004", "STI-005", "STI-060", "TRAP-04")
@pytest.mark.parametrize(
    ("dest", "claim", "slug"),
    [
        ({"tn": ["12025550104", DIALLED]}, CALLED, None),
        ({"tn": DIALLED}, CALLED, None),
        ({"tn": ["12025550104"], "uri": ["sip:help@example.net"]}, CALLED._replace(callees=(), callee_uris=("sip:help@example.net",)), None),
        ({"uri": ["sip:help@example.net"]}, CALLED._replace(callee_uris=("sip:help@example.net",)), None),
        ({"uri": ["sip:help@example.net"]}, CALLED, "identity-dest-mismatch"),
        ({"tn": ["12025550104"]}, CALLED, "identity-dest-mismatch"),
        ({"uri": []}, CALLED, "identity-claims"),
        ({"tn": [1]}, CALLED, "identity-claims"),
    ],
)
def test_a_token_may_name_several_destinations(dest: dict[str, Any], claim: Claim, slug: str | None) -> None:
    assert slugs(heard(made("shaken", {**ORIGINAL, "dest": dest}), claim=claim)) == [slug]


@pytest.mark.req("STI-036", "STI-060")
def test_a_caller_may_be_a_uri() -> None:
    value = made("shaken", {**ORIGINAL, "orig": {"uri": "sip:alice@example.com"}})
    assert slugs(heard(value, claim=Claim(None, "sip:alice@example.com", (DIALLED,)))) == [None]
    assert slugs(heard(value)) == ["identity-orig-mismatch"]


@pytest.mark.req("LAB-25", "TRAP-03", "STI-005", "TRAP-04")
@pytest.mark.parametrize(
    ("claims", "defect"), [({"iat": str(IAT)}, "iat-string"), ({"dest": {"tn": DIALLED}}, "dest-tn-string"), ({"iat": float(IAT)}, "iat-float")]
)
def test_what_old_signers_write_is_proved_and_told(claims: dict[str, Any], defect: str) -> None:
    found = heard(made("shaken", {**ORIGINAL, **claims}))
    assert slugs(found) == [None] and found.judgement is not None and found.judgement.attestation == "A"
    assert found.judgement.passport is not None and defect in found.judgement.passport.defects


@pytest.mark.req("STI-067", "STI-064", "STI-019")
def test_the_compact_form_is_rebuilt_from_the_request() -> None:
    one = next(one for one in VECTORS["token"] if one["name"].startswith("VEC-2 two"))
    value = f"..{one['signature']};info=<{URL}>;alg=ES256".encode()
    found = heard(value, claim=PAIR, rules=STIR)
    assert slugs(found) == [None] and found.kinds == ("",) and found.judgement is not None and found.judgement.proved
    assert found.judgement.attestation is None
    assert slugs(heard(value, claim=PAIR._replace(date=None), rules=STIR)) == ["identity-compact"]
    assert slugs(heard(value, claim=PAIR._replace(date=float(IAT - 1)), rules=STIR)) == ["identity-bad-signature"]
    assert slugs(heard(value, claim=PAIR._replace(date=float(IAT - 100)), rules=STIR)) == ["identity-stale-iat"]
    assert slugs(heard(value, claim=PAIR._replace(caller="12025550124"), rules=STIR)) == ["identity-bad-signature"]


@pytest.mark.req("STI-068", "STI-053", "STI-019", "LAB-24")
@pytest.mark.parametrize("kind", [";ppt=shaken", ";ppt=div", ";ppt=rph", ";ppt=rcd", ""])
def test_shaken_and_the_other_kinds_have_no_compact_form(kind: str) -> None:
    one = next(one for one in VECTORS["token"] if one["name"].startswith("VEC-1"))
    found = heard(f"..{one['signature']};info=<{URL}>{kind}".encode(), rules=Rules() if not kind else STIR)
    assert slugs(found) == ["identity-compact"] and found.results[0].code == 438


@pytest.mark.req("STI-001", "STI-061")
def test_a_token_without_a_kind_proves_a_number_only_where_the_operator_says_so() -> None:
    base = made(None, {name: value for name, value in ORIGINAL.items() if name in ("dest", "iat", "orig")})
    strict, general = heard(base), heard(base, rules=STIR)
    assert strict.judgement is not None and strict.judgement.slug == "identity-header-claims"
    assert general.judgement is not None and general.judgement.proved


# --- key confusion


@pytest.mark.req("STI-015", "STI-016", "TRAP-09", "TRAP-10")
@pytest.mark.parametrize(
    ("header", "slug"),
    [
        ({"alg": "none"}, "identity-unsupported-alg"),
        ({"alg": "HS256"}, "identity-unsupported-alg"),
        ({"alg": "ES384"}, "identity-unsupported-alg"),
        ({"jwk": {"kty": "EC"}, "x5c": ["AAAA"], "jku": "https://evil.example/"}, "identity-bad-signature"),
        ({"crit": ["b64"], "b64": False}, "identity-unsupported-crit"),
    ],
)
def test_a_token_brings_no_key_and_no_algorithm_of_its_own(header: dict[str, Any], slug: str) -> None:
    head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL} | header
    value = token(OTHER, head, ORIGINAL) + f";info=<{URL}>;ppt=shaken".encode()
    assert slugs(heard(value)) == [slug]


@pytest.mark.req("STI-066", "TRAP-01")
def test_the_octets_that_came_are_what_is_checked() -> None:
    loose = b'{ "attest": "A", "origid": "%s", "iat": %d, "orig": {"tn": "%s"}, "dest": {"tn": ["%s"]} }' % (
        ORIGID.encode(), IAT, CALLER.encode(), DIALLED.encode(),
    )  # fmt: skip
    signed = encode(canonical_json({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL})) + b"." + encode(loose)
    value = signed + b"." + encode(sign_octets(KEY, signed)) + f";info=<{URL}>".encode()
    found = heard(value)
    assert slugs(found) == [None] and found.results[0].passport is not None
    assert found.results[0].passport.defects == ("not-canonical",)


# --- hostile octets


PIECES = [vector("VEC-1"), vector("VEC-4"), vector("VEC-5"), nested(bare(vector("VEC-1"))), rph(["ets.0"])]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=5), st.integers(0, 600), st.binary(max_size=4), st.sampled_from([CALLED, FORWARDED, PAIR]))
def test_nothing_that_comes_raises(values: list[bytes], place: int, octets: bytes, claim: Claim) -> None:
    if values:
        values = [values[0][:place] + octets + values[0][place + 1 :], *values[1:]]
    for rules in (Rules(), STIR):
        found = heard(*values, claim=claim, rules=rules, said=Circumstances(("ets.0",), "", "X", b"", ()))
        assert len(found.results) >= min(len(values), 1)
        assert found.judgement is None or found.judgement.attestation in (None, "A")


def test_a_compact_token_of_one_reading_is_that_one() -> None:
    head = encode(canonical_json({"alg": "ES256", "typ": "passport", "x5u": URL}))
    claims = encode(canonical_json({"dest": {"tn": [DIALLED]}, "iat": IAT, "orig": {"tn": CALLER}}))
    signature = encode(sign_octets(KEY, head + b"." + claims))
    value = b".." + signature + f";info=<{URL}>".encode()
    found = heard(value, claim=CALLED._replace(date=float(IAT)), rules=STIR)
    assert slugs(found) == [None] and found.judgement is not None and found.judgement.proved
