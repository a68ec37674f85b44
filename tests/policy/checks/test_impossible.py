from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.casebook import Casebook, Trait
from policy.checks.impossible import SIDES, SLUGS, check
from policy.decide import decide
from policy.dno import callers
from policy.lists import NumberSet
from policy.rulebook import Profile, Rulebook
from policy.verdict import Class

BOOK = Rulebook(own=NumberSet.of("12025550100-12025550119"), dno=NumberSet.of("12025550166", "1800555*"))


@pytest.mark.req("REG-001", "REG-002", "REG-003", "REG-005", "TRAP-46", "TRAP-78")
@pytest.mark.parametrize(
    ("caller", "slug"),
    [
        ("12025550123", None),
        ("10125550100", "dno-invalid-nanp"),
        ("11125550100", "dno-invalid-nanp"),
        ("12021110100", "dno-invalid-nanp"),
        ("12020550100", "dno-invalid-nanp"),
        ("19115550100", "dno-invalid-nanp"),
        ("12029110100", "dno-invalid-nanp"),
        ("12925550100", "dno-invalid-nanp"),
        ("13725550100", "dno-invalid-nanp"),
        ("19625550100", "dno-invalid-nanp"),
        ("1202555010", "dno-invalid-nanp"),
        ("120255501000", "dno-invalid-nanp"),
        ("911", "dno-n11"),
        ("411", "dno-n11"),
        ("988", "dno-n11"),
        ("1911", "dno-n11"),
        ("112", "dno-n11"),
        ("111", "dno-short"),
        ("2177", "dno-short"),
        ("*67", "dno-short"),
        ("12025550100", "own-number-from-outside"),
        ("12025550119", "own-number-from-outside"),
        ("12025550120", None),
        ("12025550166", "dno-list"),
        ("18005550199", "dno-list"),
        ("12225550100", "dno-unallocated"),  # its last digits are alike, and no service has it
        ("14555550100", "dno-unallocated"),
        ("18885550100", None),
        ("16215550100", None),  # in service since 2025
        ("442079460000", None),  # other countries are not judged
        ("4420794", None),
    ],
)
def test_a_caller_that_cannot_be_is_named(caller: str, slug: str | None) -> None:
    finding = check(Call(caller=caller), BOOK)
    assert (finding and finding.slug) == slug
    if finding is not None:
        assert finding.kind is Class.DETERMINISTIC
        assert finding.slug in SLUGS
        assert finding.why


@pytest.mark.req("REG-003")
def test_the_fault_of_an_impossible_number_is_in_the_sentence() -> None:
    finding = check(Call(caller="19115550100"), BOOK)
    assert finding is not None
    assert "911 is a service" in finding.why


@pytest.mark.parametrize("caller", ["12025550100", "2177", "911", "10125550100"])
def test_what_our_own_pbx_shows_is_not_judged(caller: str) -> None:
    assert SIDES == ("carrier",)


@pytest.mark.req("TRAP-43")
@pytest.mark.parametrize(
    ("kind", "slug"), [("anonymous", None), ("uri", None), ("invalid", "dno-not-a-number")]
)
def test_a_caller_without_a_number(kind: str, slug: str | None) -> None:
    finding = check(Call(caller=None, caller_kind=kind), BOOK)  # type: ignore[arg-type]
    assert (finding and finding.slug) == slug


@given(st.one_of(st.none(), st.text(alphabet="0123456789*#", max_size=17)))
def test_every_caller_gets_an_answer(caller: str | None) -> None:
    finding = check(Call(caller=caller), BOOK)
    assert finding is None or finding.slug in SLUGS


@pytest.mark.req("REG-002")
def test_with_the_area_codes_in_service_all_others_are_unallocated() -> None:
    book = Rulebook(areas=callers(frozenset({"1202", "1212"})))
    for caller, slug in (("12025550123", None), ("18885550100", None), ("16215550100", "dno-unallocated")):
        finding = check(Call(caller=caller), book)
        assert (finding and finding.slug) == slug


SELLER = Casebook([Trait("NV-Warranty-P1", "print", "SpamDialler/1.0", 0.0, "ours")])


@pytest.mark.req("REG-055")
@pytest.mark.parametrize(
    ("known", "flagged"),
    [
        ({"purpose": "telemarketing"}, True),
        ({"purpose": "prerecorded"}, True),
        ({"recognised": "SpamCalls-Solar-P2"}, True),
        ({"print": "SpamDialler/1.0"}, True),
        ({"display_name": "Acme TELEMARKETING"}, True),
        ({"display_name": "Tele-Sales"}, True),
        ({"caller_kind": "uri", "purpose": "telemarketing"}, True),
        ({}, False),
        ({"purpose": "delivery"}, False),
        ({"recognised": "SSA-BenefitsSuspended-P2"}, False),
        ({"display_name": "Anonymous"}, False),
        ({"caller": "12025550123", "caller_kind": "number", "purpose": "telemarketing"}, False),
    ],
)
def test_telemarketing_that_shows_no_number_is_flagged_and_never_refused_for_it(
    known: dict[str, str], flagged: bool
) -> None:
    call = Call(**{"caller": None, "caller_kind": "anonymous", "callee": "12025550142", **known})  # type: ignore[arg-type]
    book = Rulebook(casebook=SELLER, weights={"telemarketing-hidden": 1000})
    finding = check(call, book)
    assert (finding is not None) is flagged
    if finding is not None:
        assert (finding.slug, finding.kind, finding.ceiling) == ("telemarketing-hidden", Class.ANALYTICS, "tag")
        # However heavy the operator makes it.
        assert decide(call, book, Profile(), "enforce").action == "tag"
        assert 0 < Rulebook().weight(finding.slug) < Profile().tag_at


@pytest.mark.req("REG-055")
def test_telemarketing_with_a_number_that_cannot_be_is_refused_like_any_such_call() -> None:
    for caller in ("10125550100", "911", "2177"):
        finding = check(Call(caller=caller, purpose="telemarketing"), BOOK)
        assert finding is not None and finding.kind is Class.DETERMINISTIC
