"""The facts of a call: whose attestation counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from policy.call import Call
from shaken.verdict import Judgement


@pytest.mark.req("TRAP-31", "TRAP-89")
def test_an_attestation_counts_only_if_it_is_proved(judged: Callable[[str], Judgement]) -> None:
    assert Call(judgement=judged("A")).attestation == "A"
    assert Call(judgement=judged("identity-bad-signature")).attestation is None
    assert Call().attestation is None


@pytest.mark.req("STI-076")
@pytest.mark.parametrize(
    ("verstat", "attested", "level"),
    [
        ("TN-Validation-Passed", "A", "A"),
        ("TN-Validation-Passed", None, None),
        ("TN-Validation-Passed-B", None, "B"),
        ("TN-Validation-Passed-C", "A", "C"),
        ("TN-Validation-Passed-X", "B", "B"),
        ("TN-Validation-Failed", "A", None),
        ("No-TN-Validation", "A", None),
        (None, "A", None),
    ],
)
def test_a_trusted_upstream_may_say_the_level(
    verstat: str | None, attested: str | None, level: str | None
) -> None:
    assert Call(verstat=verstat, attested=attested).attestation == level


def test_our_own_look_at_the_signature_outranks_what_the_upstream_says(
    judged: Callable[[str], Judgement],
) -> None:
    call = Call(judgement=judged("identity-bad-signature"), verstat="TN-Validation-Passed-A", attested="A")
    assert call.attestation is None
