"""All Identity headers of a request together: each its own result, then one judgement."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from shaken import rcd
from shaken.constraints import Constraints
from shaken.credential import Credential, CredentialFailure
from shaken.digest import digest
from shaken.hearing import LEGACY, MAX_TOKENS, Circumstances, Conclusion, conclude, open_hearing
from shaken.passport import canonical_json, encode
from shaken.sign import sign_octets, token
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact
from shaken.verify import Claim, Rules

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "passport" / "vectors.toml").read_text(encoding="utf-8")
)
KEY = ec.derive_private_key(int(VECTORS["key"], 16), ec.SECP256R1())
OTHER = ec.derive_private_key(7, ec.SECP256R1())
IAT = 1_767_225_600
URL = "https://cr.example.net/sp818h.pem"
ELSEWHERE = "https://cr.example.org/other.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
CALLER, DIALLED, NEXT, LAST = "12025550123", "12025550199", "12025550177", "12025550188"
CREDENTIAL = Credential(URL, KEY.public_key(), "818H", "SHAKEN 818H", None, IAT - 20_000.0, IAT + 20_000.0, TNAuthList(spcs=("818H",)), "")
ORIGINAL = {"attest": "A", "dest": {"tn": [DIALLED]}, "iat": IAT, "orig": {"tn": CALLER}, "origid": ORIGID}
CALLED = Claim(CALLER, None, (DIALLED,))
FORWARDED = Claim(CALLER, None, (NEXT,))


def vector(name: str) -> bytes:
    one = next(one for one in VECTORS["token"] if one["name"].startswith(name))
    kind = ";ppt=" + one["header"].partition('"ppt":"')[2].partition('"')[0] if '"ppt"' in one["header"] else ""
    made = encode(one["header"].encode()) + b"." + encode(one["payload"].encode()) + b"." + one["signature"].encode()
    return made + f";info=<{URL}>;alg=ES256{kind}".encode()


def made(ppt: str | None, claims: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY, url: str = URL) -> bytes:
    header = {"alg": "ES256", "typ": "passport", "x5u": url} | ({"ppt": ppt} if ppt else {})
    return token(key, header, claims) + f";info=<{url}>".encode() + (f";ppt={ppt}".encode() if ppt else b"")


def bare(value: bytes) -> str:
    return value.partition(b";")[0].decode()


def diverted(was: str, became: str, iat: int = IAT + 2, orig: str = CALLER, **more: Any) -> bytes:
    return made("div", {"dest": {"tn": [became]}, "div": {"tn": was}, "iat": iat, "orig": {"tn": orig}}, **more)


def heard(
    *values: bytes, claim: Claim = CALLED, rules: Rules = Rules(), utc: float = IAT + 3, said: Circumstances = Circumstances(),  # noqa: B008
    credential: Credential | CredentialFailure = CREDENTIAL,
) -> Conclusion:  # fmt: skip
    hearing = open_hearing(values, claim, rules, utc, said)
    return conclude(hearing, {URL: credential}, utc)


def slugs(found: Conclusion) -> list[str | None]:
    return [one.slug for one in found.results]


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


STIR = Rules(compact=True, kinds=frozenset(("shaken", "")))
PAIR = Claim(CALLER, None, (DIALLED,), float(IAT), ("sip:help@example.net",))


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


# --- diversions


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


def nested(opt: Any, became: str = NEXT, was: str = DIALLED, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return made("div-o", {"dest": {"tn": [became]}, "div": {"tn": was}, "iat": IAT + 2, "opt": opt, "orig": {"tn": CALLER}}, key)


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


# --- priority


PRIORITY = {"dest": {"tn": [DIALLED]}, "iat": IAT, "orig": {"tn": CALLER}}


def rph(auth: Any, **more: Any) -> bytes:
    return made("rph", {**PRIORITY, "rph": {"auth": auth}, **more})


@pytest.mark.req("STI-102", "STI-103")
@pytest.mark.parametrize(
    ("value", "priorities", "priority", "slug"),
    [
        (rph(["ets.0", "wps.0"]), ("ets.0", "wps.0"), "", None),
        (rph(["ETS.0"]), ("ets.0",), "", None),
        (rph(["ets.0"]), ("ets.1",), "", "identity-rph-mismatch"),
        (rph(["ets.0"]), (), "", "identity-rph-mismatch"),
        (rph([]), ("ets.0",), "", "identity-claims"),
        (rph("ets.0"), ("ets.0",), "", "identity-claims"),
        (rph(["esnet.1"]), ("esnet.1",), "", None),
        (rph(["esnet.1"]), ("esnet.2",), "", "identity-rph-mismatch"),
        (rph(["esnet.1", "ets.0"]), ("esnet.1", "esnet.2"), "", "identity-rph-mismatch"),
        (rph(["esnet.0"], sph="psap-callback"), ("esnet.0",), "psap-callback", None),
        (rph(["esnet.0"], sph="psap-callback"), ("esnet.0",), "", "identity-rph-mismatch"),
        (rph(["esnet.0"], sph="urgent"), ("esnet.0",), "urgent", "identity-claims"),
        (rph(["ets.0"], sph="psap-callback"), ("ets.0",), "psap-callback", "identity-claims"),
        (made("rph", {**PRIORITY, "rph": {"auth": ["ets.0"]}}, OTHER), ("ets.0",), "", "identity-bad-signature"),
    ],
)
def test_a_priority_is_proved_or_it_is_not(value: bytes, priorities: tuple[str, ...], priority: str, slug: str | None) -> None:
    found = heard(value, vector("VEC-1"), said=Circumstances(priorities, priority))
    assert slugs(found) == [slug, None]
    assert (found.priorities == priorities) == (slug is None or not priorities)
    assert found.psap_callback == (slug is None and priority == "psap-callback")
    assert found.priority_failed == (slug is not None)
    assert found.judgement is not None and found.judgement.attestation == "A"


def test_a_priority_alone_speaks_for_no_number() -> None:
    found = heard(rph(["ets.0"]), said=Circumstances(("ets.0",)))
    assert found.judgement is None and found.priorities == ("ets.0",) and not found.priority_failed
    assert not heard(vector("VEC-1"), made("rcd", PRIORITY)).priority_failed  # no token speaks of it
    assert not heard(rph(["ets.1"]), rph(["ets.0"]), said=Circumstances(("ets.0",))).priority_failed  # one of them holds


# --- rich call data


@pytest.mark.req("STI-104")
def test_rich_call_data_of_a_proved_token_is_told() -> None:
    found = heard(vector("VEC-1"), vector("VEC-5"), said=Circumstances(display="Example Parcel Co"))
    assert slugs(found) == [None, None]
    assert found.card == rcd.Card("Example Parcel Co", reason="Delivery", agrees=True)
    assert heard(vector("VEC-5"), said=Circumstances(display="Your Bank")).card == rcd.Card("Example Parcel Co", reason="Delivery", agrees=False)
    assert heard(made("rcd", {**PRIORITY, "rcd": {"nam": "X"}}, OTHER)).card is None


@pytest.mark.req("STI-104", "STI-107", "LAB-22")
def test_wrong_data_in_a_token_of_its_own_leaves_the_other_token_alone() -> None:
    wrong = made("rcd", {**PRIORITY, "rcd": {"nam": "X"}, "rcdi": {"/nam": digest(b'"Y"')}})
    found = heard(vector("VEC-1"), wrong)
    assert slugs(found) == [None, "identity-rcdi-mismatch"] and found.card is None
    assert found.judgement is not None and found.judgement.attestation == "A"


@pytest.mark.req("STI-104")
def test_rich_call_data_may_stand_in_the_shaken_token() -> None:
    good = made("shaken", {**ORIGINAL, "crn": "Delivery", "rcd": {"nam": "X"}, "rcdi": {"/nam": digest(b'"X"')}})
    found = heard(good)
    assert found.card == rcd.Card("X", reason="Delivery") and found.judgement is not None and found.judgement.attestation == "A"
    bad = made("shaken", {**ORIGINAL, "rcd": {"nam": "X"}, "rcdi": {"/nam": digest(b'"Y"')}})
    assert slugs(heard(bad)) == ["identity-rcdi-mismatch"]


@pytest.mark.req("STI-084", "STI-085", "LAB-20")
@pytest.mark.parametrize(
    ("limits", "slug"),
    [
        (Constraints(permitted=(("attest", ("B", "C")),)), "identity-constraints"),
        (Constraints(include=("rcd",)), "identity-constraints"),
        (Constraints(exclude=("attest",)), "identity-constraints"),
        (Constraints(permitted=(("attest", ("A",)),)), None),
    ],
)
def test_a_token_keeps_to_the_limits_of_its_certificate(limits: Constraints, slug: str | None) -> None:
    found = heard(vector("VEC-1"), credential=replace(CREDENTIAL, constraints=(limits,)))
    assert slugs(found) == [slug]
    if slug is not None:
        assert (found.results[0].verstat, found.results[0].code) == ("TN-Validation-Failed", 438)


# --- messages, media keys


@pytest.mark.req("STI-109")
@pytest.mark.parametrize(
    ("claims", "body", "slug"),
    [
        ({"msgi": digest(b"Hello")}, b"Hello", None),
        ({"msgi": digest(b"Hello", "sha512")}, b"Hello", None),
        ({"msgi": digest(b"Hello")}, b"hello", "identity-msgi-mismatch"),
        ({}, b"Hello", None),
        ({"msgi": 7}, b"Hello", "identity-claims"),
        ({"msgi": digest(b"Hello")}, None, "identity-unsupported-ppt"),
        ({"msgi": digest(b"Hello"), "iat": IAT - 4000}, b"Hello", None),
    ],
)
def test_a_message_is_bound_to_its_text(claims: dict[str, Any], body: bytes | None, slug: str | None) -> None:
    assert slugs(heard(made("msg", {**PRIORITY, **claims}), said=Circumstances(message=body))) == [slug]


@pytest.mark.req("STI-109")
def test_the_digest_of_a_message_means_nothing_in_another_kind() -> None:
    found = heard(made("shaken", {**ORIGINAL, "msgi": digest(b"Hello")}), said=Circumstances(message=b"other"))
    assert slugs(found) == [None]


@pytest.mark.req("STI-017", "TRAP-15")
def test_media_keys_are_those_that_were_signed_for() -> None:
    value = made("shaken", {**ORIGINAL, "mky": [{"alg": "sha-256", "dig": "AB12"}]})
    assert slugs(heard(value, said=Circumstances(media_keys=(("sha-256", "AB12"),)))) == [None]
    assert slugs(heard(value, said=Circumstances(media_keys=(("sha-256", "AB13"),)))) == ["identity-mky-mismatch"]
    assert slugs(heard(value, said=Circumstances(media_keys=()))) == ["identity-mky-mismatch"]
    assert slugs(heard(value)) == [None]  # nobody looked


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
