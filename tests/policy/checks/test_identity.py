from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from policy.call import Call
from policy.checks.identity import SLUGS, check
from policy.rulebook import Rulebook
from policy.verdict import Class
from shaken.credential import Credential
from shaken.tnauthlist import TNAuthList
from shaken.verdict import FAILURES, Judgement

BOOK = Rulebook()
STRICT = Rulebook(identity_required=True)


@pytest.mark.req("STI-070", "REG-011")
@pytest.mark.parametrize("slug", [slug for slug in FAILURES if slug != "identity-missing"])
def test_each_failure_of_a_signature_is_a_finding(slug: str, judged: Callable[[str], Judgement]) -> None:
    finding = check(Call(judgement=judged(slug)), BOOK)
    assert finding is not None
    assert (finding.slug, finding.kind, finding.why) == (slug, Class.IDENTITY, f"it is {slug}")
    assert finding.weight > 0
    assert slug in SLUGS


@pytest.mark.req("TRAP-89", "TRAP-90")
def test_a_proved_signature_is_no_merit_and_b_is_no_fault(judged: Callable[[str], Judgement]) -> None:
    assert check(Call(judgement=judged("A")), STRICT) is None
    assert check(Call(judgement=judged("B")), STRICT) is None


@pytest.mark.req("TRAP-90")
def test_c_is_a_note_that_weighs_nothing(judged: Callable[[str], Judgement]) -> None:
    for call in (Call(judgement=judged("C")), Call(verstat="TN-Validation-Passed-C")):
        finding = check(call, BOOK)
        assert finding is not None
        assert (finding.slug, finding.kind, finding.weight) == ("attestation-c", Class.NOTE, 0)


@pytest.mark.req("LAB-18")
def test_a_certificate_for_numbers_is_a_note_behind_all_others(judged: Callable[[str], Judgement]) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    credential = Credential("", key, None, "", None, 0.0, 1.0, TNAuthList(numbers=("12025550123",)), "", numbered=True)
    for level, disputed, slug in (
        ("A", False, "certificate-numbers"), ("C", False, "attestation-c"), ("A", True, "caller-disputed"),
        ("identity-bad-signature", False, "identity-bad-signature"),
    ):  # fmt: skip
        finding = check(Call(judgement=judged(level)._replace(credential=credential), disputed=disputed), BOOK)
        assert finding is not None and finding.slug == slug and slug in SLUGS
        assert (finding.kind, finding.weight) == (Class.NOTE, 0) or slug.startswith("identity-")


@pytest.mark.req("REG-011", "TRAP-90", "STI-070")
def test_a_missing_signature_is_only_a_finding_where_one_is_required() -> None:
    assert check(Call(), BOOK) is None
    finding = check(Call(), STRICT)
    assert finding is not None
    assert (finding.slug, finding.kind) == ("identity-missing", Class.IDENTITY)
    assert check(Call(side="pbx"), STRICT) is None


@pytest.mark.req("STI-076")
@pytest.mark.parametrize(
    ("verstat", "slug"),
    [
        ("TN-Validation-Passed", None),
        ("TN-Validation-Passed-B", None),
        ("TN-Validation-Failed", "verstat-failed"),
        ("TN-Validation-Failed-A", "verstat-failed"),
        ("No-TN-Validation", "identity-missing"),
        ("Something-Else", None),
    ],
)
def test_the_word_of_a_trusted_upstream_stands_in_for_a_signature(verstat: str, slug: str | None) -> None:
    finding = check(Call(verstat=verstat), STRICT)
    assert (finding and finding.slug) == slug
