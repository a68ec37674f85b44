"""Numbers that are not written in full, and what only looks like one. The rest is in test_cases."""

from __future__ import annotations

import pytest

from shaken.number import party


@pytest.mark.req("STI-033", "STI-037", "TRAP-36")
@pytest.mark.parametrize(
    ("scheme", "user", "params", "kind", "tn"),
    [
        ("tel", "5550123", {"phone-context": "+1202"}, "number", "5550123"),  # unresolved: no area of ours
        ("tel", "911", {"phone-context": "+1"}, "number", "911"),
        ("sip", "2025550123;phone-context=+44", {}, "number", "2025550123"),  # not ours to put a 1 in front of
        ("sip", "2025550123;npdi;phone-context=+1", {}, "number", "12025550123"),
        ("sip", "0000", {}, "uri", None),
        ("sip", "0005551234", {}, "uri", None),
        ("tel", "0005551234", {}, "invalid", None),
        ("sip", "02025550123", {"user": "phone"}, "invalid", None),
    ],
)
def test_a_context_is_no_prefix_and_what_is_no_e164_is_no_number(
    scheme: str, user: str, params: dict[str, str | None], kind: str, tn: str | None
) -> None:
    found = party(scheme, user, "h", params)
    assert (found.kind, found.tn) == (kind, tn)
