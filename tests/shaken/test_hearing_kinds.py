"""What tokens of the other kinds add to a judgement: priorities, rich call data, messages, keys of the media."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shaken import rcd
from shaken.constraints import Constraints
from shaken.digest import digest
from shaken.hearing import Circumstances
from tests.shaken.tokens import (
    CREDENTIAL,
    IAT,
    ORIGINAL,
    OTHER,
    PRIORITY,
    heard,
    made,
    rph,
    slugs,
    vector,
)


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
