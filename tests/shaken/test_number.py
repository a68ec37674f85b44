"""Numbers that are not written in full, and what only looks like one. The rest is in test_cases."""

from __future__ import annotations

import re

import pytest
from phonenumbers import PhoneMetadata, region_code_for_country_code

from shaken.number import E164, INTERNATIONAL, NANP, TRUNK, Plan, canonical, is_valid_nanp, nanp_fault, party, stripped


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


@pytest.mark.req("STI-032", "STI-033", "TRAP-49", "TRAP-34")
@pytest.mark.parametrize(
    ("plan", "user", "tn"),
    [
        (NANP, "+" + "1" * 15, "1" * 15),
        (NANP, "+" + "1" * 16, None),
        (NANP, "1" * 15, "1" * 15),
        (NANP, "1" * 33, None),
        (NANP, "*" * 15, "*" * 15),
        (NANP, "*" * 16, None),
        (NANP, "+*67", None),
        (NANP, "9" * 15 + ";phone-context=+44", "9" * 15),  # of another's plan: as it stands
        (NANP, "9" * 16 + ";phone-context=+44", None),
        (NANP, "abc;phone-context=+44", None),
        (NANP, "001234567", "001234567"),  # too short for a country code and a number
        (NANP, "0012345678", "12345678"),
        (NANP, "00" + "2" * 16, None),
        (NANP, "0002345678", "0002345678"),  # no country begins with 0
        (NANP, "1025550123", "1025550123"),
        (NANP, "2025550123", "12025550123"),
        (Plan(area="202"), "0550123", "0550123"),
        (Plan(area="202"), "2550123", "12022550123"),
        (NANP, "-" * 249 + "2025550", "2025550"),
        (NANP, "(" * 257, None),
        (Plan("44"), "0123456", "44123456"),
        (Plan("44"), "012345", "012345"),
        (Plan("44"), "1234567", "1234567"),
        (Plan("44"), "0" + "1" * 13, "44" + "1" * 13),
        (Plan("44"), "0" + "1" * 14, None),
        (Plan("39"), "0612345", "390612345"),
        (Plan("39"), "3612345", "3612345"),
        (Plan("36"), "0712345678", "0712345678"),
        (Plan("7"), "8495123456", "8495123456"),
        (Plan("7"), "94951234567", "94951234567"),
    ],
)
def test_numbers_at_the_edges_of_their_plan(plan: Plan, user: str, tn: str | None) -> None:
    assert canonical(user, plan) == tn


@pytest.mark.req("STI-031")
def test_a_number_of_a_token_has_fifteen_digits_at_most() -> None:
    assert stripped("+" + "1" * 15) == "1" * 15 and stripped("1" * 16) is None and stripped("") is None


@pytest.mark.req("STI-030")
def test_two_digits_are_a_number_only_where_somebody_says_so() -> None:
    assert party("sip", "12", "h.example", {}).kind == "uri"
    assert party("sip", "12", "h.example", {"user": "phone"}).tn == "12" and party("tel", "12", "", {}).tn == "12"
    assert party("sip", "12", "h.example", {"user": "ip"}).kind == "uri" and party("sip", "123", "h.example", {}).tn == "123"


@pytest.mark.req("REG-003", "TRAP-46")
@pytest.mark.parametrize(
    ("tn", "why"),
    [
        ("12025550123", None), ("442079460000", None), ("120255501234", "11 digits"), ("1", "0 digits"), ("10025550123", "area code begins"),
        ("12021550123", "exchange begins"), ("14115550123", "411 is a service, not an area"), ("12024110123", "411 is a service, not an exchange"),
        ("13705550123", "reserved"), ("12905550123", "reserved"), ("19605550123", "reserved"),
    ],
)  # fmt: skip
def test_it_is_said_why_a_number_cannot_exist(tn: str, why: str | None) -> None:
    found = nanp_fault(tn)
    assert (found is None) == (why is None) and (why is None or why in (found or ""))
    assert is_valid_nanp(tn) == (why is None and tn[0] == "1")
    assert not is_valid_nanp("4" + tn[1:]) and not is_valid_nanp(tn + "0")


def test_two_zeros_begin_no_national_number() -> None:
    for plan in (Plan("44"), Plan("39")):
        assert canonical("0012345", plan) == "0012345"


def test_the_longest_number_behind_a_prefix() -> None:
    assert canonical("011" + "2" * 15) == "2" * 15
    assert canonical("011" + "2" * 16) is None
