"""Numbers that are not written in full, and what only looks like one. The rest is in test_cases."""

from __future__ import annotations

import re

import pytest
from phonenumbers import PhoneMetadata, region_code_for_country_code

from shaken.number import E164, INTERNATIONAL, NANP, TRUNK, Plan, canonical, party, stripped


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


@pytest.mark.req("STI-032", "TRAP-33", "TRAP-34", "TRAP-48")
@pytest.mark.parametrize(
    ("plan", "user", "tn"),
    [
        (NANP, "2025550123", "12025550123"),
        (NANP, "01144207946000", "44207946000"),
        (E164, "12025550123", "12025550123"),
        (E164, "2025550123", "2025550123"),  # nobody's national number: as it stands
        (E164, "442079460000", "442079460000"),
        (E164, "0044207946000", "0044207946000"),
        (Plan("44"), "02079460000", "442079460000"),
        (Plan("44"), "00442079460000", "442079460000"),
        (Plan("44"), "01132345678", "441132345678"),  # Leeds, not what 011 would mean in America
        (Plan("39"), "0612345678", "390612345678"),  # the zero stays in Italy
        (Plan("36"), "0612345678", "3612345678"),
        (Plan("7"), "84951234567", "74951234567"),
        (Plan("7"), "81012025550123", "12025550123"),
        (Plan("61"), "001112025550123", "12025550123"),
        (Plan("81"), "01012025550123", "12025550123"),
        (Plan("81"), "0312345678", "81312345678"),
        (Plan("44"), "999", "999"),
    ],
)
def test_numbers_are_read_by_the_plan_of_the_trunk(plan: Plan, user: str, tn: str) -> None:
    assert canonical(user, plan) == tn
    assert canonical("+" + tn, plan) == tn or tn[0] == "0" or len(tn) < 7


@pytest.mark.req("STI-032")
def test_the_tables_of_dialling_agree_with_phonenumbers() -> None:
    for country in {*INTERNATIONAL, *TRUNK, "44", "49", "33", "31", "41"} - {"65", "82"}:
        metadata = PhoneMetadata.metadata_for_region(region_code_for_country_code(int(country)))
        wanted = metadata.national_prefix or ""
        assert TRUNK.get(country, "0") == ("" if country == "1" else wanted), country
        prefix = INTERNATIONAL.get(country, ("00",))[0]
        assert re.match(metadata.international_prefix, prefix), country


@pytest.mark.req("API-009", "STI-031")
@pytest.mark.parametrize(
    ("tn", "bare"),
    [("+12025550123", "12025550123"), ("1-202-555-0123", "12025550123"), ("911", "911"), ("+", None), ("1x", None), ("1" * 16, None)],
)
def test_a_number_of_a_token_is_stripped_and_not_guessed_at(tn: str, bare: str | None) -> None:
    assert stripped(tn) == bare


@pytest.mark.req("STI-030", "STI-036", "TRAP-45")
@pytest.mark.parametrize(
    ("scheme", "user", "host", "params", "kind", "name"),
    [
        ("tel", "+1-202-555-0123", "", {}, "number", "12025550123"),
        ("sip", "+12025550123", "h.example", {}, "number", "12025550123"),
        ("sip", "12025550123", "h.example", {"user": "phone"}, "number", "12025550123"),
        ("sip", "2025550123", "h.example", {}, "number", "12025550123"),
        ("sips", "%2b12025550123", "H.EXAMPLE", {}, "number", "12025550123"),
        ("sip", "Alice", "EXAMPLE.com", {"transport": "tcp"}, "uri", "sip:alice@example.com"),
        ("sip", "al%69ce", "example.com", {}, "uri", "sip:alice@example.com"),
        ("sip", "alice", "xn--bcher-kva.example", {}, "uri", "sip:alice@xn--bcher-kva.example"),
        ("urn", "service:sos", "", {}, "uri", "urn:service:sos"),
    ],
)
def test_a_uri_is_a_number_wherever_it_can_be_read_as_one(
    scheme: str, user: str, host: str, params: dict[str, str | None], kind: str, name: str
) -> None:
    found = party(scheme, user, host, params)
    assert (found.kind, found.tn if kind == "number" else found.uri) == (kind, name)
